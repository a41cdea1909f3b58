use super::*;

fn namespaces(isolation: &Isolation) -> [&Support; 4] {
    [
        &isolation.mount_namespace,
        &isolation.process_namespace,
        &isolation.network_namespace,
        &isolation.ipc_namespace,
    ]
}

/// A machine with everything, whatever this one has.
fn everything() -> Isolation {
    Isolation {
        identity: Support::Enforced,
        mount_namespace: Support::Enforced,
        process_namespace: Support::Enforced,
        network_namespace: Support::Enforced,
        ipc_namespace: Support::Enforced,
        ..Isolation::probe()
    }
}

#[test]
fn a_machine_with_some_namespaces_claims_none() {
    let whole = everything().with_all_namespaces_or_none();
    assert!(namespaces(&whole).iter().all(|support| **support == Support::Enforced));
    let refused = Support::Unavailable { why: "Operation not permitted".into() };
    let lame = Isolation { network_namespace: refused.clone(), ..everything() }.with_all_namespaces_or_none();
    assert!(namespaces(&lame).iter().all(|support| !support.holds()), "{lame:?}");
    assert_eq!(lame.network_namespace, refused, "what the system said stays");
    assert_eq!(lame.processes, shared_process_count());
}

#[test]
fn nothing_is_claimed_to_bound_a_whole_work_folder() {
    assert!(matches!(Isolation::probe().disk, Support::Weaker { .. }));
}
