//! What counts as right.

use super::{Compared, Item, Rule, Suite};
use serde::{Deserialize, Serialize};

/// What a model answered to one ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// How likely the continuation is.
    Scored {
        /// The sum of its tokens' natural log-probabilities.
        sum: f64,
        /// Its tokens.
        tokens: usize,
        /// Whether each of them was the likeliest one.
        greedy: bool,
    },
    /// What the model wrote.
    Written(String),
}

/// How one question went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether it counts as right.
    pub right: bool,
    /// Whether the choice that is likeliest as a whole is right; of what has no choices, the same as `right`.
    pub by_sum: bool,
    /// Whether the choice that is likeliest for each character is right; of what has no choices, the same as `right`.
    pub by_length: bool,
    /// What the model chose, counted from 0, or wrote.
    pub said: String,
}

impl Suite {
    /// Grades the answers to what [`Suite::asks`] asked for the question with this index, in the same order.
    ///
    /// # Panics
    /// With another number or kind of answers than was asked for.
    pub fn grade(&self, index: usize, answers: &[Answer]) -> Outcome {
        match &self.items[index] {
            Item::Choice { choices, gold, .. } => {
                let lengths: Vec<usize> = choices.iter().map(|choice| choice.chars().count()).collect();
                self.chosen(answers, &lengths, *gold)
            }
            Item::Schema { beginnings, ending, gold } => {
                self.chosen(answers, &vec![ending.chars().count(); beginnings.len()], *gold)
            }
            Item::Words { .. } => {
                let [Answer::Scored { greedy, sum, .. }] = answers else { panic!("one score was asked for") };
                whole(*greedy, format!("{sum:.4}"))
            }
            Item::Written { answer, compared, .. } => {
                let [Answer::Written(said)] = answers else { panic!("one text was asked for") };
                whole(compared.is_right(said, answer), said.clone())
            }
        }
    }

    fn chosen(&self, answers: &[Answer], lengths: &[usize], gold: usize) -> Outcome {
        assert_eq!(answers.len(), lengths.len(), "each choice is scored");
        let best = |rule: Rule| {
            let value = |place: usize| {
                let Answer::Scored { sum, tokens, .. } = &answers[place] else {
                    panic!("choices are scored")
                };
                match rule {
                    Rule::Mean => sum / (*tokens).max(1) as f64,
                    Rule::Sum => *sum,
                    Rule::Length => sum / lengths[place].max(1) as f64,
                }
            };
            // Of equals the first, so that the answer does not depend on the order of comparing.
            (0..answers.len()).rev().max_by(|a, b| value(*a).total_cmp(&value(*b))).unwrap_or(0)
        };
        let picked = best(self.manner.rule);
        Outcome {
            right: picked == gold,
            by_sum: best(Rule::Sum) == gold,
            by_length: best(Rule::Length) == gold,
            said: picked.to_string(),
        }
    }
}

fn whole(right: bool, said: String) -> Outcome {
    Outcome { right, by_sum: right, by_length: right, said }
}

impl Compared {
    fn is_right(self, said: &str, answer: &str) -> bool {
        match self {
            Compared::Number => {
                let value = |text: &str| last_number(text).and_then(|number| number.parse::<f64>().ok());
                value(said).is_some_and(|said| Some(said) == value(answer))
            }
            Compared::Line => line(said) == line(answer),
        }
    }
}

/// The first line that is not empty, without spaces and a full stop at its ends.
fn line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or("").trim().trim_end_matches('.')
}

/// The last number of a text, without separators of thousands.
pub(super) fn last_number(text: &str) -> Option<String> {
    let is_part = |sign: char| sign.is_ascii_digit() || matches!(sign, '.' | ',' | '-');
    let mut numbers = text.split(|sign: char| !is_part(sign)).filter_map(|word| {
        let word: String = word.chars().filter(|sign| *sign != ',').collect();
        let word = word.trim_end_matches(['.', '-']);
        // Of `3-4` the number is 4: a sign stands only at the front.
        let word = word.rfind('-').map_or(word, |place| if place == 0 { word } else { &word[place + 1..] });
        word.parse::<f64>().is_ok().then(|| word.to_owned())
    });
    numbers.next_back()
}
