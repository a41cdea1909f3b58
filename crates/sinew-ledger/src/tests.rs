mod clauses;
mod statements;

use crate::*;
use sinew_contract::{Contract, SecretKey, Standing, Terms};
use sinew_types::{
    Asset, Canonical, ContractId, Instant, Money, OrgId, PoolId, Quantity, Rounding, Shape, Span, WorkloadId,
};

fn contract() -> Contract {
    let terms = Terms {
        owner: OrgId::from_bits(1),
        lab: OrgId::from_bits(2),
        pool: PoolId::from_bits(3),
        guarantee: vec![Shape::Chips(1)],
        borrow_limit: Shape::Chips(1),
        lend_limit: Shape::Chips(1),
        notice: Span::from_ms(1),
        kill_grace: Span::from_ms(1),
        hand_over: Span::from_ms(1),
        minimum_term: None,
        calendar: None,
        starts: Instant::from_ms(0),
        ends: Instant::from_ms(i64::MAX),
        guaranteed_price: "3.60 USD/chip-hour".parse().expect("a price"),
        borrowed_price: "0.01 USD/chip-hour".parse().expect("a price"),
        rounding: Rounding::HalfEven,
        clauses: Default::default(),
    };
    let (id, key) = (ContractId::from_bits(4), SecretKey::from_seed(&[1; 32]));
    let signed = (key.public(), key.sign(&terms.signing_bytes(id)));
    Contract {
        id,
        terms,
        owner_signature: signed,
        lab_signature: Some(signed),
        standing: Standing::Signed,
        expanded: None,
    }
}

fn record(from: i64, to: i64, own: u64, borrowed: u64) -> UsageRecord {
    UsageRecord {
        contract: Some(ContractId::from_bits(4)),
        pool: PoolId::from_bits(3),
        workload: WorkloadId::from_bits(5),
        epoch: 1,
        from: Instant::from_ms(from),
        to: Instant::from_ms(to),
        own_chip_milli: own,
        borrowed_chip_milli: borrowed,
    }
}

fn period(to_ms: i64) -> Period {
    Period { from: Instant::from_ms(0), to: Instant::from_ms(to_ms), last: false }
}

fn opening(number: u32) -> Opening {
    Opening { number, owed: Owed::default(), past: Past::default() }
}

fn bill(to_ms: i64, records: &[UsageRecord]) -> Invoice {
    let contract = contract();
    let mut rating = Rating::new(&contract);
    records.iter().for_each(|record| rating.add(record).expect("a right record"));
    rating.invoice(period(to_ms), &opening(1)).expect("small sums")
}

/// One row a case: records as (from ms, to ms, own, borrowed), then guaranteed, borrowed and total in millionths of a
/// dollar, worked by hand. A guaranteed chip-second costs 1,000 millionths, a borrowed one 2.777...
#[test]
fn invoices_worked_by_hand() {
    type Row = (&'static [(i64, i64, u64, u64)], [i128; 3]);
    let table: [Row; 5] = [
        (&[], [0, 0, 0]),
        (&[(0, 72_000, 1_000, 0)], [72_000, 0, 72_000]),
        (&[(0, 1_000, 1_000, 1_000)], [1_000, 3, 1_003]),
        // Rounded once on the sum: 3 x 2.777... is 8.333..., not 3 x 3.
        (&[(0, 1_000, 0, 1_000), (1_000, 2_000, 0, 1_000), (2_000, 3_000, 0, 1_000)], [0, 8, 8]),
        (&[(0, 500, 500, 0), (500, 1_000, 1_500, 0)], [1_000, 0, 1_000]),
    ];
    for (rows, expected) in table {
        let records: Vec<_> =
            rows.iter().map(|(from, to, own, borrowed)| record(*from, *to, *own, *borrowed)).collect();
        let made = bill(100_000, &records);
        let units = [made.lines[0].amount.units, made.lines[1].amount.units, made.total.units];
        assert_eq!(units, expected, "{rows:?}");
        assert!(made.transaction.balances());
        assert_eq!(Invoice::from_value(&made.to_value()), Ok(made));
    }
}

#[test]
fn balances_follow_the_transactions() {
    let made = bill(1_000, &[record(0, 1_000, 1_000, 0)]);
    let mut balances = Balances::default();
    balances.post(&made.transaction);
    balances.post(&made.transaction);
    let shown: Vec<_> = balances.iter().map(|(account, money)| (account.kind, money.units)).collect();
    assert_eq!(shown, [(AccountKind::Receivable, 2_000), (AccountKind::Earnings, -2_000)]);
    assert_eq!(Balances::from_value(&balances.to_value()), Ok(balances));
}

#[test]
fn one_sided_transactions_do_not_balance() {
    let account = Account { of: OrgId::from_bits(1), with: OrgId::from_bits(2), kind: AccountKind::Earnings };
    let money = Money { asset: "USD".parse::<Asset>().expect("an asset"), units: 1 };
    assert!(!Transaction { postings: vec![Posting { account, money }] }.balances());
}

/// Records of two contracts in any order, added as they come, make the invoices that each contract's own records make.
#[test]
fn a_month_that_streams_by_is_what_its_records_are() {
    let first = contract();
    let mut second = contract();
    second.id = ContractId::from_bits(9);
    let period = period(100_000);
    let mut month = Month::new([&first, &second], period);
    let of = |contract: &Contract, from: i64| UsageRecord {
        contract: Some(contract.id),
        ..record(from, from + 333, 1_000, 777)
    };
    let records: Vec<UsageRecord> =
        (0..200).map(|at| of(if at % 3 == 0 { &second } else { &first }, at * 400)).collect();
    records.iter().for_each(|record| month.add(record).expect("a right record"));
    let owners = UsageRecord { contract: None, ..record(0, 1, 1, 0) };
    assert_eq!(month.add(&owners), Ok(()));
    let closed = month.close(|_| opening(7)).expect("small sums");
    for (made, contract) in closed.iter().zip([&first, &second]) {
        let own = records.iter().filter(|record| record.contract == Some(contract.id));
        let nothing = Quantity::chip_time(0, Span::from_ms(0));
        let mut used = Used { own: nothing, borrowed: nothing, owed: Owed::default() };
        for record in own.clone() {
            used.own.amount += record.own().amount;
            used.borrowed.amount += record.borrowed().amount;
        }
        let count = u64::try_from(own.count()).expect("few");
        assert_eq!(Some(made), invoice(contract, 7, period, (&used, count), &Past::default()).as_ref());
        assert!(made.transaction.balances());
    }
}

#[test]
fn what_cannot_be_rated_is_named_and_adds_nothing() {
    let contract = contract();
    let mut month = Month::new([&contract], period(1_000));
    let wrong = UsageRecord { contract: Some(ContractId::from_bits(5)), ..record(0, 1, 1, 1) };
    let table = [
        (
            wrong,
            "it is of contract-00000000000000000000000000000005, which is not being billed: correct the contract, \
             or bill that one too",
        ),
        (
            record(500, 400, 1, 1),
            "it ends at 1970-01-01T00:00:00.400Z, before it begins at 1970-01-01T00:00:00.500Z: correct its times",
        ),
        (
            record(500, 1_001, 1, 1),
            "it lasts from 1970-01-01T00:00:00.500Z to 1970-01-01T00:00:01.001Z, which is not within the period: \
             add it to the period that holds it",
        ),
        (
            record(-1, 500, 1, 1),
            "it lasts from 1969-12-31T23:59:59.999Z to 1970-01-01T00:00:00.500Z, which is not within the period: \
             add it to the period that holds it",
        ),
    ];
    for (record, why) in table {
        assert_eq!(month.add(&record).map_err(|unrated| unrated.to_string()), Err(why.to_owned()));
    }
    assert_eq!(month.close(|_| opening(1)).expect("nothing")[0].total.units, 0);
    assert_eq!(month.close(|_| opening(1)).expect("nothing")[0].records, 0);
}

/// Use that can be counted and money that cannot: there is no invoice, rather than half of one.
#[test]
fn a_sum_that_overflows_makes_no_invoice_and_posts_nothing() {
    let mut contract = contract();
    contract.terms.guaranteed_price.money.units = i128::MAX / 2;
    let mut rating = Rating::new(&contract);
    rating.add(&record(0, 1_000, u64::MAX, 0)).expect("use below 2^128 can be counted");
    assert_eq!(rating.invoice(period(1_000), &opening(1)), None);
    let money = |units| Money { asset: "USD".parse().expect("an asset"), units };
    let of = AccountKind::Earnings;
    let account = Account { of: OrgId::from_bits(1), with: OrgId::from_bits(2), kind: of };
    let postings = vec![
        Posting { account, money: money(i128::MAX) },
        Posting { account, money: money(1) },
        Posting { account, money: money(i128::MIN) },
    ];
    assert!(!Transaction { postings }.balances(), "it does not wrap around to zero");
}

/// The terms that were signed hold the rate card. One changed in place is another text, and the signatures are not its own.
#[test]
fn a_rate_card_that_is_changed_in_place_is_not_the_signed_one() {
    let signed = contract();
    let (key, signature) = &signed.owner_signature;
    let holds = |terms: &Terms| key.signed(&terms.signing_bytes(signed.id), signature);
    assert!(holds(&signed.terms));
    for price in ["3.61 USD/chip-hour", "3.60 USD/chip-second", "3.60 EUR/chip-hour"] {
        let guaranteed_price = price.parse().expect("a price");
        assert!(!holds(&Terms { guaranteed_price, ..signed.terms.clone() }), "{price}");
    }
}

#[test]
fn money_of_an_unknown_form_is_a_sentence() {
    let said = |text: &str| text.parse::<Money>().expect_err("no amount").to_string();
    for (text, why) in
        [("1.00 usd", "a currency code of capital letters"), ("1,000.00 USD", "an amount such as")]
    {
        assert!(said(text).contains(why), "{text}: {}", said(text));
    }
}
