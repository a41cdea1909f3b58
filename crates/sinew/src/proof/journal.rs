//! Makes the proof of an invoice from the owner's journal.

use super::{Bundle, Item, contract_of, leaf, origin};
use crate::error::CliError;
use anyhow::Result;
use sinew_core::Event;
use sinew_ledger::InvoiceKey;
use sinew_proof::{Algorithm, Checkpoint, Frontier, NodeHash, Note, Signer, root};
use sinew_server::{ServerError, read_event};
use sinew_store::{JournalReader, Row};
use std::ops::ControlFlow;
use std::path::Path;

/// How many leaves stand in every proof: the offer and the lab's signature.
const TERMS: usize = 2;

/// The log of one contract, up to one invoice.
#[derive(Default)]
struct Log {
    leaves: Vec<String>,
    /// Where the invoice before stands.
    before: Option<usize>,
    /// Whether the contract has clauses: they look back at all that was before.
    by_month: bool,
    complete: bool,
}

/// Proves one invoice from the journal of a data folder, signed with the owner's log key; the server may be running.
pub(crate) fn prove(data: &Path, key: InvoiceKey, seed: &[u8; 32]) -> Result<Bundle> {
    let mut log = Log::default();
    let mut unread = None;
    JournalReader::open(data)?.read(1, &mut |row| match log.follow(&row, key) {
        Ok(flow) => flow,
        Err(error) => {
            unread = Some(error);
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = unread {
        return Err(error.into());
    }
    if !log.complete {
        let (contract, number) = key;
        let why = format!(
            "this journal has no invoice {contract}/{number}: `sinew verify all` names those it has; only the \
             owner's data folder (--data) has the records"
        );
        return Err(CliError::Usage(why).into());
    }
    let signer = Signer::new(&origin(key.0), Algorithm::Text, seed)?;
    Ok(log.bundle(&signer))
}

impl Log {
    fn follow(&mut self, row: &Row<'_>, key: InvoiceKey) -> Result<ControlFlow<()>, ServerError> {
        let event = read_event(row)?.event;
        if contract_of(&event) != Some(key.0) {
            return Ok(ControlFlow::Continue(()));
        }
        self.leaves.push(leaf(row.at_ms, row.body));
        match event {
            Event::ContractOffered { terms, .. } => self.by_month = !terms.clauses.is_empty(),
            Event::Invoiced { invoice } if invoice.number == key.1 => {
                self.complete = true;
                return Ok(ControlFlow::Break(()));
            }
            Event::Invoiced { .. } => self.before = self.leaves.len().checked_sub(1),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn bundle(self, signer: &Signer) -> Bundle {
        let hashes: Vec<NodeHash> = self.leaves.iter().map(|leaf| NodeHash::leaf(leaf.as_bytes())).collect();
        let size = u64::try_from(hashes.len()).expect("a machine's memory has fewer than 2^64 leaves");
        let origin = signer.verifier().name().to_owned();
        let text = Checkpoint { origin, size, root: root(&hashes) }.to_string();
        let shown_from = self.before.filter(|_| !self.by_month).unwrap_or(TERMS);
        let hidden = Frontier::cover(&hashes, TERMS, shown_from);
        let hidden = hidden.into_iter().map(|(height, hash)| Item::Node(height, hash));
        let mut leaves = self.leaves.into_iter().map(Item::Leaf);
        let mut items: Vec<Item> = leaves.by_ref().take(TERMS).chain(hidden).collect();
        items.extend(leaves.skip(shown_from.saturating_sub(TERMS)));
        let line = signer.sign(&text, 0);
        Bundle { items, note: Note { text, lines: vec![line] } }
    }
}
