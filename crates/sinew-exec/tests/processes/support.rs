//! A place with an executor in it, where tests run real programs.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::stat::Mode;
use sinew_exec::{
    Ending, Executor, ExecutorSettings, Isolation, LeaseOrder, Limits, Network, Observation, Observed,
};

/// Long enough for any machine; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A folder as a server would have it: leases, work folders, and things that no program may see.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) executor: Executor,
    pub(crate) events: Receiver<Observation>,
    kept: Option<tempfile::TempDir>,
}

/// The two ways in which a machine can shut a program in.
pub(crate) fn machines() -> Vec<(&'static str, Isolation)> {
    let all = Executor::capabilities();
    vec![("with namespaces", all.clone()), ("without namespaces", all.without_namespaces())]
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::on(Executor::capabilities())
    }

    pub(crate) fn on(isolation: Isolation) -> Self {
        let kept = tempfile::tempdir().expect("a folder");
        let folder = kept.path().to_owned();
        // Without a root of its own, a program's user must be able to pass through to its folder.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).expect("a folder to pass");
        let mut site = Self::open(&folder, isolation);
        site.kept = Some(kept);
        site
    }

    /// Opens a place again, as a server does that was restarted.
    pub(crate) fn open(folder: &Path, isolation: Isolation) -> Self {
        let settings = ExecutorSettings {
            run_dir: folder.join("run"),
            supervisor_exe: env!("CARGO_BIN_EXE_sinew-supervise").into(),
            supervisor_args: Vec::new(),
            isolation,
        };
        let (executor, events) = Executor::new(settings).expect("an executor");
        Self { folder: folder.to_owned(), executor, events, kept: None }
    }

    pub(crate) fn work_dir(&self, lease: &str) -> PathBuf {
        let path = self.folder.join(format!("work-{lease}"));
        fs::create_dir_all(&path).expect("a work folder");
        path
    }

    pub(crate) fn order(&self, lease: &str, program: &[&str]) -> LeaseOrder {
        LeaseOrder {
            lease: lease.into(),
            epoch: 1,
            program: program.iter().map(Into::into).collect(),
            environment: [("FOLDER".into(), self.folder.display().to_string())].into(),
            work_dir: self.work_dir(lease),
            bundle_dir: None,
            read_only: python_home(),
            cores: vec![own_cores()[0]],
            network: Network::None,
            limits: Limits::default(),
            bare: false,
            last: None,
        }
    }

    pub(crate) fn shell(&self, lease: &str, script: &str) -> LeaseOrder {
        self.order(lease, &["/bin/sh", "-c", script])
    }

    pub(crate) fn python(&self, lease: &str, script: &str) -> LeaseOrder {
        self.order(lease, &[&python(), "-c", script])
    }

    /// Runs an order to its end and returns how it ended and what it said.
    pub(crate) fn run(&self, order: &LeaseOrder) -> (Ending, String) {
        self.executor.start(order).expect("a start");
        let ending = self.ending(&order.lease);
        (ending, self.output(&order.lease))
    }

    /// Waits for the end of a lease.
    pub(crate) fn ending(&self, lease: &str) -> Ending {
        loop {
            let event = self.event();
            match event.what {
                Observed::Exited(ending) if event.lease == lease => return ending,
                Observed::Lost { .. } if event.lease == lease => panic!("lease {lease} was lost"),
                _ => {}
            }
        }
    }

    pub(crate) fn event(&self) -> Observation {
        self.events.recv_timeout(PATIENCE).expect("an observation in time")
    }

    /// The whole output, with gaps shown.
    pub(crate) fn output(&self, lease: &str) -> String {
        let (mut from, mut text) = (0, String::new());
        loop {
            let chunk = self.executor.output(lease, from, 1000).expect("output");
            if chunk.bytes.is_empty() {
                return text;
            }
            if chunk.start > from {
                text.push_str("[dropped]");
            }
            from = chunk.start + chunk.bytes.len() as u64;
            text.push_str(&String::from_utf8_lossy(&chunk.bytes));
        }
    }

    /// A gate in the work folder that a program opens by writing its name: `echo > NAME`.
    pub(crate) fn gate(&self, lease: &str, name: &str) -> Gate {
        let path = self.work_dir(lease).join(name);
        nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o600)).expect("a gate");
        Gate(path)
    }

    /// Command lines of living processes that name this place's folder, which all programs of a test do.
    pub(crate) fn living(&self) -> Vec<String> {
        living_with(&self.folder.display().to_string())
    }
}

impl Drop for Site {
    /// A test that failed leaves no program running.
    fn drop(&mut self) {
        if self.kept.is_none() {
            return;
        }
        for (lease, epoch, status) in self.executor.adopt().into_iter().flatten() {
            if matches!(status, sinew_exec::LeaseStatus::Running { .. }) {
                let _ = self.executor.kill(&lease, epoch);
            }
        }
    }
}

/// Living processes, other than supervisors, with this text in their command line.
pub(crate) fn living_with(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(text) && !line.contains("sinew-supervise") {
            found.push(line);
        }
    }
    found
}

/// Something that a program does when it is ready.
pub(crate) struct Gate(PathBuf);

impl Gate {
    /// Waits until the program has written, and returns what.
    pub(crate) fn wait(self) -> String {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            let opened = fs::File::open(&self.0).and_then(|mut file| file.read_to_string(&mut text));
            let _ = sender.send(opened.map(|_| text));
        });
        receiver.recv_timeout(PATIENCE).expect("a program that gets ready").expect("a readable gate")
    }
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(since.as_millis()).expect("a clock before the end of time")
}

/// The cores that this test may use.
pub(crate) fn own_cores() -> Vec<u32> {
    let own = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).expect("an affinity");
    (0..1024).filter(|core| own.is_set(*core as usize).unwrap_or(false)).collect()
}

fn ask_python(question: &str) -> String {
    let answer = Command::new("python3").args(["-c", question]).output().expect("python3");
    String::from_utf8(answer.stdout).expect("text").trim().to_owned()
}

/// The interpreter itself, not a script that looks for one.
pub(crate) fn python() -> String {
    if Path::new("/usr/bin/python3").exists() {
        return "/usr/bin/python3".into();
    }
    ask_python("import os, sys; print(os.path.realpath(sys.executable))")
}

fn python_home() -> Vec<PathBuf> {
    if python().starts_with("/usr/") {
        return Vec::new();
    }
    vec![ask_python("import sys; print(sys.base_prefix)").into()]
}
