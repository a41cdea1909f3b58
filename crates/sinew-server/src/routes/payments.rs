//! Payments that owners write down, and statements of what was asked for and paid.

use crate::app::App;
use crate::auth::Caller;
use crate::driver::wall_clock;
use crate::reply::{Fail, PageQuery, Post, Reply, json, page};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use sinew_api::{Page, PaymentRequest, PaymentView, StatementView};
use sinew_core::{Command, Refusal, Thing};
use sinew_ledger::statement;
use sinew_types::{Asset, Instant, Malformed, Name, OrgId};
use std::collections::BTreeMap;

/// Writes down what a lab paid. The same again is the same payment; another by its reference is refused.
#[utoipa::path(post, path = "/api/payments", request_body = PaymentRequest, responses((status = 200, body = PaymentView)))]
pub(crate) async fn record(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<PaymentView>> {
    let request: PaymentRequest = json(&body)?;
    let (reference, money, paid_at) = request.read(wall_clock()).map_err(|wrong| Fail::malformed(&wrong))?;
    let lab = organisation(&app, &caller, &request.lab)?;
    let post = Post { app: &app, caller: &caller, headers: &headers, path: "/api/payments", body: &body };
    let key = (caller.who.org, lab, reference.clone());
    post.ask(vec![Command::RecordPayment { lab, reference, money, paid_at }]).await.map_err(|fail| {
        // Whether there is such an organisation is nobody's business who has no contract with it.
        let hidden = fail.0.code == "not-found";
        if hidden { Fail::not_found(caller.lang, Thing::Organisation, &request.lab) } else { fail }
    })?;
    let published = app.driver.published();
    let known = published.state.payments.get(&key);
    let known = known.ok_or_else(|| Fail::not_found(caller.lang, Thing::Organisation, &request.lab))?;
    Ok(Json(PaymentView::of(&published.state, known)))
}

/// The sender's payments, on either side.
#[utoipa::path(get, path = "/api/payments", responses((status = 200, body = Page<PaymentView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Json<Page<PaymentView>> {
    let published = app.driver.published();
    let (state, you) = (&published.state, caller.who.org);
    let party = state.payments.iter().filter(|payment| payment.owner == you || payment.lab == you);
    let cursor =
        |payment: &sinew_ledger::Payment| format!("{}/{}/{}", payment.owner, payment.lab, payment.reference);
    Json(page(&query, party.map(|payment| (cursor(payment), PaymentView::of(state, payment)))))
}

/// Of whom and of which time.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    with: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// Statements of the sender with each party to its contracts and in each currency: what was owed, asked for, credited and
/// paid. Of all time where no period is given.
#[utoipa::path(get, path = "/api/statements", params(("with" = Option<String>, Query, description = "With this party only"), ("from" = Option<String>, Query, description = "The first moment"), ("to" = Option<String>, Query, description = "The first moment after")), responses((status = 200, body = Vec<StatementView>)))]
pub(crate) async fn statements(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Reply<Json<Vec<StatementView>>> {
    let moment = |name: &str, text: &Option<String>| {
        let read = text.as_ref().map(|text| text.parse::<Instant>()).transpose();
        read.map_err(|wrong| Fail::malformed(&wrong.inside(name)))
    };
    let (from, to) = (moment("from", &which.from)?, moment("to", &which.to)?.unwrap_or_else(wall_clock));
    if from.is_some_and(|from| to < from) {
        let wrong = Malformed::new(to.to_string(), "a moment that is not before `from`");
        return Err(Fail::malformed(&wrong.inside("to")));
    }
    let with = which.with.as_ref().map(|name| organisation(&app, &caller, name)).transpose()?;
    let published = app.driver.published();
    let (state, you) = (&published.state, caller.who.org);
    let mut found: BTreeMap<(OrgId, OrgId, &Asset), Instant> = BTreeMap::new();
    for contract in state.contracts.values().filter(|contract| contract.lab_signature.is_some()) {
        let terms = &contract.terms;
        let other = if terms.owner == you { terms.lab } else { terms.owner };
        if (terms.owner == you || terms.lab == you) && with.is_none_or(|with| with == other) {
            let began = found.entry((terms.owner, terms.lab, &terms.guaranteed_price.money.asset));
            let began = began.or_insert(terms.starts);
            *began = terms.starts.min(*began);
        }
    }
    if let (Some(name), true) = (&which.with, found.is_empty()) {
        return Err(Fail::not_found(caller.lang, Thing::Organisation, name));
    }
    let made = found.into_iter().map(|((owner, lab, asset), began)| {
        let period = (from.unwrap_or_else(|| began.min(to)), to);
        statement((owner, lab), asset, period, state.invoices.values(), state.payments.iter())
            .map(|made| StatementView::of(state, &made))
            .ok_or_else(|| Fail::refused(caller.lang, &Refusal::TooLargeToCount))
    });
    made.collect::<Reply<Vec<_>>>().map(Json)
}

/// The organisation that a name is of, as far as the sender has to know.
fn organisation(app: &App, caller: &Caller, text: &str) -> Reply<OrgId> {
    let missing = || Fail::not_found(caller.lang, Thing::Organisation, text);
    let name: Name = text.parse().map_err(|_| missing())?;
    let published = app.driver.published();
    published.state.organisation_named(&name).map(|(id, _)| id).ok_or_else(missing)
}
