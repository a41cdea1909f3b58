//! Benchmarks of the control plane in process: an example of `sinew-sim` drives the real `Control` and prints figures.

use super::report::Figure;
use super::whole;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result};
use serde_json::Value;

/// How many hosts of 8 accelerators KAI's scene has.
const KAI_HOSTS: &str = "500";

/// A figure and its goal.
pub(super) type Goal = (&'static str, &'static str, Option<f64>, Option<f64>);

/// A million chips under load: decisions with every event and every reason.
pub(super) fn million(repository: &Repository) -> Result<Vec<Figure>> {
    let goals: [Goal; 8] = [
        ("decisions_per_s", "1/s", None, Some(200_000.0)),
        ("p50_us", "us", None, None),
        ("p99_us", "us", Some(50.0), None),
        ("p9999_us", "us", Some(1_000.0), None),
        ("rss_mib", "MiB", Some(1_024.0), None),
        ("least_waiting", "", None, Some(100_000.0)),
        ("placed", "", None, None),
        ("recalled", "", None, None),
    ];
    figures(repository, "million", &goals)
}

/// A copy of that state and the answer to a question put to it.
pub(super) fn what_if(repository: &Repository) -> Result<Vec<Figure>> {
    figures(repository, "what-if", &[("ms", "ms", Some(10.0), None), ("workloads", "", None, None)])
}

/// Who holds what of that state, at three depths.
pub(super) fn regions(repository: &Repository) -> Result<Vec<Figure>> {
    let goals: [Goal; 6] = [
        ("pool_us", "us", None, None),
        ("pool_cells", "", None, None),
        ("pod_us", "us", None, None),
        ("pod_cells", "", None, None),
        ("cube_us", "us", None, None),
        ("cube_cells", "", None, None),
    ];
    figures(repository, "regions", &goals)
}

/// KAI's reclaim scene, in process and through the API with the durable journal; its reference, 165.6 s, was measured by
/// its authors on another machine (pull request 1809).
pub(super) fn kai(repository: &Repository) -> Result<Vec<Figure>> {
    let mut all = figures(repository, "kai", &[("in_process_ms", "ms", Some(50.0), None)])?;
    let found = whole::figures(repository, "rehearsal::", ("SINEW_KAI_HOSTS", KAI_HOSTS))?;
    let api_s = whole::number(&found, "api_s")?;
    all.push(Figure {
        name: "api_s".to_owned(),
        value: api_s,
        unit: "s",
        goal_at_most: Some(3.0),
        ..Figure::default()
    });
    Ok(all)
}

/// Armada's round; its reference was measured by its authors on another machine.
pub(super) fn armada(repository: &Repository) -> Result<Vec<Figure>> {
    let goals: [Goal; 4] = [
        ("ms", "ms", Some(60.0), None),
        ("placed", "", None, Some(32_000.0)),
        ("submission_us", "us", None, None),
        ("told_anew_ms", "ms", None, None),
    ];
    figures(repository, "armada", &goals)
}

/// Kueue's generators through the real control plane, on fake time.
pub(super) fn kueue(repository: &Repository) -> Result<Vec<Figure>> {
    let (close, second) = (Some(1.05), Some(1.0));
    let goals: [Goal; 9] = [
        ("baseline_vs_floor", "", close, None),
        ("large_scale_vs_floor", "", close, None),
        ("tas_vs_floor", "", close, None),
        ("baseline_wall_s", "s", second, None),
        ("large_scale_wall_s", "s", second, None),
        ("tas_wall_s", "s", second, None),
        ("large_scale_vs_least", "", None, None),
        ("baseline_violations", "", Some(0.0), None),
        ("large_scale_violations", "", Some(0.0), None),
    ];
    replayed(repository, &["kueue", "../shared/traces/kueue"], &goals)
}

/// ITP's clusters as organisations, at a quarter of their hosts: each alone, and lending to each other.
pub(super) fn itp(repository: &Repository) -> Result<Vec<Figure>> {
    let goals: [Goal; 6] = [
        ("alone_queue_s", "s", None, None),
        ("lending_queue_s", "s", None, None),
        ("alone_utilisation", "", None, None),
        ("lending_utilisation", "", None, None),
        ("lending_recalls", "", None, None),
        ("violations", "", Some(0.0), None),
    ];
    replayed(repository, &["itp", "../shared/traces/itp", "--hosts", "25"], &goals)
}

/// Pollux' training jobs: two published policies, reproduced, and our own; then our own on the other workloads.
pub(super) fn pollux(repository: &Repository) -> Result<Vec<Figure>> {
    let goals: [Goal; 4] = [
        ("tiresias_s", "s", Some(3_469.69 * 1.01), None),
        ("optimus_s", "s", Some(5_301.88 * 1.01), None),
        ("ours_s", "s", Some(2_446.0), None),
        ("ours_wall_s", "s", None, None),
    ];
    let folder = ["pollux", "../shared/traces/pollux"];
    let mut figures = replayed(repository, &[&folder[..], &["--workload", "workload-6"]].concat(), &goals)?;
    for (figure, published) in figures.iter_mut().zip([3_469.69, 5_301.88, 2_446.13]) {
        figure.peer = Some(("published".to_owned(), published));
    }
    let others: [Goal; 11] = [
        ("workload-1_ours_s", "s", None, None),
        ("workload-2_ours_s", "s", None, None),
        ("workload-3_ours_s", "s", None, None),
        ("workload-4_ours_s", "s", None, None),
        ("workload-5_ours_s", "s", None, None),
        ("workload-6_ours_s", "s", None, None),
        ("workload-7_ours_s", "s", None, None),
        ("workload-8_ours_s", "s", None, None),
        ("workload-1_tiresias_s", "s", None, None),
        ("workload-7_tiresias_s", "s", None, None),
        ("workload-7_optimus_s", "s", None, None),
    ];
    figures.extend(replayed(repository, &folder, &others)?);
    Ok(figures)
}

/// ITP's clusters with deadlines: ours beside ElasticFlow in the same simulator, and published shares reproduced.
pub(super) fn deadlines(repository: &Repository) -> Result<Vec<Figure>> {
    // The shares of figure 8b in ElasticFlow (ASPLOS '23), clusters 1 to 7.
    const EDF: [f64; 7] = [0.182, 0.228, 0.095, 0.007, 0.375, 0.105, 0.046];
    const TIRESIAS: [f64; 7] = [0.478, 0.470, 0.401, 0.120, 0.420, 0.466, 0.346];
    const ELASTICFLOW: [f64; 7] = [0.788, 0.822, 0.455, 0.631, 0.832, 0.607, 0.665];
    let found = values(repository, &["deadlines", "../shared/traces/itp"])?;
    let value =
        |name: String| found[&name].as_f64().with_context(|| format!("the scene printed no `{name}`"));
    let mut figures = Vec::new();
    for cluster in 1..=7 {
        let theirs = value(format!("cluster{cluster:02}_elasticflow"))?;
        figures.push(Figure {
            name: format!("cluster{cluster:02}"),
            value: value(format!("cluster{cluster:02}_ours"))?,
            peer: Some(("ElasticFlow here".to_owned(), theirs)),
            goal_at_least: Some(theirs),
            ..Figure::default()
        });
    }
    for (policy, published) in [("edf", EDF), ("tiresias", TIRESIAS), ("elasticflow", ELASTICFLOW)] {
        for (cluster, published) in (1..).zip(published) {
            let name = format!("cluster{cluster:02}_{policy}");
            let peer = Some(("published".to_owned(), published));
            figures.push(Figure { value: value(name.clone())?, name, peer, ..Figure::default() });
        }
    }
    Ok(figures)
}

fn replayed(repository: &Repository, words: &[&str], goals: &[Goal]) -> Result<Vec<Figure>> {
    named(&values(repository, words)?, goals)
}

fn figures(repository: &Repository, scene: &str, goals: &[Goal]) -> Result<Vec<Figure>> {
    let start = ["run", "--release", "--package", "sinew-sim", "--example", "lending", "--", scene];
    named(&printed(repository, &start)?, goals)
}

/// All figures of a replayed trace.
pub(super) fn values(repository: &Repository, words: &[&str]) -> Result<Value> {
    let start = ["run", "--release", "--package", "sinew", "--", "sim"];
    printed(repository, &[&start, words, &["--json"]].concat())
}

/// Runs a program and reads the one line of figures that it prints.
pub(super) fn printed(repository: &Repository, words: &[&str]) -> Result<Value> {
    let mut command = shell::cargo(words);
    let said = shell::quiet(command.current_dir(&repository.root))?;
    let line = said.lines().find(|line| line.starts_with('{')).context("the scene printed no figures")?;
    serde_json::from_str(line).context("the figures are not JSON")
}

/// The figures that are wanted, with their goals.
pub(super) fn named(found: &Value, goals: &[Goal]) -> Result<Vec<Figure>> {
    let figure = |(name, unit, goal_at_most, goal_at_least): &Goal| -> Result<Figure> {
        let value = found[*name].as_f64().with_context(|| format!("the scene printed no `{name}`"))?;
        let (name, unit) = ((*name).to_owned(), *unit);
        Ok(Figure {
            name,
            value,
            unit,
            goal_at_most: *goal_at_most,
            goal_at_least: *goal_at_least,
            peer: None,
        })
    };
    goals.iter().map(figure).collect()
}
