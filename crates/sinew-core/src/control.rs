//! The control plane as a value that is told what happens and says what to make durable.

use crate::apply::apply;
use crate::billing::close_months;
use crate::command::{Actor, Command, Observation, Request, RequestKey};
use crate::decide::decide;
use crate::engines::Engines;
use crate::event::Event;
use crate::index::Index;
use crate::late::late_before;
use crate::refusal::Refusal;
use crate::settle::{bind_owed, settle, wait};
use crate::state::{Exit, Phase, State};
use sinew_sched::{Account, CellSum, Engine, Rule, Wait};
use sinew_types::{CellRange, Instant, OrgId, PoolId, WorkloadId};

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
    /// None after a replay, until somebody asks.
    engines: Option<Engines>,
    fresh: Vec<Recorded>,
    look_again: Option<Instant>,
}

impl Control {
    /// Starts from a state, such as a snapshot's.
    #[must_use]
    pub fn new(mut state: State) -> Self {
        state.index = Index::of(&state);
        Self { state, engines: None, fresh: Vec::new(), look_again: None }
    }

    /// The state as of the last event.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Applies a record from the journal.
    pub fn replay(&mut self, record: &Recorded) {
        apply(&mut self.state, record.at, &record.event);
        self.engines = None;
    }

    /// Decides a request and applies what follows from it.
    pub fn handle(&mut self, now: Instant, request: &Request) -> Result<Answer, Refusal> {
        let now = now.max(self.state.at);
        self.engines_mut();
        let until = self.known_until(&request.command, now);
        close_months(self, now, until);
        if let Some((org, key)) = keyed(request)
            && let Some(done) = self.state.answered.get(&(org, key.key.clone()))
        {
            if done.fingerprint != key.fingerprint {
                return Err(Refusal::KeyReused { key: key.key.clone() });
            }
            return Ok(Answer { subject: done.subject.clone(), repeated: true });
        }
        let (events, subject) = decide(self, now, &request.actor, &request.command)?;
        for event in events {
            let signed = matches!(event, Event::ContractSigned { .. });
            self.record(now, event);
            if signed {
                bind_owed(self, now);
            }
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

    /// Chooses places of shares in a pool by another rule from now on. It says how, never what is allowed, so no journal
    /// holds it.
    pub fn set_rule(&mut self, pool: PoolId, rule: Rule) {
        if let Some(engine) = self.engines_mut().pool_mut(pool) {
            engine.set_rule(rule);
        }
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

    /// Why a workload waits now; nothing where it does not wait.
    #[must_use]
    pub fn why(&self, id: WorkloadId) -> Option<Wait> {
        let workload = self.state.workloads.get(&id)?;
        if let (Phase::Waiting { .. }, Some(since)) = (&workload.phase, workload.held) {
            return Some(Wait::Held { since });
        }
        let reason = self.engines.as_ref()?.pool(workload.pool)?.why(id)?;
        wait(&self.state, id, reason)
    }

    /// The cells of `size` chips in a range of a pool, with who has what of each; of these accounts alone where `only` is
    /// given. Nothing where there is no such pool.
    #[must_use]
    pub fn cell_sums(
        &self,
        pool: PoolId,
        range: CellRange,
        size: u32,
        only: Option<&[Account]>,
    ) -> Option<Vec<CellSum>> {
        Some(self.engines.as_ref()?.pool(pool)?.cell_sums(range, size, only))
    }

    /// The schedulers, made from the state where they are not there.
    pub(crate) fn engines_mut(&mut self) -> &mut Engines {
        self.engines.get_or_insert_with(|| Engines::of(&self.state))
    }

    /// The scheduler of a pool; there is one while a request is decided.
    pub(crate) fn engine(&self, pool: PoolId) -> Option<&Engine> {
        self.engines.as_ref()?.pool(pool)
    }

    /// Up to when nothing earlier can be learnt from a command any more. A report may come long after what it tells of, so the
    /// months since then stay open until it is read: else they would bill what had ended. What was lost at a moment that
    /// nobody knows ended with the last record.
    fn known_until(&self, command: &Command, now: Instant) -> Instant {
        let Command::Observe { observation: Observation::Ended { exit, at, .. }, .. } = command else {
            return now;
        };
        let unseen = (*exit == Exit::Lost).then_some(self.state.at);
        at.or(unseen).map_or(now, |end| now.min(end))
    }

    pub(crate) fn record(&mut self, at: Instant, event: Event) {
        if let Some(late) = late_before(&self.state, at, &event) {
            self.record(at, late);
        }
        apply(&mut self.state, at, &event);
        if let Some(engines) = &mut self.engines {
            engines.follow(&self.state, at, &event);
        }
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
