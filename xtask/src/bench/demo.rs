//! The demo from nothing to its end. Goal: four minutes, without the control run.

use super::report::Figure;
use crate::live::Place;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What a person waits for at most, on two cores.
const TOTAL_S_MAX: f64 = 240.0;

/// Runs the demo in a fresh folder and reads the report that it leaves there.
pub(super) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    let mut build = shell::cargo(&["build", "--release"]);
    if !shell::shown(build.current_dir(&repository.root))?.well {
        bail!("the program does not build");
    }
    let place = Place::fresh(repository.program()?, None)?;
    place.run_to_end()?;
    let file = place.data().join("demo-report.json");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let figures = figures(&text).with_context(|| format!("cannot use {}", file.display()))?;
    place.remove()?;
    Ok(figures)
}

fn figures(report: &str) -> Result<Vec<Figure>> {
    let report: Value = serde_json::from_str(report)?;
    let total = report["total_s_without_control"].as_f64().context("it lacks `total_s_without_control`")?;
    let mut figures =
        vec![Figure { goal_at_most: Some(TOTAL_S_MAX), ..seconds_figure("total_s".to_owned(), total) }];
    for step in report["steps"].as_array().context("it lacks `steps`")? {
        let name = step["name"].as_str().context("a step lacks `name`")?;
        let seconds = step["seconds"].as_f64().context("a step lacks `seconds`")?;
        figures.push(seconds_figure(format!("{name}_s"), seconds));
    }
    Ok(figures)
}

fn seconds_figure(name: String, value: f64) -> Figure {
    Figure { name, value, unit: "s", ..Figure::default() }
}
