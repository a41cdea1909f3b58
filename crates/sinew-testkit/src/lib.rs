//! Helpers for the tests of every crate: where the data beside the repository is, and what to say when it is not.
//!
//! It never ships: crates name it under `[dev-dependencies]` only, and `cargo xtask tidy` keeps that.

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};

/// A file or folder below `../shared`, the data beside the repository.
///
/// Where it is absent, the test is over: it says so in a line that `cargo xtask test` counts as skipped.
///
/// ```no_run
/// let Some(text) = sinew_testkit::shared("data/tinyshakespeare/input.txt.gz") else { return };
/// assert!(text.exists());
/// ```
///
/// # Panics
/// With `CI=true` nothing may be skipped, so there an absent file fails the test.
pub fn shared(path: &str) -> Option<PathBuf> {
    let file = beside_repository().join("shared").join(path);
    if file.exists() {
        return Some(file);
    }
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!is_ci, "../shared/{path} is not there, and with CI=true no test may be skipped");
    let line = skipped(std::thread::current().name());
    // Straight to the stream: what `eprintln!` writes in a test that passes is swallowed.
    std::io::stderr().write_all(line.as_bytes()).expect("standard error can be written");
    None
}

/// Cargo is asked now and not while building, because two clones may share one target folder.
fn beside_repository() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("tests are run by cargo");
    let folder = Path::new(&manifest).ancestors().nth(3).expect("a crate lies in crates/ of the repository");
    folder.to_owned()
}

/// The line that is counted. It is written at once, so that no other test's line gets into it.
fn skipped(test: Option<&str>) -> String {
    format!("skipped: {} (needs ../shared)\n", test.unwrap_or("a test"))
}
