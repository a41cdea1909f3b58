use super::*;

/// Walks a list page by page, as a client does.
fn walk(cursors: &[&str], limit: usize) -> Vec<String> {
    let items = || cursors.iter().map(|cursor| ((*cursor).to_owned(), (*cursor).to_owned()));
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let answer = page(&PageQuery { after, limit: Some(limit), state: None }, items());
        assert!(!answer.items.is_empty() || cursors.is_empty(), "an empty page in the middle");
        seen.extend(answer.items);
        after = answer.next;
        if after.is_none() {
            return seen;
        }
    }
}

#[test]
fn pages_of_any_size_hold_each_item_once_however_the_list_was_ordered() {
    let unordered = ["delta", "alpha", "echo", "charlie", "bravo"];
    for limit in 1..=6 {
        assert_eq!(walk(&unordered, limit), ["alpha", "bravo", "charlie", "delta", "echo"], "{limit} a page");
    }
    assert!(walk(&[], 3).is_empty());
}
