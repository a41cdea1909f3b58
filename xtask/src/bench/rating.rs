//! Usage rated while it streams by: an example of `sinew-sim` makes the records and times the ledger's own code.

use super::lending::{Goal, named, printed};
use super::report::Figure;
use crate::repository::Repository;
use anyhow::Result;

/// One million, ten million and a hundred million records, one after the other in one process.
pub(super) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    let goals: [Goal; 6] = [
        ("records_per_s", "1/s", None, Some(2_000_000.0)),
        ("e6_per_s", "1/s", None, None),
        ("e7_per_s", "1/s", None, None),
        ("rss_growth", "", Some(1.05), None),
        ("rss_mib", "MiB", None, None),
        ("month_s", "s", None, None),
    ];
    named(
        &printed(repository, &["run", "--release", "--package", "sinew-sim", "--example", "rating"])?,
        &goals,
    )
}
