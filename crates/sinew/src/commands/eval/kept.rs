//! Answers on disk: a line for each question, so that a run that was stopped goes on where it was.
//!
//! Each line names all that the answer depends on. A line counts only for the same model at the same place, asked the
//! same; whatever else is in the file is left alone.

use crate::error::{At, CliError};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sinew_engine::suite::{Ask, Outcome};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One question and how it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Where the model answered.
    pub(super) at: String,
    /// Which model.
    pub(super) model: String,
    /// Which suite.
    pub(super) suite: String,
    /// Which question of it, counted from 0.
    pub(super) item: usize,
    /// The hash of all that was asked for it.
    pub(super) asked: String,
    /// Examples that were left out, since the model's context is too short for all.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub(super) fewer_shots: usize,
    /// What the server said where even the question alone is too long; it counts as not right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) too_long: Option<String>,
    /// How it went.
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

fn is_nought(count: &usize) -> bool {
    *count == 0
}

/// The file, if one was named, and what stood in it.
pub(super) struct Kept {
    file: Option<(File, PathBuf)>,
    lines: HashMap<(String, usize, String), Line>,
}

impl Kept {
    /// Opens the file of an earlier run, or makes it. Without a path nothing is kept.
    pub(super) fn open(path: Option<&Path>, at: &str, model: &str) -> Result<Kept> {
        let mut lines = HashMap::new();
        let Some(path) = path else { return Ok(Kept { file: None, lines }) };
        let options = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = options.at("write to", path)?;
        for (number, text) in BufReader::new(&file).split(b'\n').enumerate() {
            let text = text.at("read", path)?;
            match serde_json::from_slice::<Line>(&text) {
                Ok(line) if line.at == at && line.model == model => {
                    lines.insert((line.suite.clone(), line.item, line.asked.clone()), line);
                }
                Ok(_) => {}
                // A run that was killed may leave half a line behind, but not as the first.
                Err(_) if number > 0 => {}
                Err(_) => {
                    let why = "is no file of answers; name a new one with --out, nothing was changed in it";
                    return Err(CliError::Usage(format!("{} {why}", path.display())).into());
                }
            }
        }
        end_line(&mut file).at("write to", path)?;
        Ok(Kept { file: Some((file, path.to_owned())), lines })
    }

    /// How a question went in an earlier run.
    pub(super) fn earlier(&self, suite: &str, item: usize, asked: &str) -> Option<&Line> {
        self.lines.get(&(suite.to_owned(), item, asked.to_owned()))
    }

    /// Keeps a line.
    pub(super) fn add(&mut self, line: &Line) -> Result<()> {
        let Some((file, path)) = &mut self.file else { return Ok(()) };
        let mut text = serde_json::to_vec(line).context("a line has a JSON form")?;
        text.push(b'\n');
        Ok(file.write_all(&text).at("write to", path)?)
    }
}

/// Ends a line that an earlier run could not.
fn end_line(file: &mut File) -> std::io::Result<()> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// The hash of all that is asked for a question.
pub(super) fn hash(asks: &[Ask]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for ask in asks {
        hash.update(format!("{ask:?}\n"));
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(item: usize) -> Line {
        let outcome = Outcome { right: true, by_sum: true, by_length: false, said: "1".to_owned() };
        let (at, model) = ("here".to_owned(), "m@1".to_owned());
        Line {
            at,
            model,
            suite: "s".to_owned(),
            item,
            asked: "a".to_owned(),
            fewer_shots: 0,
            too_long: None,
            outcome,
        }
    }

    #[test]
    fn half_a_line_is_asked_again_and_the_rest_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("answers.jsonl");
        let mut kept = Kept::open(Some(&path), "here", "m@1").expect("a new file");
        kept.add(&line(0)).expect("kept");
        kept.add(&line(1)).expect("kept");
        drop(kept);
        let text = std::fs::read(&path).expect("there");
        std::fs::write(&path, &text[..text.len() - 9]).expect("cut");
        let mut kept = Kept::open(Some(&path), "here", "m@1").expect("the same file");
        assert_eq!(kept.earlier("s", 0, "a"), Some(&line(0)));
        assert_eq!(kept.earlier("s", 1, "a"), None, "it was cut off");
        assert_eq!(kept.earlier("s", 0, "b"), None, "asked otherwise");
        kept.add(&line(1)).expect("kept");
        drop(kept);
        let kept = Kept::open(Some(&path), "here", "m@1").expect("the same file");
        assert_eq!(kept.earlier("s", 1, "a"), Some(&line(1)));
        let other = Kept::open(Some(&path), "here", "m@2").expect("the same file");
        assert_eq!(other.earlier("s", 0, "a"), None, "another model");
    }

    #[test]
    fn a_file_that_is_something_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "my notes").expect("written");
        let refused = Kept::open(Some(&path), "here", "m").err().expect("no file of answers");
        assert!(refused.to_string().contains("is no file of answers"), "{refused}");
        assert_eq!(std::fs::read(&path).expect("there"), b"my notes");
    }
}
