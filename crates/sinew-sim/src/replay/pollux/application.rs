//! What was measured of a training program: how long its steps take on which hosts, and how far its epochs bring it.
//!
//! The files and their meaning are those of Pollux' published simulator (Qiao et al., OSDI '21, section 5.3). Where a
//! placement was not measured, that simulator triangulates; here its neighbours on the grid are interpolated line by
//! line, which differs by less than a hundredth on the published workloads.

use crate::replay::read::{TraceError, files, text};
use std::collections::BTreeMap;
use std::path::Path;

/// Seconds of a step, and how many of them are the exchange of gradients.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct StepTime {
    pub(super) step_s: f64,
    pub(super) sync_s: f64,
}

impl StepTime {
    fn mixed(self, other: Self, share: f64) -> Self {
        let mix = |one: f64, two: f64| one * (1.0 - share) + two * share;
        Self { step_s: mix(self.step_s, other.step_s), sync_s: mix(self.sync_s, other.sync_s) }
    }
}

/// Step times by the samples that each chip takes, ascending.
type ByBatch = Vec<(f64, StepTime)>;

/// An epoch of a run with one batch size.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    progress: f64,
    iteration: f64,
    gradient_square: f64,
    gradient_variance: f64,
}

/// What the authors set for a program beside its files.
#[derive(Clone, Copy, Debug)]
struct Known {
    name: &'static str,
    epochs: usize,
    local_batch_max: Option<f64>,
    /// Its batch never changes, and it runs on one chip.
    is_fixed: bool,
}

const KNOWN: [Known; 6] = [
    Known { name: "bert", epochs: 2, local_batch_max: None, is_fixed: false },
    Known { name: "cifar10", epochs: 100, local_batch_max: None, is_fixed: false },
    Known { name: "deepspeech2", epochs: 80, local_batch_max: None, is_fixed: false },
    Known { name: "imagenet", epochs: 90, local_batch_max: None, is_fixed: false },
    Known { name: "ncf", epochs: 10, local_batch_max: None, is_fixed: true },
    Known { name: "yolov3", epochs: 50, local_batch_max: Some(8.0), is_fixed: false },
];

/// A training program.
#[derive(Clone, Debug)]
pub(super) struct Application {
    pub(super) name: String,
    pub(super) epochs: usize,
    /// Samples of a step: of the first one, and at most.
    pub(super) batch_first: f64,
    pub(super) batch_max: f64,
    /// Samples that a chip takes at once.
    pub(super) local_min: f64,
    pub(super) local_max: f64,
    /// Whether it keeps its largest batch and one chip.
    pub(super) is_fixed: bool,
    runs: BTreeMap<u64, Vec<Epoch>>,
    /// Progress at the end of each epoch, as the slowest run counts it.
    reached: Vec<f64>,
    placements: BTreeMap<String, ByBatch>,
    grid: BTreeMap<u32, BTreeMap<u32, ByBatch>>,
}

impl Application {
    /// Reads a program's folder.
    pub(super) fn read(folder: &Path) -> Result<Self, TraceError> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = KNOWN.iter().find(|known| known.name == name);
        let mut runs: BTreeMap<u64, Vec<Epoch>> = BTreeMap::new();
        for file in files(folder)? {
            let shown = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let batch =
                shown.strip_prefix("validation-").and_then(|rest| rest.strip_suffix(".csv")?.parse().ok());
            let Some(batch) = batch else { continue };
            let columns = ["progress", "iteration", "grad_sqr", "grad_var"];
            let epoch = |row: Vec<f64>| Epoch {
                progress: row[0],
                iteration: row[1],
                gradient_square: row[2],
                gradient_variance: row[3],
            };
            runs.insert(batch, table(&file, &columns)?.into_iter().map(epoch).collect());
        }
        let shortest = runs.values().map(Vec::len).min().unwrap_or(0);
        if shortest == 0 {
            let wanted = "training run (`validation-BATCH.csv`)";
            return Err(TraceError::Nothing { folder: folder.to_owned(), wanted });
        }
        let epochs = known.map_or(shortest, |known| known.epochs.min(shortest));
        let least = |epoch: usize| runs.values().map(|run| run[epoch].progress).fold(f64::INFINITY, f64::min);
        let reached = (0..epochs).map(least).collect();
        let (placements, grid) = step_times(folder)?;
        let measured = || placements.values().flatten().map(|(local, _)| *local);
        let local_max = measured().fold(0.0, f64::max);
        Ok(Self {
            epochs,
            batch_first: *runs.keys().next().expect("there is a run") as f64,
            batch_max: *runs.keys().next_back().expect("there is a run") as f64,
            local_min: measured().fold(f64::INFINITY, f64::min),
            local_max: known.and_then(|known| known.local_batch_max).unwrap_or(local_max),
            is_fixed: known.is_some_and(|known| known.is_fixed),
            name,
            runs,
            reached,
            placements,
            grid,
        })
    }

    /// Progress after so many epochs.
    pub(super) fn progress(&self, epochs: usize) -> f64 {
        if epochs == 0 { 0.0 } else { self.reached[(epochs - 1).min(self.reached.len() - 1)] }
    }

    /// Steps after an epoch with a batch.
    pub(super) fn iteration(&self, batch: f64, epoch: usize) -> f64 {
        self.between(batch, |run| run[epoch].iteration)
    }

    /// The gradients' square and their variance in an epoch with a batch.
    pub(super) fn noise(&self, batch: f64, epoch: usize) -> (f64, f64) {
        let square = self.between(batch, |run| run[epoch].gradient_square);
        (square, self.between(batch, |run| run[epoch].gradient_variance))
    }

    fn between(&self, batch: f64, value: impl Fn(&[Epoch]) -> f64) -> f64 {
        let below = self.runs.iter().rev().find(|(size, _)| **size as f64 <= batch);
        let above = self.runs.iter().find(|(size, _)| **size as f64 >= batch);
        match (below, above) {
            (Some((low, one)), Some((high, two))) if low != high => {
                let share = (batch - *low as f64) / (*high as f64 - *low as f64);
                value(one) * (1.0 - share) + value(two) * share
            }
            (Some((_, run)), _) | (None, Some((_, run))) => value(run),
            (None, None) => 0.0,
        }
    }

    /// The true time of a step on so many chips of each host, with so many samples a chip.
    pub(super) fn step_time(&self, hosts: &[u32], local: f64) -> StepTime {
        let turned =
            |first: usize| hosts[first..].iter().chain(&hosts[..first]).map(u32::to_string).collect();
        let key: String = (0..hosts.len()).map(turned).min().unwrap_or_default();
        if let Some(measured) = self.placements.get(&key) {
            return at_batch(measured, local).unwrap_or(measured[measured.len() - 1].1);
        }
        let (hosts_count, chips) = (hosts.len(), hosts.iter().sum());
        let hosts_count = u32::try_from(hosts_count).unwrap_or(u32::MAX);
        let below = self.grid.range(..=hosts_count).next_back();
        let above = self.grid.range(hosts_count..).next();
        let low = below.and_then(|(_, chart)| at_chips(chart, chips, local));
        let high = above.and_then(|(_, chart)| at_chips(chart, chips, local));
        match (low, high) {
            (Some(one), Some(two)) => one.mixed(two, share(below, above, hosts_count)),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => StepTime { step_s: f64::INFINITY, sync_s: 0.0 },
        }
    }
}

/// How far a place is from the lower of two neighbours to the higher.
fn share<T>(below: Option<(&u32, T)>, above: Option<(&u32, T)>, at: u32) -> f64 {
    match (below, above) {
        (Some((low, _)), Some((high, _))) if low < high => f64::from(at - low) / f64::from(high - low),
        _ => 0.0,
    }
}

fn at_chips(chart: &BTreeMap<u32, ByBatch>, chips: u32, local: f64) -> Option<StepTime> {
    let (least, most) = (*chart.keys().next()?, *chart.keys().next_back()?);
    let chips = chips.clamp(least, most);
    let (below, above) = (chart.range(..=chips).next_back(), chart.range(chips..).next());
    let low = below.and_then(|(_, times)| at_batch(times, local));
    let high = above.and_then(|(_, times)| at_batch(times, local));
    match (low, high) {
        (Some(one), Some(two)) => Some(one.mixed(two, share(below, above, chips))),
        (one, two) => one.or(two),
    }
}

/// Between the two batches that were measured around one; nothing above the largest.
fn at_batch(times: &ByBatch, local: f64) -> Option<StepTime> {
    let above = times.iter().position(|(size, _)| *size >= local)?;
    let (size, high) = times[above];
    let Some((smaller, low)) = above.checked_sub(1).map(|below| times[below]) else { return Some(high) };
    Some(low.mixed(high, (local - smaller) / (size - smaller)))
}

type StepTimes = (BTreeMap<String, ByBatch>, BTreeMap<u32, BTreeMap<u32, ByBatch>>);

/// What was measured of single placements, and what hosts and chips come to by number.
fn step_times(folder: &Path) -> Result<StepTimes, TraceError> {
    let mut placements: BTreeMap<String, ByBatch> = BTreeMap::new();
    let mut sums: BTreeMap<(u32, u32, u64), (f64, f64, f64)> = BTreeMap::new();
    let mut add = |hosts: u32, chips: u32, row: &[f64]| {
        let sum = sums.entry((hosts, chips, row[0] as u64)).or_default();
        *sum = (sum.0 + row[1], sum.1 + row[2], sum.2 + 1.0);
    };
    for row in table(&folder.join("placements.csv"), &["placement", "local_bsz", "step_time", "sync_time"])? {
        let key = format!("{}", row[0] as u64);
        let chips = key.bytes().map(|digit| u32::from(digit - b'0')).sum();
        add(u32::try_from(key.len()).unwrap_or(u32::MAX), chips, &row[1..]);
        placements.entry(key).or_default().push((row[1], StepTime { step_s: row[2], sync_s: row[3] }));
    }
    let columns = ["num_nodes", "num_replicas", "local_bsz", "step_time", "sync_time"];
    for row in table(&folder.join("scalability.csv"), &columns)? {
        add(row[0] as u32, row[1] as u32, &row[2..]);
    }
    placements.values_mut().for_each(|times| times.sort_by(|one, two| one.0.total_cmp(&two.0)));
    let mut grid: BTreeMap<u32, BTreeMap<u32, ByBatch>> = BTreeMap::new();
    for ((hosts, chips, local), (step_s, sync_s, count)) in sums {
        let mean = StepTime { step_s: step_s / count, sync_s: sync_s / count };
        grid.entry(hosts).or_default().entry(chips).or_default().push((local as f64, mean));
    }
    Ok((placements, grid))
}

/// The named columns of a file, as numbers.
fn table(file: &Path, columns: &[&str]) -> Result<Vec<Vec<f64>>, TraceError> {
    let shown = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    crate::replay::read::columns(&shown, &text(file)?, columns)?
        .into_iter()
        .map(|(line, words)| {
            let number = |(word, column): (&String, &&str)| match word.parse::<f64>() {
                Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
                _ => {
                    let what = format!("`{word}` is no number of at least 0 in column `{column}`");
                    Err(TraceError::Line { file: shown.clone(), line, what })
                }
            };
            words.iter().zip(columns).map(number).collect()
        })
        .collect()
}
