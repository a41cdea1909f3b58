//! Usage records taken in by the journal: an example of `sinew-sim` appends them, and SQLite alone takes turns with it.

use super::lending::printed;
use super::report::Figure;
use crate::repository::Repository;
use anyhow::{Context, Result};

const GOAL: f64 = 100_000.0;

/// A hundred records a commit, then a thousand; what SQLite takes in of ready-made rows is the peer.
pub(super) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    let folder = repository.root.join("target");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let folder = folder.to_str().context("the path of the repository is not UTF-8")?;
    let example = ["run", "--release", "--package", "sinew-sim", "--example", "intake", "--", folder];
    let found = printed(repository, &example)?;
    let value = |name: &str| found[name].as_f64().with_context(|| format!("the scene printed no `{name}`"));
    let figure = |name: &str, value, unit| Figure { name: name.to_owned(), value, unit, ..Figure::default() };
    let mut figures = Vec::new();
    for (name, group) in [("durable_per_s", 100), ("durable_by_1000_per_s", 1_000)] {
        figures.push(Figure {
            peer: Some(("SQLite".to_owned(), value(&format!("floor_by_{group}_per_s"))?)),
            goal_at_least: (group == 100).then_some(GOAL),
            ..figure(name, value(&format!("by_{group}_per_s"))?, "1/s")
        });
    }
    figures.push(figure("record_bytes", value("record_bytes")?, "B"));
    Ok(figures)
}
