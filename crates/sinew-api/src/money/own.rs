//! The flows of one organisation's own invoices.

use super::{FlowFact, MoneyView};
use sinew_circulation::{Class, NoGraph, Parties};
use sinew_core::State;
use sinew_ledger::{Invoice, Payment};
use sinew_types::{Asset, Instant, OrgId};
use std::collections::BTreeMap;

/// One view for each asset of the invoices that an organisation wrote or got. What was paid is cash. Of what an invoice asks
/// for, the part that no payment covers yet is owed, so it is a commitment; payments cover the oldest invoices first. An
/// invoice below zero is owed by its owner.
pub fn own_money(state: &State, who: OrgId) -> Result<Vec<MoneyView>, NoGraph> {
    let mut assets: BTreeMap<Asset, (Parties, Vec<FlowFact>)> = BTreeMap::new();
    let name = |org| state.organisations.get(&org).map_or_else(String::new, |found| found.name.to_string());
    let mut add = |asset: &Asset, flow: Flow| {
        let (from, to) = if flow.units < 0 { (flow.owner, flow.lab) } else { (flow.lab, flow.owner) };
        let (parties, facts) = assets.entry(asset.clone()).or_default();
        facts.push(FlowFact {
            from: parties.number(&name(from)),
            to: parties.number(&name(to)),
            class: flow.class,
            invests: false,
            units: i128::try_from(flow.units.unsigned_abs()).map_err(|_| NoGraph::TooLarge)?,
            year: flow.at.to_string().chars().take(4).collect(),
            source: flow.source,
        });
        Ok(())
    };
    let mut covered: BTreeMap<(OrgId, OrgId, &Asset, bool), i128> = BTreeMap::new();
    for payment in state.payments.iter().filter(|payment| payment.owner == who || payment.lab == who) {
        let Payment { owner, lab, reference, money, paid_at: at } = payment;
        let sum = covered.entry((*owner, *lab, &money.asset, money.units < 0)).or_default();
        *sum = sum.checked_add(money.units).ok_or(NoGraph::TooLarge)?;
        let (class, source) = (Class::Cash, reference.to_string());
        add(&money.asset, Flow { owner: *owner, lab: *lab, at: *at, class, units: money.units, source })?;
    }
    let mut invoices: Vec<&Invoice> =
        state.invoices.values().filter(|invoice| invoice.owner == who || invoice.lab == who).collect();
    invoices.sort_by_key(|invoice| (invoice.to, invoice.contract, invoice.number));
    for Invoice { owner, lab, to: at, total, contract, number, .. } in invoices {
        let sum = covered.entry((*owner, *lab, &total.asset, total.units < 0)).or_default();
        let paid = if total.units < 0 { total.units.max(*sum) } else { total.units.min(*sum) };
        *sum -= paid;
        let (class, source) = (Class::Commitment, format!("{contract}/{number}"));
        let units = total.units - paid;
        add(&total.asset, Flow { owner: *owner, lab: *lab, at: *at, class, units, source })?;
    }
    let view = |(asset, (parties, facts)): (&Asset, &(Parties, Vec<FlowFact>))| {
        MoneyView::of(asset, "own", parties.names(), facts)
    };
    assets.iter().map(view).collect()
}

/// Money from a lab to an owner, or back where it is below zero.
struct Flow {
    owner: OrgId,
    lab: OrgId,
    at: Instant,
    class: Class,
    units: i128,
    source: String,
}
