//! `calibrate`: real training steps for about two seconds, to choose how many steps fit into a time.

use crate::CalibrateArgs;
use anyhow::Result;
use serde_json::json;
use sinew_model::Config;
use sinew_tensor::Team;
use sinew_train::{Prepared, Recipe, Trainer};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const WARM_STEPS: u64 = 3;
const TIME: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &CalibrateArgs, team: &Team) -> Result<ExitCode> {
    let data = Prepared::read(&args.data)?;
    // As many steps as a run has, so that the rate and the rows are those of its start.
    let recipe = Recipe::nano(1000, 0);
    let mut trainer = Trainer::new(Config::nano(data.vocabulary()), &data, recipe, team)?;
    while trainer.step() < WARM_STEPS {
        trainer.advance()?;
    }
    let start = Instant::now();
    while start.elapsed() < TIME && !trainer.finished() {
        trainer.advance()?;
    }
    let steps = (trainer.step() - WARM_STEPS) as f64;
    let seconds = start.elapsed().as_secs_f64();
    let tokens_per_s = steps * trainer.recipe().batch_tokens() as f64 / seconds;
    let step_ms = seconds * 1000.0 / steps;
    println!(
        "{}",
        json!({"tokens_per_s": tokens_per_s.round(), "step_ms": (step_ms * 100.0).round() / 100.0})
    );
    Ok(ExitCode::SUCCESS)
}
