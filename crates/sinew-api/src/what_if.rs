//! Answers to questions about what would follow, on the wire.

use crate::catalogue::{Lang, explain_hint, wait_text};
use serde::{Deserialize, Serialize};
use sinew_contract::Terms;
use sinew_core::{Foreseen, Outcome, Promised, State};
use utoipa::ToSchema;

/// What would become of a workload if it came now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForeseenView {
    /// Whether it would run at once.
    pub starts: bool,
    /// Chips of its own guarantee that it would hold.
    pub own_chips: u32,
    /// Chips of others that it would hold.
    pub borrowed_chips: u32,
    /// Why it would wait.
    pub reason: Option<String>,
    /// What would change that.
    pub hint: Option<String>,
    /// Workloads of the same organisation that would have to leave for it.
    pub recalled: Vec<RecalledView>,
    /// How long the answer took, in microseconds.
    pub took_us: u64,
}

/// A workload that would have to leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecalledView {
    /// Its name.
    pub workload: String,
    /// When it would be killed if it still ran, UTC.
    pub deadline: String,
    /// Chip-seconds since its last checkpoint.
    pub lost_chip_s: u64,
}

/// What a contract would come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromisedView {
    /// How many chips it would bind.
    pub chips: u32,
    /// The longest time from a demand to possession.
    pub recall_bound: String,
    /// Its parts.
    pub notice: String,
    /// From the deadline until nothing runs.
    pub kill_grace: String,
    /// From then until the lab has the cells.
    pub hand_over: String,
    /// What the whole guarantee would earn in 30 days.
    pub income_at_most: String,
    /// How long the answer took, in microseconds.
    pub took_us: u64,
}

impl ForeseenView {
    /// The answer as its organisation reads it.
    #[must_use]
    pub fn of(lang: Lang, state: &State, foreseen: &Foreseen, took_us: u64) -> Self {
        let recalled = foreseen.recalled.iter().filter_map(|leaves| {
            let workload = state.workloads.get(&leaves.id)?;
            Some(RecalledView {
                workload: workload.spec.name.to_string(),
                deadline: leaves.deadline.to_string(),
                lost_chip_s: leaves.lost_chip_ms / 1_000,
            })
        });
        let (starts, own_chips, borrowed_chips, why) = match &foreseen.outcome {
            Outcome::Starts { own_chips, borrowed_chips } => (true, *own_chips, *borrowed_chips, None),
            Outcome::Waits { why } => (false, 0, 0, why.as_ref()),
        };
        Self {
            starts,
            own_chips,
            borrowed_chips,
            reason: why.map(|why| wait_text(lang, why).1),
            hint: why.and_then(|why| explain_hint(lang, why)),
            recalled: recalled.collect(),
            took_us,
        }
    }
}

impl PromisedView {
    /// The answer as the owner reads it.
    #[must_use]
    pub fn of(terms: &Terms, promised: &Promised, took_us: u64) -> Self {
        Self {
            chips: promised.chips,
            recall_bound: promised.recall_bound.to_string(),
            notice: terms.notice.to_string(),
            kill_grace: terms.kill_grace.to_string(),
            hand_over: terms.hand_over.to_string(),
            income_at_most: promised.income_at_most.to_string(),
            took_us,
        }
    }
}
