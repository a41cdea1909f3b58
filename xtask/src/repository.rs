//! What the repository holds: its crates, its text files, its folders.

use crate::shell;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository that this program was built from.
pub(crate) struct Repository {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
}

/// A crate of the workspace.
pub(crate) struct Member {
    /// Its package name.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What its manifest asks for.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependencies.
pub(crate) struct Dependency {
    /// The package that is needed.
    pub(crate) name: String,
    /// When it is needed.
    pub(crate) kind: Kind,
}

/// When a dependency is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In the crate itself.
    Normal,
    /// By its tests alone.
    Dev,
    /// By its build script.
    Build,
}

/// A file of the repository that is text.
pub(crate) struct TextFile {
    /// From the root, with `/` between folders.
    pub(crate) path: String,
    /// Its whole content.
    pub(crate) text: String,
}

impl Repository {
    /// Finds the root from where cargo says that this crate lies. It is asked now and not while building, because
    /// two clones may share one target folder, and then one clone's program runs for both.
    pub(crate) fn here() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&manifest).parent().context("xtask lies in the repository")?;
        Ok(Repository { root: root.to_owned() })
    }

    /// The crates of the workspace.
    pub(crate) fn members(&self) -> Result<Vec<Member>> {
        let metadata = self.metadata(&["--no-deps"])?;
        list(&metadata["packages"])?.iter().map(member).collect()
    }

    /// Each package that the lock file names, with its licence expression; empty where it declares none.
    pub(crate) fn licences(&self) -> Result<Vec<(String, String)>> {
        let metadata = self.metadata(&[])?;
        let named = |package: &Value| {
            let version = package["version"].as_str().unwrap_or_default();
            let licence = package["license"].as_str().unwrap_or_default();
            Ok((format!("{} {version}", text(&package["name"])?), licence.to_owned()))
        };
        list(&metadata["packages"])?.iter().map(named).collect()
    }

    /// The program as `cargo build --release` leaves it, also where `CARGO_TARGET_DIR` is set.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        let metadata = self.metadata(&["--no-deps"])?;
        Ok(Path::new(text(&metadata["target_directory"])?).join("release").join("sinew"))
    }

    /// The folder of data beside the repository, where there is one.
    pub(crate) fn shared(&self) -> Option<PathBuf> {
        let folder = self.root.parent()?.join("shared");
        folder.is_dir().then_some(folder)
    }

    /// All text files that are tracked or about to be: what git neither ignores nor lacks.
    pub(crate) fn text_files(&self) -> Result<Vec<TextFile>> {
        let mut git = self.git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let names = shell::quiet(&mut git)?;
        let mut paths: Vec<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        Ok(paths.into_iter().filter_map(|path| self.text_file(path)).collect())
    }

    /// The commit that the work tree stands on, with a mark when it holds more than that.
    pub(crate) fn commit(&self) -> String {
        let commit = shell::quiet(&mut self.git(&["rev-parse", "--short=12", "HEAD"]));
        let changes = shell::quiet(&mut self.git(&["status", "--porcelain"])).unwrap_or_default();
        let commit = commit.map_or_else(|_| "no commit".to_owned(), |text| text.trim().to_owned());
        if changes.is_empty() { commit } else { format!("{commit} + changes") }
    }

    fn text_file(&self, path: &str) -> Option<TextFile> {
        // A file that is deleted but still tracked, a link to nowhere and a picture are no text.
        let text = std::fs::read_to_string(self.root.join(path)).ok()?;
        Some(TextFile { path: path.to_owned(), text })
    }

    fn git(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.root).args(arguments);
        command
    }

    fn metadata(&self, arguments: &[&str]) -> Result<Value> {
        let mut cargo = shell::cargo(&["metadata", "--format-version", "1", "--quiet"]);
        let printed = shell::quiet(cargo.args(arguments).current_dir(&self.root))?;
        serde_json::from_str(&printed).context("cannot read what `cargo metadata` printed")
    }
}

fn member(package: &Value) -> Result<Member> {
    let manifest = Path::new(text(&package["manifest_path"])?);
    Ok(Member {
        name: text(&package["name"])?.to_owned(),
        folder: manifest.parent().context("a manifest lies in a folder")?.to_owned(),
        dependencies: list(&package["dependencies"])?.iter().map(dependency).collect::<Result<_>>()?,
    })
}

fn dependency(value: &Value) -> Result<Dependency> {
    let kind = match value["kind"].as_str() {
        None => Kind::Normal,
        Some("dev") => Kind::Dev,
        Some(_) => Kind::Build,
    };
    Ok(Dependency { name: text(&value["name"])?.to_owned(), kind })
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("`cargo metadata` lacks a list that it always had")
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("`cargo metadata` lacks a text that it always had")
}
