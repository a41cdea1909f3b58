//! How much each organisation may store.

use crate::api::Api;
use crate::world::{World, log_of, shell, until_state};
use serde_json::{Value, json};

fn shown(api: &Api, name: &str) -> (Value, Value, Value) {
    let view = api.get(&format!("/api/organisations/{name}")).body;
    (view["used_bytes"].clone(), view["quota_bytes"].clone(), view["quota_is_own"].clone())
}

#[test]
fn each_organisation_has_its_own_quota_and_keeps_it_over_a_restart() {
    let mut world = World::with(1, |settings| settings.quota_bytes = 1_000);
    let (lyra, vega) = (world.lab("lyra"), world.lab("vega"));
    let eight = json!("sixletter");
    lyra.must("/api/artefacts", &eight);
    let used = eight.to_string().len();
    assert_eq!(shown(&lyra, "lyra"), (json!(used), json!(1_000), json!(false)));

    assert_eq!(world.owner.put("/api/organisations/lyra/quota", &json!({"quota_bytes": 15})).status, 200);
    assert_eq!(shown(&world.owner, "lyra"), (json!(used), json!(15), json!(true)));
    let full = lyra.post("/api/artefacts", &json!("others"));
    assert_eq!((full.status, &full.body["code"]), (413, &json!("quota-exceeded")), "{}", full.body);
    vega.must("/api/artefacts", &json!("others"));

    world.stop();
    world.start(|settings| settings.quota_bytes = 2_000);
    assert_eq!(shown(&lyra, "lyra"), (json!(used), json!(15), json!(true)));
    assert_eq!(shown(&vega, "vega").1, json!(2_000));
    assert_eq!(lyra.post("/api/artefacts", &json!("others")).status, 413);

    assert_eq!(world.owner.put("/api/organisations/lyra/quota", &json!({"quota_bytes": null})).status, 200);
    lyra.must("/api/artefacts", &json!("others"));
    assert_eq!(shown(&lyra, "lyra").1, json!(2_000));
}

#[test]
fn a_quota_is_the_operators_to_set_and_no_rivals_to_see() {
    let world = World::new(1);
    let (lyra, vega) = (world.lab("lyra"), world.lab("vega"));
    let mine = lyra.put("/api/organisations/lyra/quota", &json!({"quota_bytes": 1}));
    assert_eq!((mine.status, &mine.body["code"]), (403, &json!("operator-only")), "{}", mine.body);
    let rival = vega.get("/api/organisations/lyra");
    let nobody = vega.get("/api/organisations/nobody");
    assert_eq!((rival.status, nobody.status), (404, 404));
    let said = |answer: crate::api::Answer| answer.body.to_string().replace("lyra", "nobody");
    assert_eq!(said(rival), said(nobody));
    assert_eq!(vega.put("/api/organisations/lyra/quota", &json!({"quota_bytes": 1})).status, 404);
}

#[test]
fn no_file_of_a_workload_is_larger_than_its_organisations_quota() {
    let world = World::new(1);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    assert_eq!(world.owner.put("/api/organisations/lyra/quota", &json!({"quota_bytes": 4_096})).status, 200);
    let script =
        "head -c 5000 /dev/zero > large; wc -c < large; head -c 4000 /dev/zero > small; wc -c < small";
    lab.must("/api/workloads", &shell("writes", script));
    until_state(&lab, "writes", &["done"]);
    let said = log_of(&lab, "writes");
    let sizes: Vec<&str> =
        said.lines().filter(|line| line.bytes().all(|byte| byte.is_ascii_digit())).collect();
    assert_eq!(sizes, ["4096", "4000"], "{said}");
}
