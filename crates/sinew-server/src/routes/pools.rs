//! Pools of this machine's cores.

use crate::app::App;
use crate::auth::Caller;
use crate::machine;
use crate::reply::{Fail, PageQuery, Post, Reply, draw, json, page};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use sinew_api::{Lang, Page, PoolRequest, PoolView, read_topology};
use sinew_core::{Command, Principal, Rehearsal, Thing};
use sinew_types::{Malformed, PoolId, Resources, Topology};
use std::collections::BTreeSet;

/// The pools that the sender owns or has a contract for.
#[utoipa::path(get, path = "/api/pools", responses((status = 200, body = Page<PoolView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Json<Page<PoolView>> {
    Json(page(&query, seen(&app, &caller.who).into_iter().map(|view| (view.id.clone(), view))))
}

fn seen(app: &App, who: &Principal) -> Vec<PoolView> {
    let published = app.driver.published();
    let state = &published.state;
    let party =
        |pool: PoolId| state.contracts.values().any(|c| c.terms.pool == pool && c.terms.lab == who.org);
    let visible = state.pools.iter().filter(|(id, pool)| pool.owner == who.org || party(**id));
    visible.map(|(id, pool)| PoolView::of(state, who, *id, pool)).collect()
}

/// One pool, by name or id.
#[utoipa::path(get, path = "/api/pools/{name}", params(("name" = String, Path, description = "Name or id")), responses((status = 200, body = PoolView)))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Reply<Json<PoolView>> {
    let found = seen(&app, &caller.who).into_iter().find(|view| view.name == name || view.id == name);
    found.map(Json).ok_or_else(|| Fail::not_found(caller.lang, Thing::Pool, &name))
}

/// The pool of this name or id, where the sender owns it or has a contract for it.
pub(crate) fn find(app: &App, caller: &Caller, name: &str) -> Option<PoolId> {
    let published = app.driver.published();
    let state = &published.state;
    let who = &caller.who;
    let party =
        |pool: PoolId| state.contracts.values().any(|c| c.terms.pool == pool && c.terms.lab == who.org);
    let named = state.pools.iter().filter(|(id, pool)| pool.name.as_str() == name || id.to_string() == name);
    let mut seen = named.filter(|(id, pool)| pool.owner == who.org || party(**id));
    seen.next().map(|(id, _)| *id)
}

/// Lends cores of this machine, the lowest that are in no pool yet, or cells that a topology file describes.
#[utoipa::path(post, path = "/api/pools", request_body = PoolRequest, responses((status = 200, body = PoolView)))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<PoolView>> {
    let request: PoolRequest = json(&body)?;
    let name = request.name.parse().map_err(|wrong: Malformed| Fail::malformed(&wrong.inside("name")))?;
    let post = Post { app: &app, caller: &caller, headers: &headers, path: "/api/pools", body: &body };
    let topology = topology(&app, caller.lang, &request, post.is_repeated())?;
    let rehearsal = Rehearsal(request.rehearsal);
    let command = Command::AddPool { id: PoolId::from_bits(draw()), name, topology, rehearsal };
    let answer = post.ask(vec![command]).await?;
    show(State(app.clone()), caller, Path(answer.subject)).await
}

/// The cells that a request for a pool describes.
fn topology(app: &App, lang: Lang, request: &PoolRequest, repeated: bool) -> Reply<Topology> {
    match (request.cores, &request.topology) {
        (Some(_), None) if request.rehearsal => {
            let text = match lang {
                Lang::En => {
                    "cores of this machine run programs; a rehearsal is for the cells of a topology file"
                }
                Lang::Fr => {
                    "les cœurs de cette machine exécutent des programmes ; une répétition est pour les cellules d'un fichier de topologie"
                }
            };
            Err(Fail::new(400, "malformed", text))
        }
        (Some(cores), None) => {
            let shares = request.shares_per_core.unwrap_or(1);
            if shares == 0 || 1_000 % shares != 0 {
                let why =
                    format!("shares_per_core is a divisor of 1000 such as 1, 4, 10 or 20, not {shares}");
                return Err(Fail::new(400, "malformed", why));
            }
            let cores = if repeated { Vec::new() } else { devices(app, lang, cores)? };
            let devices: Vec<u32> = (0..shares).flat_map(|_| cores.iter().copied()).collect();
            let milli = u64::from(1_000 / shares);
            let memory_bytes = machine::memory_bytes_for_each_core() / u64::from(shares);
            let each = Resources { chip_milli: milli, cpu_milli: milli, memory_bytes };
            Ok(Topology::flat(&devices, "cpu-core", each))
        }
        (None, Some(text)) => {
            read_topology(text).map_err(|fault| Fail::new(422, "topology", fault.text(lang)))
        }
        _ => {
            let text = match lang {
                Lang::En => "give either `cores` or `topology`, the text of a topology file",
                Lang::Fr => "donnez soit `cores`, soit `topology`, le texte d'un fichier de topologie",
            };
            Err(Fail::new(400, "malformed", text))
        }
    }
}

/// The lowest cores that no pool has. A pool of more than the machine has is refused here, because the core does not
/// know the machine.
fn devices(app: &App, lang: Lang, wanted: u32) -> Reply<Vec<u32>> {
    let published = app.driver.published();
    let pools = published.state.pools.values();
    let taken: BTreeSet<u32> = pools.flat_map(|pool| pool.topology.devices().iter().copied()).collect();
    let free: Vec<u32> = machine::cores().into_iter().filter(|core| !taken.contains(core)).collect();
    let wanted_count = usize::try_from(wanted).unwrap_or(usize::MAX);
    if wanted_count > free.len() {
        let count = free.len();
        let detail = match lang {
            Lang::En => format!(
                "the pool would have {wanted} cores, and {count} of this machine are in no pool yet; ask for fewer"
            ),
            Lang::Fr => format!(
                "le pool aurait {wanted} cœurs, et {count} de cette machine sont encore libres ; demandez-en moins"
            ),
        };
        return Err(Fail::new(422, "machine-too-small", detail));
    }
    Ok(free.into_iter().take(wanted_count).collect())
}
