//! `gate`: measures a model and writes the report.

use crate::{EXIT_NOT_PASSED, GateArgs};
use anyhow::Result;
use sinew_eval::{Exam, Question, run_gate};
use sinew_model::{Model, Weights, write_whole};
use sinew_tensor::Team;
use sinew_train::Prepared;
use std::process::ExitCode;

/// The seed of the weights that must fail.
const RANDOM_SEED: u64 = 0x0bad_5eed;

pub(crate) fn run(args: &GateArgs, team: &Team) -> Result<ExitCode> {
    let data = Prepared::read(&args.data)?;
    let mut model = Model::read(&args.model, team)?;
    if args.random_weights {
        model.weights = Weights::random(model.weights.config, RANDOM_SEED, team);
    }
    let tokens: Vec<u32> = data.corpus.iter().map(|token| u32::from(*token)).collect();
    let questions: Vec<Question> = data
        .held_out_sums
        .iter()
        .map(|sum| Question { asked: sum.question.clone(), answer: sum.answer.clone() })
        .collect();
    let training_text = data.tokenizer.decode(&tokens);
    let exam =
        Exam { training_text: &training_text, held_out_text: &data.held_out_text, questions: &questions };
    let report = run_gate(&model, &exam, team)?;
    let json = serde_json::to_string_pretty(&report)? + "\n";
    write_whole(&args.report, json.as_bytes())?;
    for figure in &report.figures {
        let verdict = match (figure.threshold, figure.passed) {
            (None, _) => String::new(),
            (Some(threshold), true) => format!("  passed (threshold {threshold:.3})"),
            (Some(threshold), false) => format!("  NOT passed (threshold {threshold:.3})"),
        };
        println!("{:<24} {:>8.3} {}{verdict}", figure.name, figure.value, figure.unit);
    }
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NOT_PASSED) })
}
