//! Speaks to a server: one method for each kind of request, errors as the server words them.

use crate::draw;
use crate::error::CliError;
use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sinew_api::{Page, Problem};
use std::fs::File;
use std::io::Read;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Until the first byte of an answer. A bound against a server that hangs; a commit takes far less.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// A page of a list, or one value.
const ANSWER_BYTES_MOST: u64 = 64 << 20;
const PAGE_ITEMS: usize = 500;
/// A POST carries an `Idempotency-Key`, so one whose answer got lost may be sent once more.
const TRIES: u32 = 2;

/// A server and who speaks to it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: Agent,
    server: String,
    key: Option<String>,
    language: &'static str,
}

/// A piece of something that grows.
#[derive(Debug)]
pub(crate) struct Piece {
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
    /// Where to go on. Only the server knows what the number means.
    pub(crate) next: u64,
}

impl Client {
    /// A client of the server at this address.
    pub(crate) fn new(server: &str, key: Option<&str>, language: &'static str) -> Result<Self, CliError> {
        let server = server.trim_end_matches('/');
        if !server.starts_with("http://") {
            let why = "an address such as http://127.0.0.1:7390 is needed; \
                       to reach another machine safely, forward its port with `ssh -L`";
            return Err(CliError::Usage(format!(
                "`{server}` is not an address that sinew can speak to: {why}"
            )));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_WITHIN))
            .timeout_recv_response(Some(ANSWER_WITHIN))
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("sinew/", env!("CARGO_PKG_VERSION")));
        let agent = Agent::new_with_config(config.build());
        Ok(Self { agent, server: server.to_owned(), key: key.map(str::to_owned), language })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The API key that it sends.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Reads one value.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        Ok(self.value(path, self.open(path)?)?)
    }

    /// Opens an answer whose bytes are read as they come.
    pub(crate) fn open(&self, path: &str) -> Result<Response<Body>, CliError> {
        self.sent(self.headed(self.agent.get(self.address(path))).call())
    }

    /// Reads a whole list, page by page.
    pub(crate) fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let cursor =
                after.as_deref().map_or_else(String::new, |cursor| format!("&after={}", encoded(cursor)));
            let page: Page<T> = self.get(&format!("{path}{joint}limit={PAGE_ITEMS}{cursor}"))?;
            items.extend(page.items);
            match page.next {
                // A server that gives the same cursor again would keep us here for ever.
                Some(next) if Some(&next) != after.as_ref() => after = Some(next),
                _ => return Ok(items),
            }
        }
    }

    /// Asks for something to be done, once, however often the request has to be sent.
    pub(crate) fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        let bytes = serde_json::to_vec(body).context("a request has a JSON form")?;
        let key = request_key()?;
        let send = || {
            let request = self.headed(self.agent.post(self.address(path))).header("Idempotency-Key", &key);
            self.sent(request.content_type("application/json").send(&bytes))
        };
        Ok(self.value(path, again(send)?)?)
    }

    /// The same, without a body.
    pub(crate) fn post_empty<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let key = request_key()?;
        let send = || {
            let request = self.headed(self.agent.post(self.address(path))).header("Idempotency-Key", &key);
            self.sent(request.send_empty())
        };
        Ok(self.value(path, again(send)?)?)
    }

    /// Opens the answer to a JSON request whose bytes are read as they come.
    pub(crate) fn post_open<B: Serialize>(&self, path: &str, body: &B) -> Result<Response<Body>> {
        let bytes = serde_json::to_vec(body).context("a request has a JSON form")?;
        let key = request_key()?;
        let request = self.headed(self.agent.post(self.address(path))).header("Idempotency-Key", &key);
        Ok(self.sent(request.content_type("application/json").send(&bytes))?)
    }

    /// Sets something that may be set again to the same.
    pub(crate) fn put<B: Serialize>(&self, path: &str, body: &B) -> Result<()> {
        let bytes = serde_json::to_vec(body).context("a request has a JSON form")?;
        let send = || {
            let request = self.headed(self.agent.put(self.address(path)));
            self.sent(request.content_type("application/json").send(&bytes))
        };
        again(send).map(drop).map_err(Into::into)
    }

    /// Changes something; the same change again changes nothing more.
    pub(crate) fn patch<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        let bytes = serde_json::to_vec(body).context("a request has a JSON form")?;
        let send = || {
            let request = self.headed(self.agent.patch(self.address(path)));
            self.sent(request.content_type("application/json").send(&bytes))
        };
        Ok(self.value(path, again(send)?)?)
    }

    /// Ends or removes something.
    pub(crate) fn delete(&self, path: &str) -> Result<Response<Body>, CliError> {
        self.sent(self.headed(self.agent.delete(self.address(path))).call())
    }

    /// Sends a file's bytes; the server refuses them where they do not have this hash.
    pub(crate) fn upload<T: DeserializeOwned>(&self, path: &str, file: &File, hash: &str) -> Result<T> {
        let request =
            self.headed(self.agent.post(self.address(path))).header("Idempotency-Key", &request_key()?);
        let request = request.header("sinew-sha256", hash).content_type("application/octet-stream");
        Ok(self.value(path, self.sent(request.send(file))?)?)
    }

    /// Sends bytes, as `upload` sends a file's.
    pub(crate) fn upload_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: &[u8],
        hash: &str,
    ) -> Result<T> {
        let request =
            self.headed(self.agent.post(self.address(path))).header("Idempotency-Key", &request_key()?);
        let request = request.header("sinew-sha256", hash).content_type("application/octet-stream");
        Ok(self.value(path, self.sent(request.send(bytes))?)?)
    }

    /// Reads what has come since a position.
    pub(crate) fn piece(&self, path: &str, from: u64) -> Result<Piece> {
        let mut response = self.open(&format!("{path}?from={from}"))?;
        let next = response.headers().get("sinew-next").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MOST).read_to_vec();
        let bytes = body.map_err(|error| self.failed(error))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // A plain file has no positions of its own: there they are bytes.
        Ok(Piece { bytes, next: next.unwrap_or(from.saturating_add(length)) })
    }

    /// Reads an answer's value.
    pub(crate) fn value<T: DeserializeOwned>(
        &self,
        path: &str,
        mut from: Response<Body>,
    ) -> Result<T, CliError> {
        let text = from.body_mut().with_config().limit(ANSWER_BYTES_MOST).read_to_vec();
        let text = text.map_err(|error| self.failed(error))?;
        serde_json::from_slice(&text).map_err(|error| CliError::Answer {
            server: self.server.clone(),
            path: path.to_owned(),
            source: error.into(),
        })
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn headed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        let request = request.header("Accept-Language", self.language);
        match &self.key {
            Some(key) => request.header("Authorization", format!("Bearer {key}")),
            None => request,
        }
    }

    /// An answer that says yes; what else came is an error.
    fn sent(&self, result: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, CliError> {
        let mut response = result.map_err(|error| self.failed(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut text = String::new();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MOST);
        // An answer that breaks off still has a status, which is what counts.
        let _ = body.reader().read_to_string(&mut text);
        let (code, detail) = reason(&text).unwrap_or_else(|| ("unknown".to_owned(), status.to_string()));
        let status = status.as_u16();
        if (400..500).contains(&status) {
            return Err(CliError::Refused { status, code, detail });
        }
        Err(CliError::Server { server: self.server.clone(), status, detail })
    }

    fn failed(&self, source: ureq::Error) -> CliError {
        CliError::Unreachable { server: self.server.clone(), source }
    }
}

/// Sends again where the answer got lost, with the same key.
fn again(send: impl Fn() -> Result<Response<Body>, CliError>) -> Result<Response<Body>, CliError> {
    let mut tried = 1;
    loop {
        match send() {
            Err(CliError::Unreachable { .. }) if tried < TRIES => tried += 1,
            other => return other,
        }
    }
}

fn request_key() -> Result<String> {
    Ok(format!("cli-{:032x}", draw::bits()?))
}

/// The code and sentence of a problem, or of an error in OpenAI's form.
fn reason(text: &str) -> Option<(String, String)> {
    if let Ok(problem) = serde_json::from_str::<Problem>(text) {
        return Some((problem.code, problem.detail));
    }
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let error = value.get("error")?;
    let field = |name: &str| error.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    Some((field("code").or_else(|| field("type")).unwrap_or_default(), field("message")?))
}

/// A text as one part of a path or one value of a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests;
