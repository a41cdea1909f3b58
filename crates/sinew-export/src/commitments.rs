//! Contract commitments of FOCUS 1.3: what was promised to be paid, a row for each month of each invoice.

use crate::{Bill, csv, number};
use sinew_contract::Clause;
use sinew_ledger::{Line, LineKind, Period, promised};
use sinew_types::{ContractId, Instant, Money};

const HEAD: [&str; 13] = [
    "BillingCurrency",
    "ContractCommitmentCategory",
    "ContractCommitmentCost",
    "ContractCommitmentDescription",
    "ContractCommitmentId",
    "ContractCommitmentPeriodEnd",
    "ContractCommitmentPeriodStart",
    "ContractCommitmentQuantity",
    "ContractCommitmentType",
    "ContractCommitmentUnit",
    "ContractId",
    "ContractPeriodEnd",
    "ContractPeriodStart",
];

/// What was promised for the time of an invoice, by which clause.
fn of(bill: &Bill) -> Option<(u32, Money)> {
    let period = Period { from: bill.invoice.from, to: bill.invoice.to, last: false };
    promised(bill.terms, period)
}

fn id(contract: ContractId, clause: u32, from: Instant) -> String {
    format!("{contract}/clause-{clause}/{}", number::day(from))
}

/// The commitment that a line counts towards, as FOCUS has it in `ContractApplied`; empty where it counts towards none.
pub(crate) fn applied(bill: &Bill, line: &Line) -> String {
    use LineKind::{Borrowed, Commitment, Fee, Guaranteed};
    let counts = matches!(line.kind, Guaranteed | Borrowed | Fee | Commitment);
    let Some((clause, _)) = of(bill).filter(|_| counts) else { return String::new() };
    let contract = bill.invoice.contract;
    let (id, cost) = (id(contract, clause, bill.invoice.from), number::of(&line.amount));
    format!(
        r#"{{"Elements":[{{"ContractId":"{contract}","ContractCommitmentId":"{id}","ContractCommitmentAppliedCost":{cost}}}]}}"#
    )
}

/// The whole table.
pub(crate) fn rows(bills: &[Bill]) -> String {
    let mut text = csv::row(&HEAD);
    for bill in bills {
        let (invoice, terms) = (bill.invoice, bill.terms);
        let mut add = |clause: u32, kind: &str, money: &Money, (from, to): (Instant, Instant)| {
            text.push_str(&csv::row(&[
                money.asset.code().to_owned(),
                "Spend".to_owned(),
                number::of(money),
                bill.clause(Some(clause)),
                id(invoice.contract, clause, from),
                number::second(to),
                number::second(from),
                String::new(),
                kind.to_owned(),
                String::new(),
                invoice.contract.to_string(),
                number::second(terms.ends),
                number::second(terms.starts),
            ]));
        };
        if let Some((clause, money)) = of(bill) {
            add(clause, "Take or pay", &money, (invoice.from, invoice.to));
        }
        for (number, clause) in terms.clauses.iter() {
            let Clause::Prepay { money, due, .. } = clause else { continue };
            if invoice.from <= *due && *due < invoice.to {
                add(number, "Prepayment", money, (*due, terms.ends));
            }
        }
    }
    text
}
