use super::*;
use expect_test::expect;

#[test]
fn columns_are_as_wide_as_they_need_to_be() {
    let rows = [vec!["a".to_owned(), "waits".to_owned()], vec!["längst".to_owned(), String::new()]];
    let shown = expect![[r#"
        NAME    STATE
        a       waits
        längst
    "#]];
    shown.assert_eq(&table_text(&["NAME", "STATE"], &rows));
}

#[test]
fn a_reader_that_has_gone_is_no_error_of_ours() {
    let closed = written(Err(io::ErrorKind::BrokenPipe.into())).expect_err("the reader has gone");
    assert_eq!(closed.exit_code(), crate::error::DONE);
}
