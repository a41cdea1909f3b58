//! `train`: steps until the last one or until a notice; the state is on disk before the program ends.

use crate::progress::{Progress, Work};
use crate::run_file::RunFile;
use crate::signals::Notice;
use crate::{EXIT_STOPPED, Preset, TrainArgs};
use anyhow::{Context, Result};
use sinew_model::Config;
use sinew_tensor::Team;
use sinew_train::{Checkpoints, Prepared, Recipe, Trainer};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What a run is told, from the command line or from a file.
struct Told {
    data: PathBuf,
    out: PathBuf,
    /// Where measurements and checkpoints go.
    folder: PathBuf,
    checkpoint_every: Duration,
    evaluate_every_steps: u64,
    evaluate_rows: usize,
    tensorboard: bool,
    file: Option<RunFile>,
}

impl Told {
    fn new(args: &TrainArgs) -> Result<Told> {
        if let Some(path) = &args.config {
            let file = RunFile::read(path)?;
            return Ok(Told {
                data: file.data().to_owned(),
                out: file.out().to_owned(),
                folder: file.folder().to_owned(),
                checkpoint_every: Duration::from_secs(file.checkpoint_every_s),
                evaluate_every_steps: file.evaluate_every_steps,
                evaluate_rows: file.evaluate_rows,
                tensorboard: file.tensorboard,
                file: Some(file),
            });
        }
        Ok(Told {
            data: args.data.clone().context("--data is missing")?,
            out: args.out.clone().context("--out is missing")?,
            folder: PathBuf::new(),
            checkpoint_every: Duration::from_secs(args.checkpoint_every_s),
            evaluate_every_steps: 0,
            evaluate_rows: 0,
            tensorboard: false,
            file: None,
        })
    }

    fn shape(&self, args: &TrainArgs, data: &Prepared) -> Result<(Config, Recipe)> {
        if let Some(file) = &self.file {
            return file.shape(data);
        }
        let (steps, seed) =
            (args.steps.context("--steps is missing")?, args.seed.context("--seed is missing")?);
        Ok(match args.preset {
            Preset::Nano => (Config::nano(data.vocabulary()), Recipe::nano(steps, seed)),
        })
    }
}

pub(crate) fn run(args: &TrainArgs, team: &Team) -> Result<ExitCode> {
    let notice = Notice::listen()?;
    let told = Told::new(args)?;
    let data = Prepared::read(&told.data)?;
    let (config, recipe) = told.shape(args, &data)?;
    let mut trainer = Trainer::new(config.clone(), &data, recipe, team)?;
    let work = Work::measure(&config, trainer.recipe(), trainer.weights_count(), team);
    let mut progress = Progress::open(&told.folder, work, (team.threads(), told.tensorboard))?;
    let checkpoints = Checkpoints::new(&checkpoint_folder(&told.folder));
    let start = Instant::now();
    let found = checkpoints.resume(&mut trainer)?;
    for refused in &found.refused {
        eprintln!("left out a damaged checkpoint: {refused}");
    }
    match found.step {
        Some(step) => println!("goes on from step {step} with {} threads", team.threads()),
        None => println!("starts with {} weights and {} threads", trainer.weights_count(), team.threads()),
    }
    progress.event(
        if found.step.is_some() { "resumed" } else { "started" },
        trainer.step(),
        start.elapsed(),
    )?;
    if !advance(&mut trainer, &mut progress, &checkpoints, (&notice, &told))? {
        return Ok(ExitCode::from(EXIT_STOPPED));
    }
    let hash = trainer.model().write(&told.out)?;
    progress.event("finished", trainer.step(), Duration::ZERO)?;
    println!("finished: weights sha256 {hash}");
    Ok(ExitCode::SUCCESS)
}

/// Where whoever runs this keeps checkpoints safe, or a folder of its own.
fn checkpoint_folder(folder: &Path) -> PathBuf {
    std::env::var_os("SINEW_CHECKPOINT").map_or_else(|| folder.join("checkpoint"), PathBuf::from)
}

/// Whether the last step was reached.
fn advance(
    trainer: &mut Trainer<'_>,
    progress: &mut Progress,
    checkpoints: &Checkpoints,
    (notice, told): (&Notice, &Told),
) -> Result<bool> {
    let mut saved = Instant::now();
    while !trainer.finished() {
        if notice.came() {
            save(trainer, progress, checkpoints)?;
            progress.event("stopped", trainer.step(), Duration::ZERO)?;
            println!("stopped by a notice at step {}; start again to go on", trainer.step());
            return Ok(false);
        }
        let loss = trainer.advance()?;
        progress.step(trainer.step(), loss)?;
        evaluate(trainer, progress, told)?;
        if saved.elapsed() >= told.checkpoint_every || trainer.finished() {
            save(trainer, progress, checkpoints)?;
            saved = Instant::now();
        }
    }
    Ok(true)
}

/// Measures the run on what it is not trained on, when it is time to.
fn evaluate(trainer: &mut Trainer<'_>, progress: &mut Progress, told: &Told) -> Result<()> {
    let every = told.evaluate_every_steps;
    if every == 0 || !(trainer.step().is_multiple_of(every) || trainer.finished()) {
        return Ok(());
    }
    let start = Instant::now();
    if let Some(loss) = trainer.evaluate(told.evaluate_rows)? {
        progress.evaluated(trainer.step(), loss)?;
    }
    progress.skip_time(start.elapsed());
    Ok(())
}

fn save(trainer: &Trainer<'_>, progress: &mut Progress, checkpoints: &Checkpoints) -> Result<()> {
    let start = Instant::now();
    checkpoints.save(trainer)?;
    progress.skip_time(start.elapsed());
    progress.event("checkpoint", trainer.step(), start.elapsed())
}
