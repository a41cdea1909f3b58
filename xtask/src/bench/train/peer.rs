//! PyTorch, from PyPI at a pinned version, in an environment of its own in the target folder.

use super::{STEPS, Shape, THREADS, watch};
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The pinned version.
pub(super) const VERSION: &str = "2.15.0";
const NUMPY: &str = "2.4.6";

/// The ways in which PyTorch may be at its best.
const MODES: [&[&str]; 4] =
    [&["eager", "f32"], &["eager", "f32", "--fused"], &["compile", "f32"], &["compile", "f32", "--fused"]];

/// The installed peer.
pub(super) struct Peer {
    python: PathBuf,
    script: PathBuf,
}

/// What a run of the peer came to.
pub(super) struct Theirs {
    pub(super) tokens_per_s: f64,
    pub(super) memory_mib: f64,
}

impl Peer {
    pub(super) fn install(repository: &Repository, folder: &Path) -> Result<Peer> {
        let script = repository.shared().context("the peer needs ../shared")?.join("peers/torch_train.py");
        let environment = folder.with_file_name(format!("bench-torch-{VERSION}"));
        let python = environment.join("bin/python");
        if !environment.join("installed").exists() {
            shell::quiet(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
            let wanted = [format!("torch=={VERSION}"), format!("numpy=={NUMPY}")];
            shell::quiet(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(wanted))?;
            std::fs::write(environment.join("installed"), VERSION).context("cannot mark the environment")?;
        }
        Ok(Peer { python, script })
    }

    /// The fastest of the ways, each tried once.
    pub(super) fn best_mode(&self, shape: Shape) -> Result<&'static [&'static str]> {
        let mut best = (0.0, MODES[0]);
        for mode in MODES {
            let speed = self.run(shape, mode)?.tokens_per_s;
            println!("  PyTorch {}: {speed:.0} tok/s at best", mode.join(" "));
            if speed > best.0 {
                best = (speed, mode);
            }
        }
        Ok(best.1)
    }

    pub(super) fn run(&self, shape: Shape, mode: &[&str]) -> Result<Theirs> {
        let sizes = [
            ("--dim", shape.dim),
            ("--layers", shape.layers),
            ("--heads", shape.heads),
            ("--ffn", shape.ffn),
            ("--vocab", shape.vocabulary),
            ("--batch", shape.rows),
        ];
        let mut command = Command::new(&self.python);
        command.arg(&self.script).args(mode).args(["--threads", THREADS, "--steps", &STEPS.to_string()]);
        for (name, size) in sizes {
            command.args([name, &size.to_string()]);
        }
        let (said, memory_mib) = watch(&mut command)?;
        let best = said.rsplit("best ").next().and_then(|word| word.trim().parse().ok());
        Ok(Theirs {
            tokens_per_s: best.with_context(|| format!("the peer told no speed: {said}"))?,
            memory_mib,
        })
    }
}
