//! One demo that stays up while other tests talk to it.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long the demo may take to come to its chat before the step gives up. A bound, no expectation.
const READY_WITHIN: Duration = Duration::from_secs(600);
/// How long a demo with `--exit` may take, the control run included.
const END_WITHIN: Duration = Duration::from_secs(900);
/// How long a demo may take to stop after Ctrl-C.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// How often the outside is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where a demo runs: a fresh folder with the journal's folder and the demo's output in it.
pub(crate) struct Place {
    folder: PathBuf,
    program: PathBuf,
    text: Option<PathBuf>,
}

/// A demo that runs and can be talked to.
pub(crate) struct Live {
    child: Child,
    /// How to reach it.
    pub(crate) door: Door,
}

/// What a client of the demo needs to know. The demo writes it as `demo-ready.json` into its data folder.
pub(crate) struct Door {
    /// The address of its API and pages.
    pub(crate) url: String,
    /// The lab's API key.
    pub(crate) lab_key: String,
    /// The owner's API key.
    pub(crate) owner_key: String,
}

impl Place {
    /// A fresh folder for demos of this program. `text` is what the model learns instead of the demo's default.
    pub(crate) fn fresh(program: PathBuf, text: Option<PathBuf>) -> Result<Self> {
        // Short, because a socket's path has at most 108 bytes.
        let folder = std::env::temp_dir().join(format!("sinew-{}", std::process::id()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Place { folder, program, text })
    }

    /// The journal's folder of the demo.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts a demo and waits until its chat answers.
    pub(crate) fn start(&self) -> Result<Live> {
        let mut child = self.spawn("start.log", &[])?;
        match self.wait_until_ready(&mut child) {
            Ok(door) => Ok(Live { child, door }),
            Err(error) => {
                stop(&mut child);
                Err(error)
            }
        }
    }

    /// Runs a demo on the same folder to its end.
    pub(crate) fn run_to_end(&self) -> Result<()> {
        let mut child = self.spawn("end.log", &["--exit"])?;
        let ended = wait(&mut child, END_WITHIN)?;
        self.show("end.log");
        match ended {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the demo ended with {status}; its folder is {}", self.folder.display()),
            None => {
                stop(&mut child);
                bail!(
                    "the demo did not end in {} s; its folder is {}",
                    END_WITHIN.as_secs(),
                    self.folder.display()
                )
            }
        }
    }

    /// Prints what a demo said.
    pub(crate) fn show(&self, log: &str) {
        let text = std::fs::read(self.folder.join(log)).unwrap_or_default();
        print!("{}", String::from_utf8_lossy(&text));
    }

    /// Removes the folder, once nothing in it is of use any more.
    pub(crate) fn remove(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.folder)
            .with_context(|| format!("cannot remove {}", self.folder.display()))
    }

    fn spawn(&self, log: &str, more: &[&str]) -> Result<Child> {
        let log = File::create(self.folder.join(log)).context("cannot write the demo's output")?;
        let mut command = Command::new(&self.program);
        // Port 0 lets the demo choose one that is free; it says which in `demo-ready.json`.
        command.arg("demo").arg("--data").arg(self.data()).args(["--listen", "127.0.0.1:0"]).args(more);
        if let Some(text) = &self.text {
            command.arg("--text").arg(text);
        }
        println!("$ {}", crate::shell::typed(&command));
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| format!("cannot run {}", self.program.display()))
    }

    fn wait_until_ready(&self, child: &mut Child) -> Result<Door> {
        let file = self.data().join("demo-ready.json");
        let until = Instant::now() + READY_WITHIN;
        loop {
            if let Some(door) = read_door(&file)? {
                return Ok(door);
            }
            if let Some(status) = child.try_wait()? {
                bail!("the demo ended with {status} before its chat was up");
            }
            if Instant::now() > until {
                bail!("the demo wrote no {} in {} s", file.display(), READY_WITHIN.as_secs());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Live {
    /// Ends the demo as Ctrl-C does.
    pub(crate) fn stop(mut self) -> Result<()> {
        interrupt(&self.child)?;
        match wait(&mut self.child, STOP_WITHIN)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the demo ended with {status} after Ctrl-C"),
            None => bail!("the demo still ran {} s after Ctrl-C", STOP_WITHIN.as_secs()),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Ends a process that nobody waits for any longer. One that has ended already is left alone.
pub(crate) fn stop(child: &mut Child) {
    if matches!(child.try_wait(), Ok(None)) {
        let asked = interrupt(child).and_then(|()| wait(child, STOP_WITHIN));
        if !matches!(asked, Ok(Some(_))) {
            // It did not listen, and there is nobody left to tell.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn interrupt(child: &Child) -> Result<()> {
    let line = format!("kill -INT {}", child.id());
    crate::shell::quiet(Command::new("sh").args(["-c", &line])).map(drop)
}

fn wait(child: &mut Child, at_most: Duration) -> Result<Option<ExitStatus>> {
    let until = Instant::now() + at_most;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(None)
}

/// Reads the file that says how to reach the demo; none while it is not there or half written.
fn read_door(file: &Path) -> Result<Option<Door>> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(None) };
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
    let word = |name: &str| {
        let word = value[name].as_str().with_context(|| format!("{} lacks `{name}`", file.display()))?;
        Ok::<_, anyhow::Error>(word.to_owned())
    };
    Ok(Some(Door { url: word("url")?, lab_key: word("lab_key")?, owner_key: word("owner_key")? }))
}
