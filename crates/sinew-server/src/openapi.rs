//! The description of the API, generated from the handlers.

use crate::routes::{
    artefacts, cells, console, contracts, exports, machine, money, organisations, payments, pools, proofs,
    releases, what_if, workloads,
};
use crate::{gateway, metrics};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sinew",
        description = "Lend accelerators under contract, run, bill, serve. Errors are RFC 9457 problems. Every POST takes an \
                       `Idempotency-Key`. Every answer is limited to what the key's organisation may see.",
        license(name = "Apache-2.0")
    ),
    paths(
        console::health,
        console::console,
        machine::show,
        money::show,
        what_if::run,
        what_if::contract,
        organisations::me,
        organisations::set_public_key,
        organisations::list,
        organisations::add,
        organisations::show,
        organisations::set_quota,
        organisations::place,
        organisations::list_keys,
        organisations::add_key,
        organisations::revoke_key,
        pools::list,
        pools::show,
        pools::add,
        cells::show,
        cells::down,
        cells::up,
        contracts::list,
        contracts::show,
        contracts::offer,
        contracts::sign,
        contracts::close_invoice,
        contracts::invoices,
        contracts::invoice,
        payments::list,
        payments::record,
        payments::statements,
        exports::file,
        proofs::proof,
        proofs::checkpoint,
        proofs::tile,
        workloads::list,
        workloads::show,
        workloads::submit,
        workloads::submit_all,
        workloads::cancel,
        workloads::adjust,
        workloads::explain,
        workloads::logs,
        workloads::file,
        artefacts::put,
        artefacts::list,
        artefacts::get,
        artefacts::collect,
        releases::list,
        releases::release,
        releases::endpoints,
        gateway::models,
        gateway::one_model,
        gateway::chat_completions,
        gateway::completions,
        metrics::metrics,
    ),
    components(schemas(sinew_api::Problem))
)]
struct Document;

/// The description as JSON, as it is committed in `docs/openapi.json`.
#[must_use]
pub fn openapi_json() -> String {
    let mut text = Document::openapi().to_pretty_json().expect("a description is made of text and numbers");
    text.push('\n');
    text
}

/// The description of this very API. Needs no key.
pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json()).into_response()
}
