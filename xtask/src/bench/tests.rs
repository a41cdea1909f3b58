#[test]
fn notes_stay_below_new_figures() {
    assert_eq!(super::notes("| old | 1 |\n\n## Notes\n\nwhy\n"), "\n## Notes\n\nwhy\n");
    assert_eq!(super::notes("| old | 1 |\n"), "");
}
