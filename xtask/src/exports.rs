//! Exports of invoices, put before other people's checkers: hledger, beancount and the validator of FOCUS.

#[cfg(test)]
mod tests;

use crate::repository::Repository;
use crate::shell;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The validator counts each branch of an "either null or not null" as a rule of its own, so every file there can be
/// fails one of the two. What counts is the rule that holds both, `InvoiceId-C-003-C`.
const BRANCH: (&str, &str) = ("InvoiceId-C-004-C", "InvoiceId-C-003-C");

/// What our bills claim to hold, in the validator's words.
const CRITERIA: &str =
    "USAGE_MEASUREMENT_SUPPORTED,NEGOTIATED_PRICING_SUPPORTED,MULTIPLE_PRICING_CATEGORIES_SUPPORTED";

/// One test for each file and its checker.
pub(crate) fn check(repository: &Repository) -> Result<Tally> {
    let folder = std::env::temp_dir().join(format!("sinew-exports-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut tally = Tally::default();
    for side in ["owner", "lab"] {
        let journal = sample(repository, &folder, "hledger", side)?;
        tally +=
            accepted(Command::new("hledger").arg("-f").arg(journal).args(["check", "--strict", "payees"]))?;
        let journal = sample(repository, &folder, "beancount", side)?;
        tally += accepted(Command::new(environment(repository).join("bin/bean-check")).arg(journal))?;
    }
    let bill = sample(repository, &folder, "focus", "owner")?;
    let said = validate(repository, &bill)?;
    said.lines().filter(|line| line.starts_with("Total:")).for_each(|total| println!("FOCUS 1.2: {total}"));
    let complaint = complaint(&said);
    let accepted = format!("accepted; {} fails whatever a file holds", BRANCH.0);
    println!("FOCUS 1.2: {}", complaint.as_deref().unwrap_or(&accepted));
    tally += Tally::of(complaint.is_none());
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(tally)
}

/// Where `--install` puts the checkers. Apart from the other packages, because the validator says that it wants a newer
/// Python than it needs.
pub(crate) fn environment(repository: &Repository) -> PathBuf {
    repository.root.join(".venv/exports")
}

/// Mends the one line of the validator that Python 3.11 cannot read; a newer Python reads both forms.
pub(crate) fn mend_validator(repository: &Repository) -> Result<()> {
    let file = packages(repository)?.join("focus_validator/config_objects/focus_to_duckdb_converter.py");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    std::fs::write(&file, mended(&text)).with_context(|| format!("cannot write {}", file.display()))
}

fn mended(text: &str) -> String {
    text.replace(
        r#"f"'{k.replace('\"', '\"\"')}'" for k in ignore_keys"#,
        r#""'" + k.replace('"', '""') + "'" for k in ignore_keys"#,
    )
}

fn sample(repository: &Repository, folder: &Path, format: &str, side: &str) -> Result<PathBuf> {
    let words = ["run", "--release", "--package", "sinew-export", "--example", "samples", "--", format, side];
    let text = shell::quiet(shell::cargo(&words).current_dir(&repository.root))?;
    // The validator knows a table by the end of its name.
    let ending = if format == "focus" { "csv" } else { format };
    let file = folder.join(format!("{side}.{ending}"));
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn accepted(command: &mut Command) -> Result<Tally> {
    Ok(Tally::of(shell::shown(command)?.well))
}

/// What the validator says. It reads a table of its own by a path from the folder above it, so it is started there.
fn validate(repository: &Repository, bill: &Path) -> Result<String> {
    let mut command = Command::new(environment(repository).join("bin/focus-validator"));
    command.arg("--data-file").arg(bill).args(["--validate-version", "1.2", "--block-download"]);
    command.args(["--applicability-criteria", CRITERIA]);
    shell::quiet(command.current_dir(packages(repository)?))
}

/// The folder of the environment's packages.
fn packages(repository: &Repository) -> Result<PathBuf> {
    let lib = environment(repository).join("lib");
    let entries = std::fs::read_dir(&lib).with_context(|| format!("cannot read {}", lib.display()))?;
    for entry in entries {
        let folder = entry?.path().join("site-packages");
        if folder.is_dir() {
            return Ok(folder);
        }
    }
    bail!("{} holds no packages: remove .venv/exports and run `cargo xtask test --install`", lib.display())
}

/// What is wrong by the validator's own words; it ends well whatever it found.
fn complaint(said: &str) -> Option<String> {
    let failed: Vec<&str> = said.lines().filter_map(|line| rule(line, "❌")).collect();
    let wrong: Vec<&str> = failed.iter().copied().filter(|rule| *rule != BRANCH.0).collect();
    let whole = said.lines().any(|line| rule(line, "✅") == Some(BRANCH.1));
    let total = said.lines().find(|line| line.starts_with("Total:"));
    match total {
        None => Some("it printed no total".to_owned()),
        Some(_) if !wrong.is_empty() => Some(format!("it refuses {}", wrong.join(", "))),
        Some(_) if !whole => Some(format!("it did not accept {}", BRANCH.1)),
        Some(total) if !total.contains(&format!("| Fail: {} |", failed.len())) => {
            Some(format!("it counts failures that it does not name: {total}"))
        }
        Some(_) => None,
    }
}

/// The rule that a line of this mark is about.
fn rule<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.strip_prefix(mark)?.trim_start().split(':').next()
}
