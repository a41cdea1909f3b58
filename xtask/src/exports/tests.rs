use super::{complaint, mended};

#[test]
fn only_the_branch_that_no_file_can_take_may_fail() {
    let whole = "✅ InvoiceId-C-003-C: PASS  (violations=0)\n";
    let branch = "❌ InvoiceId-C-004-C: FAIL  (violations=22)\n";
    let other = "❌ BilledCost-C-001-M: FAIL  (violations=1)\n";
    let total = |failed: u32| format!("Total: 578 | Pass: 171 | Fail: {failed} | Skipped: 406\n");
    for (said, expected) in [
        (format!("{whole}{branch}{}", total(1)), None),
        (format!("{whole}{}", total(0)), None),
        (format!("{whole}{branch}{other}{}", total(2)), Some("it refuses BilledCost-C-001-M")),
        (format!("{branch}{}", total(1)), Some("it did not accept InvoiceId-C-003-C")),
        (format!("{whole}{branch}"), Some("it printed no total")),
        (
            format!("{whole}{branch}{}", total(2)),
            Some("it counts failures that it does not name: Total: 578 | Pass: 171 | Fail: 2 | Skipped: 406"),
        ),
    ] {
        assert_eq!(complaint(&said).as_deref(), expected, "{said}");
    }
}

#[test]
fn the_line_that_does_not_parse_is_mended_once() {
    let wrong = r#"+ ", ".join(f"'{k.replace('\"', '\"\"')}'" for k in ignore_keys)"#;
    let right = r#"+ ", ".join("'" + k.replace('"', '""') + "'" for k in ignore_keys)"#;
    assert_eq!(mended(wrong), right);
    assert_eq!(mended(right), right);
}
