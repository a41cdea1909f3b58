//! Payments and statements on the wire.

use serde::{Deserialize, Serialize};
use sinew_core::State;
use sinew_ledger::{Booked, Entry, Payment, Reference, Statement};
use sinew_types::{Instant, Malformed, Money, OrgId};
use utoipa::ToSchema;

/// What a lab paid to the sender.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentRequest {
    /// Who paid, by name.
    pub lab: String,
    /// How much, such as `1200.00 USD`; below zero what the sender paid to the lab.
    pub amount: String,
    /// What it is known by between the two, such as the bank's own number: a second payment by it is refused.
    pub reference: String,
    /// When; now where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<String>,
}

impl PaymentRequest {
    /// Reference, amount and moment.
    pub fn read(&self, now: Instant) -> Result<(Reference, Money, Instant), Malformed> {
        let reference = self.reference.parse().map_err(|wrong: Malformed| wrong.inside("reference"))?;
        let money = self.amount.parse().map_err(|wrong: Malformed| wrong.inside("amount"))?;
        let paid_at = self.paid_at.as_ref().map_or(Ok(now), |text| text.parse());
        Ok((reference, money, paid_at.map_err(|wrong: Malformed| wrong.inside("paid_at"))?))
    }
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentView {
    /// Who got it.
    pub owner: String,
    /// Who paid.
    pub lab: String,
    /// What it is known by between the two.
    pub reference: String,
    /// How much; below zero where the owner paid.
    pub amount: String,
    /// When.
    pub paid_at: String,
}

impl PaymentView {
    /// A payment with the names that people know.
    #[must_use]
    pub fn of(state: &State, payment: &Payment) -> Self {
        Self {
            owner: name(state, payment.owner),
            lab: name(state, payment.lab),
            reference: payment.reference.to_string(),
            amount: payment.money.to_string(),
            paid_at: payment.paid_at.to_string(),
        }
    }
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookedView {
    /// When: the end of an invoice's period, or the moment of a payment.
    pub at: String,
    /// `charged` by an invoice, `credited` on one, or `paid`.
    pub kind: String,
    /// The invoice, or the payment's reference.
    pub of: String,
    /// By how much more is owed.
    pub amount: String,
    /// What is owed after it.
    pub balance: String,
}

impl BookedView {
    fn of(line: &Booked) -> Self {
        let (kind, of) = match &line.entry {
            Entry::Charged((contract, number)) => ("charged", format!("{contract}/{number}")),
            Entry::Credited((contract, number)) => ("credited", format!("{contract}/{number}")),
            Entry::Paid(reference) => ("paid", reference.to_string()),
        };
        Self {
            at: line.at.to_string(),
            kind: kind.to_owned(),
            of,
            amount: line.amount.to_string(),
            balance: line.balance.to_string(),
        }
    }
}

/// What happened between an owner and a lab in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementView {
    /// Who asks.
    pub owner: String,
    /// Who owes.
    pub lab: String,
    /// First moment.
    pub from: String,
    /// First moment after.
    pub to: String,
    /// What was owed before; below zero what the owner owed.
    pub opening: String,
    /// Invoices, what they credited, and payments, in the order of time.
    pub booked: Vec<BookedView>,
    /// What is owed after.
    pub closing: String,
}

impl StatementView {
    /// A statement with the names that people know.
    #[must_use]
    pub fn of(state: &State, statement: &Statement) -> Self {
        Self {
            owner: name(state, statement.owner),
            lab: name(state, statement.lab),
            from: statement.from.to_string(),
            to: statement.to.to_string(),
            opening: statement.opening.to_string(),
            booked: statement.booked.iter().map(BookedView::of).collect(),
            closing: statement.closing.to_string(),
        }
    }
}

fn name(state: &State, org: OrgId) -> String {
    state.organisations.get(&org).map_or_else(String::new, |known| known.name.to_string())
}
