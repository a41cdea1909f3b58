//! `serve`: HTTP on a Unix socket, in OpenAI's form, with one thread that generates.

use crate::ServeArgs;
use crate::openai::{ApiError, ChatRequest, Head, Usage, chat_logprobs, read_request};
use crate::progress::now_ms;
use crate::served_model::{NoPrompt, ServedModel};
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
use sinew_infer::{Finish, Piece, Request, Telling, Told};
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

mod texts;

const BODY_BYTES_MOST: usize = 1 << 20;
/// How long open connections may take to end after a notice.
const GRACE: Duration = Duration::from_millis(500);

/// What every handler sees.
pub(crate) struct Served {
    model: Arc<ServedModel>,
    name: String,
    worker: Worker,
    started_ms: u64,
    answers: AtomicU64,
}

pub(crate) fn run(args: &ServeArgs, threads: usize) -> Result<ExitCode> {
    let socket = std::env::var_os("SINEW_SOCKET").map(PathBuf::from);
    let socket = socket.context("SINEW_SOCKET is not set; set it to the path of the socket to serve on")?;
    let model = Arc::new(ServedModel::open(&args.model, threads)?);
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
        .route("/v1/completions", post(texts::texts))
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
    let message = "There is no such method and path; use GET /health, GET /v1/models, POST /v1/chat/completions or POST /v1/completions.";
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

    fn head(&self, kind: &str, include_usage: bool) -> Head {
        let count = self.answers.fetch_add(1, Ordering::Relaxed);
        let id = format!("{kind}-{:011x}{count:06x}", self.started_ms);
        Head { id, created_s: now_ms() / 1000, model: self.name.clone(), include_usage }
    }

    /// Turns a chat into tokens and hands it to the worker; also returns the prompt's length.
    fn ask(&self, chat: &ChatRequest) -> Result<(UnboundedReceiver<Piece>, usize), ApiError> {
        self.check_name(&chat.model)?;
        let refused = |no| no_prompt("messages", no);
        let prompt = self.model.chat(&chat.messages, now_ms() / 1000).map_err(refused)?;
        let length = prompt.len();
        let room = self.model.room(&prompt).map_err(refused)?;
        let request = Request {
            prompt,
            sampling: chat.sampling.clone(),
            tokens_most: chat.tokens_most.unwrap_or(room).min(room),
            stops: chat.stops.clone(),
        };
        let telling = Telling { likeliest: chat.likeliest, prompt_from: None };
        Ok((self.hand_over(request, telling)?, length))
    }

    fn hand_over(&self, request: Request, telling: Telling) -> Result<UnboundedReceiver<Piece>, ApiError> {
        self.worker.ask(request, telling).map_err(|reason| match reason {
            NotTaken::Busy => ApiError {
                kind: "rate_limit_error",
                ..refuse(
                    429,
                    "server_busy",
                    "Too many requests wait already; try again in a moment.".to_owned(),
                )
            },
            NotTaken::Stopping => refuse(503, "server_stopping", "The server is stopping.".to_owned()),
        })
    }
}

fn no_prompt(param: &str, no: NoPrompt) -> ApiError {
    match no {
        NoPrompt::Request(code, message) => {
            ApiError { param: Some(param.to_owned()), ..refuse(400, code, message) }
        }
        NoPrompt::Model(message) => refuse(500, "tokenizer_failed", message),
    }
}

/// The body of a request, if it could be read.
fn body_of(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    let message = || format!("The body must be readable and at most {BODY_BYTES_MOST} bytes.");
    body.map_err(|_| refuse(413, "body_too_large", message()))
}

fn stopped() -> ApiError {
    refuse(503, "server_stopping", "The server stopped before the answer was complete.".to_owned())
}

async fn chat(
    State(served): State<Arc<Served>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let chat = read_request(&body_of(body)?)?;
    let (pieces, prompt) = served.ask(&chat)?;
    let head = served.head("chatcmpl", chat.include_usage);
    let logprobs = |told: &[Told]| match chat.likeliest {
        Some(_) => chat_logprobs(&served.model, told),
        None => Value::Null,
    };
    if chat.stream {
        let tells = chat.likeliest.is_some();
        let form = Form::Chat { head, model: served.model.clone(), tells };
        return Ok(stream(Events::new(form, pieces, prompt)));
    }
    let answer = whole(pieces).await?;
    let usage = Usage { prompt, completion: answer.tokens };
    let body = head.completion((&answer.text, logprobs(&answer.told)), answer.finish, usage);
    Ok(Json(body).into_response())
}

/// An answer that is complete.
struct Answer {
    text: String,
    told: Vec<Told>,
    tokens: usize,
    finish: Finish,
}

async fn whole(mut pieces: UnboundedReceiver<Piece>) -> Result<Answer, ApiError> {
    let (mut text, mut told) = (String::new(), Vec::new());
    while let Some(piece) = pieces.recv().await {
        text.push_str(&piece.text);
        told.extend(piece.told);
        if let Some(finish) = piece.finish {
            return Ok(Answer { text, told, tokens: piece.tokens, finish });
        }
    }
    Err(stopped())
}

fn stream(events: Events) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (kind, Body::from_stream(events)).into_response()
}

/// How the parts of an answer are written.
enum Form {
    Chat { head: Head, model: Arc<ServedModel>, tells: bool },
    Text(texts::TextForm),
}

impl Form {
    /// What comes before all else.
    fn first(&mut self) -> Option<Value> {
        match self {
            Form::Chat { head, .. } => {
                let delta = json!({"role": "assistant", "content": "", "refusal": null});
                Some(head.chunk((delta, Value::Null), None))
            }
            Form::Text(form) => form.first(),
        }
    }

    /// The parts that a piece gives.
    fn parts(&mut self, piece: &Piece) -> Vec<Value> {
        let (head, model, tells) = match self {
            Form::Chat { head, model, tells } => (head, model, *tells),
            Form::Text(form) => return form.parts(piece),
        };
        let mut parts = Vec::new();
        if !piece.text.is_empty() || (tells && !piece.told.is_empty()) {
            let logprobs = if tells { chat_logprobs(model, &piece.told) } else { Value::Null };
            parts.push(head.chunk((json!({"content": piece.text}), logprobs), None));
        }
        if piece.finish.is_some() {
            parts.push(head.chunk((json!({}), Value::Null), piece.finish));
        }
        parts
    }

    /// What the answer cost, where that is wanted.
    fn cost(&self, usage: Usage) -> Option<Value> {
        match self {
            Form::Chat { head, .. } => head.include_usage.then(|| head.usage_chunk(usage)),
            Form::Text(form) => form.cost(usage),
        }
    }
}

/// The server-sent events of one answer. Dropping it, as a lost client does, ends the generation.
struct Events {
    pieces: UnboundedReceiver<Piece>,
    form: Form,
    prompt: usize,
    ready: VecDeque<String>,
    started: bool,
    ended: bool,
}

impl Events {
    fn new(form: Form, pieces: UnboundedReceiver<Piece>, prompt: usize) -> Events {
        Events { pieces, form, prompt, ready: VecDeque::new(), started: false, ended: false }
    }

    fn push(&mut self, part: &Value) {
        self.ready.push_back(format!("data: {part}\n\n"));
    }

    fn take(&mut self, piece: Option<Piece>) {
        if !self.started {
            self.started = true;
            if let Some(first) = self.form.first() {
                self.push(&first);
            }
        }
        let Some(piece) = piece else {
            self.push(&stopped().body());
            self.ended = true;
            return;
        };
        for part in self.form.parts(&piece) {
            self.push(&part);
        }
        if piece.finish.is_some() {
            let usage = Usage { prompt: self.prompt, completion: piece.tokens };
            if let Some(cost) = self.form.cost(usage) {
                self.push(&cost);
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
