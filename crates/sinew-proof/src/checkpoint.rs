//! C2SP checkpoints: which log, how many leaves, which root.

use crate::{NodeHash, ProofError};
use std::fmt;
use std::str::FromStr;

/// What a log says about itself at one size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them.
    pub root: NodeHash,
}

/// The text that is signed: three lines.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

impl FromStr for Checkpoint {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong = |found: &str| {
            ProofError::malformed("a checkpoint", found, "three lines: a log, a count of leaves and a root")
        };
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines[..] else { return Err(wrong(text)) };
        let number: u64 = size.parse().map_err(|_| wrong(size))?;
        if origin.is_empty() || number.to_string() != size {
            return Err(wrong(text));
        }
        Ok(Self { origin: origin.to_owned(), size: number, root: root.parse()? })
    }
}
