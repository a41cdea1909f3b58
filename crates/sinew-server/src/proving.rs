//! One file that proves one invoice: made from the journal. Whoever checks it needs no server.
//!
//! ```text
//! sinew/invoice-proof/v1
//! leaf TIME RECORD      the offer, the lab's signature
//! node HEIGHT HASH      what lies between, where anything does
//! leaf TIME RECORD      the invoice before, where there is one, and every record after it up to this invoice
//!
//! the signed checkpoint (C2SP), whose size and root all of this leads to
//! ```

mod log;

pub(crate) use log::Prover;
pub use log::{Unproven, prove};

use sinew_core::{Event, Recorded};
use sinew_proof::{Frontier, NodeHash, Note, ProofError};
use sinew_store::codec;
use sinew_types::{Canonical, ContractId, Instant};
use std::fmt;
use std::str::FromStr;

const HEAD: &str = "sinew/invoice-proof/v1";

/// Something that is pushed onto the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A leaf that is shown.
    Leaf(String),
    /// A whole subtree that is not.
    Node(u32, NodeHash),
}

/// A proof as a file has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    /// From left to right.
    pub items: Vec<Item>,
    /// The signed checkpoint.
    pub note: Note,
}

/// The name of a contract's log.
pub fn origin(contract: ContractId) -> String {
    format!("sinew/{contract}")
}

/// A leaf's bytes: the record's time and the record, as the journal stores them.
pub fn leaf(at_ms: u64, body: &str) -> String {
    format!("{at_ms} {body}")
}

/// Reads a leaf back; only the form that the journal writes.
pub fn read_leaf(text: &str) -> Result<Recorded, String> {
    let cut = || "has no time before its record".to_owned();
    let (time, body) = text.split_once(' ').ok_or_else(cut)?;
    let at_ms: i64 = time.parse().map_err(|_| cut())?;
    let value = codec::from_text(body).map_err(|error| error.to_string())?;
    let event = Event::from_value(&value).map_err(|error| error.to_string())?;
    if value.to_json() != body || at_ms.to_string() != time {
        return Err("is not written as the journal writes it".to_owned());
    }
    Ok(Recorded { at: Instant::from_ms(at_ms), event })
}

/// The contract whose log an event belongs in.
pub fn contract_of(event: &Event) -> Option<ContractId> {
    match event {
        Event::ContractOffered { id, .. }
        | Event::ContractSigned { id, .. }
        | Event::ContractEnded { id }
        | Event::ContractImpaired { id, .. }
        | Event::ContractHealed { id }
        | Event::CapacityLate { id, .. }
        | Event::CapacityLent { id, .. } => Some(*id),
        Event::UsageRecorded { record } => record.contract,
        Event::Invoiced { invoice } => Some(invoice.contract),
        _ => None,
    }
}

impl Bundle {
    /// Pushes all items and shows the tree after each of them.
    pub fn climb(&self, visit: &mut dyn FnMut(&Frontier)) -> Result<Frontier, ProofError> {
        let mut frontier = Frontier::default();
        for item in &self.items {
            match item {
                Item::Leaf(text) => frontier.push(NodeHash::leaf(text.as_bytes()))?,
                Item::Node(height, hash) => frontier.push_node(*height, *hash)?,
            }
            visit(&frontier);
        }
        Ok(frontier)
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        for item in &self.items {
            match item {
                Item::Leaf(text) => writeln!(f, "leaf {text}")?,
                Item::Node(height, hash) => writeln!(f, "node {height} {hash}")?,
            }
        }
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for Bundle {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong = |found: &str| ProofError::Malformed {
            place: "a proof of an invoice",
            found: found.chars().take(80).collect(),
            expected: "`sinew/invoice-proof/v1`, lines `leaf` and `node`, an empty line and a checkpoint",
        };
        let (items, note) = text.split_once("\n\n").ok_or_else(|| wrong(text))?;
        let mut lines = items.split('\n');
        if lines.next() != Some(HEAD) {
            return Err(wrong(text));
        }
        let item = |line: &str| {
            if let Some(leaf) = line.strip_prefix("leaf ") {
                return Ok(Item::Leaf(leaf.to_owned()));
            }
            let node = line.strip_prefix("node ").and_then(|node| node.split_once(' '));
            let (height, hash) = node.ok_or_else(|| wrong(line))?;
            let number: u32 = height.parse().map_err(|_| wrong(line))?;
            if number.to_string() != height {
                return Err(wrong(line));
            }
            Ok(Item::Node(number, hash.parse()?))
        };
        Ok(Self { items: lines.map(item).collect::<Result<_, _>>()?, note: note.parse()? })
    }
}
