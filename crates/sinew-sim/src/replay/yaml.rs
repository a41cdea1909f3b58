//! As much of YAML as the generators of Kueue use: maps, lists and plain or quoted words, by indentation.

use super::read::TraceError;

/// How deep a file may nest.
const DEPTH_MAX: usize = 32;

/// A node and the line where it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) held: Held,
}

/// What a node holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Held {
    Word(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

struct Line {
    number: usize,
    indent: usize,
    text: String,
}

/// A file being read.
struct Reader<'a> {
    file: &'a str,
    lines: Vec<Line>,
    at: usize,
}

/// Reads a whole file.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, TraceError> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let text = without_comment(line).trim_end();
        let indent = text.len() - text.trim_start().len();
        if text.trim_start().is_empty() || text == "---" {
            continue;
        }
        lines.push(Line { number, indent, text: text.trim_start().to_owned() });
    }
    let mut reader = Reader { file, lines, at: 0 };
    let Some(first) = reader.lines.first() else {
        return Err(reader.wrong(1, "the file is empty; a map of keys should be here"));
    };
    let indent = first.indent;
    let node = reader.block(indent, 0)?;
    match reader.lines.get(reader.at) {
        None => Ok(node),
        Some(line) => {
            Err(reader.wrong(line.number, "this line fits no level above it; correct its indentation"))
        }
    }
}

/// A `#` begins a comment at the start of a line or after a space.
fn without_comment(line: &str) -> &str {
    let starts = |(at, _): &(usize, &str)| *at == 0 || line[..*at].ends_with([' ', '\t']);
    line.match_indices('#').find(starts).map_or(line, |(at, _)| &line[..at])
}

impl Reader<'_> {
    fn wrong(&self, line: usize, what: &str) -> TraceError {
        TraceError::Line { file: self.file.to_owned(), line, what: what.to_owned() }
    }

    fn block(&mut self, indent: usize, depth: usize) -> Result<Node, TraceError> {
        let line = self.lines[self.at].number;
        if depth > DEPTH_MAX {
            return Err(self.wrong(line, "this is nested too deeply"));
        }
        let held = if is_item(&self.lines[self.at].text) {
            Held::List(self.list(indent, depth)?)
        } else {
            Held::Map(self.map(indent, depth)?)
        };
        Ok(Node { line, held })
    }

    fn list(&mut self, indent: usize, depth: usize) -> Result<Vec<Node>, TraceError> {
        let mut items = Vec::new();
        while let Some(line) = self.lines.get_mut(self.at)
            && line.indent == indent
            && is_item(&line.text)
        {
            let rest = line.text[1..].trim_start().to_owned();
            let number = line.number;
            if rest.is_empty() {
                return Err(self.wrong(number, "an item of a list stands on the line of its `-`"));
            }
            // What follows the dash is a block of its own, as far in as it stands.
            line.indent += line.text.len() - rest.len();
            line.text = rest;
            let inner = line.indent;
            if key(&line.text).is_some() {
                items.push(self.block(inner, depth + 1)?);
            } else {
                items.push(Node { line: number, held: Held::Word(unquoted(&line.text)) });
                self.at += 1;
            }
        }
        Ok(items)
    }

    fn map(&mut self, indent: usize, depth: usize) -> Result<Vec<(String, Node)>, TraceError> {
        let mut pairs = Vec::new();
        while let Some(line) = self.lines.get(self.at)
            && line.indent == indent
            && !is_item(&line.text)
        {
            let number = line.number;
            let Some((key, value)) = key(&line.text) else {
                return Err(self.wrong(number, "a line such as `key: value` should be here"));
            };
            let (key, value) = (key.to_owned(), unquoted(value));
            self.at += 1;
            let follows = self.lines.get(self.at).map(|next| (next.indent, is_item(&next.text)));
            let node = match follows {
                _ if !value.is_empty() => Node { line: number, held: Held::Word(value) },
                Some((inner, item)) if inner > indent || (inner == indent && item) => {
                    self.block(inner, depth + 1)?
                }
                _ => return Err(self.wrong(number, &format!("`{key}` has no value"))),
            };
            pairs.push((key, node));
        }
        Ok(pairs)
    }
}

fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

fn key(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(':')?;
    (value.is_empty() || value.starts_with(' ')).then_some((key.trim(), value.trim()))
}

fn unquoted(text: &str) -> String {
    let quoted = |mark: char| text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(text).to_owned()
}
