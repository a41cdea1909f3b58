//! Elastic training jobs on a small cluster: the workloads of Pollux' simulation (Qiao et al., OSDI '21, section 5.3).
//!
//! Each job trains one of six programs whose steps and gradients were measured. Every minute an adviser says who should
//! run on how many chips; the control plane does it. The figure is the mean time from a job's submission to its end.

mod application;
mod learned;
mod policies;
mod training;

use super::advised::{Advised, Places};
use super::outcome::Outcome;
use super::read::{TraceError, columns, files, text};
use super::trace::{Job, Lab, Pool, Trace, topology};
use application::Application;
use learned::Profile;
use policies::{Adviser, Goodput, Optimus, Seen, Tiresias};
use sinew_types::{Level, Shape, Span};
use std::path::Path;
use training::Training;

#[cfg(test)]
mod tests;

/// The cluster of the paper: 16 hosts of 4 T4.
const HOSTS: u32 = 16;
const HOST_CHIPS: u32 = 4;
/// How often an adviser is asked.
const SLOT_S: u64 = 60;
/// No workload of 160 jobs takes a year.
const LAST_S: u64 = 366 * 86_400;

/// A policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Policy {
    Tiresias,
    Optimus,
    Ours,
}

impl Policy {
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("tiresias", Self::Tiresias), ("optimus", Self::Optimus), ("ours", Self::Ours)];
}

/// The programs and workloads of a folder.
#[derive(Debug)]
pub(super) struct Cluster {
    applications: Vec<Application>,
    pub(super) workloads: Vec<Workload>,
}

/// Jobs in the order of their submission.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) name: String,
    jobs: Vec<Asked>,
}

#[derive(Clone, Debug)]
struct Asked {
    submit_s: u64,
    application: usize,
    chips: u32,
    batch: f64,
}

impl Cluster {
    /// Reads `traces/PROGRAM` and `workloads/*.csv`.
    pub(super) fn read(folder: &Path) -> Result<Self, TraceError> {
        let mut applications = Vec::new();
        for program in files(&folder.join("traces"))?.iter().filter(|file| file.is_dir()) {
            applications.push(Application::read(program)?);
        }
        let mut workloads = Vec::new();
        for file in files(&folder.join("workloads"))?
            .iter()
            .filter(|file| file.extension().is_some_and(|e| e == "csv"))
        {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            workloads.push(Workload::read(name, &text(file)?, &applications)?);
        }
        if workloads.is_empty() {
            return Err(TraceError::Nothing {
                folder: folder.to_owned(),
                wanted: "workload (`workloads/*.csv`)",
            });
        }
        Ok(Self { applications, workloads })
    }

    /// Runs a workload under a policy; answers the outcome and the mean completion time in seconds.
    pub(super) fn run(&self, workload: &Workload, policy: Policy) -> Result<(Outcome, f64), TraceError> {
        let batch = |job: &Asked| match policy {
            Policy::Tiresias | Policy::Optimus => Some(job.batch),
            // A fixed program keeps its largest batch, as its authors ran it.
            Policy::Ours => {
                let app = &self.applications[job.application];
                app.is_fixed.then_some(app.batch_max)
            }
        };
        let mut run = Run {
            cluster: self,
            workload,
            fleet: Advised::new(&workload.trace()?)?,
            profiles: vec![Profile::default(); self.applications.len()],
            jobs: workload.jobs.iter().map(|job| Training::new(batch(job))).collect(),
        };
        let (mut adviser, places): (Box<dyn Adviser>, Places) = match policy {
            Policy::Tiresias => (Box::new(Tiresias::default()), Places::EmptiestHost),
            Policy::Optimus => (Box::new(Optimus), Places::EmptiestHost),
            Policy::Ours => (Box::new(Goodput), Places::Tight),
        };
        let mut now_s = 0;
        while run.jobs.iter().any(|job| job.done_s.is_none()) {
            if now_s > LAST_S {
                let first = run.jobs.iter().position(|job| job.done_s.is_none()).unwrap_or(0);
                let jobs = run.jobs.iter().filter(|job| job.done_s.is_none()).count();
                return Err(TraceError::Stuck { jobs, first });
            }
            run.pass(now_s)?;
            now_s += SLOT_S;
            run.turn(now_s, (adviser.as_mut(), places))?;
        }
        let lasted = run.jobs.iter().zip(&workload.jobs);
        let sum: f64 = lasted.map(|(job, asked)| job.done_s.unwrap_or(0.0) - asked.submit_s as f64).sum();
        Ok((run.fleet.finish(), sum / workload.jobs.len().max(1) as f64))
    }
}

/// A workload on its way.
struct Run<'a> {
    cluster: &'a Cluster,
    workload: &'a Workload,
    fleet: Advised,
    /// What each program learned.
    profiles: Vec<Profile>,
    jobs: Vec<Training>,
}

impl Run<'_> {
    /// A slot passes for whoever runs.
    fn pass(&mut self, from_s: u64) -> Result<(), TraceError> {
        let now_s = from_s + SLOT_S;
        for (number, (job, asked)) in self.jobs.iter_mut().zip(&self.workload.jobs).enumerate() {
            if job.done_s.is_some() || job.hosts.is_empty() {
                continue;
            }
            let app = &self.cluster.applications[asked.application];
            job.pass(app, &mut self.profiles[asked.application], (from_s as f64, SLOT_S as f64));
            if let Some(done_s) = job.done_s {
                self.fleet.done(now_s, number, done_s as u64)?;
            }
        }
        Ok(())
    }

    /// Who came is submitted, and the adviser is asked.
    fn turn(&mut self, now_s: u64, who: (&mut dyn Adviser, Places)) -> Result<(), TraceError> {
        let (adviser, places) = who;
        let before_s = now_s - SLOT_S;
        for (number, asked) in self.workload.jobs.iter().enumerate() {
            let came = asked.submit_s <= now_s && (asked.submit_s > before_s || before_s == 0);
            if came {
                self.fleet.submit(now_s, number)?;
            }
        }
        let seen = |(number, (job, asked)): (usize, (&'_ Training, &Asked))| {
            (asked.submit_s <= now_s && job.done_s.is_none()).then_some((
                number,
                asked.application,
                asked.chips,
            ))
        };
        let listed: Vec<(usize, usize, u32)> =
            self.jobs.iter().zip(&self.workload.jobs).enumerate().filter_map(seen).collect();
        let jobs: Vec<Seen<'_>> = listed
            .iter()
            .map(|(job, app, asked_chips)| Seen {
                job: *job,
                asked_chips: *asked_chips,
                app: &self.cluster.applications[*app],
                profile: &self.profiles[*app],
                training: &self.jobs[*job],
            })
            .collect();
        let wanted = adviser.advise(now_s, self.fleet.pool_chips(), &jobs);
        drop(jobs);
        for job in self.fleet.follow(now_s, &wanted, places)? {
            let application = self.workload.jobs[job].application;
            let app = &self.cluster.applications[application];
            self.jobs[job].place(app, &self.profiles[application], self.fleet.places(job));
        }
        Ok(())
    }
}

impl Workload {
    fn read(name: String, text: &str, applications: &[Application]) -> Result<Self, TraceError> {
        let shown = format!("{name}.csv");
        let mut jobs = Vec::new();
        for (line, words) in columns(&shown, text, &["time", "application", "num_replicas", "batch_size"])? {
            let wrong = |what: String| TraceError::Line { file: shown.clone(), line, what };
            let number = |at: usize| {
                let what = || format!("`{}` is no whole number of at least 0", words[at]);
                words[at].parse::<u64>().map_err(|_| wrong(what()))
            };
            let (submit_s, chips, batch) = (number(0)?, number(2)?, number(3)?);
            let application = applications.iter().position(|app| app.name == words[1]);
            let what =
                || format!("nothing was measured of `{}`; its folder is missing in `traces`", words[1]);
            let application = application.ok_or_else(|| wrong(what()))?;
            let most = u64::from(HOSTS * HOST_CHIPS);
            if !(1..=most).contains(&chips) || submit_s > LAST_S {
                return Err(wrong(format!(
                    "a job of {chips} chips at {submit_s} s; the cluster has {most} chips"
                )));
            }
            let app = &applications[application];
            let batch = batch as f64;
            if !(app.batch_first..=app.batch_max).contains(&batch) {
                let (least, most) = (app.batch_first, app.batch_max);
                return Err(wrong(format!(
                    "a batch of {batch}; {least} to {most} were measured of `{}`",
                    app.name
                )));
            }
            let chips = u32::try_from(chips).expect("it was compared with the cluster");
            jobs.push(Asked { submit_s, application, chips, batch });
        }
        Ok(Self { name, jobs })
    }

    /// The cluster with one lab that has all of it.
    fn trace(&self) -> Result<Trace, TraceError> {
        let topology = topology("t4", &[(Level::Host, HOSTS), (Level::Chip, HOST_CHIPS)])?;
        let guarantee = Shape::Hosts(HOSTS);
        let lab = Lab { name: "lab".to_owned(), pool: 0, guarantee, borrow_chips: 0, lend_chips: 0 };
        let job = |asked: &Asked| Job {
            lab: 0,
            submit_ms: asked.submit_s * 1_000,
            runtime_ms: 0,
            shape: Shape::Chips(asked.chips),
            priority: 0,
            in_one_rack: false,
        };
        let jobs = self.jobs.iter().map(job).collect();
        let pools = vec![Pool { topology, kept_chips: 0 }];
        Ok(Trace { pools, labs: vec![lab], jobs, notice: Span::from_ms(30_000) })
    }
}
