//! The routes of the API, a file a subject.

pub(crate) mod artefacts;
pub(crate) mod cells;
pub(crate) mod console;
pub(crate) mod contracts;
pub(crate) mod exports;
pub(crate) mod machine;
pub(crate) mod money;
pub(crate) mod organisations;
pub(crate) mod payments;
pub(crate) mod pools;
pub(crate) mod proofs;
pub(crate) mod releases;
pub(crate) mod what_if;
pub(crate) mod workloads;

use crate::app::App;
use crate::{gateway, metrics, openapi, pages};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post, put};

/// How large a JSON body may be.
const BODY_BYTES_MAX: usize = 4 << 20;

/// Everything that the server answers.
pub(crate) fn router(app: App) -> Router {
    let uploads = Router::new()
        .route("/api/artefacts", post(artefacts::put).get(artefacts::list))
        .layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/api/health", get(console::health))
        .route("/api/me", get(organisations::me))
        .route("/api/me/public-key", put(organisations::set_public_key))
        .route("/api/organisations", get(organisations::list).post(organisations::add))
        .route("/api/organisations/{organisation}", get(organisations::show))
        .route("/api/organisations/{organisation}/quota", put(organisations::set_quota))
        .route("/api/organisations/{organisation}/place", put(organisations::place))
        .route("/api/keys", get(organisations::list_keys).post(organisations::add_key))
        .route("/api/keys/{id}", delete(organisations::revoke_key))
        .route("/api/pools", get(pools::list).post(pools::add))
        .route("/api/pools/{name}", get(pools::show))
        .route("/api/pools/{name}/cells", get(cells::show))
        .route("/api/pools/{name}/cells/down", post(cells::down))
        .route("/api/pools/{name}/cells/up", post(cells::up))
        .route("/api/contracts", get(contracts::list).post(contracts::offer))
        .route("/api/contracts/{id}", get(contracts::show))
        .route("/api/contracts/{id}/signature", post(contracts::sign))
        .route("/api/contracts/{id}/invoices", post(contracts::close_invoice))
        .route("/api/invoices", get(contracts::invoices))
        .route("/api/invoices/{contract}/{number}", get(contracts::invoice))
        .route("/api/payments", get(payments::list).post(payments::record))
        .route("/api/statements", get(payments::statements))
        .route("/api/export/{format}", get(exports::file))
        .route("/api/invoices/{contract}/{number}/proof", get(proofs::proof))
        .route("/api/contracts/{id}/log/checkpoint", get(proofs::checkpoint))
        .route("/api/contracts/{id}/log/tile/{*path}", get(proofs::tile))
        .route("/api/workloads", get(workloads::list).post(workloads::submit))
        .route(
            "/api/workloads/{workload}",
            get(workloads::show).patch(workloads::adjust).delete(workloads::cancel),
        )
        .route("/api/workloads/batch", post(workloads::submit_all))
        .route("/api/workloads/{workload}/explain", get(workloads::explain))
        .route("/api/workloads/{workload}/logs", get(workloads::logs))
        .route("/api/workloads/{workload}/files/{*path}", get(workloads::file))
        .route("/api/artefacts/collect", post(artefacts::collect))
        .route("/api/artefacts/{hash}", get(artefacts::get))
        .route("/api/releases", get(releases::list).post(releases::release))
        .route("/api/endpoints", get(releases::endpoints))
        .route("/api/console", get(console::console))
        .route("/api/machine", get(machine::show))
        .route("/api/money", get(money::show))
        .route("/api/what-if/run", post(what_if::run))
        .route("/api/what-if/contract", post(what_if::contract))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/v1/models", get(gateway::models))
        .route("/v1/models/{model}", get(gateway::one_model))
        .route("/v1/chat/completions", post(gateway::chat_completions))
        .route("/v1/completions", post(gateway::completions))
        .route("/", get(pages::root))
        .route("/console", get(pages::app))
        .route("/chat", get(pages::app))
        .route("/assets/{*path}", get(pages::asset))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(uploads)
        .fallback(unknown)
        .with_state(app)
}

async fn unknown(uri: axum::http::Uri) -> crate::reply::Fail {
    crate::reply::Fail::new(
        404,
        "no-such-route",
        format!("there is nothing at `{}`; see /openapi.json", uri.path()),
    )
}
