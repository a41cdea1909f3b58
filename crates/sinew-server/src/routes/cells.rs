//! Parts of a pool: what failed, what is back, and who holds what at any depth.

use crate::app::App;
use crate::auth::Caller;
use crate::reply::{Fail, Post, Reply, json};
use crate::routes::pools;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use sinew_api::{CELLS_MAX, CellsRequest, Lang, NoAnswer, PoolView, RegionView};
use sinew_core::{Command, Refusal, Thing};
use sinew_types::{Malformed, PoolId, Region};

/// Which cells, and how far below.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CellsQuery {
    region: Option<String>,
    depth: Option<u32>,
}

/// Who holds what of a region, `depth` levels below it (1 where absent).
#[utoipa::path(
    get,
    path = "/api/pools/{name}/cells",
    params(
        ("name" = String, Path, description = "Name or id"),
        ("region" = Option<String>, Query, description = "Such as `pod-3/rack-1`; the whole pool where absent"),
        ("depth" = Option<u32>, Query, description = "How many levels below; 1 where absent")
    ),
    responses((status = 200, body = RegionView))
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<CellsQuery>,
) -> Reply<Json<RegionView>> {
    let lang = caller.lang;
    let missing = || Fail::not_found(lang, Thing::Pool, &name);
    let pool = pools::find(&app, &caller, &name).ok_or_else(missing)?;
    let region = region(query.region.as_deref().unwrap_or(""))?;
    let published = app.driver.published();
    let what = (&region, query.depth.unwrap_or(1));
    match RegionView::of(&published.control, &caller.who, pool, what) {
        Ok(found) => found.map(Json).ok_or_else(missing),
        Err(NoAnswer::Region { flaw }) => Err(Fail::refused(lang, &Refusal::NoSuchCells { region, flaw })),
        Err(NoAnswer::TooMany { cells }) => Err(Fail::new(422, "too-many-cells", too_many(lang, cells))),
    }
}

fn too_many(lang: Lang, cells: u32) -> String {
    match lang {
        Lang::En => format!(
            "the answer would have {cells} cells, and {CELLS_MAX} at most fit; ask for a smaller region or depth"
        ),
        Lang::Fr => format!(
            "la réponse aurait {cells} cellules, et {CELLS_MAX} au plus tiennent ; demandez une région ou une profondeur moindre"
        ),
    }
}

/// Says that cells have failed: whoever holds them ends, and promises move to healthy cells where there are any.
#[utoipa::path(post, path = "/api/pools/{name}/cells/down", params(("name" = String, Path, description = "Name or id")), request_body = CellsRequest, responses((status = 200, body = PoolView)))]
pub(crate) async fn down(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<PoolView>> {
    let command = |pool, region| Command::CellsDown { pool, region };
    change(&app, caller, (&name, "down"), (&headers, &body), command).await
}

/// Says that cells are healthy again.
#[utoipa::path(post, path = "/api/pools/{name}/cells/up", params(("name" = String, Path, description = "Name or id")), request_body = CellsRequest, responses((status = 200, body = PoolView)))]
pub(crate) async fn up(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<PoolView>> {
    let command = |pool, region| Command::CellsUp { pool, region };
    change(&app, caller, (&name, "up"), (&headers, &body), command).await
}

async fn change(
    app: &App,
    caller: Caller,
    what: (&str, &str),
    sent: (&HeaderMap, &Bytes),
    command: impl FnOnce(PoolId, Region) -> Command,
) -> Reply<Json<PoolView>> {
    let (name, word) = what;
    let (headers, body) = sent;
    let request: CellsRequest = json(body)?;
    let pool =
        pools::find(app, &caller, name).ok_or_else(|| Fail::not_found(caller.lang, Thing::Pool, name))?;
    let command = command(pool, region(&request.region)?);
    let path = format!("/api/pools/{pool}/cells/{word}");
    let post = Post { app, caller: &caller, headers, path: &path, body };
    let answer = post.ask(vec![command]).await?;
    pools::show(State(app.clone()), caller, Path(answer.subject)).await
}

fn region(text: &str) -> Reply<Region> {
    text.parse().map_err(|wrong: Malformed| Fail::malformed(&wrong.inside("region")))
}
