//! Step 5: the owner's invoice, and the same invoice recomputed from the journal.

use super::Story;
use super::parties::{LAB, OWNER};
use crate::audit::{Wanted, audit};
use anyhow::{Context, Result, bail};
use sinew_api::{ContractView, InvoiceView};

impl Story {
    /// Bills everything up to now, unless an earlier demo has, and verifies every invoice.
    pub(crate) fn bill(&mut self) -> Result<()> {
        let contracts: Vec<ContractView> = self.owner.list("/api/contracts")?;
        let contract = contracts.first().context("there is no contract")?;
        let issued: Vec<InvoiceView> = self.owner.list("/api/invoices")?;
        let invoice = match issued.into_iter().next() {
            Some(invoice) => invoice,
            None => self.owner.post_empty(&format!("/api/contracts/{}/invoices", contract.id))?,
        };
        let line = |kind: &str| {
            let line = invoice.lines.iter().find(|line| line.kind == kind);
            let said = |text: &Option<String>| text.clone().unwrap_or_default();
            line.map_or_else(String::new, |line| {
                format!("{} × {} = {}", said(&line.used), said(&line.price), line.amount)
            })
        };
        let (own, borrowed, total) = (line("guaranteed"), line("borrowed"), &invoice.total);
        let text = self
            .screen
            .pick(format!("{OWNER} → {LAB}: guaranteed {own}"), format!("{OWNER} → {LAB} : garanti {own}"));
        self.screen.tell("5", "bill", &text);
        let text = self.screen.pick(
            format!("borrowed {borrowed}; in all {total}"),
            format!("emprunté {borrowed} ; en tout {total}"),
        );
        self.screen.more(&text);
        let report = audit(&self.data, Wanted::All)?;
        if !report.equal {
            let differs = report.checks.iter().filter(|check| !check.equal);
            let lines: Vec<String> =
                differs.map(|check| format!("{}: {}: {}", check.of, check.what, check.found)).collect();
            bail!("the invoice and the journal differ:\n{}", lines.join("\n"));
        }
        let (checks, records) = (report.checks.len(), report.records);
        let text = self.screen.pick(
            format!("recomputed from {records} journal records, {checks} checks: equal"),
            format!("recalculé depuis {records} écritures du journal, {checks} contrôles : égal"),
        );
        self.screen.more(&text);
        Ok(())
    }
}
