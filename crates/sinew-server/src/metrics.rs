//! Figures for Prometheus, for the operator's key.

use crate::app::App;
use crate::auth::Caller;
use crate::reply::{Fail, Reply};
use axum::extract::State;
use sinew_core::{Phase, Refusal};

/// Counts and gauges of this Sinew in Prometheus' text form. They speak of every organisation together, so only the
/// operator reads them.
#[utoipa::path(get, path = "/metrics", responses((status = 200, description = "Prometheus text", body = String)))]
pub(crate) async fn metrics(State(app): State<App>, caller: Caller) -> Reply<String> {
    if !caller.who.operator {
        return Err(Fail::refused(caller.lang, &Refusal::OperatorOnly));
    }
    let published = app.driver.published();
    let count =
        |wanted: fn(&Phase) -> bool| published.state.workloads.values().filter(|w| wanted(&w.phase)).count();
    let own = app.own_use.view();
    let figures = [
        ("sinew_journal_records", published.records.to_string()),
        ("sinew_workloads_waiting", count(|phase| matches!(phase, Phase::Waiting { .. })).to_string()),
        ("sinew_workloads_running", count(|phase| matches!(phase, Phase::Holding { .. })).to_string()),
        ("sinew_control_plane_cpu_milli", own.cpu_milli.to_string()),
        ("sinew_control_plane_memory_bytes", own.memory_bytes.to_string()),
    ];
    Ok(figures.iter().map(|(name, value)| format!("# TYPE {name} gauge\n{name} {value}\n")).collect())
}
