use crate::*;
use sinew_types::Canonical;

fn release(model: &str, version: u32) -> Release {
    Release {
        reference: ReleaseRef { model: model.parse().expect("a name"), version },
        files: BTreeMap::from([(WEIGHTS.to_owned(), Hash::from_bytes([7; 32]))]),
        trained_by: WorkloadId::from_bits(1),
        gated_by: WorkloadId::from_bits(2),
        released_at: Instant::from_ms(0),
    }
}

#[test]
fn versions_count_up_in_each_model_and_organisation() {
    let (ours, theirs) = (OrgId::from_bits(1), OrgId::from_bits(2));
    let name = release("chat", 1).reference.model;
    let mut registry = Registry::default();
    assert_eq!(registry.next_version(ours, &name), 1);
    registry.add(ours, release("chat", 1));
    assert_eq!((registry.next_version(ours, &name), registry.next_version(theirs, &name)), (2, 1));
    assert!(registry.release(ours, &release("chat", 1).reference).is_some());
    assert!(registry.release(theirs, &release("chat", 1).reference).is_none());
    assert_eq!(registry.of(theirs).count(), 0);
    assert_eq!(Registry::from_value(&registry.to_value()), Ok(registry));
}
