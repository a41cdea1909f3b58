//! Invoices as files of other people's formats.

use crate::app::App;
use crate::auth::Caller;
use crate::reply::{Fail, Reply};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sinew_core::Thing;
use sinew_export::{Bill, Format, Receipt, Side, export};
use sinew_ledger::{Invoice, Payment};
use sinew_types::{ContractId, Instant, Malformed};

/// Which of the sender's invoices.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    contract: Option<String>,
    number: Option<u32>,
    from: Option<String>,
    to: Option<String>,
}

/// What was read of it.
struct Wanted {
    contract: Option<ContractId>,
    number: Option<u32>,
    from: Option<Instant>,
    to: Option<Instant>,
}

impl Wanted {
    fn is(&self, invoice: &Invoice) -> bool {
        self.contract.is_none_or(|contract| contract == invoice.contract)
            && self.number.is_none_or(|number| number == invoice.number)
            && self.from.is_none_or(|from| from <= invoice.from)
            && self.to.is_none_or(|to| invoice.from < to)
    }

    /// A payment is asked for with no contract in particular.
    fn has(&self, payment: &Payment) -> bool {
        self.contract.is_none()
            && self.from.is_none_or(|from| from <= payment.paid_at)
            && self.to.is_none_or(|to| payment.paid_at < to)
    }
}

/// The sender's invoices in a file: `csv`, `focus` (FOCUS 1.2), `focus-commitments` (1.3), `hledger` or `beancount`. A journal is
/// for the books of the sender, and has payments too where no contract is named. Without a contract those of all; `from` and `to` bound where an invoice begins.
#[utoipa::path(get, path = "/api/export/{format}", params(("format" = String, Path, description = "csv, focus, focus-commitments, hledger or beancount"), ("contract" = Option<String>, Query, description = "Of this contract only"), ("number" = Option<u32>, Query, description = "This invoice of the contract only"), ("from" = Option<String>, Query, description = "Invoices that begin here or later"), ("to" = Option<String>, Query, description = "Invoices that begin before")), responses((status = 200, description = "The file", body = String, content_type = "text/csv")))]
pub(crate) async fn file(
    State(app): State<App>,
    caller: Caller,
    Path(format): Path<String>,
    Query(which): Query<Which>,
) -> Reply<Response> {
    let unknown = || {
        let known = Format::ALL.map(Format::word).join(", ");
        Fail::malformed(&Malformed::new(&format, format!("a format: {known}")))
    };
    let format: Format = format.parse().map_err(|()| unknown())?;
    let wanted = read(&caller, &which)?;
    let (published, you) = (app.driver.published(), caller.who.org);
    let state = &published.state;
    let name = |org| state.organisations.get(&org).map_or("", |known| known.name.as_str());
    let yours = state.invoices.values().filter(|invoice| invoice.owner == you || invoice.lab == you);
    let mut bills = Vec::new();
    for invoice in yours.filter(|invoice| wanted.is(invoice)) {
        let Some(contract) = state.contracts.get(&invoice.contract) else { continue };
        let side = if invoice.owner == you { Side::Owner } else { Side::Lab };
        let (owner, lab) = (name(invoice.owner), name(invoice.lab));
        bills.push(Bill { invoice, terms: &contract.terms, owner, lab, side });
    }
    // Payments are between two parties, whichever of their contracts they are for.
    let yours = state.payments.iter().filter(|payment| payment.owner == you || payment.lab == you);
    let receipts: Vec<Receipt> = yours
        .filter(|payment| wanted.has(payment))
        .map(|payment| {
            let side = if payment.owner == you { Side::Owner } else { Side::Lab };
            Receipt { payment, owner: name(payment.owner), lab: name(payment.lab), side }
        })
        .collect();
    if let (Some(contract), Some(number), true) = (&which.contract, which.number, bills.is_empty()) {
        return Err(Fail::not_found(caller.lang, Thing::Invoice, &format!("{contract}/{number}")));
    }
    let named = format!("attachment; filename=\"invoices.{}\"", format.ending());
    let heads =
        [(header::CONTENT_TYPE, format.content_type().to_owned()), (header::CONTENT_DISPOSITION, named)];
    Ok((heads, export(format, &bills, &receipts)).into_response())
}

fn read(caller: &Caller, which: &Which) -> Reply<Wanted> {
    let missing = |text: &str| Fail::not_found(caller.lang, Thing::Contract, text);
    let contract = which.contract.as_ref().map(|text| text.parse().map_err(|_| missing(text))).transpose()?;
    if which.number.is_some() && contract.is_none() {
        return Err(Fail::malformed(&Malformed::new(
            "number",
            "with `contract`: invoices are numbered by contract",
        )));
    }
    let moment = |name: &str, text: &Option<String>| {
        let read = text.as_ref().map(|text| text.parse::<Instant>()).transpose();
        read.map_err(|wrong| Fail::malformed(&wrong.inside(name)))
    };
    let (from, to) = (moment("from", &which.from)?, moment("to", &which.to)?);
    Ok(Wanted { contract, number: which.number, from, to })
}
