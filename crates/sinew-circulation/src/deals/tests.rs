use crate::*;
use expect_test::{Expect, expect};

const HEAD: &str = "date,from,to,kind,amount_usd,status,source,note\n";

/// Shows what is wrong with a table, or its rows.
fn check(text: &str, shown: Expect) {
    let lines: Vec<String> = match Deals::read(text) {
        Ok(deals) => {
            let row = |deal: &Deal| {
                let (from, to) = (deals.parties.name(deal.from), deals.parties.name(deal.to));
                format!("{} {from} -> {to} {} {:?}", deal.line, deal.units(), deal.class())
            };
            deals.rows.iter().map(row).collect()
        }
        Err(complaints) => complaints.iter().map(|one| format!("{}: {:?}", one.line, one.wrong)).collect(),
    };
    shown.assert_eq(&lines.join("\n"));
}

#[test]
fn rows_are_read_with_quotes_and_lines_inside() {
    let text = "\u{feff}date,from,to,kind,amount_usd,status,source,note\r\n\
        2025,A,\"B, Inc.\",equity,5,closed,\"a \"\"paper\"\"\",\"two\nlines\"\r\n\
        \r\n\
        2025-01/2026,C,A,warrant,,reported,x,\n\
        2025-02-03,C,A,chip_purchase,1.5,cancelable,x,";
    let shown = expect![[r#"
        2 A -> B, Inc. 5000000 Cash
        5 C -> A 0 Paper
        6 C -> A 1500000 Commitment"#]];
    check(text, shown);
}

#[test]
fn each_wrong_row_is_named_with_its_line() {
    let rows = "2025,A,B,equity,\"1,000\",closed,x,\n\
        2025,A,B,equity,1 000,closed,x,\n\
        2025,A,B,equity,1.000.000,closed,x,\n\
        2025,A,B,equity,EUR 5,closed,x,\n\
        2025,A,B,equity,-5,closed,x,\n\
        2025,A,B,equity,1e9,closed,x,\n\
        2025,A,B,equity,5,done,x,\n\
        2025,A,B,gift,5,closed,x,\n\
        2025,A,B,equity,5,closed,,\n\
        2025,A,A,equity,5,closed,x,\n\
        2025,A,B,equity,5,closed,x\n\
        2025,,B,equity,5,closed,x,\n\
        soon,A,B,equity,5,closed,x,\n\
        2025-13,A,B,equity,5,closed,x,\n\
        2025,A,B,loan,7,closed,x,\n\
        2025,A,B,loan,7,closed,y,\n\
        2025,A,B,equity,9999999999999999999,closed,x,\n";
    let shown = expect![[r#"
        2: Separator("1,000")
        3: Separator("1 000")
        4: Separator("1.000.000")
        5: Amount("EUR 5")
        6: Negative("-5")
        7: Amount("1e9")
        8: UnknownStatus("done")
        9: UnknownKind("gift")
        10: NoSource
        11: Itself("A")
        12: Cells { expected: 8, found: 7 }
        13: Empty("from")
        14: Date("soon")
        15: Date("2025-13")
        17: Repeats(16)
        18: Amount("9999999999999999999")"#]];
    check(&(HEAD.to_owned() + rows), shown);
}

#[test]
fn a_wrong_head_or_quote_is_named() {
    check("date,from,to,kind,amount_xyz,status,source\n", expect![[r#"1: UnknownCurrency("XYZ")"#]]);
    check("date,from,to,kind,status,source\n", expect![[r#"1: NoColumn("amount_usd")"#]]);
    check("date,from,to,kind,amount_eur,status\n", expect![[r#"1: NoColumn("source")"#]]);
    check("", expect![[r#"1: NoColumn("amount_usd")"#]]);
    check(
        &format!("{HEAD}2025,A,B,equity,5,closed,\"x,\n2025,A,B,loan,5,closed,x,\n"),
        expect!["2: OpenQuote"],
    );
}

#[test]
fn rows_that_never_count_enter_no_total() {
    let rows = "2025,A,B,equity,1,superseded,x,\n2025,A,B,equity,2,loi_lapsed,x,\n2025,A,B,equity,4,unsourced,,\n\
        2025,A,B,equity,8,proxy,x,\n2025,A,B,equity,16,announced,x,\n";
    let deals = Deals::read(&(HEAD.to_owned() + rows)).expect("right rows");
    let gross = |set| deals.graph(|deal| deal.counts_in(set)).expect("small sums").gross() / 1_000_000;
    assert_eq!((gross(Set::Firm), gross(Set::All)), (16, 24));
}
