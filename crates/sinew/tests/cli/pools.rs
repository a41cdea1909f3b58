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
