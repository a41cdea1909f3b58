//! What the console page shows.

use crate::app::App;
use crate::auth::Caller;
use crate::driver::{Published, wall_clock};
use crate::reply::{Fail, Reply};
use crate::strip::Hold;
use axum::Json;
use axum::extract::{Query, State};
use serde::Serialize;
use sinew_api::{ConsoleView, IntervalView, StripView, kind_text};
use sinew_core::{Principal, Thing};
use sinew_types::{PoolId, Span};
use utoipa::ToSchema;

/// How far back the strip reaches by default, and at most.
const WINDOW_S: u64 = 300;
const WINDOW_S_MAX: u64 = 86_400;

/// Which program this is and whose folder it has.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// The version.
    version: String,
    /// The Sinew's own id.
    instance: String,
}

/// Whether the server answers. Needs no key.
#[utoipa::path(get, path = "/api/health", responses((status = 200, body = HealthView)))]
pub(crate) async fn health(State(app): State<App>) -> Json<HealthView> {
    Json(HealthView { version: env!("CARGO_PKG_VERSION").to_owned(), instance: app.instance.to_string() })
}

/// How much of the past is asked for.
#[derive(serde::Deserialize)]
pub(crate) struct WindowQuery {
    window_s: Option<u64>,
}

/// Everything that the sender's organisation sees now.
#[utoipa::path(get, path = "/api/console", params(("window_s" = Option<u64>, Query, description = "How many seconds of the past the strips show")), responses((status = 200, body = ConsoleView)))]
pub(crate) async fn console(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<WindowQuery>,
) -> Reply<Json<ConsoleView>> {
    let published = app.driver.published();
    let now = wall_clock();
    let made = ConsoleView::of(caller.lang, &published.state, now, &caller.who);
    let mut view =
        made.ok_or_else(|| Fail::not_found(caller.lang, Thing::Organisation, &caller.who.org.to_string()))?;
    let window = Span::from_ms(query.window_s.unwrap_or(WINDOW_S).min(WINDOW_S_MAX) * 1_000);
    let from = now.minus(window);
    for pool in &mut view.pools {
        let Ok(id) = pool.id.parse::<PoolId>() else { continue };
        let seen = published.strip.since(id, from).filter(|hold| pool.mine || hold.org == caller.who.org);
        let intervals = seen.map(|hold| interval(&published, &caller.who, hold)).collect();
        pool.strip = StripView { from: from.to_string(), to: now.to_string(), intervals };
    }
    view.control_plane = caller.who.operator.then(|| app.own_use.view());
    Ok(Json(view))
}

fn interval(published: &Published, who: &Principal, hold: &Hold) -> IntervalView {
    let organisation = published.state.organisations.get(&hold.org);
    IntervalView {
        cell: hold.cell.0,
        from: hold.from.to_string(),
        to: hold.to.map(|to| to.to_string()),
        kind: kind_text(hold.holding).to_owned(),
        organisation: organisation.map_or_else(String::new, |o| o.name.to_string()),
        workload: (hold.org == who.org).then(|| hold.workload.clone()),
    }
}
