//! Asking before doing: a run on a copy of the control plane, which is then thrown away.

use crate::command::{Actor, Command, Principal, Request};
use crate::control::{Control, Recorded};
use crate::decide::cells_of_draft;
use crate::event::Event;
use crate::refusal::Refusal;
use crate::state::{Phase, State, Workload};
use sinew_contract::Terms;
use sinew_sched::{Wait, Why};
use sinew_types::{ContractId, Instant, Money, OrgId, Quantity, Span, WorkloadId, WorkloadSpec};
use std::sync::Arc;

/// What would become of a workload if it came now. Holds nothing about any other organisation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Foreseen {
    /// Whether it would run at once.
    pub outcome: Outcome,
    /// The workloads of the same organisation that would have to leave because of it.
    pub recalled: Vec<Recalled>,
}

/// Whether a workload would run at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It would.
    Starts {
        /// Chips that its account is promised.
        own_chips: u32,
        /// Chips that their holder may recall.
        borrowed_chips: u32,
    },
    /// It would wait; nothing where the planner has no reason to tell.
    Waits {
        /// Why.
        why: Option<Wait>,
    },
}

/// A workload that would have to leave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recalled {
    /// Which.
    pub id: WorkloadId,
    /// When it would be killed if it still ran.
    pub deadline: Instant,
    /// Chip-milliseconds since the last checkpoint that its cadence promises, which is what leaving at once would lose.
    pub lost_chip_ms: u64,
}

/// What a contract would come to if both sides signed it now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Promised {
    /// How many of the owner's chips would be bound to it. Leases on them stay until the lab asks for the chips.
    pub chips: u32,
    /// The longest time from a demand of the lab to possession: notice, kill grace and hand-over.
    pub recall_bound: Span,
    /// What the owner would earn in 30 days if the lab held its whole guarantee all the time.
    pub income_at_most: Money,
}

/// The month of [`Promised::income_at_most`].
const MONTH: Span = Span::from_ms(30 * 24 * 3_600_000);

impl Control {
    /// What these terms would come to, asked by the owner of the pool. Changes nothing; the refusal names the lab
    /// whose contract is in the way, where one is.
    pub fn what_if_contract(&self, now: Instant, asker: OrgId, terms: &Terms) -> Result<Promised, Refusal> {
        let mut copy = self.clone();
        copy.settle(now);
        // An identity that no contract drawn by chance has.
        let cells = cells_of_draft(&copy, now, asker, (ContractId::from_bits(0), terms))?;
        let chips = cells.iter().map(|bound| bound.count).sum();
        let each_milli = copy.state().pools[&terms.pool].topology.each().chip_milli;
        let used = Quantity::chip_time(u64::from(chips) * each_milli, MONTH);
        let income = terms.guaranteed_price.charge(used, terms.rounding);
        let income_at_most = income.ok_or(Refusal::TooLargeToCount)?;
        Ok(Promised { chips, recall_bound: terms.recall_bound(), income_at_most })
    }

    /// What would follow if this workload were submitted now. Changes nothing: it happens to a copy, which shares
    /// with this value whatever it leaves as it is. Ask between turns, when everything that happened is durable.
    pub fn what_if_run(
        &self,
        now: Instant,
        asker: &Principal,
        id: WorkloadId,
        spec: Arc<WorkloadSpec>,
    ) -> Result<Foreseen, Refusal> {
        let mut copy = self.clone();
        // What is due anyway does not follow from the question.
        copy.settle(now);
        copy.take_fresh();
        let command = Command::Submit { id, spec };
        copy.handle(now, &Request { actor: Actor::Principal(asker.clone()), key: None, command })?;
        copy.settle(now);
        let fresh = copy.take_fresh();
        let recalled = fresh.iter().filter_map(|record| recalled(copy.state(), asker.org, record)).collect();
        let outcome = match &copy.state().workloads[&id].phase {
            Phase::Holding { lease } => {
                let (own_chips, borrowed_chips) = lease.cells.own_and_borrowed();
                Outcome::Starts { own_chips, borrowed_chips }
            }
            Phase::Waiting { .. } | Phase::Ended { .. } => Outcome::Waits { why: copy.why(id) },
        };
        Ok(Foreseen { outcome, recalled })
    }
}

/// An organisation's own workload that a record tells to leave for somebody entitled.
pub(crate) fn recalled(state: &State, reader: OrgId, record: &Recorded) -> Option<Recalled> {
    let Event::LeaseNotified { id, why: Why::Recall, deadline, .. } = &record.event else { return None };
    let workload = state.workloads.get(id).filter(|workload| workload.org == reader)?;
    Some(Recalled { id: *id, deadline: *deadline, lost_chip_ms: lost_chip_ms(workload, record.at)? })
}

/// Chip-milliseconds of work since a workload's last checkpoint, which is no older than its cadence says.
fn lost_chip_ms(workload: &Workload, now: Instant) -> Option<u64> {
    let lease = workload.lease()?;
    let age_ms = now.since(lease.granted_at).ms();
    let since_ms = match workload.spec.checkpoint_every {
        Some(every) if every.ms() > 0 => age_ms % every.ms(),
        _ => age_ms,
    };
    Some(u64::from(lease.cells.chips()).saturating_mul(since_ms))
}
