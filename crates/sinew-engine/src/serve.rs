//! `serve`: HTTP on a Unix socket, in OpenAI's form, with one thread that generates.

use crate::ServeArgs;
use crate::openai::{ApiError, ChatRequest, Head, Usage, read_request};
use crate::progress::now_ms;
use crate::signals::Signals;
use crate::worker::{NotTaken, Worker};
use anyhow::{Context as _, Result, bail};
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_core::Stream;
use serde_json::{Value, json};
use sinew_infer::{Finish, Generator, Piece, Request, chat_prompt};
use sinew_model::Model;
use sinew_tensor::Team;
use std::collections::VecDeque;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::mpsc::UnboundedReceiver;

const BODY_BYTES_MOST: usize = 1 << 20;
/// How long open connections may take to end after a notice.
const GRACE: Duration = Duration::from_millis(500);

/// What every handler sees.
pub(crate) struct Served {
    model: Arc<Model>,
    name: String,
    worker: Worker,
    started_ms: u64,
    answers: AtomicU64,
}

pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode> {
    let socket = std::env::var_os("SINEW_SOCKET").map(PathBuf::from);
    let socket = socket.context("SINEW_SOCKET is not set; set it to the path of the socket to serve on")?;
    let model = Arc::new(Model::read(&args.model, &Team::new(1))?);
    let (worker, thread) = Worker::start(Arc::clone(&model));
    let served = Served {
        model,
        name: args.name.clone(),
        worker: worker.clone(),
        started_ms: now_ms(),
        answers: AtomicU64::new(0),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the server's runtime")?;
    let outcome = runtime.block_on(listen(&socket, router(served), worker));
    // Handlers may still hold the queue's other end; a thread that waits for requests ends with the process.
    runtime.shutdown_background();
    if thread.is_finished() && thread.join().is_err() {
        bail!("the generating thread panicked; its message is above");
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn listen(socket: &Path, router: Router, worker: Worker) -> Result<()> {
    remove_stale(socket)?;
    let listener =
        UnixListener::bind(socket).with_context(|| format!("cannot listen on `{}`", socket.display()))?;
    let mut signals = Signals::new()?;
    println!("serving on {}", socket.display());
    let (ended, mut notice) = tokio::sync::watch::channel(false);
    let stop = async move {
        signals.next().await;
        worker.stop();
        // The receiver below lives as long as this function.
        let _ = ended.send(true);
    };
    let serving = async { axum::serve(listener, router).with_graceful_shutdown(stop).await };
    let deadline = async {
        if notice.wait_for(|ended| *ended).await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        outcome = serving => outcome.context("the server failed")?,
        () = deadline => {}
    }
    // A path that is gone already is what is wanted.
    let _ = std::fs::remove_file(socket);
    println!("stopped");
    Ok(())
}

/// Removes the socket of a server that was killed; anything else at that path stays.
fn remove_stale(socket: &Path) -> Result<()> {
    match std::fs::symlink_metadata(socket) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(socket)
            .with_context(|| format!("cannot remove the old socket `{}`", socket.display())),
        Ok(_) => bail!("`{}` exists and is not a socket; set SINEW_SOCKET to a free path", socket.display()),
        Err(_) => Ok(()),
    }
}

pub(crate) fn router(served: Served) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/v1/models", get(models))
        .route("/v1/models/{name}", get(models_one))
        .route("/v1/chat/completions", post(chat))
        .fallback(unknown_route)
        .method_not_allowed_fallback(unknown_route)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MOST))
        .with_state(Arc::new(served))
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.body())).into_response()
    }
}

fn refuse(status: u16, code: &'static str, message: String) -> ApiError {
    let kind = if status >= 500 { "server_error" } else { "invalid_request_error" };
    ApiError { status, kind, code: Some(code), param: None, message }
}

async fn unknown_route() -> ApiError {
    let message =
        "There is no such method and path; use GET /health, GET /v1/models or POST /v1/chat/completions.";
    refuse(404, "unknown_url", message.to_owned())
}

async fn health(State(served): State<Arc<Served>>) -> Json<Value> {
    Json(json!({"status": "ok", "model": served.name}))
}

async fn models(State(served): State<Arc<Served>>) -> Json<Value> {
    Json(json!({"object": "list", "data": [served.about()]}))
}

async fn models_one(
    State(served): State<Arc<Served>>,
    axum::extract::Path(name): axum::extract::Path<String>,
) -> Result<Json<Value>, ApiError> {
    served.check_name(&name)?;
    Ok(Json(served.about()))
}

impl Served {
    fn about(&self) -> Value {
        json!({"id": self.name, "object": "model", "created": self.started_ms / 1000, "owned_by": "sinew"})
    }

    fn check_name(&self, name: &str) -> Result<(), ApiError> {
        if name == self.name {
            return Ok(());
        }
        let message = format!("The model `{name}` does not exist here; this server has `{}`.", self.name);
        Err(ApiError { param: Some("model".to_owned()), ..refuse(404, "model_not_found", message) })
    }

    fn head(&self, include_usage: bool) -> Head {
        let count = self.answers.fetch_add(1, Ordering::Relaxed);
        let id = format!("chatcmpl-{:011x}{count:06x}", self.started_ms);
        Head { id, created_s: now_ms() / 1000, model: self.name.clone(), include_usage }
    }

    /// Turns a request into tokens and hands it to the worker; also returns the prompt's length.
    fn ask(&self, chat: &ChatRequest) -> Result<(UnboundedReceiver<Piece>, usize), ApiError> {
        self.check_name(&chat.model)?;
        let too_long = |message: String| ApiError {
            param: Some("messages".to_owned()),
            ..refuse(400, "context_length_exceeded", message)
        };
        let prompt = chat_prompt(&self.model.tokenizer, &chat.messages)
            .map_err(|error| refuse(500, "tokenizer_failed", error.to_string()))?;
        let length = prompt.len();
        let room = Generator::room(&self.model, &prompt).map_err(|error| too_long(error.to_string()))?;
        let request = Request {
            prompt,
            sampling: chat.sampling,
            tokens_most: chat.tokens_most.unwrap_or(room),
            stops: chat.stops.clone(),
        };
        let pieces = self.worker.ask(request).map_err(|reason| match reason {
            NotTaken::Busy => ApiError {
                kind: "rate_limit_error",
                ..refuse(
                    429,
                    "server_busy",
                    "Too many requests wait already; try again in a moment.".to_owned(),
                )
            },
            NotTaken::Stopping => refuse(503, "server_stopping", "The server is stopping.".to_owned()),
        })?;
        Ok((pieces, length))
    }
}

async fn chat(
    State(served): State<Arc<Served>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|_| {
        refuse(
            413,
            "body_too_large",
            format!("The body must be readable and at most {BODY_BYTES_MOST} bytes."),
        )
    })?;
    let chat = read_request(&body)?;
    let (pieces, prompt) = served.ask(&chat)?;
    let head = served.head(chat.include_usage);
    if chat.stream {
        let events = Events { pieces, head, prompt, ready: VecDeque::new(), started: false, ended: false };
        let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
        return Ok((kind, Body::from_stream(events)).into_response());
    }
    let (text, finish, usage) = whole(pieces, prompt).await?;
    Ok(Json(head.completion(&text, finish, usage)).into_response())
}

async fn whole(
    mut pieces: UnboundedReceiver<Piece>,
    prompt: usize,
) -> Result<(String, Finish, Usage), ApiError> {
    let mut text = String::new();
    while let Some(piece) = pieces.recv().await {
        text.push_str(&piece.text);
        if let Some(finish) = piece.finish {
            return Ok((text, finish, Usage { prompt, completion: piece.tokens }));
        }
    }
    Err(refuse(503, "server_stopping", "The server stopped before the answer was complete.".to_owned()))
}

/// The server-sent events of one answer. Dropping it, as a lost client does, ends the generation.
struct Events {
    pieces: UnboundedReceiver<Piece>,
    head: Head,
    prompt: usize,
    ready: VecDeque<String>,
    started: bool,
    ended: bool,
}

impl Events {
    fn push(&mut self, part: &Value) {
        self.ready.push_back(format!("data: {part}\n\n"));
    }

    fn take(&mut self, piece: Option<Piece>) {
        if !self.started {
            self.started = true;
            let delta = json!({"role": "assistant", "content": "", "refusal": null});
            self.push(&self.head.chunk(delta, None));
        }
        let Some(piece) = piece else {
            let stopped = refuse(
                503,
                "server_stopping",
                "The server stopped before the answer was complete.".to_owned(),
            );
            self.push(&stopped.body());
            self.ended = true;
            return;
        };
        if !piece.text.is_empty() {
            self.push(&self.head.chunk(json!({"content": piece.text}), None));
        }
        if piece.finish.is_some() {
            self.push(&self.head.chunk(json!({}), piece.finish));
            if self.head.include_usage {
                let usage = Usage { prompt: self.prompt, completion: piece.tokens };
                self.push(&self.head.usage_chunk(usage));
            }
            self.ready.push_back("data: [DONE]\n\n".to_owned());
            self.ended = true;
        }
    }
}

impl Stream for Events {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Bytes::from(event))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match self.pieces.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(piece) => self.take(piece),
            }
        }
    }
}
