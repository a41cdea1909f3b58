//! Payments: an owner writes down what came in. Never twice by one reference.

use super::Decision;
use crate::event::Event;
use crate::refusal::{Refusal, Thing};
use crate::state::State;
use sinew_ledger::{Payment, Reference};
use sinew_types::{Asset, Instant, Money, OrgId};
use std::collections::BTreeSet;

pub(super) fn record(
    state: &State,
    now: Instant,
    owner: OrgId,
    what: (OrgId, &Reference, &Money, Instant),
) -> Decision {
    let (lab, reference, money, paid_at) = what;
    let payment = Payment { owner, lab, reference: reference.clone(), money: money.clone(), paid_at };
    let between = state.contracts.values().filter(|c| (c.terms.owner, c.terms.lab) == (owner, lab));
    let signed = between.filter(|contract| contract.lab_signature.is_some());
    let assets: BTreeSet<&Asset> = signed.map(|c| &c.terms.guaranteed_price.money.asset).collect();
    if assets.is_empty() {
        return Err(Refusal::NotFound { thing: Thing::Organisation, name: lab.to_string() });
    }
    if !assets.contains(&money.asset) {
        let owed = assets.into_iter().map(|asset| asset.code().to_owned()).collect();
        return Err(Refusal::OtherCurrency { found: money.asset.code().to_owned(), owed });
    }
    let known = state.payments.get(&(owner, lab, reference.clone()));
    if let Some(known) = known {
        // The same again is the same payment.
        if *known == payment {
            return Ok((Vec::new(), reference.to_string()));
        }
        let (reference, money) = (reference.to_string(), known.money.clone());
        return Err(Refusal::PaymentKnown { reference, money, paid_at: known.paid_at });
    }
    if money.units == 0 {
        return Err(Refusal::NothingPaid);
    }
    if paid_at > now {
        return Err(Refusal::PaidLater { paid_at, now });
    }
    let transaction = payment.transaction().filter(|transaction| state.balances.can_post(transaction));
    if transaction.is_none() {
        return Err(Refusal::TooLargeToCount);
    }
    Ok((vec![Event::PaymentReceived { payment }], reference.to_string()))
}
