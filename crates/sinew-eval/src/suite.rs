//! Suites: questions with known answers, what a model is asked for each, and what counts as right.
//!
//! Nothing here reads a file or speaks to a model. [`read_suite`] takes the text of a file, [`Suite::asks`] says what a
//! model is asked, and [`Suite::grade`] turns its answers into an [`Outcome`]. Any server that gives the log-probabilities
//! of a text, or a text, can be measured so.

mod ask;
mod grade;
mod known;
mod read;
mod score;
mod seen;

pub use ask::{Ask, Draw};
pub use grade::{Answer, Outcome};
pub use known::{CORE_12, Known, known_names, known_suite, known_suites};
pub use read::{SuiteError, read_suite};
pub use score::{Interval, Score, mean_centred};
pub use seen::Seen;

#[cfg(test)]
mod tests;

/// A suite that was read: its questions and how they are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Suite {
    /// What it is called.
    pub name: String,
    /// The questions, in the order of the file.
    pub items: Vec<Item>,
    /// Questions with their answers from another file, to show before each question; without them, others of the suite.
    pub examples: Vec<Item>,
    /// How they are asked.
    pub manner: Manner,
}

/// How the questions of a suite are asked, and what guessing would reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Manner {
    /// Answered questions that stand before each question.
    pub shots: usize,
    /// What stands between a question and its answer.
    pub delimiter: String,
    /// What stands before everything; empty for nothing.
    pub preamble: String,
    /// The share that guessing gets right, from 0 to 1.
    pub chance: f64,
    /// Which of several choices counts as the model's.
    pub rule: Rule,
}

/// Which of several choices counts as the model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The one whose tokens are likeliest on average, as CORE counts (DCLM, arXiv:2406.11794, appendix G).
    Mean,
    /// The one that is likeliest as a whole: `acc` of lm-evaluation-harness.
    Sum,
    /// The one that is likeliest for each character of it: `acc_norm` of lm-evaluation-harness.
    Length,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Which of these choices follows the question?
    Choice {
        /// What comes before each choice.
        query: String,
        /// Two or more.
        choices: Vec<String>,
        /// The right one, counted from 0.
        gold: usize,
    },
    /// After which of these beginnings does the ending fit best?
    Schema {
        /// Two or more.
        beginnings: Vec<String>,
        /// What follows each.
        ending: String,
        /// The right one, counted from 0.
        gold: usize,
    },
    /// The likeliest next tokens have to be exactly the continuation.
    Words {
        /// What comes before.
        context: String,
        /// What has to follow.
        continuation: String,
    },
    /// The model writes, and what it wrote is compared.
    Written {
        /// What is asked.
        question: String,
        /// What is shown as the answer in an example.
        worked: String,
        /// What has to stand in the model's answer.
        answer: String,
        /// How the two are compared.
        compared: Compared,
    },
}

/// How an answer that was written is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The last number of the text, without separators of thousands.
    Number,
    /// The first line, without spaces and a full stop at its ends.
    Line,
}
