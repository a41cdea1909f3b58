//! Training beside PyTorch on the same shapes, and training that is killed again and again.
//!
//! Runs come in pairs, ours and the peer's in turns, and a figure is the median of the pairs' ratios: other programs on
//! the machine then meet both alike. Within a run the best step counts for both, because a step in which another
//! program ran says nothing about either.

use super::report::Figure;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

mod kills;
mod peer;

pub(super) use kills::resume;
use peer::Peer;

/// A shape, named as the peer's arguments name it.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    dim: usize,
    layers: usize,
    heads: usize,
    ffn: usize,
    vocabulary: usize,
    rows: usize,
}

const MEDIUM: Shape =
    Shape { name: "", dim: 256, layers: 6, heads: 4, ffn: 1536, vocabulary: 4096, rows: 16 };
const SMALL: Shape =
    Shape { name: "small_", dim: 128, layers: 4, heads: 4, ffn: 512, vocabulary: 512, rows: 16 };
const LARGE: Shape =
    Shape { name: "large_", dim: 640, layers: 10, heads: 10, ffn: 1920, vocabulary: 8192, rows: 4 };

/// Steps of a run; enough that some of them are alone on the machine.
const STEPS: u64 = 8;
const PAIRS: usize = 3;
const THREADS: &str = "2";

/// What a run of ours came to.
struct Ours {
    tokens_per_s: f64,
    peak_share: f64,
    memory_mib: f64,
}

/// Tokens a second on three shapes, and the share of the peak on the middle one.
pub(super) fn train(repository: &Repository) -> Result<Vec<Figure>> {
    let bench = Bench::prepare(repository)?;
    let mut figures = Vec::new();
    for (shape, goal) in [(MEDIUM, 1.2), (SMALL, 1.6), (LARGE, 1.15)] {
        let best = bench.peer.best_mode(shape)?;
        let (mut ratios, mut own, mut theirs, mut shares) = (vec![], vec![], vec![], vec![]);
        for _ in 0..PAIRS {
            let peer = bench.peer.run(shape, best)?.tokens_per_s;
            let ours = bench.ours(shape)?;
            ratios.push(ours.tokens_per_s / peer);
            own.push(ours.tokens_per_s);
            theirs.push(peer);
            shares.push(ours.peak_share);
        }
        let named = |name: &str, value, unit| Figure {
            name: format!("{}{name}", shape.name),
            value,
            unit,
            ..Figure::default()
        };
        figures.push(Figure { goal_at_least: Some(goal), ..named("ratio", median(ratios), "") });
        let peer = Some((format!("PyTorch {}, {}", peer::VERSION, best.join(" ")), median(theirs)));
        figures.push(Figure { peer, ..named("tokens_per_s", median(own), "tok/s") });
        let goal_at_least = shape.name.is_empty().then_some(0.8);
        figures.push(Figure { goal_at_least, ..named("peak_share", median(shares), "") });
    }
    Ok(figures)
}

/// The most memory that each held at once while it trained the middle shape.
pub(super) fn memory(repository: &Repository) -> Result<Vec<Figure>> {
    let bench = Bench::prepare(repository)?;
    let ours = bench.ours(MEDIUM)?.memory_mib;
    let peer = bench.peer.run(MEDIUM, &["eager", "f32"])?.memory_mib;
    let name = format!("PyTorch {}, eager", peer::VERSION);
    let figure = |name: &str, value, unit| Figure { name: name.to_owned(), value, unit, ..Figure::default() };
    Ok(vec![
        Figure { goal_at_most: Some(0.5), ..figure("ratio", ours / peer, "") },
        Figure { peer: Some((name, peer)), ..figure("peak_mib", ours, "MiB") },
    ])
}

/// The programs and data of these benchmarks.
struct Bench {
    program: PathBuf,
    folder: PathBuf,
    peer: Peer,
}

impl Bench {
    fn prepare(repository: &Repository) -> Result<Bench> {
        let (program, folder) = prepared(repository)?;
        Ok(Bench { peer: Peer::install(repository, &folder)?, program, folder })
    }

    /// Trains a shape for some steps with the program that people run.
    fn ours(&self, shape: Shape) -> Result<Ours> {
        let folder = fresh(&self.folder.join("ours"))?;
        let Shape { dim, layers, heads, ffn, vocabulary, rows, .. } = shape;
        let head = dim / heads;
        let text = format!(
            "data = \"../data\"\nout = \"model\"\nsteps = {STEPS}\nseed = 1\ncheckpoint_every_s = 3600\n\
             [model]\nvocab_size = {vocabulary}\nhidden_size = {dim}\nnum_hidden_layers = {layers}\n\
             num_attention_heads = {heads}\nnum_key_value_heads = {heads}\nhead_dim = {head}\n\
             intermediate_size = {ffn}\n[recipe]\nrows = {rows}\nmix = [\"Text\"]\n"
        );
        std::fs::write(folder.join("run.toml"), text).context("cannot write run.toml")?;
        let mut command = Command::new(&self.program);
        command.args(["train", "--config", "run.toml"]).current_dir(&folder).env("SINEW_CPUS", THREADS);
        let memory_mib = watch(&mut command)?.1;
        let steps = metrics(&folder)?;
        let figure = |name: &str| steps.iter().filter_map(|step| step[name].as_f64()).fold(0.0, f64::max);
        let tokens_per_s = figure("now_tokens_per_s");
        let share = steps.last().and_then(|step| {
            Some(step["peak_share"].as_f64()? / step["tokens_per_s"].as_f64()? * tokens_per_s)
        });
        Ok(Ours { tokens_per_s, peak_share: share.context("the run told no peak_share")?, memory_mib })
    }
}

/// The built program, and a folder with prepared data in `data`.
fn prepared(repository: &Repository) -> Result<(PathBuf, PathBuf)> {
    let mut build = shell::cargo(&["build", "--release"]);
    if !shell::shown(build.current_dir(&repository.root))?.well {
        bail!("the program does not build");
    }
    let program = repository.program()?;
    let folder = program.parent().and_then(Path::parent).context("a target folder")?.join("bench-train");
    let folder = fresh(&folder)?;
    let shared = repository.shared().context("the benchmark needs ../shared")?;
    let mut command = Command::new(&program);
    command
        .args(["engine", "prepare", "--vocabulary", "512", "--out", "data", "--text"])
        .arg(shared.join("data/tinyshakespeare/input.txt.gz"));
    shell::quiet(command.current_dir(&folder))?;
    Ok((program, folder))
}

fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.to_owned())
}

/// The lines that tell of steps.
fn metrics(folder: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).context("the run left no metrics")?;
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(lines.filter(|line| line["loss"].is_number()).collect())
}

/// Runs a program to its end; its output, and the most memory in MiB that it held at once.
fn watch(command: &mut Command) -> Result<(String, f64)> {
    let typed = shell::typed(command);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (status, mut most_kib) = (format!("/proc/{}/status", child.id()), 0.0_f64);
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse().ok());
        most_kib = most_kib.max(kib.unwrap_or(0.0));
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("`{typed}` failed: {said}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok((said, most_kib / 1024.0))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
