//! What the steps need from the machine beside Rust: is it there, what is it called, how does it get there.

use crate::exports;
use crate::repository::Repository;
use crate::shell;
use crate::steps::Step;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that open a page the way Debian's `chromium` does.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Something that a step cannot run without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// The formatter of Rust.
    Rustfmt,
    /// The lints of Rust.
    Clippy,
    /// Python that can make virtual environments.
    Python,
    /// The virtual environment with what `py/requirements.txt` pins.
    PythonPackages,
    /// What checks signatures for the second verifier.
    Openssl,
    /// Hledger, which checks journals.
    Hledger,
    /// What checks the other exports: the packages of `py/exports.txt` in `.venv/exports`.
    ExportCheckers,
    /// Node and npm.
    Node,
    /// What `web/package-lock.json` pins.
    NodePackages,
    /// A browser that runs without a screen.
    Chromium,
}

/// What a step needs.
pub(crate) fn of(step: Step) -> &'static [Tool] {
    match step {
        Step::Format => &[Tool::Rustfmt],
        Step::Lints => &[Tool::Clippy],
        Step::Verifiers => &[Tool::Python, Tool::PythonPackages, Tool::Openssl],
        Step::Python => &[Tool::Python, Tool::PythonPackages],
        Step::Exports => &[Tool::Python, Tool::Hledger, Tool::ExportCheckers],
        Step::Browser => &[Tool::Node, Tool::NodePackages, Tool::Chromium],
        Step::Web => &[Tool::Node, Tool::NodePackages],
        Step::Tidy | Step::Build | Step::Tests | Step::Demo | Step::Resume => &[],
    }
}

/// What a step needs and this machine lacks.
pub(crate) fn missing(repository: &Repository, step: Step) -> Vec<Tool> {
    of(step).iter().copied().filter(|tool| !tool.is_there(repository)).collect()
}

/// Installs what the steps need and this machine lacks, and nothing else.
pub(crate) fn install(repository: &Repository, steps: &[Step]) -> Result<()> {
    let mut lacking: Vec<Tool> = steps.iter().flat_map(|step| missing(repository, *step)).collect();
    lacking.sort_unstable();
    lacking.dedup();
    let debian: Vec<&str> = lacking.iter().flat_map(|tool| tool.debian_packages()).copied().collect();
    if !debian.is_empty() {
        install_debian(&debian)?;
    }
    if lacking.contains(&Tool::PythonPackages) {
        install_python(&repository.root)?;
    }
    if lacking.contains(&Tool::ExportCheckers) {
        install_checkers(repository)?;
    }
    if lacking.contains(&Tool::NodePackages) {
        finish(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(repository.root.join("web")),
        )?;
    }
    Ok(())
}

/// The browser that the tests drive.
pub(crate) fn browser() -> Option<PathBuf> {
    BROWSERS.iter().find_map(|name| shell::found(name))
}

impl Tool {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Rustfmt => "rustfmt",
            Tool::Clippy => "clippy",
            Tool::Python => "python3 with venv",
            Tool::PythonPackages => "the packages of py/requirements.txt in .venv",
            Tool::Openssl => "openssl",
            Tool::Hledger => "hledger",
            Tool::ExportCheckers => "the packages of py/exports.txt in .venv/exports",
            Tool::Node => "node and npm, version 20 or newer",
            Tool::NodePackages => "the packages of web/package-lock.json in web/node_modules",
            Tool::Chromium => "chromium",
        }
    }

    /// The command that brings it.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Tool::Rustfmt => "rustup component add rustfmt",
            Tool::Clippy => "rustup component add clippy",
            Tool::Python => "apt-get install python3-venv",
            Tool::PythonPackages => {
                "python3 -m venv .venv && .venv/bin/pip install --ignore-requires-python -r py/requirements.txt && cp py/requirements.txt .venv/"
            }
            Tool::Openssl => "apt-get install openssl",
            Tool::Hledger => "apt-get install hledger",
            Tool::ExportCheckers => "cargo xtask test --install --only exports",
            Tool::Node => "apt-get install nodejs npm, or the archive from the Node project",
            Tool::NodePackages => "npm ci --prefix web",
            Tool::Chromium => "apt-get install chromium",
        }
    }

    fn is_there(self, repository: &Repository) -> bool {
        let root = &repository.root;
        match self {
            Tool::Rustfmt => shell::found("rustfmt").is_some(),
            Tool::Clippy => shell::found("cargo-clippy").is_some(),
            Tool::Python => answers("python3", &["-c", "import ensurepip, venv"]),
            Tool::PythonPackages => {
                same_text(&root.join(".venv/requirements.txt"), &root.join("py/requirements.txt"))
            }
            Tool::Openssl => shell::found("openssl").is_some(),
            Tool::Hledger => shell::found("hledger").is_some(),
            Tool::ExportCheckers => {
                let holds = exports::environment(repository).join("exports.txt");
                same_text(&holds, &root.join("py/exports.txt"))
            }
            Tool::Node => answers("npm", &["--version"]) && node_is_new(),
            Tool::NodePackages => is_newer(
                &root.join("web/node_modules/.package-lock.json"),
                &root.join("web/package-lock.json"),
            ),
            Tool::Chromium => browser().is_some(),
        }
    }

    fn debian_packages(self) -> &'static [&'static str] {
        match self {
            Tool::Python => &["python3-venv"],
            Tool::Openssl => &["openssl"],
            Tool::Chromium => &["chromium"],
            Tool::Hledger => &["hledger"],
            // Rust and Node come with the machine: Debian's own are older than what the repository pins.
            Tool::Rustfmt
            | Tool::Clippy
            | Tool::PythonPackages
            | Tool::ExportCheckers
            | Tool::Node
            | Tool::NodePackages => &[],
        }
    }
}

fn install_debian(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if shell::found("apt-get").is_none() {
        bail!("this machine has no apt-get: install {names} with its own package manager");
    }
    let is_root = shell::quiet(Command::new("id").arg("-u"))?.trim() == "0";
    if !is_root && shell::found("sudo").is_none() {
        bail!("installing needs root: run `apt-get install {names}` as root, then this again");
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if is_root { "apt-get" } else { "sudo" });
        if !is_root {
            command.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        }
        finish(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "--quiet=2"])?;
    apt(&[&["install", "--quiet=2", "--yes", "--no-install-recommends"], packages].concat())
}

fn install_python(root: &Path) -> Result<()> {
    finish(Command::new("python3").args(["-m", "venv", ".venv"]).current_dir(root))?;
    // aics-tlog asks for Python 3.12 and works on 3.11, which Debian has.
    let quiet = ["--quiet", "--disable-pip-version-check", "--ignore-requires-python"];
    let pip = [&[".venv/bin/pip", "install"], &quiet[..], &["-r", "py/requirements.txt"]].concat();
    finish(Command::new(root.join(pip[0])).args(&pip[1..]).current_dir(root))?;
    // The copy says what the environment holds, so that a changed list is seen as missing.
    std::fs::copy(root.join("py/requirements.txt"), root.join(".venv/requirements.txt"))
        .context("cannot write .venv/requirements.txt")?;
    Ok(())
}

/// The validator asks for Python 3.12 and works with 3.11 once a line of it is mended.
fn install_checkers(repository: &Repository) -> Result<()> {
    let (root, environment) = (&repository.root, exports::environment(repository));
    finish(Command::new("python3").args(["-m", "venv"]).arg(&environment).current_dir(root))?;
    let words = ["install", "--quiet", "--disable-pip-version-check", "--ignore-requires-python"];
    let mut pip = Command::new(environment.join("bin/pip"));
    finish(pip.args(words).args(["-r", "py/exports.txt"]).current_dir(root))?;
    exports::mend_validator(repository)?;
    std::fs::copy(root.join("py/exports.txt"), environment.join("exports.txt"))
        .context("cannot write .venv/exports/exports.txt")?;
    Ok(())
}

fn finish(command: &mut Command) -> Result<()> {
    if !shell::shown(command)?.well {
        bail!("`{}` failed", shell::typed(command));
    }
    Ok(())
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    shell::quiet(Command::new(program).args(arguments)).is_ok()
}

fn node_is_new() -> bool {
    let version = shell::quiet(Command::new("node").arg("--version")).unwrap_or_default();
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    major.is_some_and(|major: u32| major >= 20)
}

fn same_text(one: &Path, other: &Path) -> bool {
    let texts = std::fs::read(one).and_then(|one| Ok((one, std::fs::read(other)?)));
    texts.is_ok_and(|(one, other)| one == other)
}

fn is_newer(made: &Path, source: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|about| about.modified());
    changed(made).and_then(|made| Ok(made >= changed(source)?)).unwrap_or(false)
}
