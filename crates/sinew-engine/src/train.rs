//! `train`: steps until the last one or until a notice; the state is on disk before the program ends.

use crate::progress::{Progress, Work};
use crate::signals::Notice;
use crate::{EXIT_STOPPED, Preset, TrainArgs};
use anyhow::Result;
use sinew_model::Config;
use sinew_tensor::Team;
use sinew_train::{Checkpoints, Prepared, Recipe, Trainer};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(crate) fn run(args: &TrainArgs, team: &Team) -> Result<ExitCode> {
    let notice = Notice::listen()?;
    let data = Prepared::read(&args.data)?;
    let (config, recipe) = match args.preset {
        Preset::Nano => (Config::nano(data.vocabulary()), Recipe::nano(args.steps, args.seed)),
    };
    let mut trainer = Trainer::new(config.clone(), &data, recipe, team)?;
    let work = Work::measure(&config, trainer.recipe(), trainer.weights_count(), team);
    let folder = Path::new(".");
    let mut progress = Progress::open(folder, work, team.threads())?;
    let checkpoints = Checkpoints::new(&checkpoint_folder());
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
    let every = Duration::from_secs(args.checkpoint_every_s);
    if !advance(&mut trainer, &mut progress, &checkpoints, (&notice, every))? {
        return Ok(ExitCode::from(EXIT_STOPPED));
    }
    let hash = trainer.model().write(&args.out)?;
    progress.event("finished", trainer.step(), Duration::ZERO)?;
    println!("finished: weights sha256 {hash}");
    Ok(ExitCode::SUCCESS)
}

/// Where whoever runs this keeps checkpoints safe, or a folder of its own.
fn checkpoint_folder() -> PathBuf {
    std::env::var_os("SINEW_CHECKPOINT").map_or_else(|| PathBuf::from("checkpoint"), PathBuf::from)
}

/// Whether the last step was reached.
fn advance(
    trainer: &mut Trainer<'_>,
    progress: &mut Progress,
    checkpoints: &Checkpoints,
    (notice, every): (&Notice, Duration),
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
        if saved.elapsed() >= every || trainer.finished() {
            save(trainer, progress, checkpoints)?;
            saved = Instant::now();
        }
    }
    Ok(true)
}

fn save(trainer: &Trainer<'_>, progress: &mut Progress, checkpoints: &Checkpoints) -> Result<()> {
    let start = Instant::now();
    checkpoints.save(trainer)?;
    progress.skip_time(start.elapsed());
    progress.event("checkpoint", trainer.step(), start.elapsed())
}
