//! Answers: JSON or a problem.

use crate::app::App;
use crate::auth::Caller;
use crate::driver::Fault;
use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use sinew_api::{Lang, Page, Problem};
use sinew_core::{Actor, Answer, Command, Refusal, Request, RequestKey, Thing};
use sinew_store::StoreError;
use sinew_types::{Hash, Malformed};

/// A problem on its way out.
pub(crate) struct Fail(pub(crate) Box<Problem>);

/// What handlers answer.
pub(crate) type Reply<T> = Result<T, Fail>;

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(*self.0)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

impl Fail {
    pub(crate) fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(status, code, detail)))
    }

    pub(crate) fn refused(lang: Lang, refusal: &Refusal) -> Self {
        Self(Box::new(Problem::of(lang, refusal)))
    }

    pub(crate) fn not_found(lang: Lang, thing: Thing, name: &str) -> Self {
        Self::refused(lang, &Refusal::NotFound { thing, name: name.to_owned() })
    }

    pub(crate) fn malformed(wrong: &Malformed) -> Self {
        Self::new(400, "malformed", format!("{wrong}; correct it and send the request again"))
    }

    pub(crate) fn of_fault(lang: Lang, fault: Fault) -> Self {
        let (status, code, en, fr) = match fault {
            Fault::NoSpace => (
                507,
                "no-space",
                "the server's disk is full: nothing was done; free space there and send the request again",
                "le disque du serveur est plein : rien n'a été fait ; libérez de la place et renvoyez la requête",
            ),
            Fault::Busy => (
                503,
                "busy",
                "too many requests wait here: nothing was done; send the request again in a moment",
                "trop de requêtes attendent : rien n'a été fait ; renvoyez la requête dans un instant",
            ),
            Fault::Stopping => (
                503,
                "stopping",
                "the server is stopping; send the request again with the same Idempotency-Key when it is back",
                "le serveur s'arrête ; renvoyez la requête avec la même Idempotency-Key quand il sera revenu",
            ),
        };
        Self::new(status, code, if lang == Lang::Fr { fr } else { en })
    }

    pub(crate) fn of_store(error: &StoreError) -> Self {
        let (status, code) = match error {
            StoreError::QuotaExceeded { .. } => (413, "quota-exceeded"),
            StoreError::WrongHash { .. } => (422, "wrong-hash"),
            StoreError::NoArtefact { .. } => (404, "not-found"),
            StoreError::Full { .. } => (507, "no-space"),
            StoreError::CollectionHeld => (409, "collection-held"),
            _ => (500, "store"),
        };
        Self::new(status, code, error.to_string())
    }
}

/// Reads a JSON body into a wire type; unknown fields and wrong forms are named.
pub(crate) fn json<T: DeserializeOwned>(body: &Bytes) -> Reply<T> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(|wrong| {
        Fail::new(
            400,
            "malformed",
            format!("the body cannot be read: {wrong}; see /openapi.json for its form"),
        )
    })
}

/// The client's name for this request, with a hash of what it asks.
fn request_key(headers: &HeaderMap, path: &str, body: &[u8]) -> Reply<Option<RequestKey>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let Some(key) = key else {
        return Err(Fail::new(
            400,
            "malformed",
            "the Idempotency-Key must be 1 to 255 visible ASCII letters",
        ));
    };
    let mut hasher = Sha256::new();
    hasher.update(path.as_bytes());
    hasher.update([0]);
    hasher.update(body);
    Ok(Some(RequestKey { key: key.to_owned(), fingerprint: Hash::from_bytes(hasher.finalize().into()) }))
}

/// A POST as the core sees it: who asks, under which key, with which body.
pub(crate) struct Post<'a> {
    pub(crate) app: &'a App,
    pub(crate) caller: &'a Caller,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
}

impl Post<'_> {
    /// Whether a request with this key was answered before, so that nothing about it needs checking again.
    pub(crate) fn is_repeated(&self) -> bool {
        let key = self.headers.get("idempotency-key").and_then(|value| value.to_str().ok());
        let known = |key: &str| {
            self.app.driver.published().state.answered.contains_key(&(self.caller.who.org, key.to_owned()))
        };
        key.is_some_and(known)
    }

    /// Asks for commands that belong together; answers the first one's outcome when all were accepted.
    pub(crate) async fn ask(&self, commands: Vec<Command>) -> Reply<Answer> {
        let key = request_key(self.headers, self.path, self.body)?;
        let request = |(at, command): (usize, Command)| {
            let key = key.clone().map(|key| match at {
                0 => key,
                // The parts after the first have keys of their own, which no client can send.
                _ => RequestKey { key: format!("{}\u{0}{at}", key.key), ..key },
            });
            Request { actor: Actor::Principal(self.caller.who.clone()), key, command }
        };
        let requests: Vec<Request> = commands.into_iter().enumerate().map(request).collect();
        let lang = self.caller.lang;
        let decided = self.app.driver.ask(requests).await.map_err(|fault| Fail::of_fault(lang, fault))?;
        let mut answers = Vec::new();
        for one in decided {
            answers.push(one.map_err(|refusal| Fail::refused(lang, &refusal))?);
        }
        answers.into_iter().next().ok_or_else(|| Fail::of_fault(lang, Fault::Stopping))
    }
}

/// Draws 128 bits for a new identity.
pub(crate) fn draw() -> u128 {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the system gives out chance");
    u128::from_be_bytes(bytes)
}

/// How a list is asked for.
#[derive(serde::Deserialize)]
pub(crate) struct PageQuery {
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) state: Option<String>,
}

impl PageQuery {
    /// How many items one page has.
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(100).clamp(1, 1_000)
    }
}

/// One page of items, in the order of their cursors.
pub(crate) fn page<T>(query: &PageQuery, items: impl Iterator<Item = (String, T)>) -> Page<T> {
    let limit = query.limit();
    let after = query.after.clone().unwrap_or_default();
    let mut rest: Vec<(String, T)> = items.filter(|(cursor, _)| *cursor > after).collect();
    rest.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut rest = rest.into_iter();
    let mut taken: Vec<(String, T)> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let next = if more { taken.last().map(|(cursor, _)| cursor.clone()) } else { None };
    Page { items: taken.drain(..).map(|(_, item)| item).collect(), next }
}

#[cfg(test)]
mod tests;
