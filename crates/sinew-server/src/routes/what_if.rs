//! Asking before doing: questions to a copy of the control plane. Nothing changes.

use crate::app::App;
use crate::auth::Caller;
use crate::driver::wall_clock;
use crate::reply::{Fail, Reply, draw, json};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use sinew_api::{ForeseenView, PromisedView, TermsWire, WorkloadRequest};
use sinew_core::{Refusal, Role};
use sinew_types::WorkloadId;
use std::sync::Arc;
use std::time::Instant;

/// What would become of this workload if it came now: as it would be submitted, its artefacts aside.
#[utoipa::path(post, path = "/api/what-if/run", request_body = WorkloadRequest, responses((status = 200, body = ForeseenView)))]
pub(crate) async fn run(State(app): State<App>, caller: Caller, body: Bytes) -> Reply<Json<ForeseenView>> {
    let request: WorkloadRequest = json(&body)?;
    let spec = Arc::new(request.to_spec().map_err(|wrong| Fail::malformed(&wrong))?);
    let (published, begun) = (app.driver.published(), Instant::now());
    let id = WorkloadId::from_bits(draw());
    let foreseen = published.control.what_if_run(wall_clock(), &caller.who, id, spec);
    let foreseen = foreseen.map_err(|refusal| Fail::refused(caller.lang, &refusal))?;
    Ok(Json(ForeseenView::of(caller.lang, &published.state, &foreseen, micros(begun))))
}

/// What these terms would come to if both sides signed them now. Asked by the pool's owner.
#[utoipa::path(post, path = "/api/what-if/contract", request_body = TermsWire, responses((status = 200, body = PromisedView)))]
pub(crate) async fn contract(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Reply<Json<PromisedView>> {
    let request: TermsWire = json(&body)?;
    let terms = request.to_terms().map_err(|wrong| Fail::malformed(&wrong))?;
    if !caller.who.roles.contains(&Role::Sign) {
        return Err(Fail::refused(caller.lang, &Refusal::NotAllowed { needs: Role::Sign }));
    }
    let (published, begun) = (app.driver.published(), Instant::now());
    let promised = published.control.what_if_contract(wall_clock(), caller.who.org, &terms);
    let promised = promised.map_err(|refusal| Fail::refused(caller.lang, &refusal))?;
    Ok(Json(PromisedView::of(&terms, &promised, micros(begun))))
}

fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}
