//! Errors on the wire: RFC 9457 problem details.

use crate::{Lang, refusal_text};
use serde::{Deserialize, Serialize};
use sinew_core::Refusal;
use utoipa::ToSchema;

/// What went wrong, where, and what to do next (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem; the same for every problem with this code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// One or two sentences for the person who reads it.
    pub detail: String,
    /// A short word for programs.
    pub code: String,
}

impl Problem {
    /// A problem with a status, a code for programs and a sentence for people.
    #[must_use]
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        let title = match status {
            400 => "Bad request",
            401 => "Who are you?",
            403 => "Not allowed",
            404 => "Not found",
            409 => "Conflict",
            413 => "Too large",
            422 => "Cannot be done",
            429 => "Too many requests",
            502 => "The endpoint failed",
            503 => "Not now",
            507 => "No space",
            _ => "Internal error",
        };
        Self {
            kind: format!("/problems/{code}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            code: code.to_owned(),
        }
    }

    /// The problem that a refusal is.
    #[must_use]
    pub fn of(lang: Lang, refusal: &Refusal) -> Self {
        let (code, detail) = refusal_text(lang, refusal);
        Self::new(status_of(refusal), code, detail)
    }
}

fn status_of(refusal: &Refusal) -> u16 {
    match refusal {
        Refusal::InBatch { why, .. } => status_of(why),
        Refusal::TooManyWorkloads { .. } => 429,
        Refusal::NotFound { .. } | Refusal::NoSuchRelease { .. } => 404,
        Refusal::NotAllowed { .. } | Refusal::OperatorOnly | Refusal::WrongSignature => 403,
        Refusal::NameTaken { .. }
        | Refusal::PublicKeySet
        | Refusal::NotOffered
        | Refusal::ContractIdTaken
        | Refusal::NoLongerFits
        | Refusal::DeviceTaken { .. }
        | Refusal::WorkloadOver { .. } => 409,
        _ => 422,
    }
}
