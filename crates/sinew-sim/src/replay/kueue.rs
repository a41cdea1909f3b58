//! Kueue's performance scenarios (`generator.yaml`): each ClusterQueue is a lab, each cohort a pool.
//!
//! A nominal quota is a guarantee, a borrowing limit a borrow limit, and everything is lent. A cohort's pool has as
//! many chips as its quotas together. Where the file has a topology, the pool is the cohort's share of its nodes, and
//! the owner keeps what is beyond the quotas, because Kueue's quotas are all that its queues may use.

use super::read::TraceError;
use super::trace::{Job, Lab, Pool, Trace, topology};
use super::yaml::{self, Held, Node};
use sinew_types::{Level, Shape, Span, Topology};

/// The most jobs of one file.
const JOBS_MAX: u64 = 5_000_000;
/// The most labs of one file.
const LABS_MAX: u64 = 100_000;
/// Chips of the cells that a pool without a topology is made of, at most.
const HOST_CHIPS_MAX: u64 = 128;

/// A generator's trace and the least time that it takes on its quotas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Generator {
    /// What is replayed.
    pub trace: Trace,
    /// The longer of work over quota and last arrival with its runtime, of the cohort that takes longest.
    pub floor_ms: u64,
    /// The same with the times of arrival: what comes from a moment on cannot be done sooner than that moment and this
    /// work over the quota. No scheduler is faster.
    pub least_ms: u64,
}

/// Jobs that come one after the other.
struct Arrivals {
    count: u64,
    interval_ms: u64,
    templates: Vec<Template>,
}

struct Template {
    runtime_ms: u64,
    priority: i32,
    cpu_milli: u64,
    in_one_rack: bool,
}

struct Queue {
    quota_milli: u64,
    borrow_milli: u64,
    arrivals: Vec<Arrivals>,
}

/// Racks, nodes of each, and thousandths of a processor of each node.
#[derive(Clone, Copy)]
struct Nodes {
    racks: u64,
    nodes: u64,
    cpu_milli: u64,
}

/// Reads a generator.
pub fn read_generator(file: &str, text: &str) -> Result<Generator, TraceError> {
    let root = Asked { file, node: &yaml::parse(file, text)? };
    build(&root, read_cohorts(&root)?)
}

fn read_cohorts(root: &Asked<'_>) -> Result<Vec<Vec<Queue>>, TraceError> {
    let mut cohorts = Vec::new();
    let mut labs = 0_u64;
    for cohort in root.list("cohorts")? {
        for _ in 0..cohort.number_up_to("count", LABS_MAX)? {
            let mut queues = Vec::new();
            for set in cohort.list("queuesSets")? {
                for _ in 0..set.number_up_to("count", LABS_MAX)? {
                    queues.push(read_queue(&set)?);
                    labs += 1;
                    if labs > LABS_MAX {
                        return Err(cohort.wrong(&format!("there are more than {LABS_MAX} queues")));
                    }
                }
            }
            cohorts.push(queues);
        }
    }
    Ok(cohorts)
}

fn read_queue(set: &Asked<'_>) -> Result<Queue, TraceError> {
    let mut arrivals = Vec::new();
    for found in set.list("workloadsSets")? {
        let templates = found.list("workloads")?.iter().map(read_template).collect::<Result<_, _>>()?;
        let (count, interval_ms) =
            (found.number_up_to("count", JOBS_MAX)?, found.number("creationIntervalMs")?);
        arrivals.push(Arrivals { count, interval_ms, templates });
    }
    let quota_milli = set.cpu_milli("nominalQuota")?;
    let borrow_milli = match set.get("borrowingLimit") {
        Some(_) => set.cpu_milli("borrowingLimit")?,
        None => u64::from(u32::MAX) * 1_000,
    };
    Ok(Queue { quota_milli, borrow_milli, arrivals })
}

fn read_template(found: &Asked<'_>) -> Result<Template, TraceError> {
    let pods = if found.get("podCount").is_some() { found.number("podCount")? } else { 1 };
    let priority = if found.get("priority").is_some() { found.number("priority")? } else { 0 };
    let cpu_milli = found.cpu_milli("request")?.saturating_mul(pods);
    if cpu_milli == 0 {
        return Err(found.wrong("the request is 0; a job needs some of a processor"));
    }
    let rack = found.word("tasLevel").is_ok_and(|level| level.ends_with("rack"));
    Ok(Template {
        runtime_ms: found.number("runtimeMs")?,
        priority: i32::try_from(priority).map_err(|_| found.wrong("the priority is too large"))?,
        cpu_milli,
        in_one_rack: rack && found.word("tasConstraint").is_ok_and(|word| word == "required"),
    })
}

fn read_nodes(root: &Asked<'_>) -> Result<Option<Nodes>, TraceError> {
    let Some(topology) = root.get("topology") else { return Ok(None) };
    let levels = topology.list("levels")?;
    let [above @ .., last] = &levels[..] else {
        return Err(topology.wrong("the topology has no levels; the last one is the nodes"));
    };
    let mut racks = 1_u64;
    for level in above {
        racks = racks.saturating_mul(level.number_up_to("count", LABS_MAX)?);
    }
    let Some(capacity) = last.get("capacity") else {
        return Err(last.wrong("the last level has no `capacity`"));
    };
    let cpu_milli = capacity.cpu_milli("cpu")?;
    Ok(Some(Nodes { racks, nodes: last.number_up_to("count", LABS_MAX)?, cpu_milli }))
}

/// The largest part of a processor of which everything in the file is a whole multiple: the chip of the pools.
fn chip_milli(cohorts: &[Vec<Queue>], nodes: Option<Nodes>) -> u64 {
    let queues = cohorts.iter().flatten();
    let quotas = queues.clone().map(|queue| queue.quota_milli);
    let jobs = queues.flat_map(|queue| &queue.arrivals).flat_map(|set| &set.templates);
    let all = quotas.chain(jobs.map(|job| job.cpu_milli)).chain(nodes.map(|nodes| nodes.cpu_milli));
    all.fold(0, common).max(1)
}

/// Euclid's greatest common divisor.
fn common(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { common(other, one % other) }
}

fn build(root: &Asked<'_>, cohorts: Vec<Vec<Queue>>) -> Result<Generator, TraceError> {
    let nodes = read_nodes(root)?;
    let chip_milli = chip_milli(&cohorts, nodes);
    let chips = |milli: u64| u32::try_from(milli / chip_milli).unwrap_or(u32::MAX);
    let mut trace = Trace { pools: vec![], labs: vec![], jobs: vec![], notice: Span::from_ms(1_000) };
    let (mut floor_ms, mut least_ms) = (0, 0);
    let shares = cohorts.len() as u64;
    for (place, queues) in cohorts.into_iter().enumerate() {
        let quota_milli: u64 = queues.iter().map(|queue| queue.quota_milli).sum();
        if quota_milli == 0 {
            return Err(root.wrong("the queues of a cohort have no quota; `nominalQuota` is theirs"));
        }
        let topology = match nodes {
            Some(nodes) => share(nodes, shares, chip_milli)?,
            None => flat(&queues, chip_milli)?,
        };
        let Some(kept_chips) = topology.chip_count().checked_sub(chips(quota_milli)) else {
            return Err(root.wrong("the quotas of a cohort are more than its share of the nodes"));
        };
        trace.pools.push(Pool { topology, kept_chips });
        let (first, begun, mut work) = (trace.labs.len(), trace.jobs.len(), 0_u128);
        for (number, queue) in queues.iter().enumerate() {
            let lab = Lab {
                name: format!("cohort {place} queue {number}"),
                pool: place,
                guarantee: Shape::Chips(chips(queue.quota_milli)),
                borrow_chips: chips(queue.borrow_milli),
                lend_chips: chips(queue.quota_milli),
            };
            trace.labs.push(lab);
            let (jobs, theirs) = jobs_of(queue, first + number, chip_milli);
            if (trace.jobs.len() + jobs.len()) as u64 > JOBS_MAX {
                return Err(root.wrong(&format!("there are more than {JOBS_MAX} jobs")));
            }
            floor_ms = jobs.iter().map(|job| job.submit_ms + job.runtime_ms).fold(floor_ms, u64::max);
            trace.jobs.extend(jobs);
            work += theirs;
        }
        floor_ms = floor_ms.max(u64::try_from(work / u128::from(quota_milli)).unwrap_or(u64::MAX));
        least_ms = least_ms.max(least_of(&mut trace.jobs[begun..], quota_milli / chip_milli));
    }
    trace.jobs.sort_by_key(|job| job.submit_ms);
    Ok(Generator { trace, floor_ms, least_ms: least_ms.max(floor_ms) })
}

/// The least time that jobs take on so many chips with their times of arrival.
fn least_of(jobs: &mut [Job], chips: u64) -> u64 {
    jobs.sort_by_key(|job| std::cmp::Reverse(job.submit_ms));
    let (mut work, mut least_ms) = (0_u128, 0);
    for job in jobs {
        work += u128::from(job.runtime_ms) * u128::from(job.shape.loose_chips().unwrap_or(0));
        let rest_ms = u64::try_from(work / u128::from(chips.max(1))).unwrap_or(u64::MAX);
        least_ms = least_ms.max(job.submit_ms.saturating_add(rest_ms));
    }
    least_ms
}

/// The jobs of a queue, and their work in thousandths of a processor by milliseconds. As in Kueue's runner, the first
/// of a set comes one interval after the start.
fn jobs_of(queue: &Queue, lab: usize, chip_milli: u64) -> (Vec<Job>, u128) {
    let (mut jobs, mut work) = (Vec::new(), 0_u128);
    for set in &queue.arrivals {
        let mut submit_ms = 0_u64;
        for _ in 0..set.count {
            for job in &set.templates {
                submit_ms = submit_ms.saturating_add(set.interval_ms);
                work += u128::from(job.runtime_ms) * u128::from(job.cpu_milli);
                let chips = u32::try_from(job.cpu_milli / chip_milli).unwrap_or(u32::MAX);
                jobs.push(Job {
                    lab,
                    submit_ms,
                    runtime_ms: job.runtime_ms,
                    shape: Shape::Chips(chips),
                    priority: job.priority,
                    in_one_rack: job.in_one_rack,
                });
            }
        }
    }
    (jobs, work)
}

/// A pool of so many chips as the quotas have together, in hosts of which each quota has whole ones.
fn flat(queues: &[Queue], chip_milli: u64) -> Result<Topology, TraceError> {
    let quotas = queues.iter().map(|queue| queue.quota_milli / chip_milli);
    let (chips, each) = (quotas.clone().sum::<u64>(), quotas.fold(0, common));
    let host = (1..=HOST_CHIPS_MAX.min(each)).rev().find(|size| each.is_multiple_of(*size)).unwrap_or(1);
    topology("core", &[(Level::Host, narrow(chips / host)), (Level::Chip, narrow(host))])
}

/// A cohort's share of the nodes: whole racks where there are enough.
fn share(nodes: Nodes, shares: u64, chip_milli: u64) -> Result<Topology, TraceError> {
    let racks = (nodes.racks / shares.max(1)).max(1);
    let sharing = shares.div_ceil(nodes.racks.max(1));
    let each = if nodes.racks >= shares { nodes.nodes } else { (nodes.nodes / sharing.max(1)).max(1) };
    let chips = narrow(nodes.cpu_milli / chip_milli);
    topology("core", &[(Level::Rack, narrow(racks)), (Level::Host, narrow(each)), (Level::Chip, chips)])
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A map of the file that is asked for its keys.
struct Asked<'a> {
    file: &'a str,
    node: &'a Node,
}

impl<'a> Asked<'a> {
    fn wrong(&self, what: &str) -> TraceError {
        TraceError::Line { file: self.file.to_owned(), line: self.node.line, what: what.to_owned() }
    }

    fn get(&self, key: &str) -> Option<Asked<'a>> {
        let Held::Map(pairs) = &self.node.held else { return None };
        pairs.iter().find(|(name, _)| name == key).map(|(_, node)| Asked { file: self.file, node })
    }

    fn must(&self, key: &str) -> Result<Asked<'a>, TraceError> {
        self.get(key).ok_or_else(|| self.wrong(&format!("`{key}` is missing here")))
    }

    fn list(&self, key: &str) -> Result<Vec<Asked<'a>>, TraceError> {
        let found = self.must(key)?;
        let Held::List(nodes) = &found.node.held else {
            return Err(found.wrong(&format!("`{key}` should be a list")));
        };
        Ok(nodes.iter().map(|node| Asked { file: self.file, node }).collect())
    }

    fn word(&self, key: &str) -> Result<&'a str, TraceError> {
        let found = self.must(key)?;
        match &found.node.held {
            Held::Word(word) => Ok(word),
            Held::List(_) | Held::Map(_) => Err(found.wrong(&format!("`{key}` should be one word"))),
        }
    }

    fn number(&self, key: &str) -> Result<u64, TraceError> {
        let word = self.word(key)?;
        let wrong = |_| self.must(key).map_or_else(|e| e, |found| found.wrong(&whole(key, word)));
        word.parse().map_err(wrong)
    }

    fn number_up_to(&self, key: &str, most: u64) -> Result<u64, TraceError> {
        let number = self.number(key)?;
        let above = || self.wrong(&format!("`{key}` is {number}; at most {most} are replayed"));
        if number <= most { Ok(number) } else { Err(above()) }
    }

    /// `20` processors or `500m`, thousandths of one.
    fn cpu_milli(&self, key: &str) -> Result<u64, TraceError> {
        let word = self.word(key)?;
        let milli = match word.strip_suffix('m') {
            Some(milli) => milli.parse().ok(),
            None => word.parse::<u64>().ok().and_then(|whole| whole.checked_mul(1_000)),
        };
        let wrong = || format!("`{key}` is `{word}`; write processors such as `20` or `500m`");
        let milli = milli.filter(|milli| *milli <= 1 << 40);
        milli.ok_or_else(|| self.must(key).map_or_else(|e| e, |found| found.wrong(&wrong())))
    }
}

fn whole(key: &str, word: &str) -> String {
    format!("`{key}` is `{word}`; a whole number should be here")
}
