//! The web pages, embedded: built ahead from `web/`, so that users need only cargo.

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Dist;

/// What the pages may load and where they may stand.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// The front door.
pub(crate) async fn root() -> Redirect {
    Redirect::temporary("/console")
}

/// `/console` and `/chat`: one page that looks at its own address.
pub(crate) async fn app() -> Response {
    file("index.html")
}

/// Everything that the page loads.
pub(crate) async fn asset(uri: Uri) -> Response {
    file(uri.path().trim_start_matches('/'))
}

fn file(path: &str) -> Response {
    let Some(found) = Dist::get(path) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    let mut response = found.data.into_owned().into_response();
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        // In the place of what is there: a browser need not take the last of two kinds.
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_header_of_a_page_is_there_once() {
        for (path, kind) in [("index.html", "text/html"), ("assets/app.js", "text/javascript")] {
            let answer = file(path);
            let headers = answer.headers();
            let kinds: Vec<_> = headers.get_all(header::CONTENT_TYPE).iter().collect();
            assert!(
                kinds.len() == 1 && kinds[0].to_str().is_ok_and(|found| found.starts_with(kind)),
                "{kinds:?}"
            );
            assert_eq!(headers.len(), headers.keys_len(), "{headers:?}");
        }
    }
}
