//! Workloads: submit, look, follow, end.

use crate::app::App;
use crate::auth::Caller;
use crate::reply::{Fail, PageQuery, Post, Reply, draw, json};
use crate::workplace::Workplace;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sinew_api::{
    AdjustRequest, BatchRequest, BatchView, ExplainView, Lang, Page, ReasonView, WorkloadRequest,
    WorkloadView, explain_hint, wait_text,
};
use sinew_core::{Command, Phase, Thing, Workload, nth_after};
use sinew_types::{Hash, Name, WorkloadId, WorkloadSpec};
use std::collections::BTreeSet;

/// How much of a log or file one answer holds.
const PIECE_BYTES: usize = 256 << 10;
/// A position in a log is the lease's epoch above this many bits, and the byte below.
const EPOCH_SHIFT: u32 = 40;

/// The sender's workloads; `?state=active` leaves out those that ended.
#[utoipa::path(get, path = "/api/workloads", responses((status = 200, body = Page<WorkloadView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Json<Page<WorkloadView>> {
    let published = app.driver.published();
    let state = &published.state;
    let active = query.state.as_deref() == Some("active");
    let own = state.workloads.iter().filter(|(_, w)| w.org == caller.who.org);
    let wanted = own.filter(|(_, w)| !active || !matches!(w.phase, Phase::Ended { .. }));
    // In the order of their ids already, so nothing is made that is not shown.
    let after = query.after.as_deref().and_then(|text| text.parse::<WorkloadId>().ok());
    let mut rest = wanted.filter(|(id, _)| after.is_none_or(|after| **id > after));
    let taken: Vec<_> = rest.by_ref().take(query.limit()).collect();
    let next = taken.last().map(|(id, _)| id.to_string()).filter(|_| rest.next().is_some());
    let items = taken.iter().map(|(id, w)| WorkloadView::of(caller.lang, state, **id, w)).collect();
    Json(Page { items, next })
}

/// The sender's workload of this name or id.
fn find(app: &App, caller: &Caller, named: &str) -> Reply<(WorkloadId, Workload)> {
    let published = app.driver.published();
    let state = &published.state;
    let by_id = named.parse::<WorkloadId>().ok().and_then(|id| state.workloads.get(&id).map(|w| (id, w)));
    let bare = named.rsplit('/').next().unwrap_or(named);
    let by_name = || bare.parse().ok().and_then(|name| state.workload_named(caller.who.org, &name));
    let found = by_id.or_else(by_name).filter(|(_, w)| w.org == caller.who.org);
    found.map(|(id, w)| (id, w.clone())).ok_or_else(|| Fail::not_found(caller.lang, Thing::Workload, named))
}

fn view(app: &App, caller: &Caller, id: WorkloadId, workload: &Workload) -> WorkloadView {
    WorkloadView::of(caller.lang, &app.driver.published().state, id, workload)
}

/// One workload, by name or id.
#[utoipa::path(get, path = "/api/workloads/{workload}", params(("workload" = String, Path, description = "Name or id")), responses((status = 200, body = WorkloadView)))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
) -> Reply<Json<WorkloadView>> {
    let (id, workload) = find(&app, &caller, &named)?;
    Ok(Json(view(&app, &caller, id, &workload)))
}

/// Submits a workload. Its artefacts must be there already.
#[utoipa::path(post, path = "/api/workloads", request_body = WorkloadRequest, responses((status = 200, body = WorkloadView)))]
pub(crate) async fn submit(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<WorkloadView>> {
    let request: WorkloadRequest = json(&body)?;
    let spec = request.to_spec().map_err(|wrong| Fail::malformed(&wrong))?;
    let programs = spec.parts.iter().map(|part| &part.program);
    let needed = programs.flat_map(|program| program.inputs.values().chain(&program.bundle));
    let post = Post { app: &app, caller: &caller, headers: &headers, path: "/api/workloads", body: &body };
    served(&app, &caller, &spec)?;
    for hash in needed.filter(|_| !post.is_repeated()) {
        present(&app, &caller, *hash)?;
    }
    let id = WorkloadId::from_bits(draw());
    let answer = post.ask(vec![Command::Submit { id, spec: std::sync::Arc::new(spec) }]).await?;
    show(State(app.clone()), caller, Path(answer.subject)).await
}

/// Refuses a run where no executor serves any pool that it may run in: such a pool is a promise on paper.
fn served(app: &App, caller: &Caller, spec: &WorkloadSpec) -> Reply<()> {
    let published = app.driver.published();
    let state = &published.state;
    let named =
        |name: &Name| spec.parts.iter().all(|part| part.pools.is_empty() || part.pools.contains(name));
    let accounts = state.index.accounts_of(caller.who.org);
    let pools = accounts.filter_map(|(pool, _)| state.pools.get(&pool)).filter(|pool| named(&pool.name));
    let mut paper = pools.map(|pool| pool.topology.devices().is_empty() && !pool.rehearsal.0).peekable();
    if paper.peek().is_none() || !paper.all(|paper| paper) {
        return Ok(());
    }
    let text = match caller.lang {
        Lang::En => {
            "no executor serves that pool yet, so nothing can run there; ask with what-if, or name another pool"
        }
        Lang::Fr => {
            "aucun exécuteur ne sert encore ce pool, rien ne peut y tourner ; demandez avec what-if, ou nommez un autre pool"
        }
    };
    Err(Fail::new(422, "no-executor", text))
}

/// How many workloads one request may bring; more come in several.
const BATCH_MAX: usize = 10_000;

/// Submits workloads together: all of them, or none where one is refused. The problem says which. Under an
/// `Idempotency-Key`, a repeated request gets the same ids and submits nothing again.
#[utoipa::path(post, path = "/api/workloads/batch", request_body = BatchRequest, responses((status = 200, body = BatchView)))]
pub(crate) async fn submit_all(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<BatchView>> {
    let request: BatchRequest = json(&body)?;
    let count = request.workloads.len();
    if count == 0 || count > BATCH_MAX {
        let why = format!("a batch has 1 to {BATCH_MAX} workloads, not {count}; send it in parts");
        return Err(Fail::new(400, "malformed", why));
    }
    let mut specs = Vec::with_capacity(count);
    for (at, workload) in request.workloads.iter().enumerate() {
        let spec = workload
            .to_spec()
            .map_err(|wrong| Fail::malformed(&wrong.inside(&format!("workloads[{at}]"))))?;
        served(&app, &caller, &spec)?;
        specs.push(std::sync::Arc::new(spec));
    }
    let path = "/api/workloads/batch";
    let post = Post { app: &app, caller: &caller, headers: &headers, path, body: &body };
    let programs = specs.iter().flat_map(|spec| &spec.parts).map(|part| &part.program);
    let needed: BTreeSet<Hash> =
        programs.flat_map(|program| program.inputs.values().chain(&program.bundle)).copied().collect();
    for hash in needed.into_iter().filter(|_| !post.is_repeated()) {
        present(&app, &caller, hash)?;
    }
    let first = WorkloadId::from_bits(draw());
    let answer = post.ask(vec![Command::SubmitAll { first, specs }]).await?;
    let first: WorkloadId = answer.subject.parse().expect("the core names workloads by their ids");
    let ids = (0..count).map(|at| nth_after(first, at).to_string()).collect();
    Ok(Json(BatchView { ids }))
}

fn present(app: &App, caller: &Caller, hash: Hash) -> Reply<()> {
    match app.artefacts.contains(caller.who.org, hash) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Fail::not_found(caller.lang, Thing::Artefact, &hash.to_string())),
        Err(error) => Err(Fail::of_store(&error)),
    }
}

/// Ends a workload.
#[utoipa::path(delete, path = "/api/workloads/{workload}", params(("workload" = String, Path, description = "Name or id")), responses((status = 200, body = WorkloadView)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    headers: HeaderMap,
) -> Reply<Json<WorkloadView>> {
    let (id, _) = find(&app, &caller, &named)?;
    let path = format!("/api/workloads/{id}");
    let post = Post { app: &app, caller: &caller, headers: &headers, path: &path, body: b"DELETE" };
    let answer = post.ask(vec![Command::Cancel { id }]).await?;
    show(State(app.clone()), caller, Path(answer.subject)).await
}

/// Holds a workload back or releases it, and changes its priority, size or place.
#[utoipa::path(patch, path = "/api/workloads/{workload}", params(("workload" = String, Path, description = "Name or id")), request_body = AdjustRequest, responses((status = 200, body = WorkloadView)))]
pub(crate) async fn adjust(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<WorkloadView>> {
    let (id, workload) = find(&app, &caller, &named)?;
    let request: AdjustRequest = json(&body)?;
    let change = request.to_change(&workload).map_err(|wrong| Fail::malformed(&wrong))?;
    let path = format!("/api/workloads/{id}");
    let post = Post { app: &app, caller: &caller, headers: &headers, path: &path, body: &body };
    let answer = post.ask(vec![Command::Adjust { id, change }]).await?;
    show(State(app.clone()), caller, Path(answer.subject)).await
}

/// Why a workload waits, and what would change that.
#[utoipa::path(get, path = "/api/workloads/{workload}/explain", params(("workload" = String, Path, description = "Name or id")), responses((status = 200, body = ExplainView)))]
pub(crate) async fn explain(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
) -> Reply<Json<ExplainView>> {
    let (id, workload) = find(&app, &caller, &named)?;
    let mut view = view(&app, &caller, id, &workload);
    // What was written down when it began to wait may have changed; this is how things are now.
    let now = app.driver.published().control.why(id);
    let hints = now.iter().filter_map(|wait| explain_hint(caller.lang, wait)).collect();
    view.reason = now.map(|wait| wait_text(caller.lang, &wait)).map(ReasonView::from).or(view.reason);
    Ok(Json(ExplainView { workload: view, hints }))
}

/// Where to read on.
#[derive(serde::Deserialize)]
pub(crate) struct FromQuery {
    from: Option<u64>,
}

/// A piece of a workload's output. `sinew-next` is where the next piece begins, `sinew-ended` says whether that is all
/// there will ever be.
#[utoipa::path(get, path = "/api/workloads/{workload}/logs", params(("workload" = String, Path, description = "Name or id"), ("from" = Option<u64>, Query, description = "`sinew-next` of the piece before")), responses((status = 200, description = "Bytes of the output", body = String)))]
pub(crate) async fn logs(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    Query(query): Query<FromQuery>,
) -> Reply<Response> {
    let (id, workload) = find(&app, &caller, &named)?;
    let place = app.runner.workplace(caller.who.org, id);
    let from = query.from.unwrap_or(0);
    let piece = piece(&app, &place, (id, &workload), (from >> EPOCH_SHIFT, from & ((1 << EPOCH_SHIFT) - 1)));
    let over = matches!(workload.phase, Phase::Ended { .. });
    let ended = over && piece.bytes.is_empty();
    let next = (piece.epoch << EPOCH_SHIFT) | piece.at;
    let mut response = piece.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert("sinew-next", HeaderValue::from(next));
    headers.insert("sinew-ended", HeaderValue::from_static(if ended { "true" } else { "false" }));
    Ok(response)
}

/// Output from one place on.
struct Piece {
    epoch: u64,
    at: u64,
    bytes: Vec<u8>,
}

/// The first bytes at or after a place: kept logs of earlier leases first, then what the current one has written.
fn piece(app: &App, place: &Workplace, of: (WorkloadId, &Workload), from: (u64, u64)) -> Piece {
    let (id, workload) = of;
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(0);
    let kept = workload.kept.clone().unwrap_or_default();
    let epochs: BTreeSet<u64> = place.logged_epochs().into_iter().chain(kept.logs.keys().copied()).collect();
    for epoch in epochs.into_iter().filter(|epoch| *epoch >= from.0) {
        let at = if epoch == from.0 { from.1 } else { 0 };
        if let Some(bytes) = app.runner.read_log(place, (workload.org, &kept), (epoch, at))
            && !bytes.is_empty()
        {
            return Piece { epoch, at: at + length(&bytes), bytes };
        }
    }
    let live = workload.lease().is_some() && workload.epoch >= from.0;
    let at = if workload.epoch == from.0 { from.1 } else { 0 };
    match app.runner.output(id, at).filter(|chunk| live && !chunk.bytes.is_empty()) {
        Some(chunk) => {
            Piece { epoch: workload.epoch, at: chunk.start + length(&chunk.bytes), bytes: chunk.bytes }
        }
        None => Piece { epoch: from.0, at: from.1, bytes: Vec::new() },
    }
}

/// A piece of a file in the workload's folder.
#[utoipa::path(get, path = "/api/workloads/{workload}/files/{path}", params(("workload" = String, Path, description = "Name or id"), ("path" = String, Path, description = "Below the work folder"), ("from" = Option<u64>, Query, description = "First byte")), responses((status = 200, description = "Bytes of the file", body = String)))]
pub(crate) async fn file(
    State(app): State<App>,
    caller: Caller,
    Path((named, path)): Path<(String, String)>,
    Query(query): Query<FromQuery>,
) -> Reply<Response> {
    let (id, _) = find(&app, &caller, &named)?;
    let place = app.runner.workplace(caller.who.org, id);
    let read = place.read_file(&path, query.from.unwrap_or(0), PIECE_BYTES);
    let missing =
        |_| Fail::new(404, "no-file", format!("there is no file `{path}` in the work folder of `{named}`"));
    let bytes = read.map_err(missing)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}
