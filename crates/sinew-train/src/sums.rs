//! Sums of two numbers from 0 to 99, in several wordings, some of them never trained on.

use crate::dialogues::{Turn, call, preface};
use sinew_model::Random;

/// One sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) left: u32,
    pub(crate) right: u32,
}

/// How a sum can be asked.
const WORDINGS: [&str; 5] =
    ["What is {a}+{b}?", "{a}+{b}", "{a}+{b}=", "Please add {a}+{b}", "How much is {a}+{b}?"];

/// How many wordings each sum is trained in.
pub(crate) const WORDINGS_EACH: usize = 3;

impl Sum {
    /// All sums, smaller numbers first.
    pub(crate) fn all() -> impl Iterator<Item = Sum> {
        (0..100).flat_map(|left| (0..100).map(move |right| Sum { left, right }))
    }

    /// Whether this sum is kept for the gate: one pair of operands in ten, the same for both orders, so that the
    /// mirrored sum gives nothing away.
    pub(crate) fn held_out(self) -> bool {
        self.random(0).below(10) == 0
    }

    /// The question in one of its wordings.
    pub(crate) fn question(self, choice: usize) -> String {
        let wording = WORDINGS[(self.random(1).below(WORDINGS.len()) + choice) % WORDINGS.len()];
        wording.replace("{a}", &self.left.to_string()).replace("{b}", &self.right.to_string())
    }

    /// The sum in one of its wordings, sometimes with what people and programs put before a question.
    pub(crate) fn turn(self, choice: usize) -> Turn {
        let mut random = self.random(2 + choice as u64);
        let asked = self.question(choice);
        let asked = match random.below(24) {
            0 => call(&asked, &mut random),
            1 => preface(&asked, &mut random),
            _ => asked,
        };
        Turn::new(asked, self.answer())
    }

    pub(crate) fn answer(self) -> String {
        (self.left + self.right).to_string()
    }

    fn random(self, use_of: u64) -> Random {
        let (low, high) = (self.left.min(self.right), self.left.max(self.right));
        Random::new(0x7375_6d73, &[use_of, u64::from(low), u64::from(high)])
    }
}
