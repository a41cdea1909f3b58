//! Checks the proof of an invoice with nothing but the file and a policy.

use super::{Bundle, Item, contract_of, origin, read_leaf};
use crate::audit::{Check, Report};
use sinew_contract::{Contract, Standing};
use sinew_core::{Event, Recorded};
use sinew_ledger::{Invoice, UsageRecord, invoice};
use sinew_proof::{Policy, Signed};
use sinew_types::{ContractId, Instant, WorkloadId};
use std::collections::BTreeMap;

/// What a check found: what is right, or what differs.
type Found<T> = Result<(T, String), String>;

/// Checks everything, up to the first thing that is wrong: what follows would rest on it.
pub(crate) fn verify(text: &str, policy: &Policy, now_s: u64) -> Report {
    let mut steps = Steps { checks: Vec::new(), records: 0, invoices: 0 };
    let whole = steps.run(text, policy, now_s).is_some();
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

    fn run(&mut self, text: &str, policy: &Policy, now_s: u64) -> Option<()> {
        let (bundle, signed) = self.add("signatures", signatures(text, policy, now_s))?;
        let leaves = self.add("leaves", leaves(&bundle, &signed))?;
        self.records = signed.checkpoint.size;
        let contract = self.add("terms", terms(&leaves, policy))?;
        let range = self.add("range", range(&bundle, &leaves, &contract))?;
        self.add("usage", usage(&range, contract.id))?;
        self.add("invoice", rated(&range, &contract))?;
        self.invoices = 1;
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
fn terms(leaves: &[Recorded], policy: &Policy) -> Found<Contract> {
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
    if of != id || policy.log.name() != origin(*id) {
        return Err(format!("these are the terms of {id}, and the log is `{}`", policy.log.name()));
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
    Ok((contract, format!("owner's key {key} and lab's key {lab} signed them")))
}

/// What lies between two invoices.
struct Range {
    invoice: Invoice,
    at: Instant,
    number: u32,
    from: Instant,
    records: Vec<UsageRecord>,
}

/// Everything after the invoice before is there, up to this one, and belongs to this contract.
fn range(bundle: &Bundle, leaves: &[Recorded], contract: &Contract) -> Found<Range> {
    let (_, mut rest) = leaves.split_at(2);
    if !hidden_in_one_place(bundle) {
        return Err("leaves are hidden elsewhere than right after the terms".to_owned());
    }
    let whole = bundle.items.iter().all(|item| matches!(item, Item::Leaf(_)));
    let mut before = None;
    if let [Recorded { event: Event::Invoiced { invoice }, .. }, after @ ..] = rest
        && !after.is_empty()
    {
        before = Some(invoice);
        rest = after;
    } else if !whole {
        return Err("leaves are hidden, and what follows does not begin with the invoice before".to_owned());
    }
    let Some((Recorded { at, event: Event::Invoiced { invoice } }, between)) = rest.split_last() else {
        return Err("the last leaf is no invoice".to_owned());
    };
    let (number, from) = match before {
        Some(before) => (before.number.checked_add(1).ok_or("numbers are used up")?, before.to),
        None => (1, contract.terms.starts.min(*at)),
    };
    let mut records = Vec::new();
    for Recorded { event, .. } in between {
        match event {
            _ if contract_of(event) != Some(contract.id) => {
                return Err("a record of another contract stands in this log".to_owned());
            }
            Event::UsageRecorded { record } => records.push(record.clone()),
            Event::Invoiced { invoice } => {
                return Err(format!(
                    "invoice {} lies between; this is no proof of one invoice",
                    invoice.number
                ));
            }
            _ => {}
        }
    }
    let said = format!("{} usage records since {from}, all that the log has", records.len());
    let invoice = (**invoice).clone();
    Ok((Range { invoice, at: *at, number, from, records }, said))
}

/// Whether nodes stand only right after the first two leaves.
fn hidden_in_one_place(bundle: &Bundle) -> bool {
    let is_node = |item: &Item| matches!(item, Item::Node(..));
    let after_nodes = bundle.items.iter().skip(2).skip_while(|item| is_node(item));
    !bundle.items.iter().take(2).any(is_node) && !after_nodes.into_iter().any(is_node)
}

/// No time of a lease is billed twice, and all of it lies in the period.
fn usage(range: &Range, contract: ContractId) -> Found<()> {
    let mut billed: BTreeMap<(WorkloadId, u64), Instant> = BTreeMap::new();
    for record in &range.records {
        let of = format!("a record of {} lease {}", record.workload, record.epoch);
        if record.contract != Some(contract) || record.to < record.from || record.to > range.at {
            return Err(format!("{of} from {} to {} does not belong here", record.from, record.to));
        }
        let to = billed.entry((record.workload, record.epoch)).or_insert(range.from);
        if record.from < *to {
            return Err(format!("{of} begins at {}, and it is billed up to {to} already", record.from));
        }
        *to = record.to;
    }
    Ok(((), format!("{} leases, no moment billed twice", billed.len())))
}

/// The invoice is what the records cost at the signed prices, and its postings sum to zero.
fn rated(range: &Range, contract: &Contract) -> Found<()> {
    let billed = &range.invoice;
    let made = invoice(contract, range.number, (range.from, range.at), &range.records);
    let made = made.ok_or("a sum is too large to count")?;
    for (line, again) in billed.lines.iter().zip(&made.lines) {
        if line != again {
            let (found, expected) = (&line.amount, &again.amount);
            return Err(format!(
                "{:?}: billed {found} for {}, recomputed {expected} for {}",
                line.kind, line.used, again.used
            ));
        }
    }
    if !billed.transaction.balances() {
        return Err("the postings do not sum to zero".to_owned());
    }
    if *billed != made {
        let (found, expected) = (&billed.total, &made.total);
        return Err(format!(
            "number, period, parties or total differ: billed {found}, recomputed {expected}"
        ));
    }
    Ok(((), format!("{}/{}: {}, postings sum to zero", contract.id, billed.number, billed.total)))
}
