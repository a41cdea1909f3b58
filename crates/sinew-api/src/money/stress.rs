//! Who fails after a shock.

use serde::{Deserialize, Serialize};
use sinew_circulation::Clearing;
use sinew_types::{Asset, Money};
use utoipa::ToSchema;

/// A party that pays less than it owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// Who.
    pub party: String,
    /// In which round: 0 for the one that was told to stop, 1 for those who fail though all others pay.
    pub round: usize,
    /// What it owes.
    pub owed: String,
    /// What it pays.
    pub paid: String,
}

/// What a shock leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StressView {
    /// `stops`: it pays nothing any more. `halves`: its shares are worth half.
    pub shock: String,
    /// To whom.
    pub party: String,
    /// Who fails, by round.
    pub failures: Vec<FailureView>,
    /// What creditors do not get.
    pub lost: String,
    /// Whether payments came to rest; if not, those who fail pay at most what is said.
    pub is_settled: bool,
}

impl StressView {
    /// A clearing with names.
    #[must_use]
    pub fn of(asset: &Asset, names: &[String], (shock, party): (&str, usize), clearing: &Clearing) -> Self {
        let money = |units| Money { asset: asset.clone(), units }.to_string();
        let failure = |failure: &sinew_circulation::Failure| FailureView {
            party: names[failure.party].clone(),
            round: failure.round,
            owed: money(failure.owed),
            paid: money(failure.paid),
        };
        Self {
            shock: shock.to_owned(),
            party: names[party].clone(),
            failures: clearing.failures.iter().map(failure).collect(),
            lost: money(clearing.failures.iter().map(|failure| failure.owed - failure.paid).sum()),
            is_settled: clearing.settled,
        }
    }
}
