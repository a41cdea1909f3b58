//! Organisations and their keys.

use crate::app::App;
use crate::auth::{Caller, digest, new_secret};
use crate::reply::{Fail, PageQuery, Post, Reply, draw, json, page};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use sinew_api::{
    CreatedKey, CreatedOrganisation, KeyRequest, KeyView, MeView, OrganisationDetailView,
    OrganisationRequest, OrganisationView, Page, PlaceRequest, PublicKeyRequest, QuotaRequest, roles_of,
};
use sinew_core::{Command, Organisation, Role, Thing};
use sinew_types::{KeyId, Malformed, OrgId};
use std::collections::BTreeSet;

/// Who the key speaks for, and what it may do.
#[utoipa::path(get, path = "/api/me", responses((status = 200, body = MeView)))]
pub(crate) async fn me(State(app): State<App>, caller: Caller) -> Reply<Json<MeView>> {
    let published = app.driver.published();
    let found = published.state.organisations.get(&caller.who.org);
    let organisation = found
        .ok_or_else(|| Fail::not_found(caller.lang, Thing::Organisation, &caller.who.org.to_string()))?;
    let organisation = OrganisationView::of(caller.who.org, organisation);
    Ok(Json(MeView { organisation, roles: roles_of(&caller.who.roles) }))
}

/// Sets the key that the organisation signs contracts with. Once.
#[utoipa::path(put, path = "/api/me/public-key", request_body = PublicKeyRequest, responses((status = 200, body = OrganisationView)))]
pub(crate) async fn set_public_key(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<OrganisationView>> {
    let request: PublicKeyRequest = json(&body)?;
    let key = request
        .public_key
        .parse()
        .map_err(|wrong: Malformed| Fail::malformed(&wrong.inside("public_key")))?;
    let post =
        Post { app: &app, caller: &caller, headers: &headers, path: "/api/me/public-key", body: &body };
    post.ask(vec![Command::SetPublicKey { key }]).await?;
    me(State(app.clone()), caller).await.map(|me| Json(me.0.organisation))
}

/// The organisations that the sender may know: itself and its contracts' other parties; all, for the operator.
#[utoipa::path(get, path = "/api/organisations", responses((status = 200, body = Page<OrganisationView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Json<Page<OrganisationView>> {
    let published = app.driver.published();
    let state = &published.state;
    let me = caller.who.org;
    let parties =
        state.contracts.values().flat_map(|c| [(c.terms.owner, c.terms.lab), (c.terms.lab, c.terms.owner)]);
    let known: BTreeSet<OrgId> =
        parties.filter(|(one, _)| *one == me).map(|(_, other)| other).chain([me]).collect();
    let seen = state.organisations.iter().filter(|(id, _)| caller.who.operator || known.contains(id));
    Json(page(
        &query,
        seen.map(|(id, organisation)| (id.to_string(), OrganisationView::of(*id, organisation))),
    ))
}

/// The organisation of this name or id, if the sender is it or operates this Sinew.
fn find(app: &App, caller: &Caller, named: &str) -> Reply<(OrgId, Organisation)> {
    let published = app.driver.published();
    let state = &published.state;
    let by_name = || named.parse().ok().and_then(|name| state.organisation_named(&name)).map(|(id, _)| id);
    let id = named.parse().ok().or_else(by_name).filter(|id| caller.who.operator || *id == caller.who.org);
    let found = id.and_then(|id| state.organisations.get(&id).map(|organisation| (id, organisation.clone())));
    found.ok_or_else(|| Fail::not_found(caller.lang, Thing::Organisation, named))
}

/// One organisation with what it stores: the sender's own; any, for the operator.
#[utoipa::path(get, path = "/api/organisations/{organisation}", params(("organisation" = String, Path, description = "Name or id")), responses((status = 200, body = OrganisationDetailView)))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
) -> Reply<Json<OrganisationDetailView>> {
    let (id, organisation) = find(&app, &caller, &named)?;
    let artefacts = app.artefacts.clone();
    // The first look walks through the store.
    let used = tokio::task::spawn_blocking(move || artefacts.used_bytes(id)).await;
    let used = used.map_err(|_| Fail::new(500, "store", "the store broke off; ask again"))?;
    // To which organisation it belongs for sharing is the operator's word; whose name that is may be nobody else's to know.
    let shown = organisation.place.and_then(|place| place.under).filter(|_| caller.who.operator);
    Ok(Json(OrganisationDetailView {
        organisation: OrganisationView::of(id, &organisation),
        used_bytes: used.map_err(|error| Fail::of_store(&error))?,
        quota_bytes: app.artefacts.quota_bytes(id),
        quota_is_own: organisation.quota_bytes.is_some(),
        under: shown.map(|id| id.to_string()),
        weight: organisation.place.map_or(1, |place| place.weight),
    }))
}

/// Sets how much an organisation may store. Only the operator may.
#[utoipa::path(put, path = "/api/organisations/{organisation}/quota", params(("organisation" = String, Path, description = "Name or id")), request_body = QuotaRequest, responses((status = 200, body = OrganisationDetailView)))]
pub(crate) async fn set_quota(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<OrganisationDetailView>> {
    let request: QuotaRequest = json(&body)?;
    let (org, _) = find(&app, &caller, &named)?;
    let path = format!("/api/organisations/{org}/quota");
    let post = Post { app: &app, caller: &caller, headers: &headers, path: &path, body: &body };
    post.ask(vec![Command::SetQuota { org, bytes: request.quota_bytes }]).await?;
    show(State(app.clone()), caller, Path(named)).await
}

/// Says where an organisation stands in the tree by which idle capacity is shared. Only the operator may.
#[utoipa::path(put, path = "/api/organisations/{organisation}/place", params(("organisation" = String, Path, description = "Name or id")), request_body = PlaceRequest, responses((status = 200, body = OrganisationDetailView)))]
pub(crate) async fn place(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<OrganisationDetailView>> {
    let request: PlaceRequest = json(&body)?;
    let (org, _) = find(&app, &caller, &named)?;
    let above = request.under.map(|name| find(&app, &caller, &name)).transpose()?;
    let path = format!("/api/organisations/{org}/place");
    let post = Post { app: &app, caller: &caller, headers: &headers, path: &path, body: &body };
    let under = above.map(|(id, _)| id);
    post.ask(vec![Command::PlaceOrganisation { org, under, weight: request.weight }]).await?;
    show(State(app.clone()), caller, Path(named)).await
}

/// Adds an organisation with its first key. Only the operator may.
#[utoipa::path(post, path = "/api/organisations", request_body = OrganisationRequest, responses((status = 200, body = CreatedOrganisation)))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<CreatedOrganisation>> {
    let request: OrganisationRequest = json(&body)?;
    let name = request.name.parse().map_err(|wrong: Malformed| Fail::malformed(&wrong.inside("name")))?;
    let given = request.key_sha256.as_deref().map(str::parse).transpose();
    let given = given.map_err(|wrong: Malformed| Fail::malformed(&wrong.inside("key_sha256")))?;
    let (id, secret) = (OrgId::from_bits(draw()), new_secret());
    let roles = BTreeSet::from([Role::View, Role::Operate, Role::Sign]);
    let key = Command::AddKey {
        id: KeyId::from_bits(draw()),
        org: id,
        digest: given.unwrap_or_else(|| digest(&secret)),
        roles,
        label: "first key".to_owned(),
    };
    let post =
        Post { app: &app, caller: &caller, headers: &headers, path: "/api/organisations", body: &body };
    let answer = post.ask(vec![Command::AddOrganisation { id, name, operator: false }, key]).await?;
    let made: OrgId = answer.subject.parse().map_err(|wrong: Malformed| Fail::malformed(&wrong))?;
    let published = app.driver.published();
    let organisation = published.state.organisations.get(&made);
    let organisation =
        organisation.ok_or_else(|| Fail::not_found(caller.lang, Thing::Organisation, &answer.subject))?;
    let key = (!answer.repeated && given.is_none()).then_some(secret);
    Ok(Json(CreatedOrganisation { organisation: OrganisationView::of(made, organisation), key }))
}

/// The organisation's keys, without their secrets.
#[utoipa::path(get, path = "/api/keys", responses((status = 200, body = Page<KeyView>)))]
pub(crate) async fn list_keys(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Json<Page<KeyView>> {
    let published = app.driver.published();
    let own = published.state.keys.iter().filter(|(_, key)| key.org == caller.who.org);
    Json(page(&query, own.map(|(id, key)| (id.to_string(), KeyView::of(*id, key)))))
}

/// Adds a key to the organisation.
#[utoipa::path(post, path = "/api/keys", request_body = KeyRequest, responses((status = 200, body = CreatedKey)))]
pub(crate) async fn add_key(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<CreatedKey>> {
    let request: KeyRequest = json(&body)?;
    let roles: BTreeSet<Role> = request.roles.iter().map(|word| role(word)).collect::<Result<_, _>>()?;
    let secret = new_secret();
    let command = Command::AddKey {
        id: KeyId::from_bits(draw()),
        org: caller.who.org,
        digest: digest(&secret),
        roles,
        label: request.label,
    };
    let post = Post { app: &app, caller: &caller, headers: &headers, path: "/api/keys", body: &body };
    let answer = post.ask(vec![command]).await?;
    let id: KeyId = answer.subject.parse().map_err(|wrong: Malformed| Fail::malformed(&wrong))?;
    let published = app.driver.published();
    let key = published
        .state
        .keys
        .get(&id)
        .ok_or_else(|| Fail::not_found(caller.lang, Thing::Key, &answer.subject))?;
    Ok(Json(CreatedKey { view: KeyView::of(id, key), key: (!answer.repeated).then_some(secret) }))
}

fn role(word: &str) -> Reply<Role> {
    match word {
        "view" => Ok(Role::View),
        "operate" => Ok(Role::Operate),
        "sign" => Ok(Role::Sign),
        other => Err(Fail::malformed(&Malformed::new(other, "`view`, `operate` or `sign`").inside("roles"))),
    }
}

/// Makes a key useless.
#[utoipa::path(delete, path = "/api/keys/{id}", params(("id" = String, Path, description = "The key's id")), responses((status = 200, body = KeyView)))]
pub(crate) async fn revoke_key(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Reply<Json<KeyView>> {
    let parsed: KeyId = id.parse().map_err(|_| Fail::not_found(caller.lang, Thing::Key, &id))?;
    let published = app.driver.published();
    let own = published.state.keys.get(&parsed).filter(|key| key.org == caller.who.org);
    let view = own
        .map(|key| KeyView::of(parsed, key))
        .ok_or_else(|| Fail::not_found(caller.lang, Thing::Key, &id))?;
    let post = Post {
        app: &app,
        caller: &caller,
        headers: &headers,
        path: &format!("/api/keys/{id}"),
        body: b"DELETE",
    };
    post.ask(vec![Command::RevokeKey { id: parsed }]).await?;
    Ok(Json(view))
}
