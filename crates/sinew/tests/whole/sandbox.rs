//! What a workload may touch, tried by workloads.

use crate::world::{World, log_of, shell, until_state};
use serde_json::json;
use std::net::TcpListener;

/// Runs a script for a lab and answers what it printed.
fn printed(world: &World, name: &str, script: &str) -> String {
    let lab = world.lab(name);
    world.contract(&lab, name, |_| {});
    lab.must("/api/workloads", &shell("try", script));
    let view = until_state(&lab, "try", &["done", "failed"]);
    let said = log_of(&lab, "try");
    assert_eq!(view["state"], "done", "{view} {said}");
    said
}

#[test]
fn what_belongs_to_others_cannot_be_reached() {
    let world = World::new(2);
    let rival = world.lab("vega");
    rival.must("/api/artefacts", &json!("their weights"));
    let data = world.data().canonicalize().expect("the data folder");
    let keys = world.folder.path().join("keys");
    std::fs::create_dir(&keys)
        .and_then(|()| std::fs::write(keys.join("signing.key"), "seed"))
        .expect("a key store");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener on the host");
    let port = listener.local_addr().expect("its address").port();
    let server_port = world.owner.url.rsplit(':').next().expect("a port").to_owned();
    let (data, keys) = (data.display(), keys.display());
    let tries = [
        format!("cat {data}/journal.sqlite"),
        format!("cat {data}/sinew.json"),
        format!("ls {data}/orgs"),
        format!("ls {data}/run"),
        format!("find {data} -name '*' -type f | grep -q artefacts"),
        format!("cat {keys}/signing.key"),
        "cat /etc/shadow".to_owned(),
        "ls /root".to_owned(),
        "ls /home".to_owned(),
        "cat /proc/1/environ | grep -q CARGO".to_owned(),
        "touch /usr/bin/sinew-was-here".to_owned(),
        "touch /tmp/sinew-was-here".to_owned(),
        format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'"),
        format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{server_port}'"),
        "bash -c 'exec 3<>/dev/udp/127.0.0.1/53 && echo x >&3'".to_owned(),
        "mount -t tmpfs none /mnt".to_owned(),
        "unshare -U true".to_owned(),
        "env | grep -q CARGO".to_owned(),
    ];
    let script: String = tries
        .iter()
        .enumerate()
        .map(|(at, one)| format!("if {{ {one}; }} >/dev/null 2>&1; then echo reached {at}; fi\n"))
        .collect();
    assert_eq!(
        printed(&world, "lyra", &format!("{script}echo tried {}", tries.len())),
        format!("tried {}\n", tries.len())
    );
}

#[test]
fn a_workload_finds_what_it_was_given() {
    let world = World::new(2);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    let hash = lab.must("/api/artefacts", &json!("hello"))["hash"].clone();
    let script = "cat $SINEW_INPUTS/deep/greeting && mkdir -p out/a && echo made > out/a/thing && ln -s /etc/passwd out/link \
                  && echo \" $RANK $WORLD_SIZE $MASTER_ADDR $SINEW_CPUS $GREETING\" && ! touch $SINEW_INPUTS/x 2>/dev/null && nproc";
    let request = json!({
        "name": "look", "least": "1 chip", "argv": ["sh", "-c", script],
        "env": {"GREETING": "bonjour"}, "inputs": {"deep/greeting": hash},
    });
    lab.must("/api/workloads", &request);
    let view = until_state(&lab, "look", &["done", "failed"]);
    assert_eq!(log_of(&lab, "look"), "\"hello\" 0 1 127.0.0.1 1 bonjour\n1\n");
    let outputs = view["outputs"].as_object().expect("outputs");
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["a/thing"], "a link is no output");
    let made = lab.get(&format!("/api/artefacts/{}", outputs["a/thing"].as_str().expect("a hash")));
    assert_eq!(made.body, json!("made\n"));
}

#[test]
fn a_loopback_is_ones_own() {
    let world = World::new(2);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener on the host");
    let port = listener.local_addr().expect("its address").port();
    let script = format!(
        "if bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>/dev/null; then echo reached; fi; cat /proc/net/dev | grep -c :"
    );
    lab.must(
        "/api/workloads",
        &json!({"name": "net", "least": "1 chip", "argv": ["sh", "-c", script], "network": "loopback"}),
    );
    until_state(&lab, "net", &["done", "failed"]);
    assert_eq!(log_of(&lab, "net").trim(), "1", "one interface, and not the host's");
}
