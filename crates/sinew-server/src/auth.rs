//! Who asks: the key in `Authorization: Bearer …`, as a principal.

use crate::app::App;
use crate::reply::Fail;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use sinew_api::{Lang, Problem};
use sinew_core::{Principal, Refusal, Role, State};
use sinew_types::Hash;

/// The sender of a request and the language it reads.
pub(crate) struct Caller {
    pub(crate) who: Principal,
    pub(crate) lang: Lang,
}

/// A new secret: 256 bits of chance.
pub(crate) fn new_secret() -> String {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("the system gives out chance");
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sk-sinew-{digits}")
}

/// What is kept of a secret.
pub(crate) fn digest(secret: &str) -> Hash {
    Hash::from_bytes(Sha256::digest(secret.as_bytes()).into())
}

/// The principal that a secret speaks for.
fn principal(state: &State, secret: &str) -> Option<Principal> {
    // Digests of 256-bit secrets: comparing them byte by byte tells a guesser nothing.
    let wanted = digest(secret);
    let key = state.keys.values().find(|key| key.digest == wanted)?;
    let operator = state.organisations.get(&key.org)?.operator;
    Some(Principal { org: key.org, roles: key.roles.clone(), operator })
}

/// The language that a request asks for.
pub(crate) fn lang(headers: &HeaderMap) -> Lang {
    headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).map_or(Lang::En, Lang::asked)
}

/// The principal of a request, or nothing.
pub(crate) fn identify(app: &App, headers: &HeaderMap) -> Option<Principal> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    principal(&app.driver.published().state, value.strip_prefix("Bearer ")?.trim())
}

impl FromRequestParts<App> for Caller {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fail> {
        let lang = lang(&parts.headers);
        match identify(app, &parts.headers) {
            Some(who) if !who.roles.contains(&Role::View) => {
                Err(Fail::refused(lang, &Refusal::NotAllowed { needs: Role::View }))
            }
            Some(who) => Ok(Self { who, lang }),
            None => Err(Fail(Box::new(unknown_key(lang)))),
        }
    }
}

fn unknown_key(lang: Lang) -> Problem {
    let detail = match lang {
        Lang::En => {
            "the request needs `Authorization: Bearer KEY` with a key that is known here; see `sinew org join`"
        }
        Lang::Fr => {
            "la requête a besoin de `Authorization: Bearer CLÉ` avec une clé connue ici ; voyez `sinew org join`"
        }
    };
    Problem::new(StatusCode::UNAUTHORIZED.as_u16(), "unknown-key", detail)
}
