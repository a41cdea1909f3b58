//! What was asked for on the command line. Written by hand: a parser crate would take longer to build than all
//! else here.

#[cfg(test)]
mod tests;

use crate::sim::{SEEDS, SimOptions};
use crate::steps::Step;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// The whole help text.
pub(crate) const HELP: &str = "\
The workshop of Sinew.

  cargo xtask tidy                          the rules that no compiler keeps
  cargo xtask test                          all that CI runs; installs nothing
  cargo xtask test --install                the same, after installing what is missing (apt, npm, PyPI)
  cargo xtask test --only STEP              one step and what it needs; may be repeated
  cargo xtask sim [--seeds N] [--steps N]   the simulator on a fixed and on a fresh set of seeds
  cargo xtask sim --seed S [--only 1,5,9]   one seed again, or some of its steps
  cargo xtask bench list                    names the benchmarks
  cargo xtask bench NAME [--json FILE]      runs one and writes docs/bench/NAME.md

Steps, in order: format, lints, tidy, build, tests, verifiers, exports, demo, python, browser, resume, web
";

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Show the help text.
    Help,
    /// Check the rules of the repository.
    Tidy,
    /// Run the steps of CI.
    Test(TestOptions),
    /// Simulate.
    Sim(SimOptions),
    /// Name the benchmarks.
    BenchList,
    /// Run one benchmark.
    Bench {
        /// Its name in the list.
        name: String,
        /// Where its figures go as JSON.
        json: Option<PathBuf>,
    },
}

/// How to run the steps of CI.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestOptions {
    /// Install what is missing first.
    pub(crate) install: bool,
    /// Only these steps and what they need; all when empty.
    pub(crate) only: Vec<Step>,
}

/// Reads the command line, or says what is wrong with it.
pub(crate) fn parse(arguments: &[String]) -> Result<Task> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h", ..] => Ok(Task::Help),
        ["tidy"] => Ok(Task::Tidy),
        ["test", rest @ ..] => Ok(Task::Test(test_options(rest)?)),
        ["sim", rest @ ..] => Ok(Task::Sim(sim_options(rest)?)),
        ["bench", "list"] => Ok(Task::BenchList),
        ["bench", name] => Ok(Task::Bench { name: (*name).to_owned(), json: None }),
        ["bench", name, "--json", file] => {
            Ok(Task::Bench { name: (*name).to_owned(), json: Some(PathBuf::from(file)) })
        }
        _ => bail!("`{}` is not understood; `cargo xtask help` shows what there is", words.join(" ")),
    }
}

fn test_options(words: &[&str]) -> Result<TestOptions> {
    let mut options = TestOptions::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match *word {
            "--install" => options.install = true,
            "--only" => {
                let name = rest.next().context("`--only` needs the name of a step")?;
                options.only.push(Step::named(name)?);
            }
            other => bail!("`{other}` is not an option of `cargo xtask test`; see `cargo xtask help`"),
        }
    }
    Ok(options)
}

fn sim_options(words: &[&str]) -> Result<SimOptions> {
    let mut options = SimOptions { seeds: SEEDS, seed: None, words: Vec::new() };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("`{word}` needs a value"));
        match *word {
            "--seeds" => options.seeds = value()?.parse().context("`--seeds` needs a number")?,
            "--seed" => options.seed = Some((*value()?).to_owned()),
            "--steps" | "--only" => {
                let value = *value()?;
                options.words.extend([(*word).to_owned(), value.to_owned()]);
            }
            other => bail!("`{other}` is not an option of `cargo xtask sim`; see `cargo xtask help`"),
        }
    }
    Ok(options)
}
