//! Comma-separated values (RFC 4180): cells may be quoted, and a quoted cell may hold commas, quotes and lines.

/// A row and the line that it begins on, from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) cells: Vec<String>,
}

/// Splits text into rows, leaving empty lines out. On failure, the line on which a quote is opened and never closed.
pub(crate) fn rows(text: &str) -> Result<Vec<Row>, usize> {
    let mut rows = Vec::new();
    let mut reader = Reader { rest: text.trim_start_matches('\u{feff}').chars().peekable(), line: 1 };
    while reader.rest.peek().is_some() {
        let row = reader.row()?;
        if row.cells.len() > 1 || !row.cells[0].trim().is_empty() {
            rows.push(row);
        }
    }
    Ok(rows)
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn row(&mut self) -> Result<Row, usize> {
        let line = self.line;
        let mut cells = Vec::new();
        loop {
            let cell = if self.rest.peek() == Some(&'"') { self.quoted()? } else { String::new() };
            let (bare, is_last) = self.bare();
            cells.push((cell + &bare).trim().to_owned());
            if is_last {
                return Ok(Row { line, cells });
            }
        }
    }

    /// A quoted part without its quotes; two quotes stand for one.
    fn quoted(&mut self) -> Result<String, usize> {
        let line = self.line;
        let mut cell = String::new();
        self.rest.next();
        while let Some(letter) = self.rest.next() {
            match letter {
                '"' if self.rest.next_if_eq(&'"').is_some() => cell.push('"'),
                '"' => return Ok(cell),
                '\n' => {
                    self.line += 1;
                    cell.push(letter);
                }
                _ => cell.push(letter),
            }
        }
        Err(line)
    }

    /// What stands before the next comma or the line's end, and whether it was the end.
    fn bare(&mut self) -> (String, bool) {
        let mut cell = String::new();
        for letter in self.rest.by_ref() {
            match letter {
                ',' => return (cell, false),
                '\n' => {
                    self.line += 1;
                    return (cell, true);
                }
                _ => cell.push(letter),
            }
        }
        (cell, true)
    }
}
