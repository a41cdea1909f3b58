//! What a model is asked for a question: examples, the question, and what has to be scored or written after it.

use super::{Compared, Item, Suite};
use sinew_model::sha256;

/// The most tokens that an answer may have.
const LINE_TOKENS: usize = 64;
/// The most tokens of an answer that is worked out.
const WORKED_TOKENS: usize = 256;

/// One thing that a model is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// How likely is this text after that one?
    Score {
        /// What comes before. It ends without a space, since tokens begin with theirs.
        context: String,
        /// What is scored.
        continuation: String,
    },
    /// What does the model write after this?
    Write {
        /// What comes before.
        prompt: String,
        /// Where it ends.
        stops: Vec<String>,
        /// The most tokens.
        tokens_most: usize,
    },
}

/// Numbers that follow from a seed and a name alone, the same on every machine.
#[derive(Clone, Debug)]
pub struct Draw {
    state: u64,
}

impl Draw {
    /// The numbers of this seed and name.
    pub fn new(seed: u64, name: &str) -> Draw {
        let hash = sha256(format!("{seed}/{name}").as_bytes());
        Draw { state: u64::from_str_radix(&hash[..16], 16).unwrap_or(seed) }
    }

    /// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, figure 17).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// `count` different numbers below `below`, or all of them, in the order drawn.
    pub fn some(&mut self, count: usize, below: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..below).collect();
        let count = count.min(below);
        for place in 0..count {
            let left = (below - place) as u64;
            // The product's upper half is below `left`; for sets this small its bias is below 2⁻⁴⁰.
            let offset = (u128::from(self.next()) * u128::from(left)) >> 64;
            all.swap(place, place + offset as usize);
        }
        all.truncate(count);
        all
    }
}

impl Item {
    /// How many texts are scored or written for it.
    pub fn asks(&self) -> usize {
        match self {
            Item::Choice { choices: several, .. } | Item::Schema { beginnings: several, .. } => several.len(),
            Item::Words { .. } | Item::Written { .. } => 1,
        }
    }

    /// Whether the model writes, instead of being asked how likely a text is.
    pub fn is_written(&self) -> bool {
        matches!(self, Item::Written { .. })
    }
}

impl Suite {
    /// Which questions are asked where not all are wanted: drawn by the seed, in the order of the file.
    pub fn drawn(&self, limit: Option<usize>, seed: u64) -> Vec<usize> {
        let count = self.items.len();
        match limit {
            Some(limit) if limit < count => {
                let mut drawn = Draw::new(seed, &self.name).some(limit, count);
                drawn.sort_unstable();
                drawn
            }
            _ => (0..count).collect(),
        }
    }

    /// What a model is asked for the question with this index, with at most so many examples before it.
    pub fn asks(&self, index: usize, seed: u64, shots: usize) -> Vec<Ask> {
        let before = self.before(index, seed, shots);
        let delimiter = &self.manner.delimiter;
        let score = |head: &str, delimiter: &str, tail: &str| {
            let whole = format!("{before}{head}{delimiter}");
            let context = whole.trim_end_matches(' ');
            Ask::Score {
                context: context.to_owned(),
                continuation: format!("{}{tail}", &whole[context.len()..]),
            }
        };
        match &self.items[index] {
            Item::Choice { query, choices, .. } => {
                choices.iter().map(|choice| score(query.trim_end(), delimiter, choice)).collect()
            }
            Item::Schema { beginnings, ending, .. } => {
                beginnings.iter().map(|beginning| score(beginning.trim_end(), delimiter, ending)).collect()
            }
            Item::Words { context, continuation } => {
                vec![score(context.trim(), own_space(delimiter, continuation), continuation)]
            }
            Item::Written { question, compared, .. } => {
                let prompt = format!("{before}{}{}", question.trim_end(), delimiter.trim_end());
                let worked = *compared == Compared::Number;
                let stops = if worked { vec!["\n\n".to_owned()] } else { vec!["\n".to_owned()] };
                let tokens_most = if worked { WORKED_TOKENS } else { LINE_TOKENS };
                vec![Ask::Write { prompt, stops, tokens_most }]
            }
        }
    }

    /// All that stands before a question: the preamble and the examples, each followed by an empty line.
    fn before(&self, index: usize, seed: u64, shots: usize) -> String {
        let mut parts = Vec::new();
        if !self.manner.preamble.is_empty() {
            parts.push(self.manner.preamble.clone());
        }
        parts.extend(self.shots(index, seed, shots).into_iter().map(|item| self.shown(item)));
        parts.iter().map(|part| format!("{part}\n\n")).collect()
    }

    fn shots(&self, index: usize, seed: u64, shots: usize) -> Vec<&Item> {
        if !self.examples.is_empty() {
            return self.examples.iter().take(shots).collect();
        }
        let mut draw = Draw::new(seed, &format!("{}/{index}", self.name));
        let others = draw.some(shots, self.items.len() - 1);
        others.into_iter().map(|other| &self.items[other + usize::from(other >= index)]).collect()
    }

    /// A question with its answer.
    fn shown(&self, item: &Item) -> String {
        let delimiter = &self.manner.delimiter;
        match item {
            Item::Choice { query, choices, gold } => {
                format!("{}{delimiter}{}", query.trim_end(), choices[*gold])
            }
            Item::Schema { beginnings, ending, gold } => {
                format!("{}{delimiter}{ending}", beginnings[*gold].trim_end())
            }
            Item::Words { context, continuation } => {
                format!("{}{}{continuation}", context.trim(), own_space(delimiter, continuation))
            }
            Item::Written { question, worked, .. } => {
                format!("{}{delimiter}{}", question.trim_end(), worked.trim())
            }
        }
    }
}

/// A continuation that brings its own space needs none before it.
fn own_space<'a>(delimiter: &'a str, continuation: &str) -> &'a str {
    if continuation.starts_with(char::is_whitespace) { "" } else { delimiter }
}
