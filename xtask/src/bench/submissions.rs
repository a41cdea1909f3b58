//! Submissions and short jobs a second, with Slurm beside them in the same run where it is installed.

use super::report::Figure;
use super::whole;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How many jobs are run without a sandbox; other counts follow from it.
const JOBS: &str = "3000";
/// How many jobs Slurm runs, as one array: the quickest of its ways in.
const SLURM_JOBS: usize = 1_000;
/// How often Slurm starts one job on an idle cluster.
const SLURM_STARTS: usize = 20;
/// How long Slurm may take before the benchmark gives up.
const SLURM_WITHIN: Duration = Duration::from_secs(120);

/// What Slurm did in this run.
struct Slurm {
    jobs_per_s: f64,
    start_median_ms: f64,
}

/// Measures Slurm first, on the quiet machine, then Sinew.
pub(super) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    let slurm = slurm(&repository.root)?;
    let found = whole::figures(repository, "submissions::", ("SINEW_JOBS", JOBS))?;
    let value = |name: &str| whole::number(&found, name);
    let figure = |name: &str, unit: &'static str| -> Result<Figure> {
        Ok(Figure { name: name.to_owned(), value: value(name)?, unit, ..Figure::default() })
    };
    let beside = |name: &str, unit, peer: &str, theirs: f64| -> Result<Figure> {
        Ok(Figure { peer: Some((peer.to_owned(), theirs)), ..figure(name, unit)? })
    };
    let jobs_peer = slurm.as_ref().map(|slurm| ("Slurm".to_owned(), slurm.jobs_per_s));
    let start_peer = slurm.as_ref().map(|slurm| ("Slurm".to_owned(), slurm.start_median_ms));
    let mut figures = vec![
        Figure {
            goal_at_least: Some(30_000.0),
            ..beside("batched_per_s", "1/s", "SQLite, 100 rows a commit", value("rows_per_s")?)?
        },
        Figure {
            goal_at_least: Some(3_000.0),
            ..beside("single_per_s", "1/s", "SQLite, 1 row a commit", value("commits_per_s")?)?
        },
        Figure { goal_at_least: Some(1_000.0), peer: jobs_peer, ..figure("jobs_per_s", "1/s")? },
        beside("sandboxed_jobs_per_s", "1/s", "spawn and wait alone", value("spawns_per_s")?)?,
        figure("spawns_per_s", "1/s")?,
        Figure { goal_at_most: Some(5.0), peer: start_peer, ..figure("start_median_ms", "ms")? },
        figure("sandboxed_start_median_ms", "ms")?,
        Figure { goal_at_most: Some(2.0), ..figure("sandbox_ms", "ms")? },
        figure("sandbox_latency_ms", "ms")?,
    ];
    if let Some(slurm) = slurm {
        let per_s = Figure { name: "slurm_jobs_per_s".to_owned(), unit: "1/s", ..Figure::default() };
        figures.push(Figure { value: slurm.jobs_per_s, ..per_s });
    }
    Ok(figures)
}

/// A cluster of four nodes on this machine, used and taken down; nothing where it is not installed.
fn slurm(root: &Path) -> Result<Option<Slurm>> {
    let up = root.join("../shared/peers/slurm-up.sh");
    if shell::found("sbatch").is_none() || !up.exists() {
        println!(
            "Slurm is left out: install slurm-wlm, slurmctld, slurmd, slurm-client, slurm-wlm-jwt-plugin and munge, and see ../shared/peers"
        );
        return Ok(None);
    }
    let base = std::env::temp_dir().join(format!("sinew-slurm-{}", std::process::id()));
    let script = |name: &str| {
        let mut command = Command::new(root.join("../shared/peers").join(name));
        command.env("BASE", &base).env("NODES", "4");
        command
    };
    let measured = shell::quiet(&mut script("slurm-up.sh")).and_then(|_| measure(&base));
    let mut down = script("slurm-down.sh");
    let downed = shell::quiet(down.arg("wipe"));
    let measured = measured?;
    downed?;
    Ok(Some(measured))
}

fn measure(base: &Path) -> Result<Slurm> {
    let conf = base.join("slurm.conf");
    let starts = base.join("starts");
    std::fs::create_dir_all(&starts).context("cannot make a folder for Slurm's jobs")?;
    let sbatch = |arguments: &[&str]| {
        let mut command = Command::new("sbatch");
        command.env("SLURM_CONF", &conf).current_dir(&starts).args(arguments);
        shell::quiet(&mut command)
    };
    let mut waits_ms = Vec::new();
    for at in 0..SLURM_STARTS {
        let file = starts.join(format!("start-{at}"));
        let asked_ns = now_ns();
        sbatch(&["-o", &file.display().to_string(), "--wrap", "date +%s%N"])?;
        let said = wait_for(|| std::fs::read_to_string(&file).ok().filter(|text| text.ends_with('\n')))?;
        let started_ns: u128 = said.trim().parse().context("Slurm's job printed no time")?;
        waits_ms.push(started_ns.saturating_sub(asked_ns) as f64 / 1e6);
    }
    waits_ms.sort_by(f64::total_cmp);
    let done = base.join("log/jobcomp.txt");
    let lines = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    let before = wait_for(|| Some(lines(&done)).filter(|count| *count >= SLURM_STARTS))?;
    let began = Instant::now();
    sbatch(&["-o", "/dev/null", &format!("--array=1-{SLURM_JOBS}"), "--wrap", "/bin/true"])?;
    wait_for(|| (lines(&done) >= before + SLURM_JOBS).then_some(()))?;
    let jobs_per_s = SLURM_JOBS as f64 / began.elapsed().as_secs_f64();
    Ok(Slurm { jobs_per_s, start_median_ms: waits_ms[waits_ms.len() / 2] })
}

fn now_ns() -> u128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos())
}

fn wait_for<T>(mut seen: impl FnMut() -> Option<T>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(seen) = seen() {
            return Ok(seen);
        }
        anyhow::ensure!(
            began.elapsed() < SLURM_WITHIN,
            "Slurm did not finish in {SLURM_WITHIN:?}; see its logs"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
