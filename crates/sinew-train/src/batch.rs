//! Which tokens each row of each step holds: a function of seed, step and row, so that a run needs no cursor.

use crate::prepared::Prepared;
use crate::recipe::{Recipe, RowKind};
use sinew_model::Random;

/// One row of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequence {
    /// What the model reads.
    pub tokens: Vec<u32>,
    /// Where the text or dialogue of each token begins.
    pub starts: Vec<usize>,
    /// What should follow each token.
    pub targets: Vec<u32>,
    /// How much each position counts: the weights of a row add up to 1 / rows.
    pub weights: Vec<f32>,
}

/// The bit that marks, in packed dialogues, a token that the model is to say.
pub(crate) const SAID: u16 = 1 << 15;

impl Sequence {
    /// Fills this row anew with row `row` of step `step`.
    pub fn fill(&mut self, data: &Prepared, recipe: &Recipe, step: u64, row: usize) {
        self.tokens.clear();
        self.starts.clear();
        self.targets.clear();
        self.weights.clear();
        let mut random = Random::new(recipe.seed, &[1, step, row as u64]);
        match recipe.kind(step, row) {
            RowKind::Text => self.fill_text(&data.corpus, recipe, &mut random),
            RowKind::Sums => {
                let turns_most = if recipe.joins_sums(step) { TURNS_MOST } else { 1 };
                let talk = Talk { main: &data.sums, guest: &data.dialogues, guest_one_in: 4, turns_most };
                self.fill_talk(&talk, recipe, &mut random);
            }
            RowKind::Dialogues => {
                let (main, guest) = (&data.dialogues, &data.sums);
                let talk = Talk { main, guest, guest_one_in: 3, turns_most: TURNS_MOST };
                self.fill_talk(&talk, recipe, &mut random);
            }
        }
        let counted = self.weights.iter().filter(|weight| **weight != 0.0).count().max(1);
        let share = 1.0 / (counted * recipe.rows) as f32;
        self.weights.iter_mut().for_each(|weight| *weight *= share);
    }

    fn fill_text(&mut self, corpus: &[u16], recipe: &Recipe, random: &mut Random) {
        let length = recipe.row_tokens.min(corpus.len() - 1);
        let from = random.below(corpus.len() - length);
        self.tokens.extend(corpus[from..from + length].iter().map(|token| u32::from(*token)));
        self.targets.extend(corpus[from + 1..=from + length].iter().map(|token| u32::from(*token)));
        self.weights.resize(length, 1.0);
        self.starts.resize(length, 0);
    }

    /// Fills the row with conversations; the last one is cut. Each sees itself only, as when it is served.
    fn fill_talk(&mut self, talk: &Talk<'_>, recipe: &Recipe, random: &mut Random) {
        while self.tokens.len() <= recipe.row_tokens {
            let start = self.tokens.len();
            let turns = talk.turns(random);
            for turn in 0..turns {
                // A conversation begins once, however many turns it has.
                for token in &talk.pick(turns, random)[usize::from(turn > 0)..] {
                    self.starts.push(start);
                    self.tokens.push(u32::from(token & !SAID));
                    self.weights.push(if token & SAID == 0 { 0.0 } else { 1.0 });
                }
            }
        }
        self.tokens.truncate(recipe.row_tokens + 1);
        self.weights.truncate(recipe.row_tokens + 1);
        self.targets.extend_from_slice(&self.tokens[1..]);
        self.tokens.pop();
        self.starts.truncate(recipe.row_tokens);
        self.weights.remove(0);
    }
}

/// The most turns that are trained in one conversation.
const TURNS_MOST: usize = 5;

/// Where the turns of a row's conversations come from. Without guests in between, the model would answer in the way of
/// its last answer, not of what it is asked now.
struct Talk<'a> {
    main: &'a Packed,
    guest: &'a Packed,
    guest_one_in: usize,
    turns_most: usize,
}

impl Talk<'_> {
    /// How many turns a conversation has: one in half of them, because that is how most people and the gate ask.
    fn turns(&self, random: &mut Random) -> usize {
        if self.turns_most == 1 || random.below(2) == 0 { 1 } else { 2 + random.below(self.turns_most - 1) }
    }

    /// One turn of a conversation that has so many.
    fn pick(&self, turns: usize, random: &mut Random) -> &[u16] {
        let guest = turns > 1 && random.below(self.guest_one_in) == 0;
        let from = if guest { self.guest } else { self.main };
        from.example(random.below(from.examples()))
    }
}

/// Examples one after the other, each beginning with the same token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packed {
    tokens: Vec<u16>,
    starts: Vec<usize>,
}

impl Packed {
    /// Finds the examples in a row of tokens; none if it does not start with `begin`.
    pub(crate) fn new(tokens: Vec<u16>, begin: u16) -> Option<Packed> {
        let mut starts: Vec<usize> = tokens
            .iter()
            .enumerate()
            .filter_map(|(place, token)| (*token == begin).then_some(place))
            .collect();
        if starts.first() != Some(&0) {
            return None;
        }
        starts.push(tokens.len());
        Some(Packed { tokens, starts })
    }

    fn examples(&self) -> usize {
        self.starts.len() - 1
    }

    fn example(&self, index: usize) -> &[u16] {
        &self.tokens[self.starts[index]..self.starts[index + 1]]
    }
}
