//! Alibaba's GPU traces of 2023 (openb): how much of a cluster's devices can be given out, in parts, before nothing fits.
//!
//! `*node_list*.csv` holds the hosts and each `*pod_list_NAME.csv` one mix of requests. As in the published study, clones of
//! requests drawn by chance are added until they ask for 1.3 times the devices; all are shuffled and come one by one; nothing ends.
//! What does not fit when it comes goes away. Every request is a workload that is submitted to the real control plane.

use super::read::{TraceError, columns, files, text};
use super::setup::{self, moment, principal};
use crate::chance::Chance;
use sinew_core::{Actor, Command, Control, Phase, Refusal, Rehearsal, Request};
use sinew_sched::Rule;
use sinew_types::{Hosts, OrgId, Shape, Share, Topology, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Into how many parts a device is cut.
const PARTS: u32 = 100;
/// How much more than all devices is asked for in the end.
const ASKED_PERCENT: u64 = 130;
/// How many of all requests the published rule calls typical.
const TYPICAL_PERCENT: u64 = 95;
/// The policies that are compared.
pub(super) const POLICIES: [&str; 3] = ["ours", "fgd", "first"];

/// A folder of such traces.
#[derive(Clone, Debug)]
pub(super) struct Openb {
    topology: Topology,
    devices_milli: u64,
    /// Each with its name.
    pub(super) mixes: Vec<(String, Vec<Share>)>,
    /// Published means at 100 % and 130 % and their deviations, by trace, of the best published policy.
    pub(super) published: BTreeMap<String, [f64; 4]>,
}

/// The share of the devices that was given out when 100 % and 130 % of them had been asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Given {
    /// In hundredths, when as much had been asked for as there is.
    pub(super) at_100: f64,
    /// In hundredths, at the end.
    pub(super) at_130: f64,
}

impl Openb {
    /// Reads a folder; memory binds only where it should.
    pub(super) fn read(folder: &Path, with_memory: bool) -> Result<Self, TraceError> {
        let named = |path: &Path, part: &str| shown(path).contains(part) && shown(path).contains(".csv");
        let all = files(folder)?;
        let nodes = all.iter().find(|path| named(path, "node_list"));
        let nothing = |wanted| TraceError::Nothing { folder: folder.to_owned(), wanted };
        let nodes = nodes.ok_or_else(|| nothing("`*node_list*.csv`"))?;
        let hosts = read_hosts(&shown(nodes), &text(nodes)?)?;
        let devices_milli = hosts.iter().map(|h| u64::from(h.count) * u64::from(h.devices) * 1_000).sum();
        let topology = Topology::in_parts(hosts, PARTS);
        let topology = topology.map_err(|flaw| TraceError::NoPool { why: format!("{flaw:?}") })?;
        let mut mixes = Vec::new();
        for path in all.iter().filter(|path| named(path, "pod_list")) {
            let name = shown(path);
            let (_, trace) = name.rsplit_once("pod_list").unwrap_or_default();
            let trace = trace.trim_start_matches('_').split('.').next().unwrap_or_default();
            let mut requests = read_requests(&name, &text(path)?, &topology.models())?;
            if !with_memory {
                requests.iter_mut().for_each(|share| share.memory_mib = 0);
            }
            mixes.push((trace.to_owned(), requests));
        }
        if mixes.is_empty() || devices_milli == 0 {
            return Err(nothing("`*pod_list*.csv`, or no devices"));
        }
        let published = all.iter().find(|path| shown(path) == "published.csv");
        let published = published.map(|path| read_published(&text(path)?)).transpose()?.unwrap_or_default();
        Ok(Self { topology, devices_milli, mixes, published })
    }

    /// One run of a mix with a policy.
    pub(super) fn run(&self, mix: &[Share], policy: &str, seed: u64) -> Result<Given, TraceError> {
        let rule = match policy {
            "fgd" => Rule::Gradient(typical(mix)),
            "first" => Rule::First,
            _ => Rule::Remainder,
        };
        let mut control = self.control(rule)?;
        let (mut asked, mut given, mut at_100) = (0, 0, None);
        for (at, share) in self.arrivals(mix, seed).into_iter().enumerate() {
            asked += u64::from(share.device_milli());
            if comes(&mut control, at, share)? {
                given += u64::from(share.device_milli());
            }
            if at_100.is_none() && asked >= self.devices_milli {
                at_100 = Some(given);
            }
        }
        let percent = |milli: u64| milli as f64 * 100.0 / self.devices_milli as f64;
        Ok(Given { at_100: percent(at_100.unwrap_or(given)), at_130: percent(given) })
    }

    /// The requests of a run, in the order in which they come.
    fn arrivals(&self, mix: &[Share], seed: u64) -> Vec<Share> {
        let mut chance = Chance::of(seed);
        let mut all = mix.to_vec();
        let mut asked: u64 = all.iter().map(|share| u64::from(share.device_milli())).sum();
        while asked * 100 < self.devices_milli * ASKED_PERCENT && asked > 0 {
            let Some(clone) = chance.one_of(mix) else { break };
            asked += u64::from(clone.device_milli());
            all.push(clone);
        }
        for last in (1..all.len()).rev() {
            let other = usize::try_from(chance.below(last as u64 + 1)).unwrap_or(last);
            all.swap(last, other);
        }
        all
    }

    fn control(&self, rule: Rule) -> Result<Control, TraceError> {
        let mut control = Control::default();
        let owner = OrgId::from_bits(setup::OWNER);
        let name = |text: &str| text.parse().expect("letters are a name");
        let add = Command::AddOrganisation { id: owner, name: name("owner"), operator: true };
        let pool = Command::AddPool {
            id: setup::pool_id(0),
            name: name("pool"),
            topology: self.topology.clone(),
            rehearsal: Rehearsal::default(),
        };
        for (actor, command) in [(Actor::System, add), (principal(setup::OWNER), pool)] {
            let request = Request { actor, key: None, command };
            let refused = |why| TraceError::Refused { what: "the pool".to_owned(), why: format!("{why:?}") };
            control.handle(moment(0), &request).map_err(refused)?;
        }
        control.set_rule(setup::pool_id(0), rule);
        Ok(control)
    }
}

/// Submits one request. Answers whether it got its place; where it did not, it goes away.
fn comes(control: &mut Control, at: usize, share: Share) -> Result<bool, TraceError> {
    let (now, id) = (moment(at as u64), WorkloadId::from_bits(1 + at as u128));
    let actor = || principal(setup::OWNER);
    let spec = Arc::new(setup::spec(&format!("pod-{at}"), Shape::Share(share), 0));
    let submit = Request { actor: actor(), key: None, command: Command::Submit { id, spec } };
    let refused =
        |why: Refusal| TraceError::Refused { what: format!("request {at}"), why: format!("{why:?}") };
    match control.handle(now, &submit) {
        // No host of the trace would hold it even if it were idle.
        Err(Refusal::NeverFits { .. }) => return Ok(false),
        answer => answer.map_err(refused)?,
    };
    control.settle(now);
    let workload = control.state().workloads.get(&id);
    let is_placed = workload.is_some_and(|workload| matches!(workload.phase, Phase::Holding { .. }));
    if !is_placed {
        let cancel = Request { actor: actor(), key: None, command: Command::Cancel { id } };
        control.handle(now, &cancel).map_err(refused)?;
    }
    control.take_fresh();
    Ok(is_placed)
}

/// The most frequent kinds of requests, as many as make up most of all, with their counts; memory does not tell them apart.
fn typical(mix: &[Share]) -> Vec<(Share, u64)> {
    let mut counts = BTreeMap::<Share, u64>::new();
    for share in mix {
        *counts.entry(Share { memory_mib: 0, ..*share }).or_default() += 1;
    }
    let mut kinds: Vec<(Share, u64)> = counts.into_iter().collect();
    let order = |(share, count): &(Share, u64)| {
        (*count, share.cpu_milli, share.chip_milli, share.devices, share.models)
    };
    kinds.sort_unstable_by_key(|kind| std::cmp::Reverse(order(kind)));
    let all: u64 = kinds.iter().map(|(_, count)| count).sum();
    let mut seen = 0;
    kinds.retain(|(_, count)| {
        let is_typical = seen * 100 < all * TYPICAL_PERCENT;
        seen += count;
        is_typical
    });
    kinds
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn number<T: std::str::FromStr>(file: &str, line: usize, word: &str) -> Result<T, TraceError> {
    let wrong = || TraceError::Line {
        file: file.to_owned(),
        line,
        what: format!("`{word}` is no number that fits here; write whole numbers from 0 on"),
    };
    word.parse().map_err(|_| wrong())
}

/// The hosts, equal neighbours together.
fn read_hosts(file: &str, text: &str) -> Result<Vec<Hosts>, TraceError> {
    let mut all: Vec<Hosts> = Vec::new();
    for (line, words) in columns(file, text, &["cpu_milli", "memory_mib", "gpu", "model"])? {
        let one = Hosts {
            count: 1,
            model: words[3].clone(),
            devices: number(file, line, &words[2])?,
            cpu_milli: number(file, line, &words[0])?,
            memory_mib: number(file, line, &words[1])?,
        };
        match all.last_mut() {
            Some(last) if Hosts { count: 1, ..last.clone() } == one => last.count += 1,
            _ => all.push(one),
        }
    }
    Ok(all)
}

fn read_requests(file: &str, text: &str, models: &[&str]) -> Result<Vec<Share>, TraceError> {
    let mut names = vec!["cpu_milli", "memory_mib", "num_gpu", "gpu_milli"];
    let head: BTreeSet<&str> = text.lines().next().unwrap_or_default().trim().split(',').collect();
    if head.contains("gpu_spec") {
        names.push("gpu_spec");
    }
    let mut all = Vec::new();
    for (line, words) in columns(file, text, &names)? {
        let devices: u16 = number(file, line, &words[2])?;
        let chip_milli: u16 = if devices == 0 { 0 } else { number(file, line, &words[3])? };
        if devices > 0 && !(1..=1_000).contains(&chip_milli) || devices > 1 && chip_milli != 1_000 {
            let what =
                format!("{devices} devices of {chip_milli} milli; ask for 1 to 1000 of one, or whole ones");
            return Err(TraceError::Line { file: file.to_owned(), line, what });
        }
        let bit = |wanted: &str| models.iter().position(|model| *model == wanted).filter(|bit| *bit < 32);
        let wanted = words.get(4).filter(|wanted| !wanted.is_empty() && devices > 0);
        let models = wanted.map_or(Share::ANY_MODEL, |wanted| {
            wanted.split('|').filter_map(bit).fold(0, |all, bit| all | 1 << bit)
        });
        let (cpu_milli, memory_mib) = (number(file, line, &words[0])?, number(file, line, &words[1])?);
        all.push(Share { devices, chip_milli, cpu_milli, memory_mib, models });
    }
    Ok(all)
}

/// What was published, of the policy that gives out most at the end.
fn read_published(text: &str) -> Result<BTreeMap<String, [f64; 4]>, TraceError> {
    let file = "published.csv";
    let names = ["trace", "allocated_pct_at_100", "allocated_pct_at_130", "stdev_100", "stdev_130"];
    let mut all = BTreeMap::<String, [f64; 4]>::new();
    for (line, words) in columns(file, text, &names)? {
        let mut row = [0.0; 4];
        for (value, word) in row.iter_mut().zip(&words[1..]) {
            *value = number(file, line, word)?;
        }
        let best = all.entry(words[0].clone()).or_insert(row);
        if row[1] > best[1] {
            *best = row;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
