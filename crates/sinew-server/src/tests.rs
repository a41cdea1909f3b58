//! What is generated or built ahead must be current. The server as its clients meet it is tested in `crates/sinew/tests`.

use crate::openapi_json;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    let crate_folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&crate_folder).join("../..")
}

#[test]
fn the_committed_openapi_is_current() {
    let path = repository().join("docs/openapi.json");
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == openapi_json(),
        "docs/openapi.json is old: run `cargo run --release -- openapi > docs/openapi.json`"
    );
}

/// The stamp's definition stands in `web/vite.config.ts`.
#[test]
fn the_committed_pages_are_current() {
    let web = repository().join("web");
    let single = [
        "index.html",
        "package-lock.json",
        "package.json",
        "svelte.config.js",
        "tsconfig.json",
        "vite.config.ts",
    ];
    let mut paths: Vec<String> = single.map(str::to_owned).to_vec();
    collect(&web, "src", &mut paths);
    paths.sort();
    let hex =
        |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line =
        |path: &String| format!("{path}\0{}\n", hex(&fs::read(web.join(path)).expect("a source file")));
    let stamp = hex(paths.iter().map(line).collect::<String>().as_bytes());
    let built = fs::read_to_string(web.join("dist/source.sha256")).unwrap_or_default();
    assert_eq!(built.trim(), stamp, "web/dist is older than its source: run `npm run build` in web/");
}

fn collect(web: &Path, folder: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(web.join(folder)).expect("a source folder").flatten() {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(web, &path, paths);
        } else {
            paths.push(path);
        }
    }
}
