//! The flows of one organisation's own invoices.

use super::{FlowFact, MoneyView};
use sinew_circulation::{Class, Parties, TooLarge};
use sinew_core::State;
use sinew_types::{Asset, OrgId};
use std::collections::BTreeMap;

/// One view for each asset of the invoices that an organisation wrote or got. What an invoice asks for is owed, so it is a
/// commitment; the ledger records no payments yet.
pub fn own_money(state: &State, who: OrgId) -> Result<Vec<MoneyView>, TooLarge> {
    let mut assets: BTreeMap<Asset, (Parties, Vec<FlowFact>)> = BTreeMap::new();
    let name = |org| state.organisations.get(&org).map_or_else(String::new, |found| found.name.to_string());
    for invoice in state.invoices.values().filter(|invoice| invoice.owner == who || invoice.lab == who) {
        let (parties, facts) = assets.entry(invoice.total.asset.clone()).or_default();
        facts.push(FlowFact {
            from: parties.number(&name(invoice.lab)),
            to: parties.number(&name(invoice.owner)),
            class: Class::Commitment,
            invests: false,
            units: invoice.total.units,
            year: invoice.to.to_string().chars().take(4).collect(),
            source: format!("{}/{}", invoice.contract, invoice.number),
        });
    }
    let view = |(asset, (parties, facts)): (&Asset, &(Parties, Vec<FlowFact>))| {
        MoneyView::of(asset, "own", parties.names(), facts)
    };
    assets.iter().map(view).collect()
}
