//! What is measured, what must be reached, and the report.

use crate::bits::{Baselines, bits_per_byte};
use crate::sums::{Question, right_share};
use serde::{Deserialize, Serialize};
use sinew_infer::InferError;
use sinew_model::{Model, sha256};
use sinew_tensor::Team;

/// The share of held-out sums that a model must answer right.
pub const SUMS_THRESHOLD: f64 = 0.5;

/// What a model is measured on.
#[derive(Clone, Copy, Debug)]
pub struct Exam<'a> {
    /// The text that the model was trained on; the baselines are fitted on it.
    pub training_text: &'a [u8],
    /// Text that nothing was trained on.
    pub held_out_text: &'a str,
    /// Questions that nothing was trained on.
    pub questions: &'a [Question],
}

/// One measured number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// What it must reach; none for a number that is only told.
    pub threshold: Option<f64>,
    /// Whether it does.
    pub passed: bool,
}

/// What the gate found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether the model may be released.
    pub passed: bool,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// The hash of the weights file that was measured.
    pub weights_sha256: String,
}

/// Measures a model.
pub fn run_gate(model: &Model, exam: &Exam<'_>, team: &Team) -> Result<Report, InferError> {
    let baselines = Baselines::fit(exam.training_text);
    let text = exam.held_out_text.as_bytes();
    let (unigram, bigram) = (baselines.unigram(text), baselines.bigram(text));
    let bits = bits_per_byte(model, exam.held_out_text, team)?;
    let sums = right_share(model, exam.questions, team)?;
    let figure = |name: &str, value: f64, unit: &str, goal: Option<(f64, bool)>| Figure {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
        threshold: goal.map(|(threshold, _)| threshold),
        passed: goal.is_none_or(|(_, passed)| passed),
    };
    let figures = vec![
        figure("bits_per_byte", bits, "bits/byte", Some((bigram, bits < bigram))),
        figure("sums_right", sums, "share", Some((SUMS_THRESHOLD, sums >= SUMS_THRESHOLD))),
        figure("bigram_bits_per_byte", bigram, "bits/byte", None),
        figure("unigram_bits_per_byte", unigram, "bits/byte", None),
    ];
    let passed = figures.iter().all(|figure| figure.passed);
    Ok(Report { passed, figures, weights_sha256: sha256(&model.weights.to_bytes()) })
}
