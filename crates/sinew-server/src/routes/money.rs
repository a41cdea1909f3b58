//! Where the sender's own money goes.

use crate::app::App;
use crate::auth::Caller;
use crate::reply::{Fail, Reply};
use axum::Json;
use axum::extract::State;
use sinew_api::{MoneyView, Page, own_money};
use sinew_core::Refusal;

/// What the sender's own invoices, on either side, say about who owes whom: one view for each asset. A lab sees what it owes
/// and is owed, and nobody else's flows.
#[utoipa::path(get, path = "/api/money", responses((status = 200, body = Page<MoneyView>)))]
pub(crate) async fn show(State(app): State<App>, caller: Caller) -> Reply<Json<Page<MoneyView>>> {
    let published = app.driver.published();
    let views = own_money(&published.state, caller.who.org)
        .map_err(|_| Fail::refused(caller.lang, &Refusal::TooLargeToCount))?;
    Ok(Json(Page { items: views, next: None }))
}
