//! `cargo xtask test`: the steps of CI in order. A step that fails hides no later step that does not need it.

use crate::args::TestOptions;
use crate::live::{Live, Place};
use crate::repository::Repository;
use crate::shell::{self, Ended};
use crate::steps::{self, Step};
use crate::tally::{self, Tally};
use crate::{exports, tidy, tools, web};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// The text that the demo of the tests learns, from the root of the repository.
const DEMO_TEXT: &str = "data/tinyshakespeare/input.txt.gz";

/// The steps so far, and the demo that some of them share.
struct Session<'a> {
    repository: &'a Repository,
    /// On CI what is missing is a failure; elsewhere it is skipped.
    is_ci: bool,
    started: Instant,
    place: Option<Place>,
    live: Option<Live>,
    done: Vec<Done>,
}

/// A step that has been run or skipped.
struct Done {
    step: Step,
    tally: Tally,
    took: Duration,
}

/// Runs the chosen steps, prints a summary, and returns the sum.
pub(crate) fn run(repository: &Repository, options: &TestOptions) -> Result<Tally> {
    let steps = steps::chosen(&options.only);
    let mut session = Session {
        repository,
        is_ci: std::env::var("CI").is_ok_and(|value| value == "true"),
        started: Instant::now(),
        place: None,
        live: None,
        done: Vec::new(),
    };
    if options.install {
        session.install(&steps);
    }
    for step in steps {
        session.perform(step);
    }
    session.close()?;
    Ok(session.summary())
}

impl Session<'_> {
    fn install(&self, steps: &[Step]) {
        self.heading("install what is missing");
        // A step that lacks something says so itself, so the others still run.
        if let Err(error) = tools::install(self.repository, steps) {
            println!("error: {error:#}");
        }
    }

    fn perform(&mut self, step: Step) {
        self.heading(step.name());
        let began = Instant::now();
        let tally = match self.obstacle(step) {
            Some(tally) => tally,
            None => self.result(step).unwrap_or_else(|error| {
                println!("error: {error:#}");
                Tally::FAILED
            }),
        };
        self.done.push(Done { step, tally, took: began.elapsed() });
    }

    /// Why a step cannot run, printed and counted.
    fn obstacle(&self, step: Step) -> Option<Tally> {
        if let Some(needed) = step.needs().filter(|needed| !self.is_usable(*needed)) {
            println!("skipped: {} (needs {}, which did not succeed)", step.name(), needed.name());
            return Some(Tally::SKIPPED);
        }
        let missing = tools::missing(self.repository, step);
        for tool in &missing {
            println!(
                "missing: {}; `cargo xtask test --install` brings it, or: {}",
                tool.name(),
                tool.remedy()
            );
        }
        let verdict = if self.is_ci { Tally::FAILED } else { Tally::SKIPPED };
        (!missing.is_empty()).then_some(verdict)
    }

    fn is_usable(&self, step: Step) -> bool {
        let is_right = |done: &Done| done.tally.failed == 0 && done.tally.passed > 0;
        match step {
            // A demo that runs can be talked to, also when it did not learn the text that it should.
            Step::Demo => self.live.is_some(),
            _ => self.done.iter().any(|done| done.step == step && is_right(done)),
        }
    }

    fn result(&mut self, step: Step) -> Result<Tally> {
        match step {
            Step::Format => self.cargo(&["fmt", "--all", "--check"]).map(|ended| Tally::of(ended.well)),
            Step::Lints => {
                let words = ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
                self.cargo(&words).map(|ended| Tally::of(ended.well))
            }
            Step::Tidy => tidy::run(self.repository),
            Step::Build => self.cargo(&["build", "--release"]).map(|ended| Tally::of(ended.well)),
            Step::Tests => {
                let ended = self.cargo(&["test", "--release", "--workspace", "--no-fail-fast"])?;
                Ok(tally::of_cargo(&ended.output).ended(ended.well))
            }
            Step::Verifiers => self.verifiers(),
            Step::Exports => exports::check(self.repository),
            Step::Demo => self.demo(),
            Step::Python => self.python(),
            Step::Browser => self.browser(),
            Step::Resume => self.resume(),
            Step::Web => web::check(self.repository),
        }
    }

    fn cargo(&self, words: &[&str]) -> Result<Ended> {
        shell::shown(shell::cargo(words).current_dir(&self.repository.root))
    }

    fn demo(&mut self) -> Result<Tally> {
        let (text, mut tally) = self.demo_text();
        let place = self.place.insert(Place::fresh(self.repository.program()?, text)?);
        let started = place.start();
        place.show("start.log");
        self.live = Some(started?);
        tally += Tally::PASSED;
        Ok(tally)
    }

    /// The demo's text; without the shared folder the demo takes its default, and one test less is made.
    fn demo_text(&self) -> (Option<PathBuf>, Tally) {
        match self.repository.shared() {
            Some(shared) => (Some(shared.join(DEMO_TEXT)), Tally::default()),
            None if self.is_ci => {
                println!("failed: the demo on its own text (needs ../shared)");
                (None, Tally::FAILED)
            }
            None => {
                println!("skipped: the demo on its own text (needs ../shared)");
                (None, Tally::SKIPPED)
            }
        }
    }

    fn verifiers(&self) -> Result<Tally> {
        let ended = shell::shown(self.pytest("verify").current_dir(&self.repository.root))?;
        Ok(tally::of_pytest(&ended.output).ended(ended.well))
    }

    fn python(&self) -> Result<Tally> {
        let ended = shell::shown(self.client(&mut self.pytest("py/tests"))?)?;
        Ok(tally::of_pytest(&ended.output).ended(ended.well))
    }

    fn pytest(&self, folder: &str) -> Command {
        let mut pytest = Command::new(self.repository.root.join(".venv/bin/python"));
        pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", folder]);
        pytest.env("PYTHONDONTWRITEBYTECODE", "1");
        pytest
    }

    fn browser(&self) -> Result<Tally> {
        let mut node = Command::new("node");
        node.args(["--test", "--test-concurrency=1", "--test-timeout=120000", "--test-reporter=spec"]);
        node.args(self.browser_tests()?);
        node.env("SINEW_CHROMIUM", tools::browser().context("chromium was there a moment ago")?);
        let ended = shell::shown(self.client(&mut node)?)?;
        Ok(tally::of_node(&ended.output).ended(ended.well))
    }

    fn browser_tests(&self) -> Result<Vec<PathBuf>> {
        let folder = self.repository.root.join("web/tests");
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
        let is_test = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "mjs");
        let mut tests: Vec<PathBuf> = paths.into_iter().filter(is_test).collect();
        tests.sort();
        if tests.is_empty() {
            bail!("{} holds no .mjs file", folder.display());
        }
        Ok(tests)
    }

    /// Tells a client how to reach the demo.
    fn client<'c>(&self, command: &'c mut Command) -> Result<&'c mut Command> {
        let door = &self.live.as_ref().context("the demo is not running")?.door;
        command
            .env("SINEW_URL", &door.url)
            .env("SINEW_KEY", &door.lab_key)
            .env("SINEW_OWNER_KEY", &door.owner_key);
        Ok(command.current_dir(&self.repository.root))
    }

    /// Two tests: the demo stops well, and a second one goes on from its folder and ends well.
    fn resume(&mut self) -> Result<Tally> {
        let mut tally = Tally::default();
        if let Some(live) = self.live.take() {
            tally += told(live.stop());
        }
        tally += told(self.place.as_ref().context("the demo has no folder")?.run_to_end());
        Ok(tally)
    }

    /// Ends what still runs. The demo's folder stays when something in it went wrong.
    fn close(&mut self) -> Result<()> {
        drop(self.live.take());
        let of_demo = |done: &&Done| (Step::Demo..=Step::Resume).contains(&done.step);
        let all_right = self.done.iter().filter(of_demo).all(|done| done.tally.failed == 0);
        match self.place.take() {
            Some(place) if all_right => place.remove(),
            Some(place) => {
                println!("the demo's folder is kept: {}", place.data().display());
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn heading(&self, name: &str) {
        println!("\n== {name} · after {}", clock(self.started.elapsed()));
    }

    fn summary(&self) -> Tally {
        self.heading("summary");
        let mut sum = Tally::default();
        for done in &self.done {
            println!("{:9} {:>6}  {}", done.step.name(), clock(done.took), done.tally);
            sum += done.tally;
        }
        sum
    }
}

/// Prints what went wrong, and counts one test.
fn told(result: Result<()>) -> Tally {
    if let Err(error) = &result {
        println!("error: {error:#}");
    }
    Tally::of(result.is_ok())
}

/// Minutes and seconds, as people say them.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
