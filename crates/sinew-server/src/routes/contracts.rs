//! Contracts and invoices.

use crate::app::App;
use crate::auth::Caller;
use crate::driver::wall_clock;
use crate::reply::{Fail, PageQuery, Post, Reply, json, page};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use sinew_api::{ContractRequest, ContractView, InvoiceView, Page, SignatureRequest};
use sinew_core::{Command, Refusal, Role, Thing};
use sinew_types::{ContractId, Malformed};

/// The sender's contracts, on either side.
#[utoipa::path(get, path = "/api/contracts", responses((status = 200, body = Page<ContractView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Json<Page<ContractView>> {
    let published = app.driver.published();
    let state = &published.state;
    let party =
        state.contracts.values().filter(|c| c.terms.owner == caller.who.org || c.terms.lab == caller.who.org);
    Json(page(
        &query,
        party.map(|contract| (contract.id.to_string(), ContractView::of(state, wall_clock(), contract))),
    ))
}

/// One contract.
#[utoipa::path(get, path = "/api/contracts/{id}", params(("id" = String, Path, description = "The contract's id")), responses((status = 200, body = ContractView)))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Reply<Json<ContractView>> {
    let missing = || Fail::not_found(caller.lang, Thing::Contract, &id);
    let parsed: ContractId = id.parse().map_err(|_| missing())?;
    let published = app.driver.published();
    let party =
        |c: &&sinew_contract::Contract| c.terms.owner == caller.who.org || c.terms.lab == caller.who.org;
    let found = published.state.contracts.get(&parsed).filter(party);
    found.map(|contract| Json(ContractView::of(&published.state, wall_clock(), contract))).ok_or_else(missing)
}

/// Offers a contract that the owner has signed.
#[utoipa::path(post, path = "/api/contracts", request_body = ContractRequest, responses((status = 200, body = ContractView)))]
pub(crate) async fn offer(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<ContractView>> {
    // Before any work that grows with what was sent.
    if !caller.who.roles.contains(&Role::Sign) {
        return Err(Fail::refused(caller.lang, &Refusal::NotAllowed { needs: Role::Sign }));
    }
    let request: ContractRequest = json(&body)?;
    let (id, terms, signature) = request.read().map_err(|wrong| Fail::malformed(&wrong))?;
    let post = Post { app: &app, caller: &caller, headers: &headers, path: "/api/contracts", body: &body };
    let expanded =
        terms.calendar.as_ref().map(|calendar| crate::calendar::expand(calendar, &terms)).transpose();
    let expanded = expanded.map_err(|wrong| Fail::malformed(&wrong.inside("calendar").inside("terms")))?;
    let offer = Command::OfferContract { id, terms: Box::new(terms), signature, expanded };
    let answer = post.ask(vec![offer]).await?;
    show(State(app.clone()), caller, Path(answer.subject)).await
}

/// Signs a contract as its lab.
#[utoipa::path(post, path = "/api/contracts/{id}/signature", params(("id" = String, Path, description = "The contract's id")), request_body = SignatureRequest, responses((status = 200, body = ContractView)))]
pub(crate) async fn sign(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<ContractView>> {
    let request: SignatureRequest = json(&body)?;
    let signature =
        request.signature.parse().map_err(|wrong: Malformed| Fail::malformed(&wrong.inside("signature")))?;
    let parsed: ContractId = id.parse().map_err(|_| Fail::not_found(caller.lang, Thing::Contract, &id))?;
    let path = format!("/api/contracts/{id}/signature");
    let post = Post { app: &app, caller: &caller, headers: &headers, path: &path, body: &body };
    let answer = post.ask(vec![Command::SignContract { id: parsed, signature }]).await?;
    show(State(app.clone()), caller, Path(answer.subject)).await
}

/// Bills a contract up to now. Only its owner may.
#[utoipa::path(post, path = "/api/contracts/{id}/invoices", params(("id" = String, Path, description = "The contract's id")), responses((status = 200, body = InvoiceView)))]
pub(crate) async fn close_invoice(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<InvoiceView>> {
    let contract: ContractId = id.parse().map_err(|_| Fail::not_found(caller.lang, Thing::Contract, &id))?;
    let path = format!("/api/contracts/{id}/invoices");
    let post = Post { app: &app, caller: &caller, headers: &headers, path: &path, body: &body };
    let answer = post.ask(vec![Command::CloseInvoice { contract }]).await?;
    let (id, number) = answer.subject.split_once('/').unwrap_or((&answer.subject, ""));
    invoice(State(app.clone()), caller, Path((id.to_owned(), number.to_owned()))).await
}

/// The sender's invoices, on either side.
#[utoipa::path(get, path = "/api/invoices", responses((status = 200, body = Page<InvoiceView>)))]
pub(crate) async fn invoices(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Json<Page<InvoiceView>> {
    let published = app.driver.published();
    let state = &published.state;
    let party = state.invoices.values().filter(|i| i.owner == caller.who.org || i.lab == caller.who.org);
    let cursor = |invoice: &sinew_ledger::Invoice| format!("{}/{:010}", invoice.contract, invoice.number);
    Json(page(&query, party.map(|invoice| (cursor(invoice), InvoiceView::of(state, invoice)))))
}

/// One invoice, by its contract's id and its number.
#[utoipa::path(get, path = "/api/invoices/{contract}/{number}", params(("contract" = String, Path, description = "The contract's id"), ("number" = String, Path, description = "From 1 on")), responses((status = 200, body = InvoiceView)))]
pub(crate) async fn invoice(
    State(app): State<App>,
    caller: Caller,
    Path((contract, number)): Path<(String, String)>,
) -> Reply<Json<InvoiceView>> {
    let missing = || Fail::not_found(caller.lang, Thing::Invoice, &format!("{contract}/{number}"));
    let key = (contract.parse().map_err(|_| missing())?, number.parse().map_err(|_| missing())?);
    let published = app.driver.published();
    let found =
        published.state.invoices.get(&key).filter(|i| i.owner == caller.who.org || i.lab == caller.who.org);
    found.map(|invoice| Json(InvoiceView::of(&published.state, invoice))).ok_or_else(missing)
}
