//! English prose that a machine with cargo has: READMEs, change logs and module documentation of the packages in cargo's
//! source folder.
//!
//! Packages come sorted by name and version and each gives a bounded share, so the same packages give the same text.
//! Code, tables, badges and lists of links are left out: what stays are lines that are mostly words.

use crate::error::TrainError;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The most bytes of prose in all.
const BYTES_MOST: usize = 4 << 20;
/// The most bytes that one package gives.
const PACKAGE_BYTES_MOST: usize = 48 << 10;
/// The fewest bytes that are worth training on.
const BYTES_LEAST: usize = 200 << 10;
/// A source file above this length is generated rather than written.
const SOURCE_BYTES_MOST: u64 = 1 << 20;

/// Gathers prose from `sources`, cargo's `registry/src` folder. With `packages`, only packages of these names and
/// versions (`serde-1.0.229`) are read. None if there is too little.
pub fn gather(sources: &Path, packages: Option<&BTreeSet<String>>) -> Result<Option<String>, TrainError> {
    let mut folders = Vec::new();
    for registry in subfolders(sources) {
        folders.extend(subfolders(&registry));
    }
    folders.sort_by(|left, right| left.file_name().cmp(&right.file_name()));
    folders.dedup_by(|left, right| left.file_name() == right.file_name());
    let mut prose = String::new();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if packages.is_some_and(|packages| !packages.contains(&name)) {
            continue;
        }
        let room = PACKAGE_BYTES_MOST.min(BYTES_MOST - prose.len());
        prose.push_str(&package_prose(&folder, room)?);
    }
    Ok((prose.len() >= BYTES_LEAST).then_some(prose))
}

/// The names and versions in the text of a `Cargo.lock`.
pub fn locked_packages(lock: &str) -> BTreeSet<String> {
    let value = |line: &str, key: &str| {
        line.strip_prefix(key)?
            .trim_start()
            .strip_prefix('=')
            .map(|rest| rest.trim().trim_matches('"').to_owned())
    };
    let mut name = String::new();
    let mut packages = BTreeSet::new();
    for line in lock.lines() {
        if let Some(found) = value(line, "name") {
            name = found;
        } else if let Some(version) = value(line, "version") {
            packages.insert(format!("{name}-{version}"));
        }
    }
    packages
}

fn package_prose(folder: &Path, room: usize) -> Result<String, TrainError> {
    let mut prose = String::new();
    for path in written_files(folder) {
        let Ok(bytes) = fs::read(&path) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let source = path.extension().is_some_and(|extension| extension == "rs");
        let found = if source { words(text.lines().filter_map(module_line)) } else { words(text.lines()) };
        if prose.len() + found.len() > room {
            break;
        }
        prose.push_str(&found);
    }
    Ok(prose)
}

/// README and change log first, then the sources, sorted.
fn written_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in entries(folder) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        if name.starts_with("README") || name.starts_with("CHANGELOG") {
            files.push(entry);
        }
    }
    files.sort_by(|left, right| right.file_name().cmp(&left.file_name()));
    let mut folders = vec![folder.join("src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder) {
            let Ok(kind) = fs::symlink_metadata(&entry) else { continue };
            if kind.is_dir() {
                folders.push(entry);
            } else if kind.is_file()
                && kind.len() <= SOURCE_BYTES_MOST
                && entry.extension().is_some_and(|extension| extension == "rs")
            {
                sources.push(entry);
            }
        }
    }
    sources.sort();
    files.extend(sources);
    files
}

/// The documentation in a line of source, without its mark.
fn module_line(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let text = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"))?;
    Some(text.strip_prefix(' ').unwrap_or(text))
}

/// The lines that are mostly words; code blocks are left out and an empty line ends a paragraph once.
fn words<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut prose = String::new();
    let mut in_code = false;
    let mut seen = BTreeSet::new();
    for line in lines {
        let line = line.trim_end();
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            in_code = !in_code;
            continue;
        }
        if in_code {
            continue;
        }
        if trimmed.is_empty() {
            if !prose.is_empty() && !prose.ends_with("\n\n") {
                prose.push('\n');
            }
        } else if mostly_words(trimmed) && seen.insert(trimmed) {
            prose.push_str(trimmed);
            prose.push('\n');
        }
    }
    if !prose.is_empty() && !prose.ends_with("\n\n") {
        prose.push('\n');
    }
    prose
}

fn mostly_words(line: &str) -> bool {
    let plain =
        line.chars().filter(|c| c.is_ascii_alphabetic() || matches!(c, ' ' | ',' | '.' | '\'')).count();
    let all = line.chars().count();
    (20..=400).contains(&all) && plain * 100 >= all * 88 && !line.contains("http") && line.contains(' ')
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

/// What a folder holds, sorted; nothing if it cannot be read, since then it has nothing to give.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
