//! Pure crates stay pure: their lints are the template's, their dependencies are few, and money has no floats.

#[cfg(test)]
mod tests;

use crate::layers::PURE;
use crate::repository::{Kind, Member, TextFile};

/// Where the lints of pure crates are written once.
pub(crate) const TEMPLATE: &str = "xtask/clippy-pure.toml";

/// What a pure crate may use from outside: computation only, no IO in any of them.
const PURE_DEPENDENCIES: &[&str] = &["thiserror", "sha2", "ed25519-dalek", "imbl"];

/// The root of every word in the system uses the standard library and nothing else.
const WITHOUT_DEPENDENCIES: &str = "sinew-types";

/// Crates that compute amounts of money.
const MONEY: &[&str] = &["sinew-contract", "sinew-ledger"];

/// The line that money crates open with.
const MONEY_DENIES: &str = "#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]";

/// Modules that a pure crate never names. Clippy can ban single functions only.
const IMPURE_MODULES: &[&str] = &["std::env", "std::fs", "std::net", "std::process", "std::thread"];

/// Each pure crate's `clippy.toml` must equal the template.
pub(crate) fn lint_files(names: &[&str], files: &[TextFile]) -> Vec<String> {
    let template = text_of(files, TEMPLATE);
    let copy = |name: &&str| format!("crates/{name}/clippy.toml");
    let differs = |path: &String| template.is_none() || text_of(files, path) != template;
    let sentence = |path| format!("{path} differs from {TEMPLATE}: `cp {TEMPLATE} {path}`");
    pure_among(names).map(|name| copy(&name)).filter(differs).map(sentence).collect()
}

/// The dependencies of a pure crate must be pure themselves.
pub(crate) fn dependencies(member: &Member) -> Vec<String> {
    if !PURE.contains(&member.name.as_str()) {
        return Vec::new();
    }
    let ours = |name: &str| name == "sinew" || name.starts_with("sinew-");
    let allowed =
        |name: &str| member.name != WITHOUT_DEPENDENCIES && (ours(name) || PURE_DEPENDENCIES.contains(&name));
    let normal = member.dependencies.iter().filter(|needed| needed.kind != Kind::Dev);
    let foreign = normal.filter(|needed| !allowed(&needed.name));
    foreign.map(|needed| format!("{} is pure and must not depend on {}", member.name, needed.name)).collect()
}

/// The source of a pure crate must not name a module that reaches outside.
pub(crate) fn modules(files: &[TextFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| is_pure_source(&file.path)) {
        for (number, line) in file.text.lines().enumerate() {
            for module in IMPURE_MODULES.iter().filter(|module| names_module(line, module)) {
                let place = format!("{}:{}", file.path, number + 1);
                complaints.push(format!("{place} names {module}: a pure crate is given what it needs"));
            }
        }
    }
    complaints
}

/// Money crates must deny floats and unchecked sums in their first lines of code.
pub(crate) fn money(names: &[&str], files: &[TextFile]) -> Vec<String> {
    let head = |name: &&str| format!("crates/{name}/src/lib.rs");
    let lacks = |path: &String| !text_of(files, path).is_some_and(|text| text.contains(MONEY_DENIES));
    let present = MONEY.iter().filter(|name| names.contains(name));
    present.map(head).filter(lacks).map(|path| format!("{path} lacks the line `{MONEY_DENIES}`")).collect()
}

fn pure_among<'a>(names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    names.iter().copied().filter(|name| PURE.contains(name))
}

fn is_pure_source(path: &str) -> bool {
    let name = path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"));
    name.is_some_and(|(name, _)| PURE.contains(&name))
        && path.ends_with(".rs")
        && !path.ends_with("/tests.rs")
}

fn names_module(line: &str, module: &str) -> bool {
    let is_comment = line.trim_start().starts_with("//");
    !is_comment && line.contains(module)
}

fn text_of<'a>(files: &'a [TextFile], path: &str) -> Option<&'a str> {
    files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
}
