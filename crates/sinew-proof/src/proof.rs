//! `c2sp.org/tlog-proof@v1`: one leaf's place in a log, with the checkpoint that holds it.

use crate::{NodeHash, Note, ProofError};
use std::fmt;
use std::str::FromStr;

const HEAD: &str = "c2sp.org/tlog-proof@v1";

/// A leaf's index, the hashes to the root, and the signed checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlogProof {
    /// Which leaf, from 0 on.
    pub index: u64,
    /// The hashes beside its way to the root.
    pub path: Vec<NodeHash>,
    /// The checkpoint.
    pub note: Note,
}

impl TlogProof {
    /// Whether this leaf stands where the proof says, below the root that the checkpoint names.
    pub fn holds(&self, leaf: &[u8]) -> Result<crate::Checkpoint, ProofError> {
        let checkpoint: crate::Checkpoint = self.note.text.parse()?;
        let tree = (checkpoint.size, &checkpoint.root);
        if NodeHash::leaf(leaf).is_at(self.index, tree, &self.path) {
            return Ok(checkpoint);
        }
        Err(ProofError::OtherRoot { what: "the leaf's place in the log" })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}\nindex {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for TlogProof {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong =
            || ProofError::malformed("a proof", text, "c2sp.org/tlog-proof@v1, an index, hashes, a note");
        let (head, note) = text.split_once("\n\n").ok_or_else(wrong)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEAD) {
            return Err(wrong());
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or_else(wrong)?;
        let number: u64 = index.parse().map_err(|_| wrong())?;
        if number.to_string() != index {
            return Err(wrong());
        }
        let path = lines.map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { index: number, path, note: note.parse()? })
    }
}
