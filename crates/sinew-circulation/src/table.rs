//! Comma-separated values (RFC 4180): cells may be quoted, and a quoted cell may hold commas, quotes and lines.

use std::borrow::Cow;

/// A row and the line that it begins on, from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) line: usize,
    pub(crate) cells: Vec<Cow<'a, str>>,
}

/// Splits text into rows, leaving empty lines out. On failure, the line on which a quote is opened and never closed.
pub(crate) fn rows(text: &str) -> Result<Vec<Row<'_>>, usize> {
    let mut rows = Vec::new();
    let mut reader = Reader { rest: text.trim_start_matches('\u{feff}'), line: 1 };
    while !reader.rest.is_empty() {
        let row = reader.row()?;
        if row.cells.len() > 1 || !row.cells[0].is_empty() {
            rows.push(row);
        }
    }
    Ok(rows)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn row(&mut self) -> Result<Row<'a>, usize> {
        let line = self.line;
        let mut cells = Vec::new();
        loop {
            let quoted = if self.rest.starts_with('"') { Some(self.quoted()?) } else { None };
            let (bare, is_last) = self.bare();
            cells.push(match quoted {
                Some(quoted) => Cow::Owned((quoted + bare).trim().to_owned()),
                None => Cow::Borrowed(bare.trim()),
            });
            if is_last {
                return Ok(Row { line, cells });
            }
        }
    }

    /// A quoted part without its quotes; two quotes stand for one.
    fn quoted(&mut self) -> Result<String, usize> {
        let line = self.line;
        let mut cell = String::new();
        self.rest = &self.rest[1..];
        loop {
            let end = self.rest.find('"').ok_or(line)?;
            let part = &self.rest[..end];
            self.line += part.matches('\n').count();
            cell.push_str(part);
            self.rest = &self.rest[end + 1..];
            match self.rest.strip_prefix('"') {
                Some(rest) => {
                    cell.push('"');
                    self.rest = rest;
                }
                None => return Ok(cell),
            }
        }
    }

    /// What stands before the next comma or the line's end, and whether it was the end.
    fn bare(&mut self) -> (&'a str, bool) {
        let end = self.rest.bytes().position(|byte| byte == b',' || byte == b'\n');
        let end = end.unwrap_or(self.rest.len());
        let cell = &self.rest[..end];
        let is_last = self.rest.as_bytes().get(end) != Some(&b',');
        self.line += usize::from(self.rest.as_bytes().get(end) == Some(&b'\n'));
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        (cell, is_last)
    }
}
