//! Invoices with every kind of line, for tests and for other people's checkers.

use sinew_contract::{Clauses, SecretKey, Standing, Terms};
use sinew_ledger::{Invoice, Opening, Owed, Past, Payment, Period, Rating, UsageRecord};
use sinew_types::{ContractId, Instant, Meter, OrgId, PoolId, Quantity, Rounding, Shape, Span, WorkloadId};

const CLAUSES: [&str; 9] = [
    "guaranteed 1.50 USD/chip-hour beyond 100 chip-hours",
    "fee 500.00 USD",
    "at least 1000.00 USD from 2027-02-01",
    "undelivered 3.80 USD/chip-hour",
    "late 5.00 USD/chip-hour",
    "lent 0.40 USD/chip-hour",
    "credit 30.00 USD until 2027-03-01",
    "prepay 200.00 USD on 2027-01-15 back 70.00 USD from 2027-02-01",
    "tax VAT 8.1 %",
];

/// What the lab paid for the first two, and what it got back.
pub(crate) fn payments() -> Vec<Payment> {
    let paid = [
        ("2027-02/0815", "2027-02-10T09:30:00Z", "1300.00 USD"),
        ("2027-03/0002", "2027-03-12", "1250.50 USD"),
        ("back", "2027-03-12", "-33.10 USD"),
    ];
    let payment = |(reference, paid_at, money): (&str, &str, &str)| Payment {
        owner: OrgId::from_bits(1),
        lab: OrgId::from_bits(2),
        reference: reference.parse().expect("a reference"),
        money: money.parse().expect("an amount"),
        paid_at: at(paid_at),
    };
    paid.map(payment).into()
}

pub(crate) fn at(text: &str) -> Instant {
    text.parse().expect("a time")
}

pub(crate) fn terms() -> Terms {
    Terms {
        owner: OrgId::from_bits(1),
        lab: OrgId::from_bits(2),
        pool: PoolId::from_bits(3),
        guarantee: vec![Shape::Chips(4)],
        borrow_limit: Shape::Chips(1),
        lend_limit: Shape::Chips(1),
        notice: Span::from_ms(1),
        kill_grace: Span::from_ms(1),
        hand_over: Span::from_ms(1),
        minimum_term: None,
        calendar: None,
        starts: at("2027-01-01"),
        ends: at("2028-01-01"),
        guaranteed_price: "1.90 USD/chip-hour".parse().expect("a price"),
        borrowed_price: "0.80 USD/chip-hour".parse().expect("a price"),
        rounding: Rounding::HalfEven,
        clauses: Clauses(CLAUSES.iter().map(|clause| clause.parse().expect("a clause")).collect()),
    }
}

/// Three months: one with all that there is, one below its promised sum, one in which nothing was used.
pub(crate) fn invoices(terms: &Terms) -> Vec<Invoice> {
    let (id, key) = (ContractId::from_bits(4), SecretKey::from_seed(&[1; 32]));
    let signed = (key.public(), key.sign(&terms.signing_bytes(id)));
    let contract = sinew_contract::Contract {
        id,
        terms: terms.clone(),
        owner_signature: signed,
        lab_signature: Some(signed),
        standing: Standing::Signed,
        expanded: None,
    };
    let mut made: Vec<Invoice> = Vec::new();
    // Two hours were missing, half an hour was late, five hours were lent.
    for (number, month, held_ms, (missing, late, lent)) in [
        (1, "2027-01-01", 1_234_567_891, (7_200_000_000, 1_800_000_000, 18_000_000_000)),
        (2, "2027-02-01", 1_000, (0, 0, 0)),
        (3, "2027-03-01", 0, (0, 0, 0)),
    ] {
        let (from, mut rating) = (at(month), Rating::new(&contract));
        let record = UsageRecord {
            contract: Some(id),
            pool: terms.pool,
            workload: WorkloadId::from_bits(5),
            epoch: 1,
            from,
            to: from.plus(Span::from_ms(held_ms)),
            own_chip_milli: 1_000,
            borrowed_chip_milli: 333,
        };
        rating.add(&record).expect("a right record");
        let part = |amount: u128| Quantity { meter: Meter::ChipTime, amount };
        let owed = Owed { undelivered: part(missing), late: part(late), lent: part(lent) };
        let past = Past::of(made.iter()).expect("small sums");
        let period = Period { from, to: from.next_month(), last: false };
        made.push(rating.invoice(period, &Opening { number, owed, past }).expect("small sums"));
    }
    made
}
