//! Carries out the core's orders with the executor, and reports what it sees.
//!
//! Each lease has a thread of its own while an order for it is under way, so that preparing one
//! workload's files never delays another's notice. Orders and reports repeat safely: both carry the
//! lease's epoch.

use crate::driver::{DriverHandle, Fault, Published, wall_clock};
use crate::error::ServerError;
use crate::references::referred_to;
use crate::rehearsal::{Rehearsal, rehearses};
use crate::workplace::{Workplace, read_piece};
use sinew_core::{
    Actor, Command, Event, Exit, Kept, Observation, Order, Recorded, Request, Workload, checkpoint_entry,
    log_entry,
};
use sinew_exec::{
    Ending, ExecError, Executor, ExecutorSettings, ExitStatus, Isolation, LastMoments, LeaseOrder,
    LeaseStatus, Limits, Network, Observed,
};
use sinew_store::Artefacts;
use sinew_types::{Hash, Instant, OrgId, Span, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The end of a workload's lease of some epoch: how, and when its last process was gone.
type End = ((WorkloadId, u64), (Exit, Option<Instant>));

/// How long to wait before something that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Where an endpoint listens, in its work folder.
const ENDPOINT_SOCKET: &str = "endpoint.sock";
/// How much of an output is read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// What runs on this machine and where its files are.
pub(crate) struct Runner {
    executor: Executor,
    artefacts: Arc<Artefacts>,
    data: PathBuf,
    exe: PathBuf,
    log_bytes: u64,
    isolation: Isolation,
    /// The organisation whose programs run without a sandbox, where there is one.
    trusts: Option<OrgId>,
}

/// Takes orders.
pub(crate) struct RunnerHandle {
    runner: Arc<Runner>,
    /// Orders on their way, by workload. A thread per workload works them off in order.
    queues: Arc<Mutex<BTreeMap<WorkloadId, Sender<Order>>>>,
    rehearsal: Rehearsal,
    driver: DriverHandle,
}

impl Runner {
    /// Opens the executor over the data folder. Observations come out of the receiver.
    pub(crate) fn new(
        settings: &crate::Settings,
        data: PathBuf,
        artefacts: Arc<Artefacts>,
        trusts: Option<OrgId>,
    ) -> Result<(Self, Receiver<sinew_exec::Observation>), ServerError> {
        let isolation = Executor::capabilities();
        let (supervisor_exe, supervisor_args) = settings.supervisor.clone();
        let exe = supervisor_exe.clone();
        let run_dir = data.join("run");
        let (executor, seen) = Executor::new(ExecutorSettings {
            run_dir,
            supervisor_exe,
            supervisor_args,
            isolation: isolation.clone(),
        })?;
        Ok((Self { executor, artefacts, data, exe, log_bytes: settings.log_bytes, isolation, trusts }, seen))
    }

    /// What this machine enforces.
    pub(crate) fn isolation(&self) -> &Isolation {
        &self.isolation
    }

    /// Whether somebody's programs run without a sandbox.
    pub(crate) fn trusts_owner(&self) -> bool {
        self.trusts.is_some()
    }

    /// The folders of a workload.
    pub(crate) fn workplace(&self, org: OrgId, id: WorkloadId) -> Workplace {
        Workplace::of(&self.data, org, id)
    }

    /// A piece of what a lease has written so far.
    pub(crate) fn output(&self, id: WorkloadId, from: u64) -> Option<sinew_exec::OutputChunk> {
        self.executor.output(&lease_name(id), from, CHUNK_BYTES).ok()
    }

    /// A connection to the endpoint of a workload that serves.
    pub(crate) fn connect(&self, id: WorkloadId) -> Result<std::os::unix::net::UnixStream, ExecError> {
        self.executor.connect(&lease_name(id), ENDPOINT_SOCKET)
    }

    fn start(&self, order: &Order, ahead: Span) -> Result<(), String> {
        let Order::Start { id, org, part, checkpoint, devices, .. } = order else { return Ok(()) };
        if devices.is_empty() {
            // Cells that no machine of this server has; a program here would run on something else.
            return Err("no executor serves this pool; run it in another one".to_owned());
        }
        let place = self.workplace(*org, *id);
        let prepared = place.prepare(&self.artefacts, *org, part);
        let prepared = prepared.and_then(|()| place.restore(&self.artefacts, *org, checkpoint));
        prepared.map_err(|error| chain(&error))?;
        let Some(lease) = self.lease_order(order, &place, ahead) else { return Ok(()) };
        match self.executor.start(&lease) {
            // It ran before this order was repeated; its end is reported by itself.
            Ok(()) | Err(ExecError::StaleEpoch { .. }) => Ok(()),
            Err(error) => Err(chain(&error)),
        }
    }

    /// What the executor is told about a lease.
    fn lease_order(&self, order: &Order, place: &Workplace, ahead: Span) -> Option<LeaseOrder> {
        let Order::Start { id, epoch, org, part, devices, resources, last, .. } = order else { return None };
        let bare = self.trusts == Some(*org);
        let environment = environment(order, place);
        let mut program: Vec<OsString> =
            part.program.argv.iter().map(|word| expand(word, &environment).into()).collect();
        let mut read_only = vec![place.inputs()];
        if program.first().is_some_and(|name| name == "sinew") {
            program[0] = self.exe.clone().into();
            read_only.push(self.exe.clone());
        }
        let memory = (resources.memory_bytes > 0).then_some(resources.memory_bytes);
        Some(LeaseOrder {
            lease: lease_name(*id),
            epoch: *epoch,
            program,
            environment,
            work_dir: place.work(),
            bundle_dir: part.program.bundle.map(|_| place.bundle()),
            read_only,
            cores: devices.clone(),
            network: match part.program.network {
                sinew_types::Network::None => Network::None,
                sinew_types::Network::Loopback => Network::Loopback,
            },
            limits: Limits {
                memory_bytes: memory,
                output_bytes: self.log_bytes,
                // A file beyond the quota could never be kept.
                file_bytes: Some(self.artefacts.quota_bytes(*org)),
                ..Limits::default()
            },
            bare,
            last: last.map(|last| LastMoments {
                notice_unix_ms: unix_ms(last.notice_at, ahead),
                kill_unix_ms: unix_ms(last.kill_at, ahead),
            }),
        })
    }

    /// Keeps what the lease left: the files in `out`, its checkpoint and its output. What cannot be kept stops nothing;
    /// the log says why.
    fn collect(&self, driver: &DriverHandle, id: WorkloadId, epoch: u64) -> BTreeMap<String, Hash> {
        let org = driver.published().state.workloads.get(&id).map(|workload| workload.org);
        let Some(org) = org else { return BTreeMap::new() };
        let place = self.workplace(org, id);
        if let Err(error) = place.keep_log(epoch, |from| self.output(id, from)) {
            eprintln!("sinew: the output of {id} cannot be kept: {error}; free space under the data folder");
        }
        let (mut kept, mut lost) = place.harvest(&self.artefacts, org);
        match place.harvest_checkpoint(&self.artefacts, org) {
            Ok(files) => kept.extend(files.iter().map(|(path, hash)| checkpoint_entry(path, *hash))),
            Err(why) => lost.push(format!("the checkpoint is not kept in the store: {why}")),
        }
        tell(&place, (id, epoch), &lost);
        match place.store_log(&self.artefacts, org, epoch) {
            Ok(stored) => kept.extend(stored.map(log_entry)),
            Err(error) => {
                let line = format!("this log is not kept in the store: {}", chain(&error));
                tell(&place, (id, epoch), &[line]);
            }
        }
        kept
    }

    /// Removes what a lease's end has replaced: the checkpoint before, and logs beyond the number that is kept. Otherwise a
    /// workload that is recalled often would fill its organisation's quota by itself.
    fn drop_superseded(&self, before: &Published, after: &Published, id: WorkloadId) {
        let Some(workload) = before.state.workloads.get(&id) else { return };
        let (Some(kept), Some(lease)) = (&workload.kept, workload.lease()) else { return };
        let referred = referred_to(&after.state, &self.artefacts, workload.org);
        let replaced: BTreeSet<Hash> = kept.hashes().filter(|hash| !referred.contains(hash)).collect();
        // Whoever put the same bytes since may be about to refer to them.
        let put_before_ms = unix_ms(lease.granted_at, after.state.at.since(wall_clock()));
        if !replaced.is_empty()
            && let Err(error) = self.artefacts.remove(workload.org, &replaced, put_before_ms)
        {
            eprintln!("sinew: what {id} replaced stays until the next collection: {}", chain(&error));
        }
    }

    /// A piece of an ended lease's log: from the workload's folder, or from the store where that is gone.
    pub(crate) fn read_log(&self, place: &Workplace, of: (OrgId, &Kept), at: (u64, u64)) -> Option<Vec<u8>> {
        let ((org, kept), (epoch, from)) = (of, at);
        let stored = || {
            let file = self.artefacts.open_artefact(org, *kept.logs.get(&epoch)?).ok()?;
            read_piece(file, from, CHUNK_BYTES).ok()
        };
        place.read_log(epoch, from, CHUNK_BYTES).ok().or_else(stored)
    }

    /// Reports an end, and forgets the lease when the report is durable.
    fn report_end(&self, driver: &DriverHandle, (of, end): End) {
        let ((id, epoch), (exit, at)) = (of, end);
        let before = driver.published();
        let outputs = self.collect(driver, id, epoch);
        if !report(driver, id, epoch, Observation::Ended { exit, outputs, at }) {
            return;
        }
        self.drop_superseded(&before, &driver.published(), id);
        if let Err(error) = self.executor.forget(&lease_name(id), epoch)
            // The next lease has begun in the same folder already.
            && !matches!(error, ExecError::StaleEpoch { .. })
        {
            eprintln!("sinew: the folder of a lease of {id} stays: {}", chain(&error));
        }
    }

    /// Finds the leases of an earlier server again and reports those that ended meanwhile.
    pub(crate) fn adopt(self: &Arc<Self>, driver: &DriverHandle) -> Result<(), ServerError> {
        if self.executor.was_rebooted() {
            self.report_reboot(driver);
            return Ok(self.executor.start_over()?);
        }
        let recorded = driver.published().state.at;
        let mut ends = Vec::new();
        for (lease, epoch, status) in self.executor.adopt()? {
            let Some(id) = workload_of(&lease) else { continue };
            match status {
                LeaseStatus::Exited(ending) => ends.push(((id, epoch), end_of(ending))),
                LeaseStatus::Lost => ends.push(((id, epoch), (Exit::Lost, Some(recorded)))),
                LeaseStatus::Running { .. } | LeaseStatus::NotStarted => {}
            }
        }
        self.report_ends(driver, ends);
        Ok(())
    }

    /// Reports what ended while no server ran, in the order of time: a report closes the months before it, with what still
    /// ran then.
    fn report_ends(&self, driver: &DriverHandle, mut ends: Vec<End>) {
        ends.sort_by_key(|(_, (_, at))| (at.is_none(), *at));
        for (of, end) in ends {
            self.report_end(driver, (of, end));
        }
    }

    /// After a power cut or a restart of the machine nothing runs any more. An end that was written down is reported;
    /// every other lease that stands is lost.
    fn report_reboot(&self, driver: &DriverHandle) {
        let published = driver.published();
        let standing = published.state.workloads.iter().filter(|(_, workload)| workload.lease().is_some());
        let end = |(id, workload): (&WorkloadId, &Workload)| {
            let end = match self.executor.status(&lease_name(*id)) {
                Ok(Some((epoch, LeaseStatus::Exited(ending)))) if epoch == workload.epoch => end_of(ending),
                _ => (Exit::Lost, Some(published.state.at)),
            };
            ((*id, workload.epoch), end)
        };
        self.report_ends(driver, standing.map(end).collect());
    }

    /// Turns observations into reports until the executor is gone.
    pub(crate) fn watch(self: &Arc<Self>, driver: &DriverHandle, seen: Receiver<sinew_exec::Observation>) {
        for observation in seen {
            let Some(id) = workload_of(&observation.lease) else { continue };
            let (runner, driver, epoch) = (Arc::clone(self), driver.clone(), observation.epoch);
            // Collecting files takes time; the next observation need not wait for it.
            thread::spawn(move || match observation.what {
                Observed::Started { .. } => {
                    report(&driver, id, epoch, Observation::Started);
                }
                Observed::Exited(ending) => runner.report_end(&driver, ((id, epoch), end_of(ending))),
                Observed::Lost { .. } => runner.report_end(&driver, ((id, epoch), (Exit::Lost, None))),
            });
        }
    }
}

impl RunnerHandle {
    pub(crate) fn new(runner: Arc<Runner>, driver: DriverHandle) -> Self {
        let rehearsal = Rehearsal::start(driver.clone());
        Self { runner, queues: Arc::default(), rehearsal, driver }
    }

    /// Lets the store keep the quotas that were just set.
    pub(crate) fn keep_quotas(&self, fresh: &[Recorded]) {
        for recorded in fresh {
            if let Event::QuotaSet { org, bytes } = &recorded.event {
                self.runner.artefacts.set_quota(*org, *bytes);
            }
        }
    }

    /// Hands an order to the thread of its workload, or to the rehearsal.
    pub(crate) fn order(&self, order: Order) {
        let id = match &order {
            Order::Start { id, .. } | Order::Stop { id, .. } => *id,
        };
        if rehearses(&self.driver, id) {
            return self.rehearsal.order(order);
        }
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.get(&id).is_some_and(|queue| queue.send(order.clone()).is_ok()) {
            return;
        }
        let (sender, orders) = channel();
        let _ = sender.send(order);
        queues.insert(id, sender);
        let (runner, queues, driver) =
            (Arc::clone(&self.runner), Arc::clone(&self.queues), self.driver.clone());
        thread::spawn(move || work_off(&runner, &driver, &queues, (id, &orders)));
    }
}

/// Carries out a workload's orders until there are no more; then the queue goes.
fn work_off(
    runner: &Runner,
    driver: &DriverHandle,
    queues: &Mutex<BTreeMap<WorkloadId, Sender<Order>>>,
    of: (WorkloadId, &Receiver<Order>),
) {
    let (id, orders) = of;
    loop {
        let next = {
            let mut queues = queues.lock().unwrap_or_else(PoisonError::into_inner);
            let next = orders.try_recv().ok();
            if next.is_none() {
                queues.remove(&id);
            }
            next
        };
        match next {
            Some(order) => carry_out(runner, driver, &order),
            None => return,
        }
    }
}

fn carry_out(runner: &Runner, driver: &DriverHandle, order: &Order) {
    match order {
        Order::Start { id, epoch, .. } => {
            if let Err(why) = runner.start(order, ahead(driver)) {
                let end =
                    Observation::Ended { exit: Exit::NotStarted { why }, outputs: BTreeMap::new(), at: None };
                // Only what is durable may be forgotten; otherwise the order is repeated after a restart.
                if report(driver, *id, *epoch, end) {
                    let _ = runner.executor.forget(&lease_name(*id), *epoch);
                }
            }
        }
        Order::Stop { id, epoch, deadline } => stop(runner, driver, (*id, *epoch), *deadline),
    }
}

/// Gives a lease its notice, as often as it takes; at the deadline it is killed without one.
fn stop(runner: &Runner, driver: &DriverHandle, of: (WorkloadId, u64), deadline: Instant) {
    let (id, epoch) = of;
    let ahead = ahead(driver);
    let (deadline, deadline_ms) = (deadline.minus(ahead), unix_ms(deadline, ahead));
    loop {
        match runner.executor.notice(&lease_name(id), epoch, deadline_ms) {
            Ok(()) => return,
            // A lease that is not running has ended, and its end is reported by itself.
            Err(ExecError::NotRunning { .. } | ExecError::StaleEpoch { .. }) => return,
            Err(error) if wall_clock() < deadline => {
                eprintln!("sinew: the notice for {id} did not reach its supervisor yet: {}", chain(&error));
                thread::sleep(RETRY_PAUSE);
            }
            Err(_) => {
                if let Err(error) = runner.executor.kill(&lease_name(id), epoch) {
                    eprintln!("sinew: {id} could not be killed: {}", chain(&error));
                }
                return;
            }
        }
    }
}

/// How far the records' time is before the real one: after the clock was set back, records go on at the later time, and
/// supervisors count from the real one.
fn ahead(driver: &DriverHandle) -> Span {
    driver.published().state.at.since(wall_clock())
}

/// A moment of the records as a supervisor reads it.
fn unix_ms(at: Instant, ahead: Span) -> u64 {
    u64::try_from(at.minus(ahead).ms()).unwrap_or(0)
}

/// Tells a lease's organisation, in its log, and whoever runs this server.
fn tell(place: &Workplace, of: (WorkloadId, u64), lines: &[String]) {
    let (id, epoch) = of;
    for line in lines {
        eprintln!("sinew: {id}: {line}");
    }
    if let Err(error) = place.add_to_log(epoch, lines) {
        eprintln!("sinew: the log of {id} cannot be written: {error}");
    }
}

/// Sends a report until it is durable; answers whether it is. A full disk is waited out, because an end that nobody
/// records would hold its cells for ever; only a server that stops gives up, and the next one finds the end again.
fn report(driver: &DriverHandle, id: WorkloadId, epoch: u64, observation: Observation) -> bool {
    let command = Command::Observe { id, epoch, observation };
    let request = Request { actor: Actor::System, key: None, command };
    loop {
        match driver.ask_blocking(vec![request.clone()]) {
            Ok(_) => return true,
            Err(Fault::Stopping) => return false,
            Err(Fault::NoSpace | Fault::Busy) => thread::sleep(RETRY_PAUSE),
        }
    }
}

/// The environment that every workload gets: `torchrun`'s names, and where Sinew put things.
fn environment(order: &Order, place: &Workplace) -> BTreeMap<String, String> {
    let Order::Start { id, epoch, part, devices, serves, .. } = order else { return BTreeMap::new() };
    let cores: Vec<String> = devices.iter().map(u32::to_string).collect();
    let path = |path: PathBuf| path.display().to_string();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: String| names.insert(name.to_owned(), value);
    for (name, value) in [
        ("RANK", "0"),
        ("LOCAL_RANK", "0"),
        ("GROUP_RANK", "0"),
        ("WORLD_SIZE", "1"),
        ("LOCAL_WORLD_SIZE", "1"),
        ("MASTER_ADDR", "127.0.0.1"),
        ("MASTER_PORT", "29500"),
        ("SINEW_SOCKET", ENDPOINT_SOCKET),
    ] {
        set(name, value.to_owned());
    }
    set("OMP_NUM_THREADS", devices.len().to_string());
    set("SINEW_CPUS", devices.len().to_string());
    set("SINEW_CORES", cores.join(","));
    set("SINEW_WORKLOAD", id.to_string());
    set("SINEW_EPOCH", epoch.to_string());
    set("TORCHELASTIC_RESTART_COUNT", epoch.saturating_sub(1).to_string());
    set("SINEW_INPUTS", path(place.inputs()));
    set("SINEW_OUT", path(place.out()));
    set("SINEW_CHECKPOINT", path(place.checkpoint()));
    if part.program.bundle.is_some() {
        set("SINEW_BUNDLE", path(place.bundle()));
    }
    if let Some(release) = serves {
        set("SINEW_SERVES", release.to_string());
    }
    names.extend(part.program.env.clone());
    names
}

/// Replaces `$(NAME)` by the workload's environment, as Kubernetes does in `args`; an unknown name stays as it is.
fn expand(word: &str, environment: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once("$(") {
        expanded.push_str(before);
        match after.split_once(')').and_then(|(name, after)| Some((environment.get(name)?, after))) {
            Some((value, after)) => {
                expanded.push_str(value);
                rest = after;
            }
            None => {
                expanded.push_str("$(");
                rest = after;
            }
        }
    }
    expanded + rest
}

/// The executor's name for a workload's lease. All epochs share it, so an older one cannot start after a newer one.
fn lease_name(id: WorkloadId) -> String {
    format!("{:032x}", id.bits())
}

fn workload_of(lease: &str) -> Option<WorkloadId> {
    u128::from_str_radix(lease, 16).ok().map(WorkloadId::from_bits)
}

/// How a program ended, and when its last process was gone.
fn end_of(ending: Ending) -> (Exit, Option<Instant>) {
    let at = i64::try_from(ending.at_ms).ok().map(Instant::from_ms);
    let exit = match ending.status {
        ExitStatus::Code(code) => Exit::Code { code },
        ExitStatus::Signal(signal) => Exit::Signal { signal },
        ExitStatus::KilledAtDeadline => Exit::Deadline,
        ExitStatus::KilledByOrder => Exit::Signal { signal: libc::SIGKILL },
        ExitStatus::CouldNotStart(why) => Exit::NotStarted { why },
    };
    (exit, at)
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

/// How long a drain may take: the longest notice and grace of anything that runs.
pub(crate) fn drain_span(driver: &DriverHandle) -> Span {
    let now = wall_clock();
    let state = &driver.published().state;
    let deadlines =
        state.workloads.values().filter_map(|w| w.lease()).filter_map(|lease| lease.notice.as_ref());
    let longest = deadlines.map(|notice| notice.deadline.since(now)).max().unwrap_or_default();
    longest.plus(Span::from_ms(5_000))
}
