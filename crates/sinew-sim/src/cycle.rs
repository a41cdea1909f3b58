//! One turn of the loop as a value without IO: decide, plan, make durable, then answer and order.
//!
//! Whoever drives it hands in requests, makes `Turn::fresh` durable as one group, and calls `confirm` for the answers
//! and orders; if that write failed, `replace` goes back to what the journal says and nobody hears of the turn.

use sinew_core::{Answer, Control, Order, Recorded, Refusal, Request, State, all_orders, orders_after};
use sinew_types::Instant;

/// What became of one request.
pub type Decided = Result<Answer, Refusal>;

/// A turn that nobody may hear of yet.
#[derive(Debug)]
pub struct Turn {
    /// What has to be durable first, all or none.
    pub fresh: Vec<Recorded>,
    answers: Vec<Vec<Decided>>,
}

/// What may be told once a turn is durable.
#[derive(Debug, Default)]
pub struct Told {
    /// What is durable now, for readers of the state.
    pub fresh: Vec<Recorded>,
    /// For each group its answers, up to the first refusal.
    pub answers: Vec<Vec<Decided>>,
    /// What executors should do.
    pub orders: Vec<Order>,
}

/// The control plane between two turns.
#[derive(Debug)]
pub struct Cycle {
    control: Control,
    /// Nothing is planned: leases of an earlier process are still being found, or all are told to leave.
    resting: bool,
}

impl Cycle {
    /// Starts over what a journal says. Plans nothing until `wake`, so that what ended meanwhile can be reported first.
    #[must_use]
    pub fn new(control: Control) -> Self {
        Self { control, resting: true }
    }

    /// The state as of the last turn.
    #[must_use]
    pub fn state(&self) -> &State {
        self.control.state()
    }

    /// Whether turns plan.
    #[must_use]
    pub fn plans(&self) -> bool {
        !self.resting
    }

    /// Every lease of an earlier process was found: from now on turns plan. Answers every order that stands.
    pub fn wake(&mut self) -> Vec<Order> {
        self.resting = false;
        all_orders(self.control.state())
    }

    /// Turns plan nothing any more: the machine is being stopped.
    pub fn rest(&mut self) {
        self.resting = true;
    }

    /// Decides groups of requests, each in order up to its first refusal, and plans once.
    pub fn decide<'a>(&mut self, now: Instant, groups: impl IntoIterator<Item = &'a [Request]>) -> Turn {
        let answers = groups.into_iter().map(|group| decide_all(&mut self.control, now, group)).collect();
        if !self.resting {
            self.control.settle(now);
        }
        Turn { fresh: self.control.take_fresh(), answers }
    }

    /// The turn is durable.
    #[must_use]
    pub fn confirm(&self, turn: Turn) -> Told {
        let orders = orders_after(self.control.state(), &turn.fresh);
        Told { fresh: turn.fresh, answers: turn.answers, orders }
    }

    /// The last turn is not durable: goes on with what the journal says.
    pub fn replace(&mut self, control: Control) {
        self.control = control;
    }

    /// The moment of the next turn although nothing else happened.
    #[must_use]
    pub fn look_again(&self) -> Option<Instant> {
        self.control.look_again()
    }
}

fn decide_all(control: &mut Control, now: Instant, requests: &[Request]) -> Vec<Decided> {
    let mut decided = Vec::new();
    for request in requests {
        decided.push(control.handle(now, request));
        if decided.last().is_some_and(Result::is_err) {
            break;
        }
    }
    decided
}
