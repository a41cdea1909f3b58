//! Starting and stopping.

use crate::app::{App, UPLOADS_MAX};
use crate::auth::{digest, new_secret};
use crate::driver::{Driver, DriverHandle, wall_clock};
use crate::error::ServerError;
use crate::journal::EventLog;
use crate::machine::{self, OwnUse};
use crate::proving::Prover;
use crate::reply::draw;
use crate::routes::router;
use crate::runner::{Runner, RunnerHandle, drain_span};
use crate::settings::{Sandboxed, Settings};
use sinew_api::{Lang, MachineView};
use sinew_core::{Actor, Command, Control, Request, Role};
use sinew_exec::Isolation;
use sinew_store::{Artefacts, DataFolder, Identity, InstanceId, Journal, JournalOptions};
use sinew_types::{KeyId, OrgId};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// The key that a first start makes. Its secret is known nowhere else.
#[derive(Clone, Debug)]
pub struct FirstKey {
    /// The operator's name.
    pub organisation: String,
    /// The secret.
    pub secret: String,
}

/// A running server. It answers until it is stopped; leases outlive it.
pub struct Server {
    address: SocketAddr,
    first_key: Option<FirstKey>,
    driver: DriverHandle,
    driver_thread: JoinHandle<()>,
    runtime: Runtime,
    runner: Arc<Runner>,
    stop_http: oneshot::Sender<()>,
    // Held to the end: whoever holds it may write the folder.
    _folder: DataFolder,
}

impl Server {
    /// Opens the folder, brings back the state, adopts what still runs and answers.
    pub fn start(settings: Settings) -> Result<Self, ServerError> {
        let founding = Identity {
            instance: InstanceId(draw()),
            created_ms: u64::try_from(wall_clock().ms()).unwrap_or(0),
        };
        let system = |what| move |source| ServerError::System { what, source };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(system("start the server's threads"))?;
        // The port first: a port in use must leave nothing half done in a new folder.
        let listener = runtime.block_on(TcpListener::bind(settings.listen));
        let listener = listener.map_err(|source| ServerError::Listen { address: settings.listen, source })?;
        let address = listener.local_addr().map_err(system("read the address"))?;
        let folder = DataFolder::open_or_create(&settings.data, founding)?;
        let data = folder.path().canonicalize().map_err(system("find the data folder"))?;
        let journal = Journal::open(&folder, JournalOptions { max_bytes: settings.journal_max_bytes })?;
        let (log, mut control) = EventLog::load(journal)?;
        let (log, first_key) = first_start(log, &mut control, &settings)?;
        let artefacts = Arc::new(Artefacts::open(&folder, settings.quota_bytes)?);
        for (org, organisation) in &control.state().organisations {
            artefacts.set_quota(*org, organisation.quota_bytes);
        }
        let operators = control.state().organisations.iter().filter(|(_, found)| found.operator);
        let trusts = operators.map(|(id, _)| *id).next().filter(|_| settings.sandbox == Sandboxed::Others);
        let (runner, seen) = Runner::new(&settings, data, Arc::clone(&artefacts), trusts)?;
        let runner = Arc::new(runner);
        let (driver, handle) = Driver::new(log, control)?;
        let driver_thread = start_threads(&runner, driver, &handle, seen)?;
        let app = App {
            driver: handle.clone(),
            artefacts,
            runner: Arc::clone(&runner),
            prover: Arc::new(Prover::new(settings.data.clone(), settings.log_seed)),
            own_use: OwnUse::start(),
            uploads: Arc::new(tokio::sync::Semaphore::new(UPLOADS_MAX)),
            instance: folder.identity().instance,
        };
        let (stop_http, stopped) = oneshot::channel::<()>();
        runtime.spawn(async move {
            let serving = axum::serve(listener, router(app));
            tokio::select! {
                _ = serving => {}
                _ = stopped => {}
            }
        });
        Ok(Self {
            address,
            first_key,
            driver: handle,
            driver_thread,
            runtime,
            runner,
            stop_http,
            _folder: folder,
        })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The operator's key, if this was the first start.
    #[must_use]
    pub fn first_key(&self) -> Option<&FirstKey> {
        self.first_key.as_ref()
    }

    /// What this machine enforces on workloads.
    #[must_use]
    pub fn isolation(&self) -> &Isolation {
        self.runner.isolation()
    }

    /// The same in words.
    #[must_use]
    pub fn machine(&self, lang: Lang) -> MachineView {
        machine::view(lang, self.isolation(), self.runner.trusts_owner())
    }

    /// Waits for SIGINT or SIGTERM, then stops. Leases go on under their supervisors.
    pub fn wait(self) {
        self.runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be listened to");
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        });
        self.stop();
    }

    /// Tells every lease to leave, waits until they have or until their deadlines, then stops. What was running goes on
    /// when the server starts again.
    pub fn drain(self) {
        self.driver.drain();
        let until = Instant::now() + Duration::from_millis(drain_span(&self.driver).ms());
        let running = || self.driver.published().state.workloads.values().any(|w| w.lease().is_some());
        while running() && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        self.stop();
    }

    /// Stops at once. Leases go on under their supervisors.
    pub fn stop(self) {
        let _ = self.stop_http.send(());
        self.driver.stop();
        let _ = self.driver_thread.join();
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

/// Adopts what an earlier server left, then lets the driver and the watcher run.
fn start_threads(
    runner: &Arc<Runner>,
    driver: Driver,
    handle: &DriverHandle,
    seen: std::sync::mpsc::Receiver<sinew_exec::Observation>,
) -> Result<JoinHandle<()>, ServerError> {
    let orders = RunnerHandle::new(Arc::clone(runner), handle.clone());
    let (ready, adopted) = std::sync::mpsc::channel::<()>();
    let thread = thread::Builder::new().name("sinew-driver".to_owned()).spawn(move || {
        // Ends that happened meanwhile are reported before any order is repeated.
        driver.run(&orders, &adopted);
    });
    let thread = thread.map_err(|source| ServerError::System { what: "start the driver", source })?;
    runner.adopt(handle)?;
    let _ = ready.send(());
    let (watcher, watched) = (Arc::clone(runner), handle.clone());
    thread::spawn(move || watcher.watch(&watched, seen));
    Ok(thread)
}

/// On the first start: the operator's organisation and its first key.
fn first_start(
    mut log: EventLog,
    control: &mut Control,
    settings: &Settings,
) -> Result<(EventLog, Option<FirstKey>), ServerError> {
    if !control.state().organisations.is_empty() {
        return Ok((log, None));
    }
    let secret = settings.first_secret.clone().unwrap_or_else(new_secret);
    let id = OrgId::from_bits(draw());
    let roles = BTreeSet::from([Role::View, Role::Operate, Role::Sign]);
    let key = KeyId::from_bits(draw());
    let commands = [
        Command::AddOrganisation { id, name: settings.owner.clone(), operator: true },
        Command::AddKey { id: key, org: id, digest: digest(&secret), roles, label: "first key".to_owned() },
    ];
    for command in commands {
        let request = Request { actor: Actor::System, key: None, command };
        control.handle(wall_clock(), &request).expect("an empty Sinew takes its first organisation");
    }
    log.append(&control.take_fresh())?;
    Ok((log, Some(FirstKey { organisation: settings.owner.to_string(), secret })))
}
