use crate::*;
use sinew_types::{Canonical, ContractId, Instant, OrgId, PoolId, Rounding, Shape, Span, Value};

fn terms() -> Terms {
    Terms {
        owner: OrgId::from_bits(1),
        lab: OrgId::from_bits(2),
        pool: PoolId::from_bits(3),
        guarantee: vec![Shape::Chips(1)],
        borrow_limit: Shape::Chips(1),
        lend_limit: Shape::Chips(1),
        notice: Span::from_ms(5_000),
        kill_grace: Span::from_ms(1_000),
        hand_over: Span::from_ms(1_000),
        minimum_term: None,
        calendar: None,
        starts: Instant::from_ms(0),
        ends: Instant::from_ms(1_000_000),
        guaranteed_price: "1.90 USD/chip-hour".parse().expect("a price"),
        borrowed_price: "0.80 USD/chip-hour".parse().expect("a price"),
        rounding: Rounding::HalfEven,
        clauses: Default::default(),
    }
}

fn contract() -> Contract {
    let id = ContractId::from_bits(9);
    let bytes = terms().signing_bytes(id);
    let sign = |seed: u8| {
        let key = SecretKey::from_seed(&[seed; 32]);
        (key.public(), key.sign(&bytes))
    };
    Contract {
        id,
        terms: terms(),
        owner_signature: sign(1),
        lab_signature: Some(sign(2)),
        standing: Standing::Signed,
        expanded: None,
    }
}

#[test]
fn each_flaw_is_found() {
    type Change = fn(&mut Terms);
    let cases: [(Change, &str); 6] = [
        (|t| t.lab = t.owner, "WithItself"),
        (|t| t.ends = t.starts, "EndsBeforeStart"),
        (|t| t.borrowed_price = "1 EUR/chip-hour".parse().expect("a price"), "MixedAssets"),
        (|t| (t.guarantee, t.borrow_limit) = (vec![], Shape::Chips(0)), "PromisesNothing"),
        (|t| t.minimum_term = Some(t.ends.since(t.starts).plus(Span::from_ms(1))), "TermTooLong"),
        (|t| t.notice = Span::from_ms(0), "NoTime"),
    ];
    assert_eq!(terms().check(), Ok(()));
    for (change, name) in cases {
        let mut wrong = terms();
        change(&mut wrong);
        let flaw = format!("{:?}", wrong.check().expect_err(name));
        assert!(flaw.starts_with(name), "{flaw} is not {name}");
    }
}

#[test]
fn a_contract_is_in_force_between_its_dates_and_only_when_signed() {
    let mut contract = contract();
    assert!(contract.in_force(Instant::from_ms(0)).is_some());
    assert!(contract.in_force(Instant::from_ms(999_999)).is_some());
    assert!(contract.in_force(Instant::from_ms(1_000_000)).is_none());
    assert!(contract.in_force(Instant::from_ms(-1)).is_none());
    contract.standing = Standing::Offered;
    assert!(contract.in_force(Instant::from_ms(0)).is_none());
}

#[test]
fn signatures_cover_every_term_and_the_identity() {
    assert!(contract().signatures_hold());
    let mut changed = contract();
    changed.terms.notice = Span::from_ms(5_001);
    assert!(!changed.signatures_hold());
    let mut moved = contract();
    moved.id = ContractId::from_bits(10);
    assert!(!moved.signatures_hold());
    let mut half = contract();
    half.lab_signature = None;
    assert!(!half.signatures_hold());
}

#[test]
fn the_canonical_form_comes_back() {
    assert_eq!(Contract::from_value(&contract().to_value()), Ok(contract()));
    assert_eq!(terms().recall_bound(), Span::from_ms(7_000));
}

#[test]
fn a_calendar_reads_as_it_is_written() {
    for (text, written) in [
        ("daily 20:00-06:00 Europe/Zurich", "daily 20:00-06:00 Europe/Zurich"),
        ("mon-fri 08:00-18:00 UTC", "mon-fri 08:00-18:00 UTC"),
        ("fri-mon 00:00-24:00 UTC", "mon,fri,sat,sun 00:00-24:00 UTC"),
        ("sat,sun  22:30-05:15   America/New_York", "sat,sun 22:30-05:15 America/New_York"),
        ("mon-sun 00:00-24:00 UTC", "daily 00:00-24:00 UTC"),
    ] {
        let calendar: Calendar = text.parse().expect("a window");
        assert_eq!(calendar.to_string(), written);
        assert_eq!(Calendar::from_value(&calendar.to_value()), Ok(calendar));
    }
    for wrong in [
        "",
        "daily",
        "daily 20:00-06:00",
        "daily 20:00 06:00 UTC",
        "never 20:00-06:00 UTC",
        "mon-xyz 20:00-06:00 UTC",
        "daily 20:00-20:00 UTC",
        "daily 24:00-06:00 UTC",
        "daily 20:00-24:01 UTC",
        "daily 20:60-06:00 UTC",
        "daily 8:00-18:00 UTC",
        "daily +8:00-18:00 UTC",
        "daily 99999999:00-06:00 UTC",
        "mon, 20:00-06:00 UTC",
    ] {
        assert!(wrong.parse::<Calendar>().is_err(), "{wrong}");
    }
}

#[test]
fn clauses_read_as_they_are_written() {
    for text in [
        "guaranteed 1.50 USD/chip-hour",
        "guaranteed 1.50 USD/chip-hour beyond 1000 chip-hours from 2027-01-01",
        "borrowed 0.000001 USD/chip-second beyond 0.5 chip-seconds",
        "fee 500.00 USD",
        "at least 10000.00 USD from 2027-01-01",
        "undelivered 3.80 USD/chip-hour",
        "late 5.00 USD/chip-hour",
        "lent 0.40 USD/chip-hour",
        "credit 500.00 USD until 2027-07-01",
        "prepay 2000.00 USD on 2027-01-01T12:00:00.000Z back 500.00 USD from 2027-07-01",
        "tax VAT 8.1 %",
        "tax VAT 100 %",
        "tax none 0 %",
    ] {
        let clause: Clause = text.parse().expect(text);
        assert_eq!(clause.to_string(), text);
        assert_eq!(Clause::from_value(&clause.to_value()), Ok(clause));
    }
    for (text, expected) in [
        ("", "a clause such as"),
        ("rent 5 USD", "a clause such as"),
        ("fee", "a clause such as"),
        ("fee -5.00 USD", "an amount of zero or more"),
        ("fee 1,000.00 USD", "an amount such as"),
        ("fee 5.00 USD from tomorrow", "a UTC time"),
        ("fee 5.00 USD each month", "a clause such as"),
        ("guaranteed 1.50 USD/chip-day", "a price such as"),
        ("guaranteed 1.50 USD/chip-hour beyond 10 hours", "an amount of use"),
        ("guaranteed 1.50 USD/chip-hour beyond -10 chip-hours", "an amount of use"),
        ("tax VAT 100.1 %", "a rate from 0 to 100"),
        ("tax VAT 1.23456 %", "a rate from 0 to 100"),
        ("tax VAT 8.1", "a clause such as"),
        ("prepay 1.00 USD on 2027-01-01", "a clause such as"),
        ("lent 40 %", "a price such as"),
        ("late 5.00 USD/chip-hour each month", "a clause such as"),
    ] {
        let wrong = text.parse::<Clause>().expect_err(text).to_string();
        assert!(wrong.contains(expected), "{text}: {wrong}");
    }
}

/// The same prices have the same name whoever agrees on them, and any change of them has another.
#[test]
fn a_rate_card_is_named_by_its_hash() {
    type Change = fn(&mut Terms);
    let named = |change: Change| {
        let mut terms = terms();
        change(&mut terms);
        terms.rate_card()
    };
    let card = named(|_| {});
    assert_eq!(card.to_string(), "5e9ac1af69f37f806ffffcb29be52082d03b4c974e6b2495cbb4446b2ea522bb");
    assert_eq!(named(|terms| terms.lab = OrgId::from_bits(8)), card);
    assert_eq!(named(|terms| terms.notice = Span::from_ms(9)), card);
    let changes: [Change; 4] = [
        |terms| terms.guaranteed_price = "1.90 USD/chip-minute".parse().expect("a price"),
        |terms| terms.borrowed_price = "0.81 USD/chip-hour".parse().expect("a price"),
        |terms| terms.rounding = Rounding::Up,
        |terms| terms.clauses.0.push("fee 1.00 USD".parse().expect("a clause")),
    ];
    for change in changes {
        assert_ne!(named(change), card);
    }
}

/// What was signed before there were clauses has the same bytes.
#[test]
fn terms_without_clauses_do_not_speak_of_them() {
    let Value::Map(fields) = terms().to_value() else { panic!("terms are an object") };
    assert!(!fields.contains_key("clauses"));
}
