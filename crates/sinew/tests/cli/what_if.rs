//! Asking before doing, by command line.

use crate::support::World;

#[test]
fn a_lab_asks_whether_it_would_start() {
    let world = World::new();
    world.lab("lyra");
    // Without a contract there is nothing to start on, and the sentence says what to do.
    let refused = world.run("lyra", "what-if run").bad(3);
    assert!(refused.contains("sinew contract sign"), "{refused}");
    world.run("aurora", "pool add north --cores 1").good();
    let owner = world.json("aurora", "what-if run");
    assert_eq!(owner["starts"], serde_json::json!(true));
    let said = world.run("aurora", "what-if run").good();
    assert!(said.starts_with("it would start now: 1 own, 0 borrowed (answered in "), "{said}");
    let french = world.run("aurora", "--lang fr what-if run").good();
    assert!(french.starts_with("elle démarrerait maintenant : 1 propres"), "{french}");
}
