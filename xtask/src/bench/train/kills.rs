//! A run that is killed with -9 at moments that nobody chose, and goes on each time in another folder with another
//! number of threads, beside one that is left alone. Their weights are compared bit for bit.

use super::{fresh, prepared};
use crate::bench::report::Figure;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often the run is killed.
const KILLS: u64 = 20;
const STEPS: u64 = 400;

/// Kills and compares.
pub(in crate::bench) fn resume(repository: &Repository) -> Result<Vec<Figure>> {
    let (program, folder) = prepared(repository)?;
    let whole = fresh(&folder.join("whole"))?;
    shell::quiet(&mut command(&program, &whole, &whole.join("checkpoint"), 2)?)?;
    let kept = fresh(&folder.join("kept"))?;
    let mut kills = 0;
    let ended = loop {
        let place = fresh(&folder.join(format!("killed-{}", kills % 2)))?;
        let threads = [2, 1, 3, 4][kills as usize % 4];
        let mut child = command(&program, &place, &kept, threads)?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run the engine")?;
        // From soon after the start to some checkpoints later, without a rhythm.
        let wait_ms = 900 + kills * 7919 % 1700;
        if kills == KILLS || ended_within(&mut child, Duration::from_millis(wait_ms))? {
            anyhow::ensure!(child.wait()?.success(), "the run that goes on failed");
            break place;
        }
        child.kill().context("cannot kill the run")?;
        child.wait()?;
        kills += 1;
        println!("  killed {kills} times");
    };
    let (one, other) = (weights(&whole)?, weights(&ended)?);
    let different = one.iter().zip(&other).map(|(a, b)| u64::from((a ^ b).count_ones())).sum::<u64>();
    let lengths = one.len().abs_diff(other.len()) as u64 * 8;
    let figure = |name: &str, value| Figure { name: name.to_owned(), value, ..Figure::default() };
    Ok(vec![
        figure("kills", kills as f64),
        Figure { goal_at_most: Some(0.0), ..figure("different_bits", (different + lengths) as f64) },
    ])
}

fn command(program: &Path, folder: &Path, checkpoints: &Path, threads: u64) -> Result<Command> {
    let text = format!(
        "data = \"../data\"\nout = \"model\"\nsteps = {STEPS}\nseed = 7\ncheckpoint_every_s = 1\n\
         [model]\nnum_hidden_layers = 2\n[recipe]\nrows = 5\n"
    );
    std::fs::write(folder.join("run.toml"), text).context("cannot write run.toml")?;
    let mut command = Command::new(program);
    command.args(["train", "--config", "run.toml"]).current_dir(folder);
    command.env("SINEW_CPUS", threads.to_string()).env("SINEW_CHECKPOINT", checkpoints);
    Ok(command)
}

fn ended_within(child: &mut Child, time: Duration) -> Result<bool> {
    let part = Duration::from_millis(50);
    for _ in 0..time.as_millis() / part.as_millis() {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(part);
    }
    Ok(false)
}

fn weights(folder: &Path) -> Result<Vec<u8>> {
    let path: PathBuf = folder.join("model/model.safetensors");
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
