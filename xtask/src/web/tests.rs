use super::{Tree, differences};
use expect_test::{Expect, expect};

/// A tree is written as `path=content` words.
fn tree(text: &str) -> Tree {
    let file = |word: &str| {
        let (path, content) = word.split_once('=').expect("a path and a content");
        (path.to_owned(), content.as_bytes().to_vec())
    };
    text.split_whitespace().map(file).collect()
}

fn check(committed: &str, built: &str, shown: Expect) {
    shown.assert_eq(&differences(&tree(committed), &tree(built)).join("\n"));
}

#[test]
fn equal_folders_are_right() {
    check("index.html=1 assets/a.js=2", "assets/a.js=2 index.html=1", expect![""]);
}

#[test]
fn each_difference_is_named() {
    check(
        "index.html=1 old.js=2",
        "index.html=3 new.js=2",
        expect![[r#"
            web/dist/index.html is out of date: run `npm run build` in web/ and commit web/dist
            web/dist lacks new.js: run `npm run build` in web/ and commit web/dist
            web/dist/old.js is made by no source: run `npm run build` in web/ and commit web/dist"#]],
    );
}
