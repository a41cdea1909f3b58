//! Contracts on the wire.

use serde::{Deserialize, Serialize};
use sinew_contract::{Clause, Clauses, Contract, Signature, Standing, Terms};
use sinew_core::{Records, State, usage};
use sinew_ledger::UsageRecord;
use sinew_sched::Account;
use sinew_types::{ContractId, Instant, Malformed, Meter, Quantity, Rounding, Shape};
use utoipa::ToSchema;

/// Terms as text. Each field reads as people write it; the signature covers the canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsWire {
    /// Who lends, by id.
    pub owner: String,
    /// Who borrows, by id.
    pub lab: String,
    /// What is lent, by id.
    pub pool: String,
    /// Shapes that the lab can have at any instant, all at once, such as `1 chip`.
    pub guarantee: Vec<String>,
    /// The most that the lab may hold beyond that.
    pub borrow_limit: String,
    /// The most of its idle guarantee that others may borrow.
    pub lend_limit: String,
    /// From the notice of a recall to its deadline, such as `5s`.
    pub notice: String,
    /// From the deadline until nothing runs.
    pub kill_grace: String,
    /// From then until the next holder has the cells.
    pub hand_over: String,
    /// How long a lease is safe from recall, such as `10m`, where the owner grants that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_term: Option<String>,
    /// In which windows it holds between its dates, such as `daily 20:00-06:00 Europe/Zurich`; always, without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// First moment, UTC.
    pub starts: String,
    /// First moment after, UTC.
    pub ends: String,
    /// Such as `1.90 USD/chip-hour`.
    pub guaranteed_price: String,
    /// Such as `0.80 USD/chip-hour`.
    pub borrowed_price: String,
    /// `half-even`, `up` or `down`.
    pub rounding: String,
    /// What it costs beside that, such as `fee 500.00 USD`; where there is anything, it is billed by the month.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<String>,
}

/// An offer, signed by the owner.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContractRequest {
    /// The contract's id, drawn by the owner, because it is part of what is signed.
    pub id: String,
    /// What is offered.
    pub terms: TermsWire,
    /// Ed25519 over the canonical form, 128 hexadecimal digits.
    pub signature: String,
}

/// The lab's signature.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureRequest {
    /// Ed25519 over the canonical form, 128 hexadecimal digits.
    pub signature: String,
}

/// Use that no invoice holds yet, what still runs included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnbilledView {
    /// Inside the guarantee.
    pub guaranteed: String,
    /// Beyond it.
    pub borrowed: String,
}

/// A contract as its parties see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractView {
    /// Its id.
    pub id: String,
    /// The owner's name.
    pub owner: String,
    /// The lab's name.
    pub lab: String,
    /// The pool's name.
    pub pool: String,
    /// `offered`, `signed` or `ended`.
    pub standing: String,
    /// Notice + kill grace + hand-over.
    pub recall_bound: String,
    /// The terms, with ids, as they were signed.
    pub terms: TermsWire,
    /// The owner's signature.
    pub owner_signature: String,
    /// The lab's, once there is one.
    pub lab_signature: Option<String>,
    /// What the next invoice holds so far.
    pub unbilled: UnbilledView,
    /// What of the guarantee is or was missing since cells failed; absent where nothing ever was.
    pub shortfall: Option<ShortfallView>,
}

/// What failed cells take from a guarantee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShortfallView {
    /// Since when the guarantee is not whole; absent where it is.
    pub since: Option<String>,
    /// What is missing now.
    pub missing: String,
    /// What was missing so far, inside the contract's dates and windows.
    pub total: String,
}

const ROUNDINGS: [(&str, Rounding); 3] =
    [("half-even", Rounding::HalfEven), ("up", Rounding::Up), ("down", Rounding::Down)];

fn field<T: std::str::FromStr<Err = Malformed>>(name: &str, text: &str) -> Result<T, Malformed> {
    text.parse().map_err(|wrong: Malformed| wrong.inside(name))
}

/// A shape that limits something; a limit below zero gets its own sentence.
fn limit(name: &str, text: &str) -> Result<Shape, Malformed> {
    if text.trim_start().starts_with('-') {
        return Err(
            Malformed::new(text, "a limit of zero or more, such as `0 chips` or `8 chips`").inside(name)
        );
    }
    field(name, text)
}

impl TermsWire {
    /// The terms, if each field reads well.
    pub fn to_terms(&self) -> Result<Terms, Malformed> {
        let rounding =
            ROUNDINGS.iter().find(|(text, _)| *text == self.rounding).map(|(_, rounding)| *rounding);
        let wrong =
            || Malformed::new(self.rounding.clone(), "`half-even`, `up` or `down`").inside("rounding");
        Ok(Terms {
            owner: field("owner", &self.owner)?,
            lab: field("lab", &self.lab)?,
            pool: field("pool", &self.pool)?,
            guarantee: self
                .guarantee
                .iter()
                .map(|shape| limit("guarantee", shape))
                .collect::<Result<_, _>>()?,
            borrow_limit: limit("borrow_limit", &self.borrow_limit)?,
            lend_limit: limit("lend_limit", &self.lend_limit)?,
            notice: field("notice", &self.notice)?,
            kill_grace: field("kill_grace", &self.kill_grace)?,
            hand_over: field("hand_over", &self.hand_over)?,
            minimum_term: self.minimum_term.as_deref().map(|text| field("minimum_term", text)).transpose()?,
            calendar: self.calendar.as_deref().map(|text| field("calendar", text)).transpose()?,
            starts: field("starts", &self.starts)?,
            ends: field("ends", &self.ends)?,
            guaranteed_price: field("guaranteed_price", &self.guaranteed_price)?,
            borrowed_price: field("borrowed_price", &self.borrowed_price)?,
            rounding: rounding.ok_or_else(wrong)?,
            clauses: self.clauses()?,
        })
    }

    /// The terms as text.
    #[must_use]
    pub fn of(terms: &Terms) -> Self {
        let rounding =
            ROUNDINGS.iter().find(|(_, rounding)| *rounding == terms.rounding).map_or("", |(text, _)| text);
        Self {
            owner: terms.owner.to_string(),
            lab: terms.lab.to_string(),
            pool: terms.pool.to_string(),
            guarantee: terms.guarantee.iter().map(Shape::to_string).collect(),
            borrow_limit: terms.borrow_limit.to_string(),
            lend_limit: terms.lend_limit.to_string(),
            notice: terms.notice.to_string(),
            kill_grace: terms.kill_grace.to_string(),
            hand_over: terms.hand_over.to_string(),
            minimum_term: terms.minimum_term.map(|term| term.to_string()),
            calendar: terms.calendar.as_ref().map(ToString::to_string),
            starts: terms.starts.to_string(),
            ends: terms.ends.to_string(),
            guaranteed_price: terms.guaranteed_price.to_string(),
            borrowed_price: terms.borrowed_price.to_string(),
            rounding: rounding.to_owned(),
            clauses: terms.clauses.iter().map(|(_, clause)| clause.to_string()).collect(),
        }
    }

    fn clauses(&self) -> Result<Clauses, Malformed> {
        let read = |(number, text): (usize, &String)| {
            text.parse::<Clause>().map_err(|wrong| wrong.inside(&format!("clauses[{number}]")))
        };
        Ok(Clauses((1..).zip(&self.clauses).map(read).collect::<Result<_, _>>()?))
    }
}

impl ContractRequest {
    /// The contract's id, its terms and the owner's signature.
    pub fn read(&self) -> Result<(ContractId, Terms, Signature), Malformed> {
        let terms = self.terms.to_terms().map_err(|wrong| wrong.inside("terms"))?;
        Ok((field("id", &self.id)?, terms, field("signature", &self.signature)?))
    }
}

impl ContractView {
    /// A contract with the names that people know.
    #[must_use]
    pub fn of(state: &State, now: Instant, contract: &Contract) -> Self {
        let name = |org| state.organisations.get(&org).map_or_else(String::new, |o| o.name.to_string());
        let terms = &contract.terms;
        let records = unbilled(state, now, contract.id);
        let sum = |of: fn(&UsageRecord) -> Quantity| {
            let amount = records.iter().map(|record| of(record).amount).sum();
            Quantity { meter: Meter::ChipTime, amount }.to_string()
        };
        let standing = match contract.standing {
            Standing::Offered => "offered",
            Standing::Signed => "signed",
            Standing::Ended => "ended",
        };
        Self {
            id: contract.id.to_string(),
            owner: name(terms.owner),
            lab: name(terms.lab),
            pool: state.pools.get(&terms.pool).map_or_else(String::new, |pool| pool.name.to_string()),
            standing: standing.to_owned(),
            recall_bound: terms.recall_bound().to_string(),
            terms: TermsWire::of(terms),
            owner_signature: contract.owner_signature.1.to_string(),
            lab_signature: contract.lab_signature.map(|(_, signature)| signature.to_string()),
            unbilled: UnbilledView {
                guaranteed: sum(UsageRecord::own),
                borrowed: sum(UsageRecord::borrowed),
            },
            shortfall: shortfall(state, now, contract.id),
        }
    }
}

fn shortfall(state: &State, now: Instant, id: ContractId) -> Option<ShortfallView> {
    let found = state.shortfalls.get(id)?;
    let total = Quantity { meter: Meter::ChipTime, amount: state.shortfall_chip_milli_ms(id, now) };
    Some(ShortfallView {
        since: found.since.map(|at| at.to_string()),
        missing: Shape::Chips(found.missing_chips).to_string(),
        total: total.to_string(),
    })
}

/// Usage records that no invoice holds yet, and what running leases have used since their last one.
fn unbilled(state: &State, now: Instant, contract: ContractId) -> Vec<UsageRecord> {
    let recorded = state.unbilled.get(&contract).into_iter().flat_map(Records::iter).cloned();
    let running =
        state.workloads.iter().filter(|(_, workload)| workload.account == Account::Contract(contract));
    recorded.into_iter().chain(running.filter_map(|(id, _)| usage(state, *id, now))).collect()
}
