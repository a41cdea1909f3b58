//! Pools that a file describes, that fail in part, and that can be looked at.

use crate::support::World;
use serde_json::json;

fn write(world: &World, name: &str, text: &str) {
    std::fs::write(world.path(name), text).expect("the folder is ours");
}

#[test]
fn an_owner_describes_a_pool_marks_what_fails_and_looks_at_a_part() {
    let world = World::new();
    write(&world, "racks.toml", &world.run("aurora", "pool topology nvl72").good());
    world.run("aurora", "pool create racks --topology racks.toml").good();
    let failed = world.run("aurora", "pool fail racks rack-1/host-3").good();
    assert!(failed.contains("572 free, 4 failed"), "{failed}");
    let part = world.json("aurora", "pool show racks --region rack-1 --depth 2");
    assert_eq!(part["cells"].as_array().map(Vec::len), Some(18));
    let host = &part["cells"][3];
    assert_eq!((&host["region"], &host["free"]), (&json!("rack-1/host-3"), &json!(0)));
    assert_eq!((&host["failed"], &host["shares"][0]["bound"]), (&json!(4), &json!(4)));
    let restored = world.run("aurora", "pool restore racks pool").good();
    assert!(restored.contains("576 free"), "{restored}");
    let many = world.run("aurora", "pool show racks --region rack-9").bad(3);
    assert!(many.contains("there are 8 of rack"), "{many}");
    let refused = world.run("aurora", "run --pool racks -- true").bad(3);
    assert!(refused.contains("no executor serves that pool"), "{refused}");
    world.lab("lyra");
    let theirs = world.run("lyra", "pool fail racks rack-0").bad(3);
    let nobodys = world.run("lyra", "pool fail nothing rack-0").bad(3);
    assert_eq!(theirs.replace("racks", ""), nobodys.replace("nothing", ""), "as one that is not there");
}

#[test]
fn a_wrong_topology_is_refused_with_its_file_and_line() {
    let world = World::new();
    let level = |name: &str, count: u32| format!("[[level]]\nname = \"{name}\"\ncount = {count}\n");
    let text = format!("model = \"x\"\ntorus = [0, 1, 1]\n{}{}", level("cube", 1), level("chip", 64));
    write(&world, "x.toml", &text);
    let wrong = world.run("aurora", "pool create x --topology x.toml").bad(3);
    assert!(wrong.contains("`x.toml`") && wrong.contains("line 2, column 9"), "{wrong}");
    let french = world.run("aurora", "--lang fr pool create x --topology x.toml").bad(3);
    assert!(french.contains("ligne 2, colonne 9"), "{french}");
}

#[test]
fn a_rehearsal_begins_bills_and_ends_work_that_never_runs() {
    let world = World::new();
    write(&world, "racks.toml", &world.run("aurora", "pool topology nvl72").good());
    let made = world.run("aurora", "pool create dry --topology racks.toml --rehearse").good();
    assert!(made.contains("a rehearsal: no program runs"), "{made}");
    let short = "run --pool dry --name short --shape '8 racks' --limit 6s --wait -- no-such-program";
    world.run("aurora", short).good();
    world.run("aurora", "run --pool dry --name long --shape '8 racks' -- no-such-program").good();
    let behind = "run --pool dry --name behind --shape '1 rack' --limit 6s -- no-such-program";
    assert!(world.run("aurora", behind).good().contains("waits"), "a long one is in the way");
    world.run("aurora", "stop long").good();
    // Whoever needs the whole pool begins when it has left.
    let whole = "run --pool dry --name after --shape '8 racks' --limit 6s --wait -- no-such-program";
    world.run("aurora", whole).good();
    let states = world.json("aurora", "ps --all");
    let state = |name: &str| {
        let all = states.as_array().expect("a list");
        all.iter().find(|w| w["name"] == name).map(|w| w["state"].clone())
    };
    assert_eq!(state("short"), Some(json!("done")), "{states}");
    assert_eq!(state("long"), Some(json!("cancelled")), "{states}");
}
