//! Training jobs with deadlines: the clusters of ElasticFlow's simulation (Gu et al., ASPLOS '23, section 6.3).
//!
//! Each job has a number of steps, a deadline and a table of steps a second by chips. Whenever something happens, but at
//! most once a slot, an adviser says who should run on how many chips; the control plane does it. The figure is the share of jobs that meet their deadline.

mod jobs;
mod policies;
mod profile;

use super::advised::{Advised, Places};
use super::outcome::Outcome;
use super::read::{TraceError, files, text};
use super::trace::{Job, Lab, Pool, Trace, topology};
pub(super) use jobs::Cluster;
use jobs::{Asked, Speeds};
use policies::{Adviser, EarliestDeadline, ElasticFlow, LeastAttained, Ours, Seen};
use sinew_types::{Level, Shape, Span};
use std::path::Path;

#[cfg(test)]
mod tests;

/// Accelerators of a host.
pub(super) const HOST_CHIPS: u32 = 8;
/// How often an adviser may be asked.
pub(super) const SLOT_S: u64 = 60;

/// A policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Policy {
    EarliestDeadline,
    Tiresias,
    ElasticFlow,
    Ours,
}

impl Policy {
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("edf", Self::EarliestDeadline),
        ("tiresias", Self::Tiresias),
        ("elasticflow", Self::ElasticFlow),
        ("ours", Self::Ours),
    ];

    fn adviser(self) -> Box<dyn Adviser> {
        match self {
            Self::EarliestDeadline => Box::new(EarliestDeadline),
            Self::Tiresias => Box::new(LeastAttained::default()),
            Self::ElasticFlow => Box::new(ElasticFlow::default()),
            Self::Ours => Box::new(Ours::default()),
        }
    }
}

/// Reads the clusters of `DIR/elasticflow` with the step tables of `DIR/throughputs_A100`.
pub(super) fn read(folder: &Path) -> Result<Vec<Cluster>, TraceError> {
    let speeds = Speeds::read(&folder.join("throughputs_A100"))?;
    let mut clusters = Vec::new();
    for file in files(&folder.join("elasticflow"))? {
        let shown = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = shown.strip_suffix(".csv.gz").or_else(|| shown.strip_suffix(".csv"));
        if let Some(name) = name.filter(|name| name.starts_with("cluster")) {
            clusters.push(Cluster::read(name, &shown, &text(&file)?, &speeds)?);
        }
    }
    if clusters.is_empty() {
        let wanted = "cluster (`elasticflow/cluster*.csv` or `.csv.gz`)";
        return Err(TraceError::Nothing { folder: folder.to_owned(), wanted });
    }
    Ok(clusters)
}

/// Seconds until a job trains after it got so many chips: 7 s, and 2 s for each doubling and the first chip, as the authors
/// of ElasticFlow put it for clusters of 256 chips and more.
pub(super) fn restart_s(chips: u32) -> f64 {
    7.0 + 2.0 * (f64::from(chips).log2() + 1.0)
}

/// A job on its way.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) steps_left: f64,
    pub(super) chips: u32,
    restart_s: f64,
    pub(super) attained_s: f64,
    done_s: Option<f64>,
}

impl Progress {
    fn pass(&mut self, asked: &Asked, from_s: u64, to_s: u64) {
        if self.chips == 0 || self.done_s.is_some() {
            return;
        }
        let mut left_s = (to_s - from_s) as f64;
        let restarts_s = self.restart_s.min(left_s);
        (self.restart_s, left_s) = (self.restart_s - restarts_s, left_s - restarts_s);
        let speed = asked.speed(self.chips);
        let needs_s = self.steps_left / speed;
        let ran_s = needs_s.min(left_s);
        self.steps_left = (self.steps_left - ran_s * speed).max(0.0);
        self.attained_s += ran_s;
        if needs_s <= left_s {
            self.done_s = Some((to_s as f64 - left_s + needs_s).ceil());
        }
    }

    /// When it will be done if nothing changes.
    fn ends_s(&self, asked: &Asked, now_s: u64) -> Option<f64> {
        (self.chips > 0).then(|| now_s as f64 + self.restart_s + self.steps_left / asked.speed(self.chips))
    }
}

/// Who loses time when something changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pauses {
    /// Whoever gets other cells, as on a real cluster.
    Moved,
    /// Everybody who runs, at each turn, and all of them longer each sixtieth time, as in ElasticFlow's simulation.
    Everybody,
}

/// After so many turns the published simulation starts every program anew.
const TURNS_TO_RESTART: u64 = 60;
/// What that costs beside a pause, in seconds.
const RESTART_ALL_S: f64 = 27.0;

/// Runs a cluster under a policy; answers the outcome and how many jobs met their deadline.
pub(super) fn run(cluster: &Cluster, policy: Policy, pauses: Pauses) -> Result<(Outcome, usize), TraceError> {
    let start = |asked: &Asked| Progress {
        steps_left: asked.steps,
        chips: 0,
        restart_s: 0.0,
        attained_s: 0.0,
        done_s: None,
    };
    let mut race = Race {
        cluster,
        pauses,
        fleet: Advised::new(&trace(cluster)?)?,
        all: cluster.jobs.iter().map(start).collect(),
        active: Vec::new(),
        now_s: 0,
        next: 0,
        turns: 0,
        met: 0,
    };
    let mut adviser = policy.adviser();
    let mut planned: Option<u64> = None;
    while race.next < cluster.jobs.len() || !race.active.is_empty() {
        race.pass(planned)?;
        planned = race.turn(adviser.as_mut())?;
    }
    Ok((race.fleet.finish(), race.met))
}

/// A cluster on its way.
struct Race<'a> {
    cluster: &'a Cluster,
    pauses: Pauses,
    fleet: Advised,
    all: Vec<Progress>,
    /// Jobs that came, were not declined and are not done.
    active: Vec<usize>,
    now_s: u64,
    /// The next job to come.
    next: usize,
    turns: u64,
    met: usize,
}

impl Race<'_> {
    /// Time passes to the next thing that happens; what happens within a slot after a turn waits for the slot's end.
    fn pass(&mut self, planned: Option<u64>) -> Result<(), TraceError> {
        let jobs = &self.cluster.jobs;
        let comes = jobs.get(self.next).map(|asked| asked.submit_s);
        let ends = self.active.iter().filter_map(|job| self.all[*job].ends_s(&jobs[*job], self.now_s));
        let ends = ends.map(|at_s| at_s.ceil() as u64).min();
        let Some(due) = [comes, ends, planned].into_iter().flatten().min() else {
            return Err(TraceError::Stuck { jobs: self.active.len(), first: self.active[0] });
        };
        let before_s = self.now_s;
        self.now_s = due.max(before_s + SLOT_S);
        for job in &self.active {
            self.all[*job].pass(&jobs[*job], before_s, self.now_s);
            if let Some(done_s) = self.all[*job].done_s {
                self.met += usize::from(done_s <= jobs[*job].deadline_s as f64);
                self.fleet.done(self.now_s, *job, done_s as u64)?;
            }
        }
        self.active.retain(|job| self.all[*job].done_s.is_none());
        while jobs.get(self.next).is_some_and(|asked| asked.submit_s <= self.now_s) {
            self.fleet.submit(self.now_s, self.next)?;
            self.active.push(self.next);
            self.next += 1;
        }
        Ok(())
    }

    /// Asks the adviser and does what it says; answers when it wants to be asked again.
    fn turn(&mut self, adviser: &mut dyn Adviser) -> Result<Option<u64>, TraceError> {
        let jobs = &self.cluster.jobs;
        let seen = |job: &usize| Seen { job: *job, asked: &jobs[*job], progress: &self.all[*job] };
        let seen: Vec<Seen<'_>> = self.active.iter().map(seen).collect();
        let advice = adviser.advise(self.now_s, self.fleet.pool_chips(), &seen);
        for job in advice.declined {
            // It would only be late: it is not run at all.
            self.fleet.decline(self.now_s, job)?;
            self.active.retain(|other| *other != job);
        }
        for job in self.fleet.follow(self.now_s, &advice.wanted, Places::Tight)? {
            let chips = self.fleet.places(job).iter().sum();
            let pause_s = if chips > 0 { self.pauses.pause_s(chips) } else { 0.0 };
            (self.all[job].chips, self.all[job].restart_s) = (chips, pause_s);
        }
        self.turns += 1;
        if self.pauses == Pauses::Everybody {
            let anew_s = if self.turns.is_multiple_of(TURNS_TO_RESTART) { RESTART_ALL_S } else { 0.0 };
            for job in &self.active {
                let running = &mut self.all[*job];
                running.restart_s = self.pauses.pause_s(running.chips.max(1)) + anew_s;
            }
        }
        Ok(advice.again_s.map(|at_s| at_s.max(self.now_s + SLOT_S)))
    }
}

impl Pauses {
    /// Seconds until a job goes on after a change: 2 s for each doubling of its chips and for the first one, and a
    /// start of 7 s, or of 2 s where nobody but the pause itself is counted.
    fn pause_s(self, chips: u32) -> f64 {
        match self {
            Self::Moved => restart_s(chips),
            Self::Everybody => restart_s(chips) - 5.0,
        }
    }
}

/// The cluster with one lab that has all of it.
fn trace(cluster: &Cluster) -> Result<Trace, TraceError> {
    let topology = topology("a100", &[(Level::Host, cluster.hosts), (Level::Chip, HOST_CHIPS)])?;
    let guarantee = Shape::Hosts(cluster.hosts);
    let lab = Lab { name: cluster.name.clone(), pool: 0, guarantee, borrow_chips: 0, lend_chips: 0 };
    let job = |asked: &Asked| Job {
        lab: 0,
        submit_ms: asked.submit_s * 1_000,
        runtime_ms: 0,
        shape: Shape::Chips(asked.chips),
        priority: 0,
        in_one_rack: false,
    };
    let jobs = cluster.jobs.iter().map(job).collect();
    let pools = vec![Pool { topology, kept_chips: 0 }];
    Ok(Trace { pools, labs: vec![lab], jobs, notice: Span::from_ms(30_000) })
}
