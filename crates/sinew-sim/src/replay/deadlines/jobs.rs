//! Jobs with deadlines, and how fast programs are on how many chips.

use super::HOST_CHIPS;
use crate::replay::read::{TraceError, columns, files, text};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Hosts of a cluster, as in figure 8b of ElasticFlow (ASPLOS '23).
const HOSTS: u32 = 64;
/// Those that are larger or smaller.
const OTHERS: [(&str, u32); 5] =
    [("cluster04", 128), ("cluster07", 128), ("cluster08", 128), ("cluster09", 128), ("cluster10", 32)];
/// The sizes that were measured.
const SIZES: [&str; 7] = ["1", "2", "4", "8", "16", "32", "64"];

/// Steps a second by chips, for a program with a batch; sizes that bring nothing are left out.
pub(crate) type Speed = Arc<Vec<(u32, f64)>>;

/// All that was measured, by program and batch.
#[derive(Debug)]
pub(super) struct Speeds(BTreeMap<(String, u64), Speed>);

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(super) submit_s: u64,
    pub(super) deadline_s: u64,
    pub(super) steps: f64,
    /// How many chips its user asked for.
    pub(super) chips: u32,
    pub(super) speeds: Speed,
}

/// A cluster and its jobs, in order of their submission.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) hosts: u32,
    pub(crate) jobs: Vec<Asked>,
}

impl Asked {
    /// Steps a second on so many chips: on the largest measured size that is no larger.
    pub(super) fn speed(&self, chips: u32) -> f64 {
        self.speeds.iter().rev().find(|(size, _)| *size <= chips).map_or(0.0, |(_, speed)| *speed)
    }
}

impl Asked {
    /// The size that is fastest.
    pub(super) fn useful_chips(&self) -> u32 {
        let best = self.speeds.iter().max_by(|one, two| one.1.total_cmp(&two.1));
        best.map_or(1, |(chips, _)| *chips)
    }

    /// The next larger size that is faster.
    pub(super) fn next(&self, chips: u32) -> Option<u32> {
        let now = if chips == 0 { 0.0 } else { self.speed(chips) };
        self.speeds.iter().find(|(size, speed)| *size > chips && *speed > now).map(|(size, _)| *size)
    }
}

impl Speeds {
    pub(super) fn read(folder: &Path) -> Result<Self, TraceError> {
        let mut all = BTreeMap::new();
        for file in files(folder)? {
            let shown = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(program) = shown.strip_suffix(".csv") else { continue };
            let names: Vec<&str> = std::iter::once("global_batch_size").chain(SIZES).collect();
            for (line, words) in columns(&shown, &text(&file)?, &names)? {
                let what = || format!("`{}` is no batch; whole numbers are", words[0]);
                let wrong = |what: String| TraceError::Line { file: shown.clone(), line, what };
                let batch: u64 = words[0].parse().map_err(|_| wrong(what()))?;
                let mut speeds: Vec<(u32, f64)> = Vec::new();
                for (size, word) in SIZES.iter().zip(&words[1..]) {
                    let speed = word.parse::<f64>().unwrap_or(0.0);
                    let chips: u32 = size.parse().expect("the sizes are numbers");
                    if speed.is_finite() && speed > 0.0 && u64::from(chips) <= batch {
                        speeds.push((chips, speed));
                    }
                }
                all.insert((program.to_owned(), batch), Arc::new(speeds));
            }
        }
        Ok(Self(all))
    }
}

impl Cluster {
    pub(super) fn read(name: &str, file: &str, text: &str, speeds: &Speeds) -> Result<Self, TraceError> {
        let hosts = OTHERS.iter().find(|(other, _)| *other == name).map_or(HOSTS, |(_, hosts)| *hosts);
        let names = ["submission_time", "num_iteration", "model_name", "deadline", "batch_size", "num_gpu"];
        let mut jobs = Vec::new();
        for (line, words) in columns(file, text, &names)? {
            let wrong = |what: String| TraceError::Line { file: file.to_owned(), line, what };
            let number = |at: usize| {
                let what =
                    || format!("`{}` is no whole number of at least 0 in column `{}`", words[at], names[at]);
                words[at].parse::<u64>().map_err(|_| wrong(what()))
            };
            let (program, batch) = (words[2].clone(), number(4)?);
            let found = speeds.0.get(&(program, batch)).filter(|speeds| !speeds.is_empty());
            let what = || format!("nothing was measured of `{}` with a batch of {batch}", words[2]);
            let speeds = Arc::clone(found.ok_or_else(|| wrong(what()))?);
            let chips = u32::try_from(number(5)?).unwrap_or(u32::MAX);
            if chips == 0 || chips > hosts * HOST_CHIPS {
                let most = hosts * HOST_CHIPS;
                return Err(wrong(format!("a job of {chips} accelerators; this cluster has {most}")));
            }
            let (submit_s, deadline_s, steps) = (number(0)?, number(3)?, number(1)? as f64);
            jobs.push(Asked { submit_s, deadline_s, steps, chips, speeds });
        }
        jobs.sort_by_key(|job| job.submit_s);
        let first_s = jobs.first().map_or(0, |job| job.submit_s);
        for job in &mut jobs {
            (job.submit_s, job.deadline_s) = (job.submit_s - first_s, job.deadline_s.saturating_sub(first_s));
        }
        Ok(Self { name: name.to_owned(), hosts, jobs })
    }
}
