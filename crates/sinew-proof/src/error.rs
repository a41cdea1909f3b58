//! What is wrong with a proof, in sentences that say what to do next.

/// Why a text, a signature or a tree is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A text is not in its form.
    #[error("{place}: `{found}` is not {expected}; ask for the file again, whole and unchanged")]
    Malformed {
        /// Which part.
        place: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A proof belongs to another log.
    #[error("this is a proof of the log `{found}`, not of `{expected}`: take the one of that contract")]
    OtherLog {
        /// What it is of.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// A known key's signature does not fit.
    #[error("the signature of `{name}` does not fit the text above it: something was changed after signing")]
    WrongSignature {
        /// Whose.
        name: String,
    },
    /// One key signed twice.
    #[error("`{name}` signed twice: one side counts once; remove the second line")]
    SignedTwice {
        /// Who.
        name: String,
    },
    /// A signature by nobody that the policy names.
    #[error("`{name}` signed, and the policy names no such key: add it there, or remove its line")]
    Stranger {
        /// Who.
        name: String,
    },
    /// The log itself did not sign.
    #[error("the log `{name}` did not sign this checkpoint: ask its owner for a signed one")]
    NotSigned {
        /// Which log.
        name: String,
    },
    /// Too few witnesses.
    #[error("the quorum `{quorum}` is not reached, signed by: {signed}; let the witnesses cosign first")]
    NoQuorum {
        /// Which group or witness.
        quorum: String,
        /// Who signed.
        signed: String,
    },
    /// A witness's clock is ahead.
    #[error(
        "`{name}` cosigned {ahead_s} seconds ahead of this clock: set its clock, or this one, and cosign again"
    )]
    ClockAhead {
        /// Whose.
        name: String,
        /// By how much.
        ahead_s: u64,
    },
    /// The tree is not the signed one.
    #[error(
        "{what}: the hashes do not lead to the signed root; a leaf or hash was changed, added or left out"
    )]
    OtherRoot {
        /// What was checked.
        what: &'static str,
    },
    /// A checkpoint is older than one seen before.
    #[error(
        "the checkpoint went backwards, from {seen} leaves to {shown}: the log's owner has to explain this"
    )]
    Backwards {
        /// How many leaves were seen.
        seen: u64,
        /// How many are shown now.
        shown: u64,
    },
    /// Two histories.
    #[error("the log forked: {size} leaves were signed with two different roots; keep both as evidence")]
    Forked {
        /// At which size.
        size: u64,
    },
    /// A size that no tree has.
    #[error("{place}: {size} leaves do not fit here; the file is cut off or was put together wrongly")]
    Size {
        /// Which part.
        place: &'static str,
        /// How many.
        size: u64,
    },
}

impl ProofError {
    pub(crate) fn malformed(place: &'static str, found: &str, expected: &'static str) -> Self {
        let short: String = found.chars().take(80).collect();
        Self::Malformed { place, found: short, expected }
    }
}
