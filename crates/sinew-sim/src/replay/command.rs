//! `replay kueue|itp DIR [--hosts PERCENT] [--json FILE] [--report FILE]`: reads a folder, replays it, writes what it came to.

use super::drive::drive;
use super::figures::Figures;
use super::kueue::read_generator;
use super::outcome::{Outcome, Queueing};
use super::read::{TraceError, files, text};
use super::report::{Page, Plot};
use super::trace::Trace;
use super::{organisations, read_clusters};
use std::path::{Path, PathBuf};

/// How the command is written.
pub const HELP: &str = "\
replay kueue DIR [--json FILE] [--report FILE.html|FILE.svg]
replay itp DIR [--hosts PERCENT] [--json FILE] [--report FILE.html|FILE.svg]
";

/// A family of traces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Family {
    Kueue,
    Itp,
}

/// What the command asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    family: Family,
    folder: PathBuf,
    /// How much of each cluster there is, in hundredths: less of it is more load.
    hosts_percent: u32,
    json: Option<PathBuf>,
    report: Option<PathBuf>,
}

/// What a command came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Written {
    /// All figures, with the times that this machine took.
    pub figures: Figures,
}

impl Asked {
    /// Reads the words after `replay`.
    pub fn read(words: &[String]) -> Result<Self, TraceError> {
        let wrong = || TraceError::Words { words: words.join(" ") };
        let mut rest = words.iter();
        let family = match rest.next().map(String::as_str) {
            Some("kueue") => Family::Kueue,
            Some("itp") => Family::Itp,
            _ => return Err(wrong()),
        };
        let folder = rest.next().filter(|word| !word.starts_with("--")).ok_or_else(wrong)?.into();
        let mut asked = Self { family, folder, hosts_percent: 100, json: None, report: None };
        while let Some(word) = rest.next() {
            let value = rest.next().ok_or_else(wrong)?;
            match word.as_str() {
                "--json" => asked.json = Some(value.into()),
                "--report" => asked.report = Some(value.into()),
                "--hosts" if family == Family::Itp => {
                    let percent = value.parse().ok().filter(|percent| (1..=1_000).contains(percent));
                    asked.hosts_percent = percent.ok_or_else(wrong)?;
                }
                _ => return Err(wrong()),
            }
        }
        Ok(asked)
    }
}

/// Does it. `seconds` is a clock that only goes forward; this crate has none.
pub fn replay(asked: &Asked, seconds: &dyn Fn() -> f64) -> Result<Written, TraceError> {
    let mut figures = Figures::default();
    let replays = match asked.family {
        Family::Kueue => kueue(&asked.folder, seconds, &mut figures)?,
        Family::Itp => clusters(asked, seconds, &mut figures)?,
    };
    if let Some(file) = &asked.report {
        let lasting = |name: &str| !name.ends_with("_wall_s");
        let mut shown = Figures::default();
        figures.iter().filter(|(name, _)| lasting(name)).for_each(|(name, figure)| shown.add(name, figure));
        let plots: Vec<Plot<'_>> =
            replays.iter().map(|(name, outcome)| Plot { name: name.as_str(), outcome }).collect();
        let title = match asked.family {
            Family::Kueue => "Kueue's scenarios on the lending lane",
            Family::Itp => "Clusters as organisations, alone and lending",
        };
        let page = Page { title, figures: &shown, plots: &plots };
        let is_svg = file.extension().is_some_and(|end| end == "svg");
        write(file, &if is_svg { page.to_svg() } else { page.to_html() })?;
    }
    if let Some(file) = &asked.json {
        write(file, &(figures.to_json() + "\n"))?;
    }
    Ok(Written { figures })
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
    asked: &Asked,
    seconds: &dyn Fn() -> f64,
    figures: &mut Figures,
) -> Result<Vec<(String, Outcome)>, TraceError> {
    let mut clusters = read_clusters(&asked.folder)?;
    clusters.iter_mut().for_each(|cluster| cluster.resize(asked.hosts_percent));
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
