use super::*;
use expect_test::expect;
use sinew_types::{Instant, OrgId, PoolId, Rounding, Shape, Span};

fn draft() -> Draft {
    let terms = Terms {
        owner: OrgId::from_bits(1),
        lab: OrgId::from_bits(2),
        pool: PoolId::from_bits(3),
        guarantee: vec![Shape::Chips(1), Shape::Chips(2)],
        borrow_limit: Shape::Chips(1),
        lend_limit: Shape::Chips(3),
        notice: Span::from_ms(5_000),
        kill_grace: Span::from_ms(1_000),
        hand_over: Span::from_ms(500),
        minimum_term: None,
        calendar: None,
        starts: Instant::from_ms(0),
        ends: Instant::from_ms(1_000_000),
        guaranteed_price: "1.90 USD/chip-hour".parse().expect("a price"),
        borrowed_price: "0.80 USD/chip-minute".parse().expect("a price"),
        rounding: Rounding::HalfEven,
        clauses: Default::default(),
    };
    Draft { id: ContractId::from_bits(9), terms }
}

fn names() -> Names {
    Names { owner: "aurora".to_owned(), lab: "lyra".to_owned(), pool: "north".to_owned() }
}

fn read(text: &str) -> Result<Draft, CliError> {
    Draft::read(Path::new("lyra.toml"), text, Lang::En)
}

#[test]
fn a_draft_is_read_back_as_it_was_made() {
    let text = draft().to_toml(&names());
    assert_eq!(read(&text).expect("our own file"), draft());
    assert_eq!(
        read(&text).expect("our own file").terms.signing_bytes(draft().id),
        draft().terms.signing_bytes(draft().id)
    );
    expect![[r##"
        # aurora lends from pool north to lyra. Read it, change what you like, then offer it with
        # `sinew contract sign FILE`. Nothing is agreed before lyra has signed the same terms.
        # Recall bound: 6s500ms = notice + kill grace + hand-over. Times are in UTC.

        # Drawn for this contract and signed with it; draft again for another one.
        id = "contract-00000000000000000000000000000009"

        [terms]
        owner = "org-00000000000000000000000000000001"          # aurora
        lab = "org-00000000000000000000000000000002"            # lyra
        pool = "pool-00000000000000000000000000000003"          # north
        guarantee = ["1 chip", "2 chips"]                       # what the lab can have at any instant, all at once
        borrow_limit = "1 chip"                                 # the most beyond that, while nobody entitled needs it
        lend_limit = "3 chips"                                  # the most of its idle guarantee that others may borrow
        notice = "5s"                                           # from the notice of a recall to its deadline
        kill_grace = "1s"                                       # from the deadline until nothing runs
        hand_over = "500ms"                                     # from then until the next holder has the cells
        starts = "1970-01-01T00:00:00.000Z"                     # the first moment
        ends = "1970-01-01T00:16:40.000Z"                       # the first moment after
        guaranteed_price = "1.90 USD/chip-hour"                 # while capacity of the guarantee is held
        borrowed_price = "0.80 USD/chip-minute"                 # while borrowed capacity is held
        rounding = "half-even"                                  # of an invoice line: half-even, up or down
    "##]].assert_eq(&text);
}

#[test]
fn the_terms_are_shown_before_they_are_signed() {
    expect![[r#"
        terms
          contract       contract-00000000000000000000000000000009
          owner -> lab   aurora -> lyra, pool north
          guarantee      1 chip + 2 chips
          borrows up to  1 chip
          lends up to    3 chips
          recall bound   6s500ms = notice 5s + kill grace 1s + hand-over 500ms
          minimum term   none
          windows        always
          from           1970-01-01T00:00:00.000Z
          until          1970-01-01T00:16:40.000Z
          guaranteed     1.90 USD/chip-hour
          borrowed       0.80 USD/chip-minute
          rounding       half-even
    "#]]
    .assert_eq(&format!("terms\n{}", summary(&draft(), &names())));
}

/// Changes the draft's text and shows what reading it says.
fn refused(from: &str, to: &str) -> String {
    let text = draft().to_toml(&names());
    assert!(text.contains(from), "{from} is not in the draft");
    read(&text.replace(from, to)).expect_err("it makes no sense").to_string()
}

#[test]
fn what_makes_no_sense_is_named_with_its_place() {
    let below_zero = refused("borrow_limit = \"1 chip\"", "borrow_limit = \"-1 chip\"");
    assert_eq!(
        below_zero,
        "lyra.toml: terms.borrow_limit: `-1 chip` is not a limit of zero or more, such as `0 chips` or `8 chips`"
    );
    let early = refused("1970-01-01T00:16:40.000Z", "1969-01-01");
    assert!(early.starts_with("lyra.toml: "), "{early}");
    let mixed = refused("0.80 USD/", "0.80 EUR/");
    assert!(mixed.contains("EUR"), "{mixed}");
    let unknown = refused("lend_limit", "loan_limit");
    assert!(unknown.contains("unknown field `loan_limit`"), "{unknown}");
    let no_id = refused("contract-", "kontrakt-");
    assert!(no_id.starts_with("lyra.toml: id: "), "{no_id}");
}
