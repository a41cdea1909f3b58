//! What a witness remembers of a log, and whether a proof goes on from there.

use super::Bundle;
use sinew_proof::{Checkpoint, Note, Policy, ProofError};

/// The last checkpoint that was cosigned.
pub(crate) struct Seen {
    /// As the log signed it: evidence, if ever another one of this size appears.
    pub(crate) note: Note,
}

/// Whether the checkpoint of a proof, which the log has to have signed, goes on from what was seen.
pub(crate) fn goes_on(
    bundle: &Bundle,
    policy: &Policy,
    seen: Option<&Seen>,
) -> Result<Checkpoint, ProofError> {
    let shown = policy.signed_by_log(&bundle.note)?;
    let old = seen.map(|seen| seen.note.text.parse::<Checkpoint>()).transpose()?;
    let mut between = old.is_none();
    let mut forked = false;
    let tree = bundle.climb(&mut |frontier| {
        if let Some(old) = old.as_ref().filter(|old| old.size == frontier.size()) {
            between = true;
            forked = frontier.root() != old.root;
        }
    })?;
    if (tree.size(), tree.root()) != (shown.size, shown.root) {
        return Err(ProofError::OtherRoot { what: "the leaves of the proof" });
    }
    let Some(old) = old else { return Ok(shown) };
    if shown.size < old.size {
        return Err(ProofError::Backwards { seen: old.size, shown: shown.size });
    }
    if forked {
        return Err(ProofError::Forked { size: old.size });
    }
    if !between {
        // An invoice in between was not shown to this witness.
        return Err(ProofError::Size {
            place: "the checkpoint seen last; cosign the invoices in their order",
            size: old.size,
        });
    }
    Ok(shown)
}
