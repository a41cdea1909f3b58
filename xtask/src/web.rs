//! The committed `web/dist` must be what `web/src` makes, file by file and byte by byte.

#[cfg(test)]
mod tests;

use crate::repository::Repository;
use crate::shell;
use crate::tally::Tally;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// A folder as a value: each file's path from the folder, and its bytes.
type Tree = BTreeMap<String, Vec<u8>>;

/// Checks the types, builds beside the committed files, and compares.
pub(crate) fn check(repository: &Repository) -> Result<Tally> {
    let web = repository.root.join("web");
    let mut tally = Tally::of(npm(&web, &["run", "check"])?);
    let built = std::env::temp_dir().join(format!("sinew-dist-{}", std::process::id()));
    let folder = built.to_string_lossy();
    let builds = npm(&web, &["run", "build", "--", "--outDir", &folder, "--emptyOutDir"])?;
    tally += Tally::of(builds);
    if builds {
        let complaints = differences(&tree(&web.join("dist"))?, &tree(&built)?);
        complaints.iter().for_each(|complaint| println!("{complaint}"));
        tally += Tally::of(complaints.is_empty());
        std::fs::remove_dir_all(&built).with_context(|| format!("cannot remove {folder}"))?;
    }
    Ok(tally)
}

fn npm(web: &Path, arguments: &[&str]) -> Result<bool> {
    Ok(shell::shown(Command::new("npm").args(arguments).current_dir(web))?.well)
}

fn differences(committed: &Tree, built: &Tree) -> Vec<String> {
    let remedy = "run `npm run build` in web/ and commit web/dist";
    let mut complaints = Vec::new();
    for (path, bytes) in built {
        match committed.get(path) {
            None => complaints.push(format!("web/dist lacks {path}: {remedy}")),
            Some(old) if old != bytes => complaints.push(format!("web/dist/{path} is out of date: {remedy}")),
            Some(_) => {}
        }
    }
    let left = committed.keys().filter(|path| !built.contains_key(*path));
    complaints.extend(left.map(|path| format!("web/dist/{path} is made by no source: {remedy}")));
    complaints
}

fn tree(folder: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = std::fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it was found below the folder");
                let bytes =
                    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                tree.insert(name.to_string_lossy().into_owned(), bytes);
            }
        }
    }
    Ok(tree)
}
