//! The server's side: gives orders to supervisors, finds them again after a restart, and hears how leases end.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::boot::Boot;
use crate::control::{self, Action, Reply, Request};
use crate::ended::EndedLog;
use crate::error::{ExecError, Result, Step};
use crate::folder::{LeaseFolder, OrderRecord, RECORD_VERSION, add_record, create_private};
use crate::isolation::Isolation;
use crate::nursery::{self, Nursery};
use crate::order::{LeaseOrder, check_lease_name};
use crate::output::{self, OutputChunk};
use crate::status::{Ending, ExitStatus, LeaseStatus, Observation, State};
use crate::turns::Turns;
use crate::watch::{Watcher, end_first_process, living_supervisor};

/// Observations that may wait for the server. Watchers wait when it is full, and nothing is lost.
const OBSERVATIONS_MOST: usize = 1024;

/// How many nurseries wait for orders at once.
const NURSERIES_MOST: usize = 64;

/// How an executor works.
#[derive(Clone, Debug)]
pub struct ExecutorSettings {
    /// Holds a folder for each lease. Only this executor writes there.
    pub run_dir: PathBuf,
    /// The program that becomes a supervisor; usually this very program.
    pub supervisor_exe: PathBuf,
    /// What it is told before the lease's folder, such as `supervise`. It must end in [`crate::supervise`].
    pub supervisor_args: Vec<OsString>,
    /// What this machine can enforce; usually [`Executor::capabilities`].
    pub isolation: Isolation,
}

/// Runs leases on this machine.
pub struct Executor {
    settings: ExecutorSettings,
    sender: SyncSender<Observation>,
    turns: Turns,
    /// Epochs that a watcher was started for.
    watched: Mutex<BTreeSet<(String, u64)>>,
    ended: EndedLog,
    /// Where supervisors are born, by the cores that are held by a cpuset; each is made with its first lease.
    nurseries: Mutex<BTreeMap<Vec<u32>, Nursery>>,
    boot: Boot,
}

impl Executor {
    /// Tries what this machine can enforce. Takes a few milliseconds and leaves nothing behind.
    #[must_use]
    pub fn capabilities() -> Isolation {
        Isolation::probe()
    }

    /// Opens the folder of leases. What happens to leases from now on comes out of the receiver.
    pub fn new(settings: ExecutorSettings) -> Result<(Self, Receiver<Observation>)> {
        create_private(&settings.run_dir.join("leases"))?;
        let path = settings.run_dir.join("ended.log");
        let ended = EndedLog::open(path.clone());
        let ended = ended.map_err(|source| ExecError::File { action: "open", path, source })?;
        let boot = Boot::of(&settings.run_dir);
        boot.begin()?;
        let (sender, receiver) = sync_channel(OBSERVATIONS_MOST);
        let (turns, watched, nurseries) = (Turns::default(), Mutex::default(), Mutex::default());
        Ok((Self { settings, sender, turns, watched, ended, nurseries, boot }, receiver))
    }

    /// Whether the machine was started anew since these leases began. Then none of them runs, and their folders may lack
    /// what was not on disk yet: whoever knows which leases stood takes them for lost, and then calls [`Self::start_over`].
    #[must_use]
    pub fn was_rebooted(&self) -> bool {
        self.boot.is_new()
    }

    /// Removes the folders of leases of an earlier boot, and from now on trusts what this boot writes.
    pub fn start_over(&self) -> Result<()> {
        let path = self.settings.run_dir.join("leases");
        let failed = |source| ExecError::File { action: "empty", path: path.clone(), source };
        fs::remove_dir_all(&path).map_err(failed)?;
        create_private(&path)?;
        self.boot.confirm()
    }

    /// Starts the program of an order and returns when it runs. The same epoch again does nothing; an older one
    /// is refused; a newer one first ends what runs.
    pub fn start(&self, order: &LeaseOrder) -> Result<()> {
        order.check()?;
        create_private(&order.work_dir)?;
        order.check_apart()?;
        self.check_hides_leases(order)?;
        let _turn = self.turns.take(&order.lease);
        let folder = self.folder(&order.lease);
        let ended = self.ended.of(&order.lease);
        let known = folder.read_order()?;
        let seen = known.as_ref().map(|record| record.order.epoch).max(ended);
        match seen {
            Some(seen) if seen > order.epoch => {
                Err(ExecError::StaleEpoch { lease: order.lease.clone(), ordered: order.epoch, seen })
            }
            Some(seen) if seen == order.epoch => match known {
                Some(record) => self.resume(&folder, &record),
                // It was recorded as over and forgotten.
                None => Ok(()),
            },
            _ => {
                let sandbox = self.settings.isolation.sandbox(order)?;
                if let Some(record) = known {
                    end_and_wait(&folder, &record)?;
                }
                folder.create()?;
                let record = OrderRecord { version: RECORD_VERSION, order: order.clone(), sandbox };
                add_record(&folder.order_path(), &record)?;
                self.resume(&folder, &record)
            }
        }
    }

    /// Tells the program to end, and its supervisor to end everything at the deadline, server or no server.
    pub fn notice(&self, lease: &str, epoch: u64, deadline_unix_ms: u64) -> Result<()> {
        self.ask(lease, Request { epoch, action: Action::Notice { deadline_unix_ms } })
    }

    /// Ends everything of the lease now. The end comes as an observation.
    pub fn kill(&self, lease: &str, epoch: u64) -> Result<()> {
        self.ask(lease, Request { epoch, action: Action::Kill })
    }

    /// Finds every lease again, and watches those that run. For the start of a server.
    pub fn adopt(&self) -> Result<Vec<(String, u64, LeaseStatus)>> {
        let path = self.settings.run_dir.join("leases");
        let failed = |source| ExecError::File { action: "list", path: path.clone(), source };
        let mut found = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let folder = LeaseFolder::at(entry.map_err(failed)?.path());
            let Some(record) = folder.read_order()? else { continue };
            let status = status_of(&folder, &record)?;
            if matches!(status, LeaseStatus::Running { .. }) {
                self.watch(&folder, &record, None)?;
            }
            found.push((record.order.lease, record.order.epoch, status));
        }
        found.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        Ok(found)
    }

    /// How one lease stands, as its folder shows it. Nothing where no such lease is known.
    pub fn status(&self, lease: &str) -> Result<Option<(u64, LeaseStatus)>> {
        check_lease_name(lease)?;
        let folder = self.folder(lease);
        let Some(record) = folder.read_order()? else { return Ok(None) };
        Ok(Some((record.order.epoch, status_of(&folder, &record)?)))
    }

    /// Reads the output of a lease from a place on. An empty piece is the end of what was written so far.
    pub fn output(&self, lease: &str, from: u64, most_bytes: usize) -> Result<OutputChunk> {
        check_lease_name(lease)?;
        let folder = self.folder(lease);
        output::read(folder.path(), from, most_bytes).map_err(|source| ExecError::File {
            action: "read the output in",
            path: folder.path().to_owned(),
            source,
        })
    }

    /// Connects to a Unix socket that a lease's program made in its work folder, such as the one that it serves on.
    pub fn connect(&self, lease: &str, socket: &str) -> Result<UnixStream> {
        check_lease_name(lease)?;
        let record = self.folder(lease).read_order()?;
        let Some(OrderRecord { order, .. }) = record else {
            return Err(ExecError::NotRunning { lease: lease.to_owned(), epoch: 0 });
        };
        control::connect_inside(&order.work_dir, socket).map_err(|source| ExecError::File {
            action: "connect to the program's socket",
            path: order.work_dir.join(socket),
            source,
        })
    }

    /// Removes the folder of a lease that is over. Its epoch stays known, so that it never runs again.
    pub fn forget(&self, lease: &str, epoch: u64) -> Result<()> {
        check_lease_name(lease)?;
        let _turn = self.turns.take(lease);
        let folder = self.folder(lease);
        let Some(record) = folder.read_order()? else { return Ok(()) };
        let known = record.order.epoch;
        if known > epoch {
            return Err(ExecError::StaleEpoch { lease: lease.to_owned(), ordered: epoch, seen: known });
        }
        if living_supervisor(&folder).is_some() {
            return Err(ExecError::StillRunning { lease: lease.to_owned(), epoch: known });
        }
        end_first_process(&folder, folder.read_status(known)?.as_ref(), record.sandbox.namespaces);
        self.ended.add(lease, known).map_err(|source| ExecError::File {
            action: "write the end of a lease in",
            path: self.settings.run_dir.clone(),
            source,
        })?;
        fs::remove_dir_all(folder.path()).map_err(|source| ExecError::File {
            action: "remove",
            path: folder.path().to_owned(),
            source,
        })?;
        self.lock().remove(&(lease.to_owned(), known));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(String, u64)>> {
        // The set is changed in one step, so a panic elsewhere leaves it whole.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self, lease: &str) -> LeaseFolder {
        LeaseFolder::at(self.settings.run_dir.join("leases").join(lease))
    }

    /// An order must not show a program the folders of leases, its own or another's.
    fn check_hides_leases(&self, order: &LeaseOrder) -> Result<()> {
        let path = &self.settings.run_dir;
        let run_dir = path.canonicalize().map_err(|source| ExecError::File {
            action: "find",
            path: path.clone(),
            source,
        })?;
        for shown in order.shared_paths().chain([&order.work_dir]) {
            let real = shown.canonicalize().unwrap_or_else(|_| shown.clone());
            if run_dir.starts_with(&real) || real.starts_with(&run_dir) {
                return Err(ExecError::InvalidOrder {
                    lease: order.lease.clone(),
                    what: format!(
                        "`{}` would show the program the folders of leases; name a folder apart from `{}`",
                        shown.display(),
                        path.display()
                    ),
                });
            }
        }
        Ok(())
    }

    /// Makes sure that a written order has had a supervisor, and watches it.
    fn resume(&self, folder: &LeaseFolder, record: &OrderRecord) -> Result<()> {
        let mut line = None;
        if matches!(status_of(folder, record)?, LeaseStatus::NotStarted) {
            line = Some(self.call_supervisor(folder, record)?);
        }
        if line.is_none()
            && let Some(status) = folder.read_status(record.order.epoch)?
            && let State::Ended(ending) = status.state
            && let ExitStatus::CouldNotStart(why) = ending.status
        {
            return Err(ExecError::CouldNotStart { lease: record.order.lease.clone(), why });
        }
        self.watch(folder, record, Some(line))
    }

    /// Has a supervisor born, which returns its line as soon as the program runs. A nursery that is gone is replaced.
    fn call_supervisor(&self, folder: &LeaseFolder, record: &OrderRecord) -> Result<UnixStream> {
        let lease = &record.order.lease;
        for attempt in 0..2 {
            let mut line = self.line(record, attempt > 0)?;
            let heard = nursery::hear(&mut line).step(|| "hear the supervisor".into())?;
            match heard {
                Ok(()) => return Ok(line),
                Err(why) if why.is_empty() && folder.read_status(record.order.epoch)?.is_none() => {}
                Err(why) => return Err(self.not_started(folder, record, why)?),
            }
        }
        let why = "the supervisor ended without a word; see supervisors.log".to_owned();
        Err(ExecError::CouldNotStart { lease: lease.clone(), why })
    }

    /// The supervisor's own word for what went wrong is in the lease's status.
    fn not_started(&self, folder: &LeaseFolder, record: &OrderRecord, said: String) -> Result<ExecError> {
        let status = folder.read_status(record.order.epoch)?.map(|status| status.state);
        let why = match status {
            Some(State::Ended(Ending { status: ExitStatus::CouldNotStart(why), .. })) => why,
            _ => said,
        };
        Ok(ExecError::CouldNotStart { lease: record.order.lease.clone(), why })
    }

    fn line(&self, record: &OrderRecord, anew: bool) -> Result<UnixStream> {
        let order = &record.order;
        let cores = if record.sandbox.cpuset { order.cores.clone() } else { Vec::new() };
        let mut nurseries = self.nurseries.lock().unwrap_or_else(PoisonError::into_inner);
        if anew {
            nurseries.remove(&cores);
        }
        if let Some(living) = nurseries.get(&cores)
            && let Ok(line) = living.supervise(&order.lease)
        {
            return Ok(line);
        }
        if nurseries.len() >= NURSERIES_MOST {
            // It ends with its last supervisor.
            nurseries.pop_last();
        }
        let fresh = Nursery::start(&self.settings, &cores)?;
        let line = fresh.supervise(&order.lease).step(|| "ask for a supervisor".into())?;
        nurseries.insert(cores, fresh);
        Ok(line)
    }

    /// Watches a lease once. Its start is news where there is a line, or was none because it had started before.
    fn watch(
        &self,
        folder: &LeaseFolder,
        record: &OrderRecord,
        started: Option<Option<UnixStream>>,
    ) -> Result<()> {
        let (lease, epoch) = (record.order.lease.clone(), record.order.epoch);
        if !self.lock().insert((lease.clone(), epoch)) {
            return Ok(());
        }
        let namespaces = record.sandbox.namespaces;
        let (sender, announce) = (self.sender.clone(), started.is_some());
        let line = started.flatten();
        Watcher { folder: folder.clone(), lease, epoch, namespaces, announce, sender, line }.spawn()
    }

    fn ask(&self, lease: &str, request: Request) -> Result<()> {
        check_lease_name(lease)?;
        let folder = self.folder(lease);
        let not_running = || ExecError::NotRunning { lease: lease.to_owned(), epoch: request.epoch };
        match control::ask(folder.path(), request) {
            Ok(Reply::Done) => Ok(()),
            Ok(Reply::OtherEpoch(seen)) if seen > request.epoch => {
                Err(ExecError::StaleEpoch { lease: lease.to_owned(), ordered: request.epoch, seen })
            }
            Ok(Reply::OtherEpoch(_)) => Err(not_running()),
            Err(_) if living_supervisor(&folder).is_none() => Err(not_running()),
            Err(source) => Err(ExecError::File {
                action: "speak with the supervisor in",
                path: folder.path().to_owned(),
                source,
            }),
        }
    }
}

fn status_of(folder: &LeaseFolder, record: &OrderRecord) -> Result<LeaseStatus> {
    // Asked before the status is read: a supervisor that ends in between has written its end by then.
    let lives = folder.supervisor_pid().is_some();
    Ok(match folder.read_status(record.order.epoch)? {
        None => LeaseStatus::NotStarted,
        Some(status) => match status.state {
            State::Ended(ending) => LeaseStatus::Exited(ending),
            State::Taken | State::Running if lives => LeaseStatus::Running {
                started_at_ms: status.started_at_ms,
                deadline_unix_ms: status.deadline_unix_ms,
            },
            State::Taken | State::Running => LeaseStatus::Lost,
        },
    })
}

/// Ends an older epoch before a newer one starts: nothing of a lease runs twice.
fn end_and_wait(folder: &LeaseFolder, record: &OrderRecord) -> Result<()> {
    let epoch = record.order.epoch;
    if let Some(supervisor) = living_supervisor(folder) {
        let asked = control::ask(folder.path(), Request { epoch, action: Action::Kill });
        if let Err(source) = asked
            && !supervisor.wait(Some(0))
        {
            let path = folder.path().to_owned();
            return Err(ExecError::File { action: "speak with the supervisor in", path, source });
        }
        supervisor.wait(None);
    }
    end_first_process(folder, folder.read_status(epoch)?.as_ref(), record.sandbox.namespaces);
    Ok(())
}
