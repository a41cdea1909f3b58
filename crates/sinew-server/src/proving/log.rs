//! The logs of contracts, as they follow from the journal. Nothing is stored: a replay gives the same trees.

use super::{Bundle, Item, contract_of, leaf, origin};
use crate::error::ServerError;
use crate::journal::read_event;
use sinew_core::Event;
use sinew_ledger::InvoiceKey;
use sinew_proof::{
    Algorithm, Checkpoint, Frontier, NodeHash, Note, ProofError, Signer, Tile, TileKind, root,
};
use sinew_store::{JournalReader, Row};
use sinew_types::ContractId;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How many leaves stand in every proof: the offer and the lab's signature.
const TERMS: usize = 2;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] ServerError),
    /// The log's key cannot sign.
    #[error(transparent)]
    Key(#[from] ProofError),
    /// The server was given no key.
    #[error(
        "this server has no log key to sign with: start it with `sinew up` and the profile that made it (--profile)"
    )]
    NoKey,
    /// There is no such invoice.
    #[error("this journal has no invoice {contract}/{number}: `sinew verify all` names those it has")]
    NoInvoice {
        /// Of which contract.
        contract: ContractId,
        /// Its number.
        number: u32,
    },
    /// A record is longer than an entry of a tile may be.
    #[error(
        "leaf {index} of {contract} has more than the 65535 bytes that an entry of tlog-tiles may have: take the proof of its invoice, which shows it"
    )]
    LongLeaf {
        /// Of which contract.
        contract: ContractId,
        /// Which leaf, from 0 on.
        index: usize,
    },
}

/// Proves invoices of a running server's journal.
pub(crate) struct Prover {
    data: PathBuf,
    seed: Option<[u8; 32]>,
    // One at a time: what one request has read, the next need not read again.
    logs: Mutex<Logs>,
}

impl Prover {
    /// A prover over a data folder; without a key it can sign nothing.
    pub(crate) fn new(data: PathBuf, seed: Option<[u8; 32]>) -> Self {
        Self { data, seed, logs: Mutex::default() }
    }

    /// Proves one invoice.
    pub(crate) fn prove(&self, key: InvoiceKey) -> Result<Bundle, Unproven> {
        let seed = self.seed.as_ref().ok_or(Unproven::NoKey)?;
        let reader = JournalReader::open(&self.data).map_err(ServerError::from)?;
        // What was read before a panic elsewhere is whole: a record is followed in one step.
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.prove(&reader, key, seed)
    }

    /// A tile of a contract's log; nothing where what is signed does not reach so far.
    pub(crate) fn tile(&self, contract: ContractId, tile: &Tile) -> Result<Option<Vec<u8>>, Unproven> {
        let reader = JournalReader::open(&self.data).map_err(ServerError::from)?;
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.catch_up(&reader)?;
        logs.contracts.get(&contract).map_or(Ok(None), |log| log.tile(&reader, contract, tile))
    }
}

/// The logs of all contracts, up to some record of the journal. Holds hashes only; what a proof shows is read again.
#[derive(Default)]
struct Logs {
    last_seq: u64,
    contracts: BTreeMap<ContractId, Log>,
}

#[derive(Default)]
struct Log {
    /// Each leaf's record in the journal, and its hash.
    leaves: Vec<(u64, NodeHash)>,
    /// How many leaves there are with each invoice.
    invoices: BTreeMap<u32, usize>,
    /// Whether the contract has clauses: they look back at all that was before.
    by_month: bool,
}

/// Proves one invoice from the journal of a data folder, signed with the owner's log key; the server may be running.
pub fn prove(data: &Path, key: InvoiceKey, seed: &[u8; 32]) -> Result<Bundle, Unproven> {
    let reader = JournalReader::open(data).map_err(ServerError::from)?;
    Logs::default().prove(&reader, key, seed)
}

impl Logs {
    /// Proves an invoice, after reading what the journal has had since the last time.
    fn prove(
        &mut self,
        reader: &JournalReader,
        key: InvoiceKey,
        seed: &[u8; 32],
    ) -> Result<Bundle, Unproven> {
        self.catch_up(reader)?;
        let (contract, number) = key;
        let none = || Unproven::NoInvoice { contract, number };
        let log = self.contracts.get(&contract).ok_or_else(none)?;
        let size = *log.invoices.get(&number).ok_or_else(none)?;
        let signer = Signer::new(&origin(contract), Algorithm::Text, seed)?;
        Ok(log.bundle(reader, (number, size), &signer)?)
    }

    fn catch_up(&mut self, reader: &JournalReader) -> Result<(), ServerError> {
        let mut unread = None;
        reader.read(self.last_seq.saturating_add(1), &mut |row| match self.follow(&row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                unread = Some(error);
                ControlFlow::Break(())
            }
        })?;
        unread.map_or(Ok(()), Err)
    }

    fn follow(&mut self, row: &Row<'_>) -> Result<(), ServerError> {
        let event = read_event(row)?.event;
        self.last_seq = row.seq;
        let Some(contract) = contract_of(&event) else { return Ok(()) };
        let log = self.contracts.entry(contract).or_default();
        log.leaves.push((row.seq, NodeHash::leaf(leaf(row.at_ms, row.body).as_bytes())));
        match event {
            Event::ContractOffered { terms, .. } => log.by_month = !terms.clauses.is_empty(),
            Event::Invoiced { invoice } => {
                log.invoices.insert(invoice.number, log.leaves.len());
            }
            _ => {}
        }
        Ok(())
    }
}

impl Log {
    fn bundle(
        &self,
        reader: &JournalReader,
        invoice: (u32, usize),
        signer: &Signer,
    ) -> Result<Bundle, ServerError> {
        let (number, size) = invoice;
        let leaves = self.leaves.get(..size).unwrap_or(&self.leaves);
        let hashes: Vec<NodeHash> = leaves.iter().map(|(_, hash)| *hash).collect();
        let count = u64::try_from(hashes.len()).expect("a machine's memory has fewer than 2^64 leaves");
        let origin = signer.verifier().name().to_owned();
        let text = Checkpoint { origin, size: count, root: root(&hashes) }.to_string();
        let before = self.invoices.range(..number).next_back().and_then(|(_, size)| size.checked_sub(1));
        let shown_from = before.filter(|_| !self.by_month).unwrap_or(TERMS);
        let mut items: Vec<Item> = Vec::new();
        for (seq, _) in leaves.iter().take(TERMS) {
            items.push(Item::Leaf(text_of(reader, *seq)?));
        }
        let hidden = Frontier::cover(&hashes, TERMS, shown_from);
        items.extend(hidden.into_iter().map(|(height, hash)| Item::Node(height, hash)));
        for (seq, _) in leaves.iter().skip(shown_from.max(TERMS)) {
            items.push(Item::Leaf(text_of(reader, *seq)?));
        }
        let line = signer.sign(&text, 0);
        Ok(Bundle { items, note: Note { text, lines: vec![line] } })
    }
}

impl Log {
    /// A tile below the latest checkpoint, which is signed at the latest invoice.
    fn tile(
        &self,
        reader: &JournalReader,
        contract: ContractId,
        tile: &Tile,
    ) -> Result<Option<Vec<u8>>, Unproven> {
        let size = self.invoices.values().next_back().copied().unwrap_or(0);
        let signed = self.leaves.get(..size).unwrap_or(&self.leaves);
        let Some((range, shown)) = tile.leaves().and_then(|range| Some((range.clone(), signed.get(range)?)))
        else {
            return Ok(None);
        };
        if let TileKind::Hashes(_) = tile.kind {
            let hashes: Vec<NodeHash> = signed.iter().map(|(_, hash)| *hash).collect();
            return Ok(tile.hashes(&hashes));
        }
        let mut bytes = Vec::new();
        for (index, (seq, _)) in range.zip(shown) {
            let text = text_of(reader, *seq)?;
            let long = || Unproven::LongLeaf { contract, index };
            Tile::add_entry(&mut bytes, text.as_bytes()).ok_or_else(long)?;
        }
        Ok(Some(bytes))
    }
}

/// A leaf's bytes, read from its record.
fn text_of(reader: &JournalReader, seq: u64) -> Result<String, ServerError> {
    let mut text = String::new();
    reader.read(seq, &mut |row| {
        text = leaf(row.at_ms, row.body);
        ControlFlow::Break(())
    })?;
    Ok(text)
}
