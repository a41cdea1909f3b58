//! `cargo xtask sim`: the simulator on a fixed set of seeds and on a fresh one, or on one seed again.

use crate::repository::Repository;
use crate::shell;
use crate::tally::Tally;
use anyhow::Result;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many seeds are in each of the two sets where nobody says.
pub(crate) const SEEDS: u64 = 100;

/// What to simulate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SimOptions {
    /// How many seeds in each set.
    pub(crate) seeds: u64,
    /// Only this seed.
    pub(crate) seed: Option<String>,
    /// Words for the simulator itself, such as `--steps 400`.
    pub(crate) words: Vec<String>,
}

/// Runs the sets; the simulator prints the seed that fails and shrinks it.
pub(crate) fn run(repository: &Repository, options: &SimOptions) -> Result<Tally> {
    if let Some(seed) = &options.seed {
        return simulate(repository, &["--seed".to_owned(), seed.clone()], options);
    }
    let mut tally = Tally::default();
    for from in [0, fresh()] {
        let set = ["--from".to_owned(), from.to_string(), "--seeds".to_owned(), options.seeds.to_string()];
        tally += simulate(repository, &set, options)?;
    }
    Ok(tally)
}

/// A seed that nobody has chosen.
fn fresh() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(1)
}

fn simulate(repository: &Repository, set: &[String], options: &SimOptions) -> Result<Tally> {
    let mut command = shell::cargo(&["run", "--release", "--quiet", "--package", "sinew-sim", "--"]);
    command.args(set).args(&options.words).current_dir(&repository.root);
    shell::shown(&mut command).map(|ended| Tally::of(ended.well))
}
