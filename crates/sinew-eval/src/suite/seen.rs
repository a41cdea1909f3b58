//! Questions that stand in a text which a model learnt from: what it gets right there says little.
//!
//! Texts are compared word by word, without case and punctuation. A question stands in the text if any 13 words in a row
//! of it, with its right answer, do (GPT-3, arXiv:2005.14165, appendix C). Questions of 8 to 12 words have to stand there
//! whole; of shorter ones nothing is said, since such rows of words come about by chance.

use super::{Item, Suite};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Words in a row that are compared.
const WORDS: usize = 13;
/// The fewest words of a question that can be told from chance.
const WORDS_LEAST: usize = 8;

/// Looks for the questions of a suite in texts, one text after the other.
#[derive(Debug)]
pub struct Seen {
    /// Rows of words, and the questions that they stand in.
    rows: HashMap<String, Vec<usize>>,
    /// How many words these rows have.
    lengths: BTreeSet<usize>,
    /// Questions that are too short to be looked for.
    short: usize,
    found: BTreeMap<usize, String>,
}

impl Seen {
    /// Gets ready to look for the questions of this suite.
    pub fn new(suite: &Suite) -> Seen {
        let mut seen =
            Seen { rows: HashMap::new(), lengths: BTreeSet::new(), short: 0, found: BTreeMap::new() };
        for (index, item) in suite.items.iter().enumerate() {
            let words = Words::of(&item.with_answer());
            let length = words.count().min(WORDS);
            if length < WORDS_LEAST {
                seen.short += 1;
                continue;
            }
            seen.lengths.insert(length);
            for row in words.rows(length) {
                let questions = seen.rows.entry(row.to_owned()).or_default();
                if questions.last() != Some(&index) {
                    questions.push(index);
                }
            }
        }
        seen
    }

    /// Looks through one more text.
    pub fn look(&mut self, text: &str) {
        let words = Words::of(text);
        for length in &self.lengths {
            for row in words.rows(*length) {
                for question in self.rows.get(row).into_iter().flatten() {
                    self.found.entry(*question).or_insert_with(|| row.to_owned());
                }
            }
        }
    }

    /// The questions that were found, counted from 0, each with the first words that it shares with a text.
    pub fn found(&self) -> &BTreeMap<usize, String> {
        &self.found
    }

    /// How many questions are too short to be looked for.
    pub fn too_short(&self) -> usize {
        self.short
    }
}

/// A text in lower case, letters and digits only, with one space between words.
struct Words {
    text: String,
    /// Where each word begins.
    begins: Vec<usize>,
}

impl Words {
    fn of(text: &str) -> Words {
        let mut words = Words { text: String::with_capacity(text.len()), begins: Vec::new() };
        for word in text.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty()) {
            if !words.begins.is_empty() {
                words.text.push(' ');
            }
            words.begins.push(words.text.len());
            words.text.extend(word.chars().flat_map(char::to_lowercase));
        }
        words
    }

    fn count(&self) -> usize {
        self.begins.len()
    }

    /// All rows of so many words.
    fn rows(&self, length: usize) -> impl Iterator<Item = &str> {
        let rows = (self.count() + 1).saturating_sub(length);
        (0..rows).map(move |first| {
            // The next row's last word begins behind a space.
            let end = self.begins.get(first + length).map_or(self.text.len(), |next| next - 1);
            &self.text[self.begins[first]..end]
        })
    }
}

impl Item {
    /// The question with its right answer, as it would stand in a text.
    fn with_answer(&self) -> String {
        match self {
            Item::Choice { query, choices, gold } => format!("{query} {}", choices[*gold]),
            Item::Schema { beginnings, ending, gold } => format!("{} {ending}", beginnings[*gold]),
            Item::Words { context, continuation } => format!("{context} {continuation}"),
            Item::Written { question, worked, .. } => format!("{question} {worked}"),
        }
    }
}
