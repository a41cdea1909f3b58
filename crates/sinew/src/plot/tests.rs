use super::*;
use sinew_api::FlowFact;
use sinew_circulation::Class;

fn view() -> MoneyView {
    let names: Vec<String> = (0..30).map(|party| format!("<party {party}>")).collect();
    let fact = |from, to, class, billions: i128| FlowFact {
        from,
        to,
        class,
        invests: false,
        units: billions * 1_000_000_000_000_000,
        year: "2026".to_owned(),
        source: "a page".to_owned(),
    };
    let mut facts: Vec<FlowFact> =
        (1..30).map(|party| fact(0, party, Class::Commitment, 30 - party as i128)).collect();
    facts.push(fact(1, 0, Class::Paper, 5));
    MoneyView::of(&"USD".parse().expect("a code"), "firm", &names, &facts).expect("small sums")
}

#[test]
fn pictures_show_each_large_party_and_escape_names() {
    for picture in [chord(&view(), "a & b", Lang::En), ribbons(&view(), "a & b", Lang::Fr)] {
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert!(picture.contains("<title>a &amp; b</title>"));
        assert!(picture.contains("&lt;party 0&gt;") && !picture.contains("<party"));
        assert!(picture.contains("prefers-color-scheme: dark"));
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
    }
    assert!(chord(&view(), "", Lang::En).contains("others"));
}

#[test]
fn an_empty_picture_is_a_picture() {
    let empty = MoneyView::of(&"USD".parse().expect("a code"), "own", &[], &[]).expect("nothing fits");
    for picture in [chord(&empty, "none", Lang::En), ribbons(&empty, "none", Lang::En)] {
        assert!(picture.ends_with("</svg>\n") && !picture.contains("NaN"));
    }
}

#[test]
fn amounts_fit_a_label() {
    let shown = ["300000000000.00 USD", "4500000.00 USD", "0.000487 USD", "0.00 USD"]
        .map(|text| short(text, Lang::En));
    assert_eq!(shown, ["300.00 bn", "4.50 M", "0.000487", "0"]);
    assert_eq!(short("1847933000000.00 USD", Lang::Fr), "1847,93 Md");
}
