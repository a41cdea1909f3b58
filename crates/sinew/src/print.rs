//! Answers on the standard output, remarks on standard error.
//!
//! A reader that goes away early, as `head` does, ends the program without a complaint.

use crate::error::CliError;
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// Prints a line of the answer.
pub(crate) fn line(text: impl Display) -> Result<(), CliError> {
    written(writeln!(io::stdout().lock(), "{text}"))
}

/// Prints bytes of the answer as they are, at once.
pub(crate) fn bytes(piece: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    written(out.write_all(piece).and_then(|()| out.flush()))
}

/// Prints a value in the form that it has on the wire.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), CliError> {
    line(serde_json::to_string_pretty(value).expect("wire types have a JSON form"))
}

/// Prints a table whose first row is its head, with columns as wide as they need to be.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> Result<(), CliError> {
    bytes(table_text(head, rows).as_bytes())
}

/// Says something beside the answer. Where standard error is closed, nobody wants to know.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what is going on, to a person who is watching.
pub(crate) fn progress(text: impl Display) {
    if io::stderr().is_terminal() {
        note(text);
    }
}

fn written(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(CliError::OutputClosed),
        Err(source) => Err(CliError::File { doing: "write to", path: "the standard output".into(), source }),
        Ok(()) => Ok(()),
    }
}

/// The table as text: two spaces between columns, none at the end of a line.
pub(crate) fn table_text(head: &[&str], rows: &[Vec<String>]) -> String {
    let first: Vec<String> = head.iter().map(|text| (*text).to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&first).chain(rows).collect();
    let width = |column: usize| {
        all.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in all {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
