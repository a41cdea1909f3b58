//! Checks the proof of an invoice with nothing but the file and a policy.

use super::range::{Range, ranges};
use super::{Bundle, Item, origin, read_leaf};
use crate::audit::{Check, Report, shown};
use sinew_contract::{Contract, PublicKey, Standing};
use sinew_core::{Event, Recorded};
use sinew_ledger::{Invoice, Opening, Past, Period, Rating};
use sinew_proof::{Policy, Signed};
use sinew_server::expand;
use sinew_types::{ContractId, Instant, WorkloadId};
use std::collections::BTreeMap;

/// What a check found: what is right, or what differs.
pub(super) type Found<T> = Result<(T, String), String>;

/// Whom and what a reader trusts beside the file.
pub(crate) struct Trusted<'a> {
    /// Whose signatures the log needs.
    pub(crate) policy: &'a Policy,
    /// The lab's own key. Without it the terms show only that two keys signed them, and an owner may hold both.
    pub(crate) lab: Option<PublicKey>,
    /// Seconds since 1970.
    pub(crate) now_s: u64,
}

/// Checks everything, up to the first thing that is wrong: what follows would rest on it.
pub(crate) fn verify(text: &str, trusted: &Trusted) -> Report {
    let mut steps = Steps { checks: Vec::new(), records: 0, invoices: 0 };
    let whole = steps.run(text, trusted).is_some();
    let equal = whole && steps.checks.iter().all(|check| check.equal);
    Report { equal, records: steps.records, invoices: steps.invoices, checks: steps.checks }
}

struct Steps {
    checks: Vec<Check>,
    records: u64,
    invoices: usize,
}

impl Steps {
    fn add<T>(&mut self, what: &str, found: Found<T>) -> Option<T> {
        let (value, found) = match found {
            Ok((value, said)) => (Some(value), Ok(said)),
            Err(differs) => (None, Err(differs)),
        };
        self.checks.push(Check::of("proof", what, found));
        value
    }

    fn run(&mut self, text: &str, trusted: &Trusted) -> Option<()> {
        let (bundle, signed) = self.add("signatures", signatures(text, trusted.policy, trusted.now_s))?;
        let leaves = self.add("leaves", leaves(&bundle, &signed))?;
        self.records = signed.checkpoint.size;
        let contract = self.add("terms", terms(&leaves, trusted))?;
        let ranges = self.add("range", ranges(&bundle, &leaves, &contract))?;
        self.add("usage", usage(&ranges, contract.id))?;
        self.add("invoice", rated(&ranges, &contract))?;
        self.invoices = ranges.len();
        Some(())
    }
}

/// The log and the quorum signed the checkpoint.
fn signatures(text: &str, policy: &Policy, now_s: u64) -> Found<(Bundle, Signed)> {
    let bundle: Bundle = text.parse().map_err(|error: sinew_proof::ProofError| error.to_string())?;
    let signed = policy.accept(&bundle.note, now_s).map_err(|error| error.to_string())?;
    let witnesses: Vec<&str> = signed.witnesses.keys().map(String::as_str).collect();
    let said = match &witnesses[..] {
        [] => "the log signed; the policy asks for no witness".to_owned(),
        names => format!("the log signed, and so did {}", names.join(", ")),
    };
    Ok(((bundle, signed), said))
}

/// The leaves lead to the signed root, and each is a record.
fn leaves(bundle: &Bundle, signed: &Signed) -> Found<Vec<Recorded>> {
    let tree = bundle.climb(&mut |_| {}).map_err(|error| error.to_string())?;
    let checkpoint = &signed.checkpoint;
    if (tree.size(), tree.root()) != (checkpoint.size, checkpoint.root) {
        return Err(sinew_proof::ProofError::OtherRoot { what: "the leaves of the proof" }.to_string());
    }
    let shown = bundle.items.iter().filter_map(|item| match item {
        Item::Leaf(text) => Some(text),
        Item::Node(..) => None,
    });
    let read = |(at, text): (usize, &String)| {
        read_leaf(text).map_err(|wrong| format!("leaf line {}: it {wrong}", at.saturating_add(1)))
    };
    let leaves: Vec<Recorded> = shown.enumerate().map(read).collect::<Result<_, _>>()?;
    if let Some(pair) = leaves.windows(2).find(|pair| pair[1].at < pair[0].at) {
        return Err(format!("the record of {} comes after that of {}", pair[1].at, pair[0].at));
    }
    let said = format!("{} of {} leaves, and they lead to the signed root", leaves.len(), tree.size());
    Ok((leaves, said))
}

/// The log begins with terms that two sides signed, and it is that contract's log.
fn terms(leaves: &[Recorded], trusted: &Trusted) -> Found<Contract> {
    let [offer, answer, ..] = leaves else {
        return Err("the offer and the lab's signature are not at the log's beginning".to_owned());
    };
    let (
        Event::ContractOffered { id, terms, key, signature, expanded },
        Event::ContractSigned { id: of, key: lab, signature: signed },
    ) = (&offer.event, &answer.event)
    else {
        return Err("the log does not begin with an offer and its lab's signature".to_owned());
    };
    let log = trusted.policy.log.name();
    if of != id || log != origin(*id) {
        return Err(format!("these are the terms of {id}, and the log is `{log}`"));
    }
    if key == lab {
        return Err("the same key signed for both sides: a second signature by one side is none".to_owned());
    }
    let contract = Contract {
        id: *id,
        terms: (**terms).clone(),
        owner_signature: (*key, *signature),
        lab_signature: Some((*lab, *signed)),
        standing: Standing::Signed,
        expanded: expanded.clone(),
    };
    if !contract.signatures_hold() {
        return Err("one of the two signatures does not fit these terms".to_owned());
    }
    if let Some(own) = trusted.lab.filter(|own| own != lab) {
        return Err(format!("the lab's key is {own}, and {lab} signed for the lab"));
    }
    windows(&contract)?;
    let whose = match trusted.lab {
        Some(_) => "",
        None => "; whether the latter is the lab's, `--lab-key` would say",
    };
    Ok((contract, format!("owner's key {key} and lab's key {lab} signed them{whose}")))
}

/// The windows in moments are no part of what both sides signed, so they are worked out again from the words that are.
fn windows(contract: &Contract) -> Result<(), String> {
    let terms = &contract.terms;
    match (&terms.calendar, &contract.expanded) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err("the offer holds windows, and the terms agree on none".to_owned()),
        (Some(calendar), found) => {
            let again = expand(calendar, terms).map_err(|wrong| wrong.to_string())?;
            if found.as_ref().is_some_and(|found| found.windows == again.windows) {
                return Ok(());
            }
            let made_with = found.as_ref().map_or("none", |found| &found.zone_data);
            Err(format!(
                "the offer's windows (time-zone data {made_with}) are not those of `{calendar}` (time-zone data {})",
                again.zone_data
            ))
        }
    }
}

/// No time of a lease is billed twice, and all of it lies in its period.
fn usage(ranges: &[Range], contract: ContractId) -> Found<()> {
    let mut billed: BTreeMap<(WorkloadId, u64), Instant> = BTreeMap::new();
    for range in ranges {
        for record in &range.records {
            let of = format!("a record of {} lease {}", record.workload, record.epoch);
            if record.contract != Some(contract) || record.to < record.from || record.to > range.to {
                return Err(format!("{of} from {} to {} does not belong here", record.from, record.to));
            }
            let to = billed.entry((record.workload, record.epoch)).or_insert(range.from);
            if record.from < *to {
                return Err(format!("{of} begins at {}, and it is billed up to {to} already", record.from));
            }
            *to = record.to;
        }
    }
    Ok(((), format!("{} leases, no moment billed twice", billed.len())))
}

/// Each invoice is what its records cost at the signed prices and clauses, and its postings sum to zero.
fn rated(ranges: &[Range], contract: &Contract) -> Found<()> {
    for (at, range) in ranges.iter().enumerate() {
        let before = ranges.iter().take(at).map(|range| &range.invoice);
        let past = Past::of(before).ok_or("a sum is too large to count")?;
        same(range, &again(range, contract, past).ok_or("a sum is too large to count")?)?;
    }
    let Some(Range { invoice, .. }) = ranges.last() else { return Err("there is no invoice".to_owned()) };
    Ok(((), format!("{}/{}: {}, postings sum to zero", contract.id, invoice.number, invoice.total)))
}

/// The same invoice once more. Nothing where a sum is too large to count.
fn again(range: &Range, contract: &Contract, past: Past) -> Option<Invoice> {
    let mut rating = Rating::new(contract);
    range.records.iter().try_for_each(|record| rating.add(record)).ok()?;
    let period = Period { from: range.from, to: range.to, last: range.to < range.from.next_month() };
    let made = rating.invoice(period, &Opening { number: range.number, owed: range.owed, past })?;
    // Invoices from before rate cards had names have none.
    let rate_card = range.invoice.rate_card.and(made.rate_card);
    Some(Invoice { rate_card, ..made })
}

fn same(range: &Range, made: &Invoice) -> Result<(), String> {
    let billed = &range.invoice;
    for (line, again) in billed.lines.iter().zip(&made.lines) {
        if line != again {
            return Err(format!("billed {}, recomputed {}", shown(line), shown(again)));
        }
    }
    if !billed.transaction.balances() {
        return Err("the postings do not sum to zero".to_owned());
    }
    if billed != made {
        let (number, found, expected) = (billed.number, &billed.total, &made.total);
        return Err(format!(
            "number, period, parties, lines, total or rate card of invoice {number} differ: billed {found}, recomputed {expected}"
        ));
    }
    Ok(())
}
