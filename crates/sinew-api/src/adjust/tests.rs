use super::{NearWire, wishes};

fn refusal(near: &[(u32, u32)]) -> Option<String> {
    let wire = |(count, chips): &(u32, u32)| NearWire { first: 0, count: *count, chips: *chips };
    wishes(&near.iter().map(wire).collect::<Vec<_>>()).err().map(|wrong| wrong.to_string())
}

#[test]
fn wishes_ask_for_something_that_can_be_there_and_looked_through() {
    assert_eq!(refusal(&[(8, 8), (64, 1)]), None);
    assert!(refusal(&[(8, 0)]).is_some_and(|text| text.contains("0 of 8 chips")));
    assert!(refusal(&[(8, 9)]).is_some_and(|text| text.contains("9 of 8 chips")));
    assert!(refusal(&[(1 << 20, 1), (1, 1)]).is_some_and(|text| text.contains("1048577 chips")));
    assert!(refusal(&vec![(1, 1); 1_025]).is_some_and(|text| text.contains("1025 wishes")));
}
