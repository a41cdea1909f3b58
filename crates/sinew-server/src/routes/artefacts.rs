//! Artefacts: bytes with a hash, each organisation's apart.

use crate::app::App;
use crate::auth::Caller;
use crate::body::BodyReader;
use crate::driver::wall_clock;
use crate::references::referred_to;
use crate::reply::{Fail, PageQuery, Reply, json, page};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sinew_api::{ArtefactView, CollectRequest, Page};
use sinew_core::{Phase, Refusal, Role, Thing};
use sinew_types::{Hash, Instant, Malformed, OrgId, Span};
use std::io::Read;
use tokio::sync::mpsc;
use utoipa::ToSchema;

/// How much is read from disk at a time.
const CHUNK_BYTES: usize = 256 << 10;

fn operate(caller: &Caller) -> Reply<OrgId> {
    if caller.who.roles.contains(&Role::Operate) {
        Ok(caller.who.org)
    } else {
        Err(Fail::refused(caller.lang, &Refusal::NotAllowed { needs: Role::Operate }))
    }
}

/// Stores the body. With the header `sinew-sha256` other bytes are refused. Storing the same twice is storing it once.
#[utoipa::path(post, path = "/api/artefacts", request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = ArtefactView)))]
pub(crate) async fn put(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Reply<Json<ArtefactView>> {
    let org = operate(&caller)?;
    let expected = headers.get("sinew-sha256").and_then(|value| value.to_str().ok());
    let expected: Option<Hash> =
        expected.map(str::parse).transpose().map_err(|wrong: Malformed| Fail::malformed(&wrong))?;
    let _turn = app
        .uploads
        .acquire()
        .await
        .map_err(|_| Fail::new(503, "stopping", "the server is stopping; send the bytes again"))?;
    let mut reader = BodyReader::of(body);
    let artefacts = app.artefacts.clone();
    let stored = tokio::task::spawn_blocking(move || artefacts.put(org, &mut reader, expected)).await;
    let stored = stored.map_err(|_| Fail::new(500, "store", "the store broke off; send the bytes again"))?;
    let stored = stored.map_err(|error| Fail::of_store(&error))?;
    Ok(Json(ArtefactView { hash: stored.hash.to_string(), bytes: stored.bytes }))
}

/// The organisation's artefacts.
#[utoipa::path(get, path = "/api/artefacts", responses((status = 200, body = Page<ArtefactView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Reply<Json<Page<ArtefactView>>> {
    let stored = app.artefacts.list(caller.who.org).map_err(|error| Fail::of_store(&error))?;
    let mut views: Vec<_> =
        stored.iter().map(|s| ArtefactView { hash: s.hash.to_string(), bytes: s.bytes }).collect();
    views.sort_by(|one, other| one.hash.cmp(&other.hash));
    Ok(Json(page(&query, views.into_iter().map(|view| (view.hash.clone(), view)))))
}

/// An artefact's bytes.
#[utoipa::path(get, path = "/api/artefacts/{hash}", params(("hash" = String, Path, description = "SHA-256")), responses((status = 200, description = "The bytes", body = Vec<u8>)))]
pub(crate) async fn get(State(app): State<App>, caller: Caller, Path(hash): Path<String>) -> Reply<Response> {
    let missing = || Fail::not_found(caller.lang, Thing::Artefact, &hash);
    let parsed: Hash = hash.parse().map_err(|_| missing())?;
    let mut file = app.artefacts.open_artefact(caller.who.org, parsed).map_err(|_| missing())?;
    let (sender, pieces) = mpsc::channel::<Result<Bytes, std::io::Error>>(4);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; CHUNK_BYTES];
            let read = file.read(&mut piece);
            let (piece, last) = match read {
                Ok(0) => return,
                Ok(count) => (Ok(Bytes::from(piece).slice(..count)), false),
                Err(error) => (Err(error), true),
            };
            if sender.blocking_send(piece).is_err() || last {
                return;
            }
        }
    });
    let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(pieces));
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

/// What a collection removed.
#[derive(Serialize, ToSchema)]
pub(crate) struct CollectedView {
    /// How many artefacts.
    count: u64,
    /// How many bytes.
    bytes: u64,
}

/// Removes artefacts that nothing refers to (no workload at hand, no release) and the folders of workloads that ended.
#[utoipa::path(post, path = "/api/artefacts/collect", request_body = CollectRequest, responses((status = 200, body = CollectedView)))]
pub(crate) async fn collect(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Reply<Json<CollectedView>> {
    let org = operate(&caller)?;
    let request: CollectRequest = json(&body)?;
    let age: Span = request
        .older_than
        .parse()
        .map_err(|wrong: Malformed| Fail::malformed(&wrong.inside("older_than")))?;
    let before_ms = u64::try_from(wall_clock().minus(age).ms()).unwrap_or(0);
    let keep = referred_to(&app.driver.published().state, &app.artefacts, org);
    let artefacts = app.artefacts.clone();
    let done = tokio::task::spawn_blocking(move || artefacts.collect(org, &keep, before_ms)).await;
    let done = done.map_err(|_| Fail::new(500, "store", "the collection broke off; start it again"))?;
    let done = done.map_err(|error| Fail::of_store(&error))?;
    remove_workplaces(&app, org, wall_clock().minus(age));
    Ok(Json(CollectedView { count: done.count, bytes: done.bytes }))
}

/// Removes the folders of an organisation's workloads that ended before a moment. What cannot be removed stays for the
/// next collection.
fn remove_workplaces(app: &App, org: OrgId, before: Instant) {
    let published = app.driver.published();
    let own = published.state.workloads.iter().filter(|(_, workload)| workload.org == org);
    let over = own.filter(|(_, workload)| matches!(workload.phase, Phase::Ended { at, .. } if at < before));
    for (id, _) in over {
        if let Err(error) = app.runner.workplace(org, *id).remove() {
            eprintln!("sinew: the folder of {id} stays: {error}");
        }
    }
}
