//! What proves a bill: the proof of an invoice and the signed checkpoint of a contract's log, for its two parties only.

use crate::app::App;
use crate::auth::Caller;
use crate::proving::{Bundle, Unproven};
use crate::reply::{Fail, Reply};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sinew_api::Lang;
use sinew_core::Thing;
use sinew_ledger::InvoiceKey;
use sinew_proof::Tile;
use sinew_types::ContractId;

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
    let contract = of_party(&app, &caller, &id)?;
    let published = app.driver.published();
    let latest = published.state.invoices.range((contract, 0)..=(contract, u32::MAX)).next_back();
    let none = || Fail::not_found(caller.lang, Thing::Invoice, &format!("{id}/1"));
    let (key, _) = latest.ok_or_else(none)?;
    Ok(proven(&app, caller.lang, *key).await?.note.to_string())
}

/// A tile of a contract's log (C2SP tlog-tiles), below the latest checkpoint: `tile/LEVEL/NUMBER`, or `tile/entries/NUMBER`
/// for the leaves' own bytes, with `.p/WIDTH` where it is not full.
#[utoipa::path(get, path = "/api/contracts/{id}/log/tile/{path}", params(("id" = String, Path, description = "The contract's id"), ("path" = String, Path, description = "Such as 0/000.p/17 or entries/x001/234")), responses((status = 200, description = "Hashes of 32 bytes each, or entries with their lengths before them", body = String, content_type = "application/octet-stream")))]
pub(crate) async fn tile(
    State(app): State<App>,
    caller: Caller,
    Path((id, path)): Path<(String, String)>,
) -> Reply<Response> {
    let contract = of_party(&app, &caller, &id)?;
    let tile: Tile = path.parse().map_err(|error: sinew_proof::ProofError| {
        Fail::new(400, "malformed", format!("{error}; correct it and send the request again"))
    })?;
    let prover = app.prover.clone();
    let failed = |error: &dyn std::fmt::Display| Fail::new(500, "proof", error.to_string());
    let made = tokio::task::spawn_blocking(move || prover.tile(contract, &tile)).await;
    let found = made.map_err(|error| failed(&error))?.map_err(|error| match (&error, caller.lang) {
        (Unproven::LongLeaf { index, .. }, Lang::Fr) => Fail::new(
            422,
            "long-leaf",
            format!(
                "la feuille {index} de {id} dépasse les 65535 octets d'une entrée de tlog-tiles : prenez la preuve de sa facture, qui la montre"
            ),
        ),
        (Unproven::LongLeaf { .. }, Lang::En) => Fail::new(422, "long-leaf", error.to_string()),
        _ => failed(&error),
    })?;
    let bytes = found.ok_or_else(|| {
        let said = match caller.lang {
            Lang::En => {
                format!("the log of {id} has no tile `{path}` yet: its checkpoint says how far it reaches")
            }
            Lang::Fr => format!(
                "le journal de {id} n'a pas encore de tuile `{path}` : son point de contrôle dit jusqu'où il va"
            ),
        };
        Fail::new(404, "no-tile", said)
    })?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// The contract of this id, for its two parties; to others it is one that does not exist.
fn of_party(app: &App, caller: &Caller, id: &str) -> Reply<ContractId> {
    let missing = || Fail::not_found(caller.lang, Thing::Contract, id);
    let contract = id.parse().map_err(|_| missing())?;
    let published = app.driver.published();
    let found = published.state.contracts.get(&contract);
    let terms = found.map(|contract| &contract.terms);
    let party = terms.is_some_and(|terms| terms.owner == caller.who.org || terms.lab == caller.who.org);
    if party { Ok(contract) } else { Err(missing()) }
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
