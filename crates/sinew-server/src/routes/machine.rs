//! What the machine under the workloads enforces.

use crate::app::App;
use crate::auth::Caller;
use crate::machine;
use axum::Json;
use axum::extract::State;
use sinew_api::MachineView;

/// What this machine can and cannot enforce on workloads. Every key may read it: a lab decides by it what it runs here.
#[utoipa::path(get, path = "/api/machine", responses((status = 200, body = MachineView)))]
pub(crate) async fn show(State(app): State<App>, caller: Caller) -> Json<MachineView> {
    Json(machine::view(caller.lang, app.runner.isolation(), app.runner.trusts_owner()))
}
