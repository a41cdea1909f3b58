//! Microsoft's ITP clusters as organisations: each has its cluster as its guarantee, alone or lending to the others.
//!
//! A job of whole hosts needs whole hosts; a smaller one needs its chips, wherever they are.

use super::read::{TraceError, files, text};
use super::trace::{Job, Lab, Pool, Trace, topology};
use sinew_types::{Level, Shape, Span};
use std::path::Path;

/// Accelerators of a host.
const HOST_CHIPS: u32 = 8;
/// Hosts of a cluster, as in figure 8b of ElasticFlow (ASPLOS '23).
const HOSTS: u32 = 64;
/// Those that are larger.
const LARGER: [(&str, u32); 2] = [("cluster04", 128), ("cluster07", 128)];
/// The notice of the contracts.
const NOTICE: Span = Span::from_ms(60_000);
/// No job of a trace runs longer, in seconds: a year.
const RUNTIME_S_MAX: u64 = 366 * 86_400;

/// A cluster of the trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Its file's name, without its ending.
    pub name: String,
    /// How many hosts of 8 chips it has.
    pub hosts: u32,
    /// Submission and runtime in seconds, and chips.
    pub jobs: Vec<(u64, u64, u32)>,
}

/// Reads every cluster of a folder, or of its folder `raw`.
pub fn read_clusters(folder: &Path) -> Result<Vec<Cluster>, TraceError> {
    let raw = folder.join("raw");
    let folder = if raw.is_dir() { raw } else { folder.to_owned() };
    let mut clusters = Vec::new();
    for file in files(&folder)? {
        let shown = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = shown.strip_suffix(".csv.gz").or_else(|| shown.strip_suffix(".csv")) else {
            continue;
        };
        clusters.push(Cluster::read(name, &shown, &text(&file)?)?);
    }
    if clusters.is_empty() {
        return Err(TraceError::Nothing { folder, wanted: "cluster (`*.csv` or `*.csv.gz`)" });
    }
    Ok(clusters)
}

impl Cluster {
    /// Makes it smaller or larger, but not smaller than its largest job.
    pub(super) fn resize(&mut self, percent: u32) {
        let largest = self.jobs.iter().map(|job| job.2.div_ceil(HOST_CHIPS)).max().unwrap_or(1);
        self.hosts = (self.hosts * percent / 100).max(largest);
    }

    /// Reads one from a file's text. Columns are found by their names in its first line.
    pub fn read(name: &str, file: &str, text: &str) -> Result<Self, TraceError> {
        let hosts = LARGER.iter().find(|(larger, _)| *larger == name).map_or(HOSTS, |(_, hosts)| *hosts);
        let wrong = |line: usize, what: String| TraceError::Line { file: file.to_owned(), line, what };
        let mut lines = (1..).zip(text.lines());
        let header: Vec<&str> =
            lines.next().map(|(_, line)| line.trim().split(',').collect()).unwrap_or_default();
        let column = |name: &str| {
            let found = header.iter().position(|column| *column == name);
            found.ok_or_else(|| {
                wrong(1, format!("there is no column `{name}`; the first line names the columns"))
            })
        };
        let columns = [column("submission_time")?, column("duration")?, column("num_gpu")?];
        let mut jobs = Vec::new();
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let words: Vec<&str> = line.trim().split(',').collect();
            let mut read = [0; 3];
            for (value, column) in read.iter_mut().zip(columns) {
                let word = words.get(column).copied().unwrap_or("");
                let what =
                    || format!("`{word}` is no whole number of at least 0 in column `{}`", header[column]);
                *value = word.parse::<u64>().map_err(|_| wrong(number, what()))?;
            }
            let [submit_s, runtime_s, chips] = read;
            let most = u64::from(hosts * HOST_CHIPS);
            if chips == 0 || chips > most {
                return Err(wrong(number, format!("a job of {chips} accelerators; this cluster has {most}")));
            }
            if runtime_s > RUNTIME_S_MAX || submit_s > RUNTIME_S_MAX * 100 {
                return Err(wrong(number, "a time of more than a year is no job's".to_owned()));
            }
            jobs.push((submit_s, runtime_s, u32::try_from(chips).expect("it was compared with the cluster")));
        }
        Ok(Self { name: name.to_owned(), hosts, jobs })
    }
}

/// The clusters as organisations. Alone, each has a pool of its own; otherwise they share one and lend all of it.
pub fn organisations(clusters: &[Cluster], alone: bool) -> Result<Trace, TraceError> {
    let pool = |hosts: u32| -> Result<Pool, TraceError> {
        let topology = topology("gpu", &[(Level::Host, hosts), (Level::Chip, HOST_CHIPS)])?;
        Ok(Pool { topology, kept_chips: 0 })
    };
    let all: u32 = clusters.iter().map(|cluster| cluster.hosts).sum();
    let pools = if alone {
        clusters.iter().map(|cluster| pool(cluster.hosts)).collect::<Result<_, _>>()?
    } else {
        vec![pool(all)?]
    };
    let lend = |chips: u32| if alone { 0 } else { chips };
    let lab = |(place, cluster): (usize, &Cluster)| Lab {
        name: cluster.name.clone(),
        pool: if alone { place } else { 0 },
        guarantee: Shape::Hosts(cluster.hosts),
        borrow_chips: lend((all - cluster.hosts) * HOST_CHIPS),
        lend_chips: lend(cluster.hosts * HOST_CHIPS),
    };
    let labs = clusters.iter().enumerate().map(lab).collect();
    // The clusters share a calendar, so one moment is the first of all.
    let first_s = clusters.iter().flat_map(|cluster| &cluster.jobs).map(|job| job.0).min().unwrap_or(0);
    let mut jobs = Vec::new();
    for (lab, cluster) in clusters.iter().enumerate() {
        jobs.extend(cluster.jobs.iter().map(|(submit_s, runtime_s, chips)| Job {
            lab,
            submit_ms: (submit_s - first_s) * 1_000,
            runtime_ms: runtime_s * 1_000,
            shape: shape(*chips),
            priority: 0,
            in_one_rack: false,
        }));
    }
    jobs.sort_by_key(|job| job.submit_ms);
    Ok(Trace { pools, labs, jobs, notice: NOTICE })
}

fn shape(chips: u32) -> Shape {
    if chips.is_multiple_of(HOST_CHIPS) { Shape::Hosts(chips / HOST_CHIPS) } else { Shape::Chips(chips) }
}
