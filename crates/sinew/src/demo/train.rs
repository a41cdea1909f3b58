//! Step 2: the lab trains a model; in the middle the owner needs cores back, and later they return.

use super::Story;
use super::parties::{LAB, OWNER};
use super::screen::Moment;
use super::work::{engine, ensure, find, output, store};
use crate::client::Client;
use crate::stop;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use sinew_api::{WorkloadRequest, WorkloadView};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The model's name, and the names of the runs that make it.
pub(crate) const MODEL: &str = "chat-nano";
pub(crate) const TRAIN: &str = "train-chat-nano";
const CALIBRATE: &str = "calibrate";
const OWNERS_JOB: &str = "owners-job";
const SEED: &str = "42";
/// How long the training would take if nobody disturbed it.
const TRAIN_FOR: Duration = Duration::from_secs(42);
/// The most: more steps teach a model of this size little. The fewest: below, it has not learnt its sums, so a slow machine
/// takes longer instead.
const STEPS_MAX: u64 = 1_100;
const STEPS_MIN: u64 = 1_000;
/// After which part of its steps the run is disturbed, in percent.
const DISTURB_AT: u64 = 30;
/// The owner's job keeps its cores busy for these seconds.
const OWNERS_SECONDS: u32 = 9;
/// How often the hand-over is looked for, because it is measured here.
const LOOK_CLOSELY: Duration = Duration::from_millis(20);

/// What is needed to train without any text of one's own: the prose of the packages that this was built from where
/// cargo's sources lie, or else all that Sinew says of itself. Less than that is learnt by heart, and fails the gate.
const LOCK: &str = include_str!("../../../../Cargo.lock");
const OWN_DOCUMENTS: [&str; 21] = [
    include_str!("../../../../README.md"),
    include_str!("../../../../ARCHITECTURE.md"),
    include_str!("../../../../CONTRIBUTING.md"),
    include_str!("../../../../CHANGELOG.md"),
    include_str!("../../../../LICENSE"),
    include_str!("../../../../docs/cli.md"),
    include_str!("../../../../verify/README.md"),
    include_str!("../../../../docs/adr/0001-layers-and-one-owner-thread.md"),
    include_str!("../../../../docs/adr/0002-one-canonical-form.md"),
    include_str!("../../../../docs/adr/0003-loans-remember-their-lender.md"),
    include_str!("../../../../docs/adr/0004-endpoints-listen-on-unix-sockets.md"),
    include_str!("../../../../docs/adr/0005-every-chip-is-bound.md"),
    include_str!("../../../../docs/adr/0006-advisers-give-ordinary-commands.md"),
    include_str!("../../../../docs/adr/0007-supervisors-come-from-a-nursery.md"),
    include_str!("../../../../docs/adr/0008-windows-keep-their-cells.md"),
    include_str!("../../../../docs/adr/0009-starts-are-booked-on-cells.md"),
    include_str!("../../../../docs/adr/0010-a-log-for-each-contract.md"),
    include_str!("../../../../docs/adr/0012-clauses-are-billed-by-the-month.md"),
    include_str!("../../../../docs/adr/0013-the-training-lane.md"),
    include_str!("../../../../docs/adr/0014-few-bits-have-their-own-forward.md"),
    include_str!("../../../../docs/adr/0015-suites-are-pure-and-asked-over-http.md"),
];

/// What is known of a running training.
#[derive(Default)]
struct Watch {
    read: u64,
    partial: String,
    now: Moment,
    losses: Vec<(u64, f64)>,
    chips: u32,
    shrunk: bool,
    returned: bool,
    told_step: u64,
}

impl Story {
    /// Prepares the data, measures the machine, trains, is disturbed, goes on.
    pub(crate) fn train(&mut self) -> Result<()> {
        if self.notes.choices.inputs.is_empty() {
            self.prepare()?;
        }
        let steps = self.choose_steps()?;
        let request = training(TRAIN, (self.guaranteed(), self.cores), steps, &self.notes.choices.inputs);
        let run = ensure(&self.lab, &request)?;
        let lab = self.lab.clone();
        let mut watch = Watch::default();
        let began = Instant::now();
        let view = self.until_over(&lab, &run.name, &mut |story, view| story.look(&mut watch, view))?;
        if view.state != "done" {
            bail!("the training {}; it said:\n{}", view.exit.unwrap_or(view.state), output(&lab, &run.name)?);
        }
        let (seconds, loss) = (began.elapsed().as_secs(), watch.now.loss);
        let line = self.screen.pick(
            format!("{MODEL}: {steps} steps, loss {loss:.2}, {seconds} s"),
            format!("{MODEL} : {steps} pas, perte {loss:.2}, {seconds} s"),
        );
        self.screen.tell("2", "train", &line);
        Ok(())
    }

    /// Makes the training data and stores it as the lab's artefacts.
    fn prepare(&mut self) -> Result<()> {
        let line = self.screen.pick("preparing the text", "préparation du texte");
        self.screen.moving(&line);
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let data = folder.path().join("data");
        let said = prepare_data(self.text.as_deref(), folder.path(), &data)?;
        self.screen.tell("2", "train", &said);
        let inputs = upload(&self.lab, &data)?;
        self.notes.choices.inputs = inputs;
        self.notes.keep()
    }

    /// As many steps as this machine does in the time that the story has, measured on leased cores.
    fn choose_steps(&mut self) -> Result<u64> {
        if let Some(steps) = self.notes.choices.steps {
            return Ok(steps);
        }
        let line = self.screen.pick("measuring this machine", "mesure de cette machine");
        self.screen.moving(&line);
        let mut request =
            engine(CALIBRATE, (self.cores, self.cores), &["calibrate", "--data", "$(SINEW_INPUTS)/data"]);
        request.inputs = self.notes.choices.inputs.clone();
        let lab = self.lab.clone();
        let name = ensure(&lab, &request)?.name;
        self.until_done(&lab, &name)?;
        let said = output(&lab, &name)?;
        let step_ms =
            said.lines().find_map(|line| serde_json::from_str::<Value>(line).ok()?["step_ms"].as_f64());
        let step_ms = step_ms.with_context(|| format!("`{CALIBRATE}` measured nothing; it said:\n{said}"))?;
        let steps = (TRAIN_FOR.as_secs_f64() * 1_000.0 / step_ms.max(0.1)) as u64;
        // In whole hundreds, so that machines that are about as fast do the same work and get the same weights.
        let steps = (steps / 100 * 100).clamp(STEPS_MIN, STEPS_MAX);
        self.notes.choices.steps = Some(steps);
        self.notes.keep()?;
        Ok(steps)
    }

    /// One look at the training: read its metrics, draw them, disturb it when it is time, tell what happened.
    fn look(&mut self, watch: &mut Watch, view: &WorkloadView) -> Result<()> {
        let piece = self.lab.piece(&format!("/api/workloads/{}/files/metrics.jsonl", view.name), watch.read);
        // The file is there as soon as the program has begun.
        if let Ok(piece) = piece {
            watch.read += u64::try_from(piece.bytes.len()).unwrap_or(0);
            watch.take(&String::from_utf8_lossy(&piece.bytes));
        }
        if view.state == "running" {
            self.tell_size(watch, view.chips);
        }
        self.screen.training(&watch.now, &watch.losses);
        let now = &watch.now;
        let disturb = now.step * 100 >= now.steps * DISTURB_AT && now.steps > 0 && view.chips == self.cores;
        if disturb && view.state == "running" && find(&self.owner, OWNERS_JOB)?.is_none() {
            self.recall()?;
        }
        Ok(())
    }

    /// Says when the run goes on smaller, and when it has grown again.
    fn tell_size(&mut self, watch: &mut Watch, chips: u32) {
        let step = watch.now.step;
        if chips < watch.chips {
            watch.shrunk = true;
            let line = self.screen.pick(
                format!("the run goes on at step {step} with {chips} core(s)"),
                format!("l'entraînement continue au pas {step} avec {chips} cœur(s)"),
            );
            self.screen.more(&line);
        } else if chips > watch.chips && watch.chips > 0 && !watch.returned {
            watch.returned = true;
            let line = self.screen.pick(
                format!("cores are free again: the run grows to {chips} at step {step}"),
                format!("des cœurs sont de nouveau libres : l'entraînement passe à {chips} au pas {step}"),
            );
            self.screen.tell("", "return", &line);
        }
        watch.chips = chips;
    }

    /// The owner needs its cores: it submits a job of its own, and the time until that holds its cores is measured.
    fn recall(&mut self) -> Result<()> {
        let own = self.cores - self.guaranteed();
        let busy = format!(
            "for core in $(seq {own}); do timeout {OWNERS_SECONDS} sha256sum /dev/zero & done; wait; true"
        );
        let mut request = engine(OWNERS_JOB, (own, own), &[]);
        request.argv = vec!["sh".to_owned(), "-c".to_owned(), busy];
        let began = Instant::now();
        ensure(&self.owner, &request)?;
        loop {
            let job: WorkloadView = self.owner.get(&format!("/api/workloads/{OWNERS_JOB}"))?;
            if job.state != "waiting" {
                break;
            }
            stop::pause(LOOK_CLOSELY)?;
        }
        let seconds = began.elapsed().as_secs_f64();
        let line = self.screen.pick(
            format!("{OWNER} wants its core(s) back: {LAB}'s run was told, saved itself and handed over after {seconds:.1} s"),
            format!("{OWNER} reprend ses cœurs : l'entraînement de {LAB} a été prévenu, s'est sauvé et a cédé après {seconds:.1} s"),
        );
        self.screen.tell("", "recall", &line);
        Ok(())
    }
}

impl Watch {
    /// Takes new lines of the run's metrics; the last may be cut.
    fn take(&mut self, text: &str) {
        self.partial.push_str(text);
        while let Some((line, rest)) = self.partial.split_once('\n') {
            let line = serde_json::from_str::<Value>(line).unwrap_or_default();
            self.partial = rest.to_owned();
            let number = |name: &str| line[name].as_f64().unwrap_or(0.0);
            if let (Some(step), Some(steps)) = (line["step"].as_u64(), line["steps"].as_u64()) {
                self.told_step = self.told_step.max(step);
                self.now = Moment {
                    step,
                    steps,
                    loss: number("loss"),
                    tokens_per_s: number("tokens_per_s"),
                    peak_share: number("peak_share"),
                    left_s: number("left_s"),
                };
                self.losses.push((step, number("loss")));
            }
        }
    }
}

/// The training run. The control run is the same but for its name and its cores.
pub(crate) fn training(
    name: &str,
    cores: (u32, u32),
    steps: u64,
    inputs: &BTreeMap<String, String>,
) -> WorkloadRequest {
    let steps = steps.to_string();
    let args = [
        "train",
        "--data",
        "$(SINEW_INPUTS)/data",
        "--out",
        "$(SINEW_OUT)/model",
        "--steps",
        &steps,
        "--seed",
        SEED,
        "--checkpoint-every-s",
        "10",
    ];
    let mut request = engine(name, cores, &args);
    request.inputs = inputs.clone();
    request.checkpoint_every = Some("10s".to_owned());
    request
}

/// Runs `engine prepare` on this side, as a lab would before it uploads. Answers what it said.
fn prepare_data(text: Option<&Path>, folder: &Path, data: &Path) -> Result<String> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.args(["engine", "prepare", "--out"]).arg(data);
    match text {
        Some(text) => {
            command.arg("--text").arg(text);
        }
        None => {
            let (lock, own) = (folder.join("Cargo.lock"), folder.join("own.md"));
            fs::write(&lock, LOCK).context("cannot write a temporary file")?;
            fs::write(&own, OWN_DOCUMENTS.join("\n\n")).context("cannot write a temporary file")?;
            command.arg("--lock").arg(lock).arg("--fallback").arg(own);
        }
    }
    let output = command.output().context("cannot run `engine prepare`")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Stores every file of a folder; answers the hashes by the paths that workloads find them under.
fn upload(client: &Client, data: &Path) -> Result<BTreeMap<String, String>> {
    let mut inputs = BTreeMap::new();
    for entry in fs::read_dir(data).with_context(|| format!("cannot read {}", data.display()))? {
        let entry = entry?;
        let bytes =
            fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
        inputs.insert(format!("data/{}", entry.file_name().to_string_lossy()), store(client, &bytes)?);
    }
    Ok(inputs)
}
