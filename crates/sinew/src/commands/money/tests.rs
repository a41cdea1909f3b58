use super::*;
use expect_test::expect;
use sinew_api::Lang;

const HEAD: &str = "date,from,to,kind,amount_usd,status,source\n";

fn args(deals: &Path, stress: &[&str], halve: &[&str]) -> MoneyArgs {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    MoneyArgs {
        deals: Some(deals.to_owned()),
        set: Rows::Firm,
        stress: words(stress),
        halve: words(halve),
        svg: None,
        csv: None,
    }
}

fn file(rows: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("deals.csv");
    std::fs::write(&file, HEAD.to_owned() + rows).expect("a file");
    (folder, file)
}

const LOOP: &str = "2025,Bank,Lab,equity,5000000000,closed,\"a, b\"\n\
    2025,Lab,Cloud,compute_purchase,8000000000,committed,c\n\
    2026,Cloud,Chips,chip_purchase,6000000000,committed,d\n\
    2026,Chips,Lab,equity,4000000000,committed,e\n\
    2026,Lab,Chips,chip_purchase,1000000000,committed,f\n";

#[test]
fn what_is_printed_says_it_in_both_languages() {
    let (_folder, file) = file(LOOP);
    let view = of_deals(Say(Lang::En), &args(&file, &["Lab"], &["Lab"]), &file).expect("right rows");
    let shown = |say: Say| {
        let figures = print::table_text(&say.figures_head(), &say.figures(&view));
        let trips = print::table_text(&say.trips_head(), &say.trips(&view));
        let stress = view.stress.iter().map(|stress| {
            say.stress(stress) + "\n" + &print::table_text(&say.failures_head(), &say.failures(stress))
        });
        format!("{}\n{figures}{trips}{}", say.title(&view), stress.collect::<String>())
    };
    expect![[r#"
        Where money goes: firm deals, 4 parties, 5 flows, in USD
        FIGURE             AMOUNT    OF GROSS
        gross              24.00 bn  1.0000
        netted by pairs    22.00 bn  0.9167
        netted by all      12.00 bn  0.5000
        netted in one pot  5.00 bn   0.2083
        circulating        12.00 bn  0.5000
        balanced           11.56 bn  0.4815
        Finn's index                 0.3574
        cycles             2
        INVESTOR -> RECEIVER  INVESTED  COMES BACK  SHARE   IN 2 PAYMENTS  IN 3
        Chips -> Lab          4.00 bn   1.00 bn     0.2500  4.00 bn        4.00 bn
        If Lab stops paying: creditors lose 19.00 bn
        ROUND  FAILS  OWES     PAYS
        0      Lab    9.00 bn  0
        1      Cloud  6.00 bn  0
        2      Chips  4.00 bn  0
        If shares in Lab are worth half: creditors lose 0
        ROUND  FAILS  OWES  PAYS
    "#]]
    .assert_eq(&shown(Say(Lang::En)));
    expect![[r#"
        Où va l'argent : opérations fermes, 4 parties, 5 flux, en USD
        CHIFFRE              MONTANT   DU BRUT
        brut                 24,00 Md  1,0000
        compensé par paires  22,00 Md  0,9167
        compensé par tous    12,00 Md  0,5000
        compensé en un pot   5,00 Md   0,2083
        en circulation       12,00 Md  0,5000
        équilibré            11,56 Md  0,4815
        indice de Finn                 0,3574
        cycles               2
        INVESTISSEUR -> BÉNÉFICIAIRE  INVESTI  REVIENT  PART    EN 2 PAIEMENTS  EN 3
        Chips -> Lab                  4,00 Md  1,00 Md  0,2500  4,00 Md         4,00 Md
        Si Lab cesse de payer : les créanciers perdent 19,00 Md
        TOUR  DÉFAUT  DOIT     PAIE
        0     Lab     9,00 Md  0
        1     Cloud   6,00 Md  0
        2     Chips   4,00 Md  0
        Si les titres de Lab valent moitié moins : les créanciers perdent 0
        TOUR  DÉFAUT  DOIT  PAIE
    "#]]
    .assert_eq(&shown(Say(Lang::Fr)));
    expect![[r#"
        asset,from,to,cash,commitments,paper,total,sources
        USD,Lab,Cloud,0.00,8000000000.00,0.00,8000000000.00,c
        USD,Cloud,Chips,0.00,6000000000.00,0.00,6000000000.00,d
        USD,Bank,Lab,5000000000.00,0.00,0.00,5000000000.00,"a, b"
        USD,Chips,Lab,0.00,4000000000.00,0.00,4000000000.00,e
        USD,Lab,Chips,0.00,1000000000.00,0.00,1000000000.00,f
    "#]]
    .assert_eq(&table(&[view]));
}

#[test]
fn a_wrong_table_and_an_unknown_party_are_named() {
    let (_folder, wrong) = file("2025,A,B,equity,\"1,000\",closed,x\n2025,A,B,equity,1,closed,\n");
    let error = of_deals(Say(Lang::En), &args(&wrong, &[], &[]), &wrong).expect_err("wrong rows").to_string();
    expect![[r#"
        FILE has wrong rows, so nothing was counted:
          line 2: the amount `1,000` has separators between thousands; write digits only, as in 13000000000
          line 3: there is no source; name one, or give the row the status unsourced, and it enters no total"#]].assert_eq(&error.replace(&wrong.display().to_string(), "FILE"));
    let (_folder, right) = file(LOOP);
    let error = of_deals(Say(Lang::Fr), &args(&right, &["Nobody"], &[]), &right).expect_err("no such party");
    expect!["personne ne s'appelle `Nobody` dans FILE : écrivez le nom comme dans `from` ou `to`"]
        .assert_eq(&error.to_string().replace(&right.display().to_string(), "FILE"));
}
