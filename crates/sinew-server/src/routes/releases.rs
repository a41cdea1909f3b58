//! Releases and the endpoints that serve them.

use crate::app::App;
use crate::auth::Caller;
use crate::driver::wall_clock;
use crate::reply::{Fail, PageQuery, Post, Reply, json, page};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use sinew_api::{ConsoleView, EndpointView, Page, ReleaseRequest, ReleaseView};
use sinew_core::{Command, Thing};
use sinew_types::{Malformed, WorkloadId};

/// The sender's releases.
#[utoipa::path(get, path = "/api/releases", responses((status = 200, body = Page<ReleaseView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Json<Page<ReleaseView>> {
    let published = app.driver.published();
    let cursor = |release: &ReleaseView| format!("{}@{:010}", release.model, release.version);
    let views = published.state.registry.of(caller.who.org).map(ReleaseView::of);
    Json(page(&query, views.map(|view| (cursor(&view), view))))
}

/// Releases the model that a run made, if its gate passed on the same weights.
#[utoipa::path(post, path = "/api/releases", request_body = ReleaseRequest, responses((status = 200, body = ReleaseView)))]
pub(crate) async fn release(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<ReleaseView>> {
    let request: ReleaseRequest = json(&body)?;
    let model = request.model.parse().map_err(|wrong: Malformed| Fail::malformed(&wrong.inside("model")))?;
    let trained_by = workload(&app, &caller, &request.trained_by)?;
    let gated_by = workload(&app, &caller, &request.gated_by)?;
    let post = Post { app: &app, caller: &caller, headers: &headers, path: "/api/releases", body: &body };
    let answer = post.ask(vec![Command::Release { model, trained_by, gated_by }]).await?;
    let published = app.driver.published();
    let made = published
        .state
        .registry
        .of(caller.who.org)
        .find(|release| release.reference.to_string() == answer.subject);
    made.map(|release| Json(ReleaseView::of(release)))
        .ok_or_else(|| Fail::not_found(caller.lang, Thing::Release, &answer.subject))
}

fn workload(app: &App, caller: &Caller, named: &str) -> Reply<WorkloadId> {
    let published = app.driver.published();
    let by_id = named.parse::<WorkloadId>().ok();
    let by_name = || {
        named
            .parse()
            .ok()
            .and_then(|name| published.state.workload_named(caller.who.org, &name))
            .map(|(id, _)| id)
    };
    by_id.or_else(by_name).ok_or_else(|| Fail::not_found(caller.lang, Thing::Workload, named))
}

/// The sender's endpoints.
#[utoipa::path(get, path = "/api/endpoints", responses((status = 200, body = Page<EndpointView>)))]
pub(crate) async fn endpoints(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Json<Page<EndpointView>> {
    let published = app.driver.published();
    let console = ConsoleView::of(caller.lang, &published.state, wall_clock(), &caller.who);
    let endpoints = console.map(|console| console.endpoints).unwrap_or_default();
    Json(page(&query, endpoints.into_iter().map(|view| (view.workload.clone(), view))))
}
