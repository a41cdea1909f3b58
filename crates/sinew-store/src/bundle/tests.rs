use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::files::hash_of;

fn file(path: &str) -> ManifestFile {
    ManifestFile { bytes: 1, executable: false, path: path.to_owned(), sha256: hash_of(b"x") }
}

/// Shows why these paths, in this order, make no manifest.
fn refusal(paths: &[&str], expected: Expect) {
    let form = ManifestForm { files: paths.iter().map(|path| file(path)).collect(), format: FORMAT };
    let error = Manifest::parse(&serde_json::to_vec(&form).unwrap()).unwrap_err();
    let StoreError::BadManifest { why } = error else { panic!("{error:?}") };
    expected.assert_eq(&why);
}

#[test]
fn hostile_paths_are_refused() {
    for path in ["/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "", ".", "a/"] {
        assert_eq!(unfit(path), Some("has a path that is not plain and inside the folder"), "{path:?}");
    }
    refusal(&["a/../../x"], expect![[r#""a/../../x" has a path that is not plain and inside the folder"#]]);
    refusal(&["a\0b"], expect![[r#""a\0b" has a control character in its name"#]]);
    refusal(&["a\nb"], expect![[r#""a\nb" has a control character in its name"#]]);
    refusal(&["a", "a"], expect![[r#""a" is listed twice or out of order"#]]);
    refusal(&["b", "a"], expect![[r#""a" is listed twice or out of order"#]]);
    refusal(&["a", "a.b", "a/b"], expect![[r#""a/b" lies inside another file"#]]);
    assert_eq!(unfit(&"n".repeat(256)), Some("has too long a name"));
    assert_eq!(unfit(&"n/".repeat(3_000)), Some("has too long a path"));
}

#[test]
fn there_is_one_form() {
    let manifest = Manifest::of(vec![file("b"), file("a/ü\"")]).unwrap();
    let json = String::from_utf8(manifest.to_json()).unwrap();
    expect![[r#"{"files":[{"bytes":1,"executable":false,"path":"a/ü\"","sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"},{"bytes":1,"executable":false,"path":"b","sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}],"format":1}"#]].assert_eq(&json);
    for other in [
        format!("{json} "),
        json.replace("a/ü", "a/\\u00fc"),
        json.replace("\"format\":1", "\"format\":2"),
        json.replace("\"format\":1", "\"format\":1,\"more\":1"),
        json.replace("\"bytes\":1", "\"bytes\":-1"),
        String::new(),
    ] {
        assert!(matches!(Manifest::parse(other.as_bytes()), Err(StoreError::BadManifest { .. })), "{other}");
    }
}

#[test]
fn limits_hold_and_sums_do_not_overflow() {
    let mut huge = vec![file("a"), file("b")];
    huge.iter_mut().for_each(|file| file.bytes = u64::MAX);
    let manifest = Manifest::of(huge).unwrap();
    assert!(matches!(
        manifest.refuse_larger(BundleLimits::default()),
        Err(StoreError::BundleTooLarge { what: "bytes", .. })
    ));
    let one = BundleLimits { files_most: 1, bytes_most: u64::MAX };
    assert!(matches!(
        manifest.refuse_larger(one),
        Err(StoreError::BundleTooLarge { what: "files", limit: 1 })
    ));
}

proptest! {
    #[test]
    fn what_is_written_is_read(paths in prop::collection::btree_set("[a-c\"\\\\ü ]{1,3}(/[d-f]{1,2})?", 0..8)) {
        if let Ok(manifest) = Manifest::of(paths.iter().map(|path| file(path)).collect()) {
            prop_assert_eq!(Manifest::parse(&manifest.to_json()).unwrap(), manifest);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = Manifest::parse(&bytes);
    }
}
