//! A month of 100,000 accelerators at one record a minute, rated and posted while it streams by.
//!
//! `rating` prints one line of figures: records a second on one thread, and how much the memory grew from ten million
//! records to a hundred million. Making a record is part of the time.

use sinew_contract::{Contract, SecretKey, Standing, Terms};
use sinew_ledger::{Balances, Month, Opening, Owed, Past, Period, UsageRecord};
use sinew_types::{ContractId, Instant, OrgId, PoolId, Rounding, Shape, Span, WorkloadId};

const ACCELERATORS: u64 = 100_000;
const CONTRACTS: u64 = 200;
const MINUTE_MS: i64 = 60_000;

fn contract(number: u64) -> Contract {
    let terms = Terms {
        owner: OrgId::from_bits(1),
        lab: OrgId::from_bits(100 + u128::from(number)),
        pool: PoolId::from_bits(3),
        guarantee: vec![Shape::Chips(500)],
        borrow_limit: Shape::Chips(1),
        lend_limit: Shape::Chips(1),
        notice: Span::from_ms(1),
        kill_grace: Span::from_ms(1),
        hand_over: Span::from_ms(1),
        minimum_term: None,
        calendar: None,
        starts: Instant::from_ms(0),
        ends: Instant::from_ms(i64::MAX),
        guaranteed_price: "1.90 USD/chip-hour".parse().expect("a price"),
        borrowed_price: "0.80 USD/chip-hour".parse().expect("a price"),
        rounding: Rounding::HalfEven,
        clauses: Default::default(),
    };
    let (id, key) = (ContractId::from_bits(1_000 + u128::from(number)), SecretKey::from_seed(&[1; 32]));
    let signed = (key.public(), key.sign(&terms.signing_bytes(id)));
    let signature = Some(signed);
    Contract {
        id,
        terms,
        owner_signature: signed,
        lab_signature: signature,
        standing: Standing::Signed,
        expanded: None,
    }
}

/// The record of one accelerator in one minute: each contract's accelerators are mixed with all others'.
fn record(at: u64) -> UsageRecord {
    let (minute, accelerator) = (at / ACCELERATORS, at % ACCELERATORS);
    let from = i64::try_from(minute).expect("a month") * MINUTE_MS;
    let contract = accelerator.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    // Every seventh is borrowed, and every eleventh is held for a part of its minute only.
    let own_chip_milli = if at.is_multiple_of(7) { 0 } else { 1_000 };
    let held_ms = if at.is_multiple_of(11) { 17_321 } else { MINUTE_MS };
    UsageRecord {
        contract: Some(ContractId::from_bits(1_000 + u128::from(contract % CONTRACTS))),
        pool: PoolId::from_bits(3),
        workload: WorkloadId::from_bits(u128::from(accelerator)),
        epoch: 1,
        from: Instant::from_ms(from),
        to: Instant::from_ms(from + held_ms),
        own_chip_milli,
        borrowed_chip_milli: 1_000 - own_chip_milli,
    }
}

/// Rates so many records and posts the invoices. Answers the seconds that it took.
fn month(contracts: &[Contract], records: u64) -> f64 {
    let begun = std::time::Instant::now();
    let to = Instant::from_ms(31 * 24 * 60 * MINUTE_MS);
    let period = Period { from: Instant::from_ms(0), to, last: false };
    let mut month = Month::new(contracts, period);
    for at in 0..records {
        month.add(&record(at)).expect("every record is right");
    }
    let opening = Opening { number: 1, owed: Owed::default(), past: Past::default() };
    let invoices = month.close(|_| opening.clone()).expect("the sums can be counted");
    let mut balances = Balances::default();
    for invoice in &invoices {
        assert!(invoice.transaction.balances(), "postings sum to zero");
        balances.post(&invoice.transaction);
    }
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(invoices.iter().map(|invoice| invoice.records).sum::<u64>(), records);
    assert_eq!(balances.iter().map(|(_, money)| money.units).sum::<i128>(), 0);
    seconds
}

/// The most memory that this process ever had, in KiB.
fn most_memory_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells a process about itself");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux counts memory");
    line.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a number of KiB")
}

fn main() {
    let contracts: Vec<Contract> = (0..CONTRACTS).map(contract).collect();
    let mut shown = Vec::new();
    let mut memory = Vec::new();
    for power in 6..=8 {
        let records = 10_u64.pow(power);
        let seconds = month(&contracts, records);
        memory.push(most_memory_kib());
        shown.push(format!("\"e{power}_per_s\":{:.0}", records as f64 / seconds));
        if power == 8 {
            shown.push(format!("\"records_per_s\":{:.0}", records as f64 / seconds));
            shown.push(format!(
                "\"month_s\":{:.1}",
                seconds * (31.0 * 24.0 * 60.0 * ACCELERATORS as f64) / 1e8
            ));
        }
    }
    shown.push(format!("\"rss_mib\":{:.2}", memory[2] / 1024.0));
    shown.push(format!("\"rss_growth\":{:.4}", memory[2] / memory[1]));
    println!("{{{}}}", shown.join(","));
}
