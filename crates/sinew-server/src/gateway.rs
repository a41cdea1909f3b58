//! `/v1`: OpenAI's form, passed on to the endpoint that serves the model.
//!
//! The endpoint is a workload without any network; it listens on a Unix socket in its own folder.
//! Here a key is checked, the model's endpoint is found among the sender's, and bytes are passed
//! through as they come.

use crate::app::App;
use crate::auth::identify;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sinew_core::{Phase, Principal, Role};
use sinew_types::{OrgId, ReleaseRef, WorkloadId};
use std::time::Duration;
use tokio::net::UnixStream;

/// How long an endpoint may take to accept.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// An error in OpenAI's form, which its clients turn into exceptions of their own.
fn failure(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let kind = if status.is_client_error() { "invalid_request_error" } else { "server_error" };
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    (status, Json(body)).into_response()
}

fn sender(app: &App, headers: &HeaderMap) -> Result<Principal, Box<Response<Body>>> {
    let message =
        "there is no such key here; send `Authorization: Bearer KEY` with a key of your organisation";
    identify(app, headers)
        .ok_or_else(|| Box::new(failure(StatusCode::UNAUTHORIZED, "invalid_api_key", message)))
}

/// The releases that an organisation's endpoints serve now, each with the workload that does.
fn endpoints(app: &App, org: OrgId) -> Vec<(ReleaseRef, WorkloadId, i64)> {
    let published = app.driver.published();
    let own = published.state.workloads.iter().filter(|(_, workload)| workload.org == org);
    let serving = own.filter_map(|(id, workload)| match &workload.phase {
        Phase::Holding { lease } => Some((workload.spec.serves.clone()?, *id, lease.granted_at.ms() / 1_000)),
        Phase::Waiting { .. } | Phase::Ended { .. } => None,
    });
    serving.collect()
}

fn model(reference: &ReleaseRef, created: i64) -> Value {
    json!({"id": reference.to_string(), "object": "model", "created": created, "owned_by": "sinew"})
}

/// The models that the sender's endpoints serve, in OpenAI's form.
#[utoipa::path(get, path = "/v1/models", responses((status = 200, description = "OpenAI's list of models", body = Object)))]
pub(crate) async fn models(State(app): State<App>, headers: HeaderMap) -> Response<Body> {
    match sender(&app, &headers) {
        Ok(who) => {
            let data: Vec<Value> =
                endpoints(&app, who.org).iter().map(|(name, _, created)| model(name, *created)).collect();
            Json(json!({"object": "list", "data": data})).into_response()
        }
        Err(failure) => *failure,
    }
}

/// One model, in OpenAI's form.
#[utoipa::path(get, path = "/v1/models/{model}", params(("model" = String, Path, description = "Such as chat-nano@1")),
    responses((status = 200, description = "OpenAI's model", body = Object), (status = 404, description = "No such model")))]
pub(crate) async fn one_model(
    State(app): State<App>,
    Path(wanted): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let who = match sender(&app, &headers) {
        Ok(who) => who,
        Err(failure) => return *failure,
    };
    match find(&app, who.org, &wanted) {
        Some((name, _, created)) => Json(model(&name, created)).into_response(),
        None => unknown_model(&wanted),
    }
}

fn unknown_model(wanted: &str) -> Response<Body> {
    let message = format!(
        "no endpoint of your organisation serves `{wanted}`; see /v1/models, or start one with `sinew serve`"
    );
    failure(StatusCode::NOT_FOUND, "model_not_found", &message)
}

/// The endpoint for a model by full name, or the newest version for a bare name.
fn find(app: &App, org: OrgId, wanted: &str) -> Option<(ReleaseRef, WorkloadId, i64)> {
    let fits = |name: &ReleaseRef| name.to_string() == wanted || name.model.as_str() == wanted;
    let all = endpoints(app, org).into_iter().filter(|(name, _, _)| fits(name));
    all.max_by_key(|(name, _, _)| name.version)
}

/// A chat completion, streaming or not, in OpenAI's form.
#[utoipa::path(post, path = "/v1/chat/completions", request_body = Object,
    responses((status = 200, description = "OpenAI's chat completion, or its chunks as server-sent events", body = Object)))]
pub(crate) async fn chat_completions(
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    complete(&app, &headers, &body, "/v1/chat/completions").await
}

/// A completion of a text, streaming or not, in OpenAI's older form.
#[utoipa::path(post, path = "/v1/completions", request_body = Object,
    responses((status = 200, description = "OpenAI's completion, or its chunks as server-sent events", body = Object)))]
pub(crate) async fn completions(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    complete(&app, &headers, &body, "/v1/completions").await
}

/// Finds the endpoint of the model that a request names, and passes it on there.
async fn complete(app: &App, headers: &HeaderMap, body: &[u8], path: &'static str) -> Response<Body> {
    let who = match sender(app, headers) {
        Ok(who) => who,
        Err(failure) => return *failure,
    };
    let mut asked: Value = match serde_json::from_slice(body) {
        Ok(asked) => asked,
        Err(wrong) => {
            return failure(
                StatusCode::BAD_REQUEST,
                "invalid_json",
                &format!("the body is not JSON: {wrong}"),
            );
        }
    };
    let Some(wanted) = asked.get("model").and_then(Value::as_str) else {
        return failure(
            StatusCode::BAD_REQUEST,
            "missing_model",
            "`model` is missing; name one of /v1/models",
        );
    };
    if !who.roles.contains(&Role::Operate) {
        return failure(
            StatusCode::FORBIDDEN,
            "not_allowed",
            "this key lacks the role `operate`; use one that has it",
        );
    }
    let wanted = wanted.to_owned();
    let Some((name, id, _)) = find(app, who.org, &wanted) else { return unknown_model(&wanted) };
    // A bare name means its newest version, which is the only name that the endpoint knows.
    asked["model"] = Value::String(name.to_string());
    match pass_on(app, id, (path, Bytes::from(asked.to_string()))).await {
        Ok(response) => response,
        Err(error) => {
            let message =
                format!("the endpoint of `{wanted}` does not answer yet ({error}); try again in a moment");
            failure(StatusCode::SERVICE_UNAVAILABLE, "endpoint_unavailable", &message)
        }
    }
}

/// Sends a completion request to a workload's endpoint and streams what comes back.
async fn pass_on(
    app: &App,
    id: WorkloadId,
    (path, body): (&'static str, Bytes),
) -> Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
    // An endpoint that never accepts fills its queue, and then connecting blocks: not on a thread that others need.
    let runner = app.runner.clone();
    let connecting = tokio::task::spawn_blocking(move || runner.connect(id));
    let stream = tokio::time::timeout(CONNECT_WITHIN, connecting).await???;
    stream.set_nonblocking(true)?;
    let stream = UnixStream::from_std(stream)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = hyper::Request::post(path)
        .header(header::HOST, "endpoint")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let (parts, body) = response.into_parts();
    let mut answer = Response::new(Body::new(body));
    *answer.status_mut() = parts.status;
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    Ok(answer)
}
