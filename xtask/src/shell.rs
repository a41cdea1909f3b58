//! Running other programs: shown while they run, or quiet with their output as a value.

use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that has ended.
pub(crate) struct Ended {
    /// Whether its exit status was zero.
    pub(crate) well: bool,
    /// All that it wrote, in order, both streams.
    pub(crate) output: String,
}

/// A command as a person would type it.
pub(crate) fn typed(command: &Command) -> String {
    let program = command.get_program();
    let program = if program == cargo_program() { OsStr::new("cargo") } else { program };
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs a program, prints each line as it comes, and keeps them all.
pub(crate) fn shown(command: &mut Command) -> Result<Ended> {
    println!("$ {}", typed(command));
    let (reader, writer) = std::io::pipe().context("cannot open a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", typed(command)))?;
    // The command still holds the pipe's writing end; without this the reader below would never see its end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let output = print_and_keep(BufReader::new(reader))?;
    Ok(Ended { well: child.wait()?.success(), output })
}

fn print_and_keep(mut reader: impl BufRead) -> Result<String> {
    let mut output = String::new();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        std::io::stdout().write_all(text.as_bytes())?;
        output.push_str(&text);
        line.clear();
    }
    Ok(output)
}

/// Runs a program that has to succeed, and returns its standard output.
pub(crate) fn quiet(command: &mut Command) -> Result<String> {
    let ended =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run `{}`", typed(command)))?;
    if !ended.status.success() {
        bail!("`{}` failed: {}", typed(command), String::from_utf8_lossy(&ended.stderr).trim());
    }
    String::from_utf8(ended.stdout).with_context(|| format!("`{}` printed what is not text", typed(command)))
}

/// The full path of a program that can be run by its name.
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// Cargo itself, the one that runs this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_program());
    command.args(arguments);
    command
}

fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
