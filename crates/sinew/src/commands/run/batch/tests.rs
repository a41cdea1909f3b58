use super::requests;
use expect_test::{Expect, expect};

fn check(text: &str, shown: Expect) {
    let read = requests(text);
    shown.assert_eq(&match read {
        Ok(requests) => {
            requests.iter().map(|request| format!("{} {:?}\n", request.name, request.argv)).collect()
        }
        Err(error) => error.to_string(),
    });
}

#[test]
fn each_line_is_a_workload_and_a_wrong_one_is_named() {
    let good = r#"{"name":"a","least":"1 chip","argv":["true"]}"#;
    check(
        &format!("{good}\n\n{}\n", good.replace("\"a\"", "\"b\"")),
        expect![[r#"
        a ["true"]
        b ["true"]
    "#]],
    );
    check(
        &format!("{good}\n{{}}"),
        expect![
            "line 2: missing field `name` at line 1 column 2; each line is a workload as `POST /api/workloads` takes it"
        ],
    );
    check(
        &good.replace("1 chip", "many"),
        expect![
            "line 1: least: `many` is not a shape such as `8 chips`, `2 cores`, `3 hosts`, `1 domain`, `2 pods` or `2x2x4`"
        ],
    );
}
