//! The control plane as a value that is told what happens and says what to make durable.

use crate::apply::apply;
use crate::command::{Actor, Request, RequestKey};
use crate::decide::decide;
use crate::event::Event;
use crate::refusal::Refusal;
use crate::settle::settle;
use crate::state::State;
use sinew_types::{Instant, OrgId};

/// An event and when it happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// When.
    pub at: Instant,
    /// What.
    pub event: Event,
}

/// What a request came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The identity of what was made or changed, as text.
    pub subject: String,
    /// Whether this is the answer to an earlier request with the same key.
    pub repeated: bool,
}

/// State plus what happened since the last time somebody made it durable.
///
/// One turn of the loop: `handle` each request at hand, `settle` once, append what `take_fresh` gives, and only then
/// send the answers and carry out the orders. If the append fails, throw this value away and replay the journal.
#[derive(Clone, Debug, Default)]
pub struct Control {
    state: State,
    fresh: Vec<Recorded>,
    look_again: Option<Instant>,
}

impl Control {
    /// Starts from a state, such as a snapshot's.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { state, fresh: Vec::new(), look_again: None }
    }

    /// The state as of the last event.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Applies a record from the journal.
    pub fn replay(&mut self, record: &Recorded) {
        apply(&mut self.state, record.at, &record.event);
    }

    /// Decides a request and applies what follows from it.
    pub fn handle(&mut self, now: Instant, request: &Request) -> Result<Answer, Refusal> {
        let now = now.max(self.state.at);
        if let Some((org, key)) = keyed(request)
            && let Some(done) = self.state.answered.get(&(org, key.key.clone()))
        {
            if done.fingerprint != key.fingerprint {
                return Err(Refusal::KeyReused { key: key.key.clone() });
            }
            return Ok(Answer { subject: done.subject.clone(), repeated: true });
        }
        let (events, subject) = decide(&self.state, now, &request.actor, &request.command)?;
        for event in events {
            self.record(now, event);
        }
        if let Some((org, key)) = keyed(request) {
            let (key, fingerprint) = (key.key.clone(), key.fingerprint);
            self.record(now, Event::RequestAnswered { org, key, fingerprint, subject: subject.clone() });
        }
        Ok(Answer { subject, repeated: false })
    }

    /// Plans every pool until nothing more follows. Call it once a turn.
    pub fn settle(&mut self, now: Instant) {
        let now = now.max(self.state.at);
        self.look_again = settle(self, now);
    }

    /// The moment at which `settle` should be called although nothing else happened.
    #[must_use]
    pub fn look_again(&self) -> Option<Instant> {
        self.look_again
    }

    /// What happened since the last call.
    pub fn take_fresh(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.fresh)
    }

    pub(crate) fn record(&mut self, at: Instant, event: Event) {
        apply(&mut self.state, at, &event);
        self.fresh.push(Recorded { at, event });
    }
}

/// The organisation and key of a request that must not be done twice.
fn keyed(request: &Request) -> Option<(OrgId, &RequestKey)> {
    match (&request.actor, &request.key) {
        (Actor::Principal(principal), Some(key)) => Some((principal.org, key)),
        _ => None,
    }
}
