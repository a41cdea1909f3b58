use proptest::prelude::*;

use super::*;

#[test]
fn only_one_spelling_is_read() {
    assert_eq!(parse_id("0000000000000000000000000000000A"), None);
    assert_eq!(parse_id("0000000000000000000000000000001"), None);
    assert_eq!(parse_id("+0000000000000000000000000000001"), None);
    assert_eq!(parse_id("00000000-000000000000000000000000"), None);
}

proptest! {
    #[test]
    fn text_round_trip(id: u128) {
        prop_assert_eq!(parse_id(&InstanceId(id).to_string()), Some(id));
    }
}
