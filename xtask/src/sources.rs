//! Rules for single files: how long they are, what they must not hold, how a crate opens.

#[cfg(test)]
mod tests;

use crate::repository::TextFile;

/// A file that is longer has more than one subject.
const LINES_MAX: usize = 600;

/// Files that people write and read.
const SOURCES: &[&str] = &[".rs", ".ts", ".svelte", ".py", ".sh", ".mjs"];

/// What no Rust file holds, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("#[ignore", "a test that is not run is no test: make it run, or remove it"),
    ("#[allow(", "write #[expect(lint, reason = \"...\")], which says why and ends when its cause ends"),
    (
        "#![allow(",
        "write #[expect(lint, reason = \"...\")] at the place, which says why and ends when its cause ends",
    ),
    ("todo!(", "what is not here is not pretended"),
    ("unimplemented!(", "what is not here is not pretended"),
    ("dbg!(", "a finished program does not print its insides"),
];

/// Folders of one machine, which no other machine has.
const MACHINE_FOLDERS: &[&str] = &["/root/", "/home/", "/work/", "/tmp/target"];

/// This file and its tests hold what they forbid.
const EXEMPT: &[&str] = &["xtask/src/sources.rs", "xtask/src/sources/tests.rs"];

/// A sentence for everything in a file that breaks a rule.
pub(crate) fn complaints(file: &TextFile) -> Vec<String> {
    if EXEMPT.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    complaints.extend(too_long(file));
    if file.path.ends_with(".rs") {
        complaints.extend(banned(file));
    }
    complaints.extend(machine_folders(file));
    complaints
}

/// A crate must open with what it is for and what it never does.
pub(crate) fn crate_heads(folders: &[String], files: &[TextFile]) -> Vec<String> {
    let heads = |folder: &String| [format!("{folder}/src/lib.rs"), format!("{folder}/src/main.rs")];
    let opens = |file: &TextFile| file.text.starts_with("//!");
    let is_head = |folder: &String, file: &TextFile| heads(folder).contains(&file.path);
    let of_folder = |folder| files.iter().filter(move |file| is_head(folder, file));
    let silent = folders.iter().flat_map(of_folder).filter(|file| !opens(file));
    silent
        .map(|file| format!("{} must open with `//!`: what it is for and what it never does", file.path))
        .collect()
}

/// Every crate must be on the map.
pub(crate) fn on_the_map(names: &[&str], map: Option<&str>) -> Vec<String> {
    let Some(map) = map else {
        return vec!["ARCHITECTURE.md is missing: it is the map of the crates".to_owned()];
    };
    let is_named = |name: &str| map.contains(&format!("`{name}`"));
    let lost = names.iter().filter(|name| !is_named(name));
    lost.map(|name| format!("ARCHITECTURE.md does not name `{name}`: add a paragraph for it")).collect()
}

fn too_long(file: &TextFile) -> Option<String> {
    let lines = file.text.lines().count();
    let is_source = SOURCES.iter().any(|ending| file.path.ends_with(ending));
    (is_source && lines > LINES_MAX)
        .then(|| format!("{} has {lines} lines of at most {LINES_MAX}: split it by subject", file.path))
}

fn banned(file: &TextFile) -> Vec<String> {
    let in_line = |(number, line): (usize, &str)| {
        let found = BANNED.iter().find(|(needle, _)| line.contains(needle));
        found.map(|(needle, instead)| format!("{}:{} holds {needle}: {instead}", file.path, number + 1))
    };
    file.text.lines().enumerate().filter_map(in_line).collect()
}

fn machine_folders(file: &TextFile) -> Vec<String> {
    let in_line = |(number, line): (usize, &str)| {
        let found = MACHINE_FOLDERS.iter().find(|folder| starts_a_path(line, folder));
        found.map(|folder| {
            format!(
                "{}:{} names {folder}, a folder of one machine: use a relative path",
                file.path,
                number + 1
            )
        })
    };
    file.text.lines().enumerate().filter_map(in_line).collect()
}

/// Whether the folder stands in the line as the start of a path, and not as the middle of a longer one.
fn starts_a_path(line: &str, folder: &str) -> bool {
    let goes_on = |before: char| before.is_alphanumeric() || "._-}>)*".contains(before);
    line.match_indices(folder).any(|(at, _)| !line[..at].chars().next_back().is_some_and(goes_on))
}
