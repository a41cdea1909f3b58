//! What proves a bill: the proof of an invoice and the signed checkpoint of a contract's log, for its two parties only.

use crate::app::App;
use crate::auth::Caller;
use crate::proving::{Bundle, Unproven};
use crate::reply::{Fail, Reply};
use axum::extract::{Path, State};
use sinew_api::Lang;
use sinew_core::Thing;
use sinew_ledger::InvoiceKey;

/// A file that proves an invoice, as `verify/README.md` describes it, signed by the log and by no witness yet.
#[utoipa::path(get, path = "/api/invoices/{contract}/{number}/proof", params(("contract" = String, Path, description = "The contract's id"), ("number" = String, Path, description = "From 1 on")), responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn proof(
    State(app): State<App>,
    caller: Caller,
    Path((contract, number)): Path<(String, String)>,
) -> Reply<String> {
    let missing = || Fail::not_found(caller.lang, Thing::Invoice, &format!("{contract}/{number}"));
    let key = (contract.parse().map_err(|_| missing())?, number.parse().map_err(|_| missing())?);
    let published = app.driver.published();
    let party = published
        .state
        .invoices
        .get(&key)
        .is_some_and(|invoice| invoice.owner == caller.who.org || invoice.lab == caller.who.org);
    if !party {
        return Err(missing());
    }
    Ok(proven(&app, caller.lang, key).await?.to_string())
}

/// The checkpoint of a contract's log (C2SP), signed at its latest invoice.
#[utoipa::path(get, path = "/api/contracts/{id}/log/checkpoint", params(("id" = String, Path, description = "The contract's id")), responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn checkpoint(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Reply<String> {
    let missing = || Fail::not_found(caller.lang, Thing::Contract, &id);
    let contract = id.parse().map_err(|_| missing())?;
    let published = app.driver.published();
    let found = published.state.contracts.get(&contract);
    found.filter(|c| c.terms.owner == caller.who.org || c.terms.lab == caller.who.org).ok_or_else(missing)?;
    let latest = published.state.invoices.range((contract, 0)..=(contract, u32::MAX)).next_back();
    let none = || Fail::not_found(caller.lang, Thing::Invoice, &format!("{id}/1"));
    let (key, _) = latest.ok_or_else(none)?;
    Ok(proven(&app, caller.lang, *key).await?.note.to_string())
}

async fn proven(app: &App, lang: Lang, key: InvoiceKey) -> Reply<Bundle> {
    let prover = app.prover.clone();
    let made = tokio::task::spawn_blocking(move || prover.prove(key)).await;
    let failed = |error: &dyn std::fmt::Display| Fail::new(500, "proof", error.to_string());
    made.map_err(|error| failed(&error))?.map_err(|error| match (&error, lang) {
        (Unproven::NoKey, Lang::Fr) => Fail::new(
            409,
            "no-log-key",
            "ce serveur n'a pas de clé de journal pour signer : son propriétaire le démarre avec `sinew up`, qui en garde une",
        ),
        (Unproven::NoKey, Lang::En) => Fail::new(409, "no-log-key", error.to_string()),
        _ => failed(&error),
    })
}
