//! What a workload leaves in `out`.

use crate::world::{World, log_of, shell, until_state};

#[test]
fn a_file_that_cannot_be_kept_takes_no_other_with_it() {
    let world = World::with(1, |settings| settings.quota_bytes = 8_192);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    // The one in the middle has no room beside the first; what comes after it has.
    let script = "cd $SINEW_OUT; echo first > a; head -c 4000 /dev/zero > b; head -c 6000 /dev/urandom > c; echo last > d; \
                  n=$(printf 'n%.0s' $(seq 100)); mkdir -p cc/$n/$n; echo far > cc/$n/$n/$n";
    lab.must("/api/workloads", &shell("leaves", script));
    let view = until_state(&lab, "leaves", &["done", "failed"]);
    let kept: Vec<&String> = view["outputs"].as_object().expect("outputs").keys().collect();
    assert_eq!(kept, ["a", "b", "d"], "{view}");
    let said = log_of(&lab, "leaves");
    assert!(said.contains("`out/c` is not kept"), "its organisation reads what was lost: {said}");
    assert!(said.contains("its path is longer than 256 bytes"), "and why: {said}");
}
