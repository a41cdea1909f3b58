//! `sinew run`: submits a program and says what happens to it.

mod batch;

use crate::client::Client;
use crate::context::Context;
use crate::draw;
use crate::error::CliError;
use crate::follow::{self, What};
use crate::print;
use crate::transfer;
use anyhow::Result;
use clap::{Args, ValueEnum};
use sinew_api::{WorkloadRequest, WorkloadView};
use sinew_types::Hash;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  sinew run -- /bin/echo hello                            on one chip; `sinew logs` shows what it prints
  sinew run -f --shape \"2 chips\" -- python3 train.py      follow the output; Ctrl-C leaves it running
  sinew run --name train-1 --shape \"2 chips\" --least \"1 chip\" --checkpoint 60s \\
        --bundle ./code --input data/corpus.txt=corpus.txt -- python3 '$(SINEW_BUNDLE)/train.py'
  sinew run --batch jobs.jsonl                            a workload a line, as POST /api/workloads takes it

The program finds: $SINEW_BUNDLE and $SINEW_INPUTS (read-only), $SINEW_OUT (what it leaves there is kept),
$SINEW_CHECKPOINT (what it goes on from after a recall; kept, and brought back where its folder is lost),
$SINEW_CPUS, and the names that torchrun sets (RANK, WORLD_SIZE, MASTER_ADDR, ...). $(NAME) in an argument is
replaced by the workload's environment. SIGTERM is a notice: save and leave before the deadline. It sees no
network unless it asks for loopback, and no files but its own and the system's programs.

Exit code: 0 submitted, or with -f or --wait done; 6 where the workload that was followed failed.";

/// What one workload is. In a batch the lines of the file say that.
const OF_ONE: [&str; 15] = [
    "name",
    "shape",
    "least",
    "most",
    "bundle",
    "inputs",
    "environment",
    "network",
    "pools",
    "priority",
    "checkpoint",
    "limit",
    "wait",
    "follow",
    "argv",
];

/// What `sinew run` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RunArgs {
    /// Its name, one of a kind in your organisation [default: the program's, and six digits]
    #[arg(long)]
    name: Option<String>,
    /// What it makes use of, such as "2 chips" [default: what it runs on at least]
    #[arg(long, value_name = "SHAPE")]
    shape: Option<String>,
    /// The smallest shape that it runs on [default: --shape, or 1 chip]
    #[arg(long, value_name = "SHAPE")]
    least: Option<String>,
    /// The largest, the same as --shape
    #[arg(long, value_name = "SHAPE", conflicts_with = "shape")]
    most: Option<String>,
    /// A folder that it finds at $SINEW_BUNDLE
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    /// A file, or the hash of an artefact, that it finds under NAME in $SINEW_INPUTS
    #[arg(long = "input", value_name = "NAME=FILE|HASH")]
    inputs: Vec<String>,
    /// A variable of its environment
    #[arg(long = "env", short = 'e', value_name = "NAME=VALUE")]
    environment: Vec<String>,
    /// What it may reach
    #[arg(long, value_enum, default_value_t = Reach::None)]
    network: Reach,
    /// A pool that it may run in; may be given more than once [default: any]
    #[arg(long = "pool", value_name = "NAME")]
    pools: Vec<String>,
    /// Higher goes first within your organisation
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    priority: i32,
    /// How often it writes a checkpoint, such as 60s
    #[arg(long, value_name = "TIME")]
    checkpoint: Option<String>,
    /// How long it runs at most, such as 2h: smaller work can then be planned around it, and it ends when the time is up
    #[arg(long, value_name = "TIME")]
    limit: Option<String>,
    /// Wait until it is over
    #[arg(long)]
    wait: bool,
    /// Follow its output until it is over
    #[arg(long, short)]
    follow: bool,
    /// Submit a workload for each line of a file, as JSON as the API takes it; - reads the standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_ONE)]
    batch: Option<PathBuf>,
    /// The program and its arguments; `sinew` is Sinew's own
    #[arg(required_unless_present = "batch", last = true, value_name = "PROGRAM")]
    argv: Vec<String>,
}

/// What a workload may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reach {
    /// Nothing
    None,
    /// A loopback of its own
    Loopback,
}

/// Where an input comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    Artefact(Hash),
}

/// Sends what the program needs, submits it, and follows it if asked to.
pub(crate) fn run(context: &Context, args: &RunArgs) -> Result<()> {
    if let Some(file) = &args.batch {
        return batch::run(context, file);
    }
    let mut request = request(args)?;
    let inputs: Vec<(String, Source)> =
        args.inputs.iter().map(|text| input(text)).collect::<Result<_, _>>()?;
    let client = context.client()?;
    // What has no form is refused before anything is sent.
    request.to_spec().map_err(|wrong| CliError::Usage(wrong.to_string()))?;
    send(&client, args.bundle.as_deref(), inputs, &mut request)?;
    let submitted: WorkloadView = client.post("/api/workloads", &request)?;
    let what = match (args.follow, args.wait) {
        (true, _) => What::Output,
        (false, true) => What::States,
        (false, false) => return show(context, &submitted),
    };
    let said = context.words.workload(&submitted);
    print::note(&said);
    let ended = follow::follow(context, &submitted.id, what, said)?;
    if context.json && what == What::States {
        print::json(&ended)?;
    }
    follow::outcome(context, &ended)
}

/// Says what became of a workload that was submitted.
pub(crate) fn show(context: &Context, submitted: &WorkloadView) -> Result<()> {
    if context.json {
        return Ok(print::json(submitted)?);
    }
    Ok(print::line(context.words.workload(submitted))?)
}

fn request(args: &RunArgs) -> Result<WorkloadRequest> {
    let most = args.shape.clone().or_else(|| args.most.clone());
    let least = args.least.clone().or_else(|| most.clone()).unwrap_or_else(|| "1 chip".to_owned());
    let name = match &args.name {
        Some(name) => name.clone(),
        None => format!("{}-{}", program_name(&args.argv), draw::suffix()?),
    };
    let network = match args.network {
        Reach::None => None,
        Reach::Loopback => Some("loopback".to_owned()),
    };
    Ok(WorkloadRequest {
        name,
        least,
        most,
        argv: args.argv.clone(),
        env: environment(&args.environment)?,
        bundle: None,
        inputs: BTreeMap::new(),
        network,
        priority: args.priority,
        checkpoint_every: args.checkpoint.clone(),
        limit: args.limit.clone(),
        pools: args.pools.clone(),
        serves: None,
    })
}

/// A name that says what runs: the script's, where an interpreter runs one.
fn program_name(argv: &[String]) -> String {
    let script = argv.iter().skip(1).find(|word| [".py", ".sh"].iter().any(|ending| word.ends_with(ending)));
    let word = script.or_else(|| argv.first()).cloned().unwrap_or_default();
    let stem = Path::new(&word).file_stem().map(|stem| stem.to_string_lossy().to_ascii_lowercase());
    let letters = stem.unwrap_or_default();
    let fits = |letter: &char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || *letter == '-';
    let name: String = letters.chars().filter(fits).take(40).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "workload".to_owned() } else { name.to_owned() }
}

fn environment(typed: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let pair = |text: &String| {
        let wrong = || CliError::Usage(format!("--env `{text}` is not NAME=VALUE"));
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
        Ok((name.to_owned(), value.to_owned()))
    };
    typed.iter().map(pair).collect()
}

/// Reads `NAME=FILE` or `NAME=HASH`.
fn input(text: &str) -> Result<(String, Source), CliError> {
    let wrong = || CliError::Usage(format!("--input `{text}` is not NAME=FILE or NAME=HASH"));
    let (name, source) = text.split_once('=').ok_or_else(wrong)?;
    if name.is_empty() || source.is_empty() {
        return Err(wrong());
    }
    let source = match source.parse::<Hash>() {
        Ok(hash) => Source::Artefact(hash),
        Err(_) => Source::File(PathBuf::from(source)),
    };
    if let Source::File(path) = &source
        && path.is_dir()
    {
        let why = "a folder: send it with --bundle, or name its files one by one";
        return Err(CliError::Usage(format!("--input `{text}` names {why}")));
    }
    Ok((name.to_owned(), source))
}

/// Sends the bundle and the inputs, and writes their hashes into the request.
fn send(
    client: &Client,
    bundle: Option<&Path>,
    inputs: Vec<(String, Source)>,
    request: &mut WorkloadRequest,
) -> Result<()> {
    if let Some(folder) = bundle {
        request.bundle = Some(transfer::put_folder(client, folder)?.to_string());
    }
    for (name, source) in inputs {
        let hash = match source {
            Source::Artefact(hash) => hash.to_string(),
            Source::File(path) => transfer::put(client, &path)?.hash,
        };
        request.inputs.insert(name, hash);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
