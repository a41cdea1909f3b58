//! What the machine enforces, as its server shows it.

use crate::api::Api;
use crate::world::World;
use serde_json::{Value, json};
use sinew_exec::{Executor, Isolation, Support};

/// What the executor finds on this machine, by the words that the API uses.
fn probed(found: &Isolation) -> [(&'static str, &Support); 11] {
    [
        ("identity", &found.identity),
        ("files", &found.mount_namespace),
        ("file-rules", &found.landlock),
        ("processes", &found.process_namespace),
        ("network", &found.network_namespace),
        ("shared-memory", &found.ipc_namespace),
        ("system-calls", &found.system_calls),
        ("cores", &found.cores),
        ("memory", &found.memory),
        ("process-count", &found.processes),
        ("disk", &found.disk),
    ]
}

fn protections(answer: &Value) -> Vec<Value> {
    answer["protections"].as_array().expect("a list").clone()
}

#[test]
fn the_answer_is_what_the_executor_found_and_every_key_may_read_it() {
    let world = World::new(1);
    let lab = world.lab("lyra");
    let view_only = lab.must("/api/keys", &json!({"label": "reader", "roles": ["view"]}));
    let reader = Api::new(&lab.url, view_only["key"].as_str().expect("a secret"));
    let shown = protections(&world.owner.get("/api/machine").body);
    let wire = |(code, support): (&str, &Support)| match support {
        Support::Enforced => json!([code, "enforced", null]),
        Support::Weaker { how } => json!([code, "weaker", how]),
        Support::Unavailable { why } => json!([code, "unavailable", why]),
    };
    let expected: Vec<Value> = probed(&Executor::capabilities()).map(wire).into();
    let found: Vec<Value> =
        shown.iter().map(|view| json!([view["protection"], view["support"], view["detail"]])).collect();
    assert_eq!(found, expected);
    assert_eq!(protections(&lab.get("/api/machine").body), shown, "a lab reads the same");
    assert_eq!(protections(&reader.get("/api/machine").body), shown, "with any key");
    assert_eq!(Api::new(&lab.url, "sk-sinew-guess").get("/api/machine").status, 401);
}

#[test]
fn the_answer_is_in_the_readers_language() {
    let world = World::new(1);
    let [english, french] =
        ["en", "fr"].map(|language| protections(&world.owner.get_in(language, "/api/machine").body));
    assert_eq!(english.len(), french.len());
    for (one, other) in english.iter().zip(&french) {
        for same in ["protection", "support", "detail"] {
            assert_eq!(one[same], other[same], "for programs, and the system's own words");
        }
        for prose in ["name", "says"] {
            assert!(one[prose].as_str().is_some_and(|text| !text.is_empty()), "{one}");
            assert_ne!(one[prose], other[prose]);
        }
    }
    let disk =
        |all: &[Value]| all.iter().find(|view| view["protection"] == "disk").map(|view| view["name"].clone());
    assert_eq!([disk(&english), disk(&french)], [Some(json!("disk limit")), Some(json!("limite de disque"))]);
}
