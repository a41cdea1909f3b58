//! Parts of devices on Alibaba's traces: how much of a cluster is given out before nothing fits.

use super::lending::values;
use super::report::Figure;
use crate::repository::Repository;
use anyhow::{Context, Result};

const TRACES: [&str; 9] = [
    "cpu050",
    "cpu100",
    "default",
    "gpushare40",
    "gpushare60",
    "gpuspec10",
    "gpuspec20",
    "multigpu20",
    "multigpu30",
];
/// FGD's means at 100 % and at 130 %, as its authors published them, in the order of the traces.
const PUBLISHED: [[f64; 2]; 9] = [
    [95.0, 95.21],
    [95.21, 95.35],
    [95.23, 95.39],
    [93.96, 94.15],
    [91.25, 91.4],
    [94.66, 94.95],
    [94.66, 94.84],
    [95.53, 95.65],
    [96.36, 96.46],
];

/// Nine traces, ten seeds of each.
pub(super) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    let words = ["openb", "../shared/traces/openb"];
    let found = values(repository, &words)?;
    let with_memory = values(repository, &[&words[..], &["--memory"]].concat())?;
    let value = |found: &serde_json::Value, name: &str| {
        found[name].as_f64().with_context(|| format!("the replay printed no `{name}`"))
    };
    let mut figures = Vec::new();
    for (trace, published) in TRACES.iter().zip(PUBLISHED) {
        for (at, published) in ["100", "130"].into_iter().zip(published) {
            let name = format!("{trace}@{at}");
            let (value, peer) = (value(&found, &name)?, Some(("FGD, published".to_owned(), published)));
            let goal_at_least = Some(published);
            figures.push(Figure { name, value, unit: "%", peer, goal_at_least, ..Figure::default() });
        }
    }
    let goals = [
        ("mean_gain_points", "points", None, Some(0.5)),
        ("below_fgd", "", Some(0.0), None),
        ("fgd_off", "", Some(0.0), None),
        ("slowest_run_wall_s", "s", Some(0.5), None),
    ];
    for (name, unit, goal_at_most, goal_at_least) in goals {
        let value = value(&found, name)?;
        figures.push(Figure { name: name.to_owned(), value, unit, goal_at_most, goal_at_least, peer: None });
    }
    for (name, shown) in
        [("mean_gain_points", "mean_gain_points_with_memory"), ("below_fgd", "below_fgd_with_memory")]
    {
        figures.push(Figure {
            name: shown.to_owned(),
            value: value(&with_memory, name)?,
            ..Figure::default()
        });
    }
    for (trace, published) in TRACES.iter().zip(PUBLISHED) {
        for (at, published) in ["100", "130"].into_iter().zip(published) {
            let name = format!("{trace}_fgd@{at}");
            let (value, peer) = (value(&found, &name)?, Some(("published".to_owned(), published)));
            figures.push(Figure { name, value, unit: "%", peer, ..Figure::default() });
        }
    }
    Ok(figures)
}
