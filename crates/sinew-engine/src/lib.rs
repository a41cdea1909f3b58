//! The program that a workload runs: it prepares data, trains, measures and serves a model.
//!
//! Whoever runs it speaks to it as to any other program: arguments, a working folder of its own, `SINEW_CPUS` with the
//! number of cores it may use, SIGTERM as a notice, and exit codes (0 done, 1 error, 2 wrong arguments, 3 the gate was
//! not passed, 75 stopped with a checkpoint: start it again). It never knows who lends the cores or what they cost.

mod admit;
mod calibrate;
mod gate;
mod openai;
mod prepare;
mod progress;
mod run_file;
mod serve;
mod served_model;
mod signals;
mod tensorboard;
mod train;
mod worker;

pub use admit::{PUBLISHED_NAMES, check_published, published_files};
pub use sinew_eval::suite;
pub use sinew_model::published::gguf_from_llama2c;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use sinew_tensor::Team;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

#[cfg(test)]
mod tests;

/// Exit code of a gate that was not passed.
pub const EXIT_NOT_PASSED: u8 = 3;
/// Exit code of a run that was stopped by a notice and has its checkpoint.
pub const EXIT_STOPPED: u8 = 75;

#[derive(Parser)]
#[command(
    name = "sinew engine",
    about = "Prepares data, trains, measures and serves a language model",
    version
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make a folder of training data from a text
    Prepare(PrepareArgs),
    /// Train a model, or go on where its last checkpoint in SINEW_CHECKPOINT [./checkpoint] left it
    Train(TrainArgs),
    /// Measure a model on what it was never trained on; exit code 3 if it does not pass
    Gate(GateArgs),
    /// Serve a model on the Unix socket SINEW_SOCKET in OpenAI's form
    Serve(ServeArgs),
    /// Check a model that others published and hand its files on; exit code 3 if it does not pass
    Admit(AdmitArgs),
    /// Measure for about two seconds how fast this machine trains; writes nothing
    Calibrate(CalibrateArgs),
}

#[derive(Args)]
struct PrepareArgs {
    /// A text file (plain or .gz) or a folder of them; without it, prose of the packages in cargo's source folder
    #[arg(long)]
    text: Option<PathBuf>,
    /// Cargo's source folder, for when there is no --text [default: registry/src in CARGO_HOME or ~/.cargo]
    #[arg(long)]
    registry: Option<PathBuf>,
    /// A Cargo.lock; only packages that it names are read, for when there is no --text
    #[arg(long)]
    lock: Option<PathBuf>,
    /// The text to take where cargo's source folder has too little
    #[arg(long)]
    fallback: Option<PathBuf>,
    /// Tokens that the vocabulary has
    #[arg(long, default_value_t = sinew_train::VOCABULARY, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(320..=16_384))]
    vocabulary: usize,
    /// The folder to make
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
struct TrainArgs {
    /// A file that says all that follows, and the shape and recipe besides
    #[arg(long, conflicts_with_all = ["data", "out", "steps", "seed", "checkpoint_every_s", "preset"])]
    config: Option<PathBuf>,
    /// A folder that `prepare` made
    #[arg(long, required_unless_present = "config")]
    data: Option<PathBuf>,
    /// The folder for the finished model
    #[arg(long, required_unless_present = "config")]
    out: Option<PathBuf>,
    /// Steps in all
    #[arg(long, required_unless_present = "config", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    steps: Option<u64>,
    /// The seed of weights and data order
    #[arg(long, required_unless_present = "config")]
    seed: Option<u64>,
    /// Seconds between two checkpoints
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    checkpoint_every_s: u64,
    /// The shape and recipe
    #[arg(long, value_enum, default_value_t = Preset::Nano)]
    preset: Preset,
}

#[derive(Clone, Copy, ValueEnum)]
enum Preset {
    /// About one million weights, learns to chat in under a minute on two cores
    Nano,
}

#[derive(Args)]
struct GateArgs {
    /// The folder that the model was trained on
    #[arg(long)]
    data: PathBuf,
    /// The model's folder
    #[arg(long)]
    model: PathBuf,
    /// The file for the report
    #[arg(long)]
    report: PathBuf,
    /// Measure random weights of the same shape instead, to show that the gate can fail
    #[arg(long)]
    random_weights: bool,
}

#[derive(Args)]
struct ServeArgs {
    /// The folder of a model that was trained here or published in Hugging Face's form, or a GGUF file
    #[arg(long)]
    model: PathBuf,
    /// The name by which clients ask for it
    #[arg(long)]
    name: String,
}

#[derive(Args)]
struct AdmitArgs {
    /// A folder in Hugging Face's form, or a GGUF file
    #[arg(long)]
    model: PathBuf,
    /// The folder for its files
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
struct CalibrateArgs {
    /// A folder that `prepare` made
    #[arg(long)]
    data: PathBuf,
}

/// Says what is wrong with a text to train on, if anything is: so that a caller can refuse it before it begins.
pub fn check_text(path: &std::path::Path) -> Result<()> {
    sinew_train::load_text(path)?;
    Ok(())
}

/// Runs the engine with the arguments that follow its own name.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from([OsString::from("sinew engine")].into_iter().chain(args)) {
        Ok(cli) => cli,
        Err(error) => {
            // There is nobody to tell if the terminal is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(cli.task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Prepare(args) => prepare::run(&args),
        Task::Train(args) => train::run(&args, &team()?),
        Task::Gate(args) => gate::run(&args, &team()?),
        Task::Serve(args) => serve::run(&args, team()?.threads()),
        Task::Admit(args) => admit::run(&args, team()?.threads()),
        Task::Calibrate(args) => calibrate::run(&args, &team()?),
    }
}

/// As many threads as this workload was given cores.
fn team() -> Result<Team> {
    let threads = match std::env::var("SINEW_CPUS") {
        Ok(text) => {
            text.trim().parse().ok().filter(|threads| (1..=1024).contains(threads)).with_context(|| {
                format!("SINEW_CPUS is `{text}`; set it to the number of cores, from 1 to 1024")
            })?
        }
        Err(_) => std::thread::available_parallelism().map_or(1, usize::from),
    };
    Ok(Team::new(threads))
}
