//! `sinew eval`: puts the questions of suites to a model that is served, and says how many it got right.

mod endpoint;
mod files;
mod kept;
mod measure;
mod report;
mod served;

use crate::context::Context;
use crate::error::CliError;
use crate::print;
use crate::stop;
use anyhow::Result;
use clap::Args;
use files::Group;
use kept::Kept;
use measure::Measure;
use served::Served;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Suites by name: core-12 (its twelve tasks also one by one, such as copa), mmlu, gsm8k, bbh (also bbh/navigate and so
on), truthfulqa, svamp. Their files are not part of sinew: --from names the folder that has core-eval/, mmlu/ and so on.

A suite of your own is a file with one JSON object a line, plain or .gz, in one of these forms:
  {\"query\": \"The sky is\", \"choices\": [\"blue\", \"square\"], \"gold\": 0}
  {\"context_options\": [\"Ann fed the cat since Ann\", \"Ann fed the cat since the cat\"], \"continuation\": \"was hungry.\", \"gold\": 1}
  {\"context\": \"one two three\", \"continuation\": \"four\"}
  {\"question\": \"What is 2+2?\", \"answer\": \"4\"}

Examples:
  sinew eval smollm2@1 --suite core-12 --from ../data --limit 200
  sinew eval smollm2@1 --suite copa,mine.jsonl --out answers.jsonl   the same again goes on where this was stopped
  sinew eval some-model --url http://127.0.0.1:8000/v1 --suite gsm8k";

/// What `sinew eval` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct EvalArgs {
    /// The release, such as smollm2@1; with --url, what that server calls its model
    model: String,
    /// Suites by name, or files of your own; several with commas between
    #[arg(long = "suite", value_name = "NAME|FILE", required = true, value_delimiter = ',')]
    suites: Vec<String>,
    /// The folder with the files of the known suites [env: SINEW_SUITES] [default: suites]
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// At most so many questions of each suite, drawn by the seed [default: all; of mmlu 10 of each subject]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Draws questions and examples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Examples before each question [default: as published]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..=100))]
    shots: Option<u64>,
    /// A text that the model learnt from, plain or .gz: questions that stand in it are named, and the rest counted alone
    #[arg(long = "trained-on", value_name = "FILE")]
    trained_on: Vec<PathBuf>,
    /// Keep every answer in this file, and ask nothing again that stands there
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// An OpenAI-compatible server to ask instead, up to /v1; its key is read from OPENAI_API_KEY
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// What the release is served on while it is measured, unless it is served already
    #[arg(long, default_value = "1 chip")]
    shape: String,
    /// Requests that are under way together
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    parallel: u64,
}

/// Measures.
pub(crate) fn run(context: &Context, args: &EvalArgs) -> Result<()> {
    let folder = args.from.as_ref().unwrap_or(&context.settings.suites.value);
    let mut groups = Vec::new();
    for word in &args.suites {
        if args.suites.iter().filter(|other| *other == word).count() > 1 {
            return Err(CliError::Usage(format!("--suite names `{word}` twice: name it once")).into());
        }
        let mut group = Group::read(word, folder)?;
        if let Some(shots) = args.shots {
            let shots = usize::try_from(shots)?;
            group.suites.iter_mut().for_each(|suite| suite.manner.shots = shots);
        }
        groups.push(group);
    }
    let seen = files::seen(&groups, &args.trained_on)?;
    stop::listen();
    let endpoint = served::endpoint(context, args)?;
    let kept = Kept::open(args.out.as_deref(), endpoint.url(), endpoint.model())?;
    let limit = args.limit.map(usize::try_from).transpose()?;
    let threads = usize::try_from(args.parallel)?;
    let measure = Measure { endpoint: &endpoint, groups: &groups, limit, seed: args.seed, threads };
    let begun = measure.begin(&kept);
    // With nothing left to ask, nothing needs to be served.
    let served = if begun.1.is_empty() { None } else { Served::begin(context, args)? };
    let measured = measure.run(kept, begun)?;
    drop(served);
    let report = report::Report::of(&args.model, args.seed, (&groups, &seen), &measured);
    if context.json {
        return Ok(print::json(&report)?);
    }
    report.show()
}
