//! Reads a folder of traces, replays it, and writes what it came to.

use super::deadlines::{self, Pauses};
use super::drive::drive;
use super::figures::Figures;
use super::kueue::read_generator;
use super::openb::{Given, Openb, POLICIES};
use super::outcome::{Outcome, Queueing};
use super::pollux::{Cluster, Policy};
use super::read::{TraceError, files, text};
use super::report::{Page, Plot};
use super::trace::Trace;
use super::{organisations, read_clusters};
use std::path::{Path, PathBuf};

/// A family of traces, with what may be chosen in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Family {
    /// Kueue's generators.
    Kueue,
    /// Microsoft's ITP clusters as organisations.
    Itp {
        /// How much of each cluster there is, in hundredths: less of it is more load.
        hosts_percent: u32,
    },
    /// ITP's clusters with deadlines.
    Deadlines {
        /// The one cluster that is wanted; all of them otherwise.
        cluster: Option<String>,
        /// The one policy that is wanted; all of them otherwise.
        policy: Option<String>,
        /// Who loses time when something changes.
        pauses: Pauses,
    },
    /// Requests for parts of devices.
    Openb {
        /// How many runs of each trace, each with its own seed.
        seeds: u32,
        /// The one trace that is wanted; all of them otherwise.
        trace: Option<String>,
        /// Whether the memory of hosts binds too.
        with_memory: bool,
    },
    /// Pollux' training jobs.
    Pollux {
        /// The one workload that is wanted; all of them otherwise.
        workload: Option<String>,
        /// The one policy that is wanted; all of them otherwise.
        policy: Option<String>,
    },
}

/// What is to be replayed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Of which form the folder is.
    pub family: Family,
    /// The folder.
    pub folder: PathBuf,
    /// A page of plots to write: one picture where it ends with `.svg`, with its figures otherwise.
    pub report: Option<PathBuf>,
}

/// Replays it and answers all figures, with the times that this machine took. `seconds` is a clock that only goes
/// forward; this crate has none.
pub fn replay(asked: &Asked, seconds: &dyn Fn() -> f64) -> Result<Figures, TraceError> {
    let mut figures = Figures::default();
    let (title, replays) = match &asked.family {
        Family::Kueue => {
            ("Kueue's scenarios on the lending lane", kueue(&asked.folder, seconds, &mut figures)?)
        }
        Family::Itp { hosts_percent } => {
            let replays = clusters((&asked.folder, *hosts_percent), seconds, &mut figures)?;
            ("Clusters as organisations, alone and lending", replays)
        }
        Family::Deadlines { cluster, policy, pauses } => {
            let wanted = Wanted { folder: &asked.folder, workload: cluster, policy };
            let replays = deadlines_met(&wanted, *pauses, seconds, &mut figures)?;
            ("Deadlines met under each policy", replays)
        }
        Family::Openb { seeds, trace, with_memory } => {
            let mut openb = Openb::read(&asked.folder, *with_memory)?;
            openb.mixes.retain(|(name, _)| trace.as_ref().is_none_or(|only| only == name));
            if openb.mixes.is_empty() {
                let folder = asked.folder.clone();
                return Err(TraceError::Nothing { folder, wanted: "trace of that name" });
            }
            parts(&openb, *seeds, seconds, &mut figures)?;
            ("Devices given out in parts", Vec::new())
        }
        Family::Pollux { workload, policy } => {
            let wanted = Wanted { folder: &asked.folder, workload, policy };
            ("Elastic training jobs under each policy", trainings(&wanted, seconds, &mut figures)?)
        }
    };
    if let Some(file) = &asked.report {
        let lasting = |name: &str| !name.ends_with("_wall_s");
        let mut shown = Figures::default();
        figures.iter().filter(|(name, _)| lasting(name)).for_each(|(name, figure)| shown.add(name, figure));
        let plots: Vec<Plot<'_>> =
            replays.iter().map(|(name, outcome)| Plot { name: name.as_str(), outcome }).collect();
        let page = Page { title, figures: &shown, plots: &plots };
        let is_svg = file.extension().is_some_and(|end| end == "svg");
        write(file, &if is_svg { page.to_svg() } else { page.to_html() })?;
    }
    Ok(figures)
}

fn write(file: &Path, text: &str) -> Result<(), TraceError> {
    std::fs::write(file, text).map_err(|why| TraceError::Unwritable { file: file.to_owned(), why })
}

/// Every generator of a folder: its own, or those of its folders.
fn kueue(
    folder: &Path,
    seconds: &dyn Fn() -> f64,
    figures: &mut Figures,
) -> Result<Vec<(String, Outcome)>, TraceError> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut scenes = vec![folder.to_owned()];
    scenes.extend(files(folder)?);
    scenes.retain(|scene| scene.join("generator.yaml").is_file());
    if scenes.is_empty() {
        return Err(TraceError::Nothing { folder: folder.to_owned(), wanted: "`generator.yaml`" });
    }
    let mut replays = Vec::new();
    for scene in scenes {
        let begun = seconds();
        let file = scene.join("generator.yaml");
        let shown = format!("{}/generator.yaml", name(&scene));
        let generator = read_generator(&shown, &text(&file)?)?;
        let outcome = drive(&generator.trace)?;
        let wall_s = seconds() - begun;
        let scene = name(&scene).replace('-', "_");
        let floor_ms = generator.floor_ms.max(1) as f64;
        figures.add(&format!("{scene}_vs_floor"), outcome.makespan_ms as f64 / floor_ms);
        figures.add(&format!("{scene}_wall_s"), wall_s);
        figures.add(&format!("{scene}_floor_s"), floor_ms / 1_000.0);
        let least_ms = generator.least_ms.max(1) as f64;
        figures.add(&format!("{scene}_vs_least"), outcome.makespan_ms as f64 / least_ms);
        add(figures, &scene, &outcome, &generator.trace);
        figures.add(&format!("{scene}_scattered"), outcome.scattered as f64);
        replays.push((scene, outcome));
    }
    Ok(replays)
}

/// Clusters as organisations, alone and lending.
fn clusters(
    (folder, hosts_percent): (&Path, u32),
    seconds: &dyn Fn() -> f64,
    figures: &mut Figures,
) -> Result<Vec<(String, Outcome)>, TraceError> {
    let mut clusters = read_clusters(folder)?;
    clusters.iter_mut().for_each(|cluster| cluster.resize(hosts_percent));
    let mut replays: Vec<(String, Outcome)> = Vec::new();
    for (name, is_alone) in [("alone", true), ("lending", false)] {
        let begun = seconds();
        let trace = organisations(&clusters, is_alone)?;
        let outcome = drive(&trace)?;
        figures.add(&format!("{name}_queue_s"), outcome.queueing(&trace, |_| true).mean_ms / 1_000.0);
        figures.add(&format!("{name}_wall_s"), seconds() - begun);
        for (lab, cluster) in clusters.iter().enumerate() {
            let queueing = outcome.queueing(&trace, |job| trace.jobs[job].lab == lab);
            figures.add(&format!("{}_{name}_queue_s", cluster.name), queueing.mean_ms / 1_000.0);
        }
        add(figures, name, &outcome, &trace);
        replays.push((name.to_owned(), outcome));
    }
    let violations: u64 = replays.iter().map(|(_, outcome)| outcome.violations).sum();
    figures.add("violations", violations as f64);
    Ok(replays)
}

/// What is wanted of a folder of training jobs.
struct Wanted<'a> {
    folder: &'a Path,
    workload: &'a Option<String>,
    policy: &'a Option<String>,
}

/// Training jobs under each policy: the mean completion time of each workload, and the mean of these.
fn trainings(
    wanted: &Wanted<'_>,
    seconds: &dyn Fn() -> f64,
    figures: &mut Figures,
) -> Result<Vec<(String, Outcome)>, TraceError> {
    let mut cluster = Cluster::read(wanted.folder)?;
    let is = |name: &str, only: &Option<String>| only.as_deref().is_none_or(|only| only == name);
    cluster.workloads.retain(|workload| is(&workload.name, wanted.workload));
    let policies: Vec<_> = Policy::ALL.into_iter().filter(|(name, _)| is(name, wanted.policy)).collect();
    if cluster.workloads.is_empty() || policies.is_empty() {
        let folder = wanted.folder.to_owned();
        return Err(TraceError::Nothing { folder, wanted: "workload or policy of that name" });
    }
    let mut replays = Vec::new();
    for (name, policy) in policies {
        let begun = seconds();
        let mut sum_s = 0.0;
        for (at, workload) in cluster.workloads.iter().enumerate() {
            let (outcome, mean_s) = cluster.run(workload, policy)?;
            sum_s += mean_s;
            let restarts: usize = outcome.jobs.iter().map(|job| job.starts_ms.len().saturating_sub(1)).sum();
            let restarts = restarts as f64 / outcome.jobs.len().max(1) as f64;
            figures.add(&format!("{}_{name}_s", workload.name), mean_s);
            figures.add(&format!("{}_{name}_restarts", workload.name), restarts);
            // A page has room for one curve of each policy: that of the first workload.
            if at == 0 {
                replays.push((name.to_owned(), outcome));
            }
        }
        figures.add(&format!("{name}_s"), sum_s / cluster.workloads.len() as f64);
        figures.add(&format!("{name}_wall_s"), seconds() - begun);
    }
    Ok(replays)
}

/// Jobs with deadlines under each policy: the share of each cluster's jobs that met theirs.
fn deadlines_met(
    wanted: &Wanted<'_>,
    pauses: Pauses,
    seconds: &dyn Fn() -> f64,
    figures: &mut Figures,
) -> Result<Vec<(String, Outcome)>, TraceError> {
    let is = |name: &str, only: &Option<String>| only.as_deref().is_none_or(|only| only == name);
    let mut clusters = deadlines::read(wanted.folder)?;
    clusters.retain(|cluster| is(&cluster.name, wanted.workload));
    let policies: Vec<_> =
        deadlines::Policy::ALL.into_iter().filter(|(name, _)| is(name, wanted.policy)).collect();
    if clusters.is_empty() || policies.is_empty() {
        let folder = wanted.folder.to_owned();
        return Err(TraceError::Nothing { folder, wanted: "cluster or policy of that name" });
    }
    let mut replays = Vec::new();
    for (name, policy) in policies {
        let begun = seconds();
        for (at, cluster) in clusters.iter().enumerate() {
            let (outcome, met) = deadlines::run(cluster, policy, pauses)?;
            let share = met as f64 / cluster.jobs.len().max(1) as f64;
            figures.add(&format!("{}_{name}", cluster.name), share);
            if at == 0 {
                replays.push((name.to_owned(), outcome));
            }
        }
        figures.add(&format!("{name}_wall_s"), seconds() - begun);
    }
    Ok(replays)
}

/// Requests for parts of devices: means over the seeds, beside what was published.
fn parts(
    openb: &Openb,
    seeds: u32,
    seconds: &dyn Fn() -> f64,
    figures: &mut Figures,
) -> Result<(), TraceError> {
    let (mut gain, mut below, mut off, mut slowest_s) = (0.0, 0, 0, 0.0_f64);
    for (name, mix) in &openb.mixes {
        let mut means = [[0.0; 2]; POLICIES.len()];
        for (policy, means) in POLICIES.iter().zip(&mut means) {
            let mut runs = Vec::new();
            for seed in 0..seeds {
                let begun = seconds();
                runs.push(openb.run(mix, policy, u64::from(seed) + 1)?);
                slowest_s = slowest_s.max(seconds() - begun);
            }
            let ends: [fn(&Given) -> f64; 2] = [|given| given.at_100, |given| given.at_130];
            for ((at, end), mean) in ["100", "130"].iter().zip(ends).zip(means) {
                *mean = runs.iter().map(end).sum::<f64>() / f64::from(seeds.max(1));
                let spread = runs.iter().map(|run| (end(run) - *mean).powi(2)).sum::<f64>();
                let called = if *policy == "ours" { String::new() } else { format!("_{policy}") };
                figures.add(&format!("{name}{called}@{at}"), *mean);
                let deviation = (spread / f64::from(seeds.max(1))).sqrt();
                figures.add(&format!("{name}{called}_deviation@{at}"), deviation);
            }
        }
        // Where nothing was published, the published rule as it runs here stands in.
        let published = openb.published.get(name);
        for at in 0..2 {
            let theirs = published.map_or(means[1][at], |row| row[at]);
            let deviation = published.map_or(f64::INFINITY, |row| row[at + 2]);
            gain += means[0][at] - theirs;
            below += u32::from(means[0][at] < theirs);
            off += u32::from((means[1][at] - theirs).abs() > deviation);
        }
    }
    figures.add("mean_gain_points", gain / (2.0 * openb.mixes.len() as f64));
    figures.add("below_fgd", f64::from(below));
    figures.add("fgd_off", f64::from(off));
    figures.add("slowest_run_wall_s", slowest_s);
    Ok(())
}

/// The figures that every replay has.
fn add(figures: &mut Figures, name: &str, outcome: &Outcome, trace: &Trace) {
    let Queueing { mean_ms, median_ms, p99_ms, jobs } = outcome.queueing(trace, |_| true);
    let last = outcome.last();
    for (figure, value) in [
        ("jobs", jobs as f64),
        ("makespan_s", outcome.makespan_ms as f64 / 1_000.0),
        ("mean_queue_s", mean_ms / 1_000.0),
        ("median_queue_s", median_ms as f64 / 1_000.0),
        ("p99_queue_s", p99_ms as f64 / 1_000.0),
        ("utilisation", outcome.utilisation()),
        ("lendings", last.lendings as f64),
        ("recalls", last.recalls as f64),
        ("violations", outcome.violations as f64),
        ("longest_owed_s", outcome.longest_owed_ms as f64 / 1_000.0),
    ] {
        figures.add(&format!("{name}_{figure}"), value);
    }
}
