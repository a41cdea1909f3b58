//! Benchmarks that are tests of the whole program with larger numbers: the same code that CI runs a few times.

use super::report::Figure;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result};
use serde_json::Value;

/// How often the server is killed, and how often a core is recalled.
const KILLS: &str = "49";
const RECALLS: &str = "100";
/// How many keys come and go before the old start; each makes a few records.
const START_KEYS: &str = "48000";

/// Kills the server under load. Its last kill comes after the load, so one more than it is told.
pub(super) fn kill(repository: &Repository) -> Result<Vec<Figure>> {
    let found = figures(repository, "kill::", ("SINEW_KILLS", KILLS))?;
    let figure = |name: &str, goal_at_most| -> Result<Figure> {
        Ok(Figure { name: name.to_owned(), value: number(&found, name)?, goal_at_most, ..Figure::default() })
    };
    Ok(vec![
        figure("kills", None)?,
        figure("acknowledged", None)?,
        figure("lost", Some(0.0))?,
        figure("doubled", Some(0.0))?,
    ])
}

/// Recalls a core from borrowers that save themselves and from borrowers that ignore everything, in turns; the polite
/// ones' median stands apart, because the others always use up their notice.
pub(super) fn recall(repository: &Repository) -> Result<Vec<Figure>> {
    let found = figures(repository, "recall::", ("SINEW_RECALLS", RECALLS))?;
    let bound = number(&found, "bound_ms")?;
    let figure = |name: &str, goal_at_most| -> Result<Figure> {
        let value = number(&found, name)?;
        Ok(Figure { name: name.to_owned(), value, unit: "ms", goal_at_most, ..Figure::default() })
    };
    let rounds = Figure { name: "rounds".to_owned(), value: number(&found, "rounds")?, ..Figure::default() };
    Ok(vec![
        rounds,
        figure("p50_ms", None)?,
        figure("polite_p50_ms", None)?,
        figure("max_ms", Some(bound))?,
        figure("bound_ms", None)?,
    ])
}

/// Starts the whole server young and old; what it starts with is the same, so the ratio is what age costs.
pub(super) fn start(repository: &Repository) -> Result<Vec<Figure>> {
    let found = figures(repository, "start::", ("SINEW_START_KEYS", START_KEYS))?;
    let (young, old) = (number(&found, "young_ms")?, number(&found, "old_ms")?);
    let figure = |name: &str, value, unit| Figure { name: name.to_owned(), value, unit, ..Figure::default() };
    let ratio = Figure { goal_at_most: Some(2.0), ..figure("old_over_young", old / young, "") };
    Ok(vec![
        figure("records", number(&found, "records")?, ""),
        figure("young_ms", young, "ms"),
        figure("old_ms", old, "ms"),
        ratio,
    ])
}

/// Runs one group of the whole-program tests and reads the figures that it prints.
pub(super) fn figures(repository: &Repository, group: &str, count: (&str, &str)) -> Result<Value> {
    let mut command = shell::cargo(&[
        "test",
        "--release",
        "--package",
        "sinew",
        "--test",
        "whole",
        group,
        "--",
        "--nocapture",
    ]);
    let said = shell::quiet(command.env(count.0, count.1).current_dir(&repository.root))?;
    let line = said.lines().find_map(|line| line.split_once("FIGURES ").map(|(_, json)| json));
    let line = line.with_context(|| format!("the tests `{group}` printed no figures:\n{said}"))?;
    serde_json::from_str(line).context("the figures cannot be read")
}

pub(super) fn number(found: &Value, name: &str) -> Result<f64> {
    found[name].as_f64().with_context(|| format!("the figures lack `{name}`"))
}
