//! The files that suites come in. What is wrong in one is said with its line.

use super::known::FileForm;
use super::{Compared, Item, Known, Suite};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Why a file is no suite.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// A line that cannot be used.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong and what is expected.
        what: String,
    },
    /// The file as a whole.
    #[error("{0}")]
    Whole(String),
}

/// Reads the text of a suite's file, in the form that the suite is known to have.
///
/// # Errors
/// A line that cannot be used, an `id` that stands there twice, or no question at all.
pub fn read_suite(known: &Known, text: &str) -> Result<Suite, SuiteError> {
    let text = text.trim_start_matches('\u{feff}');
    let items = match known.form {
        FileForm::Lines => read_lines(text)?,
        FileForm::Tasks => read_tasks(text)?,
        FileForm::Subject => read_subject(text)?,
        FileForm::Truths => read_truths(text)?,
    };
    if items.is_empty() {
        return Err(SuiteError::Whole("there is no question in it".to_owned()));
    }
    let mut manner = known.manner.clone();
    if known.guessed {
        manner.chance = guessed(&items);
    }
    Ok(Suite { name: known.name.clone(), items, examples: Vec::new(), manner })
}

fn at(line: usize, what: impl Into<String>) -> SuiteError {
    SuiteError::Line { line, what: what.into() }
}

/// The share that guessing would get right.
fn guessed(items: &[Item]) -> f64 {
    let one = |item: &Item| match item {
        Item::Choice { choices: several, .. } | Item::Schema { beginnings: several, .. } => {
            1.0 / several.len() as f64
        }
        Item::Words { .. } | Item::Written { .. } => 0.0,
    };
    items.iter().map(one).sum::<f64>() / items.len() as f64
}

/// One question a line, in one of the forms of CORE, of GSM8K or of SVAMP.
fn read_lines(text: &str) -> Result<Vec<Item>, SuiteError> {
    let mut ids: HashMap<String, usize> = HashMap::new();
    let mut items = Vec::new();
    for (line, text) in text.lines().enumerate().map(|(index, text)| (index + 1, text)) {
        if text.trim().is_empty() {
            continue;
        }
        let fields: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| at(line, format!("this is no JSON object ({error})")))?;
        if let Some(id) = fields.get("id")
            && let Some(before) = ids.insert(id.to_string(), line)
        {
            return Err(at(line, format!("the id {id} stands in line {before} already")));
        }
        items.push(read_line(&fields).map_err(|what| at(line, what))?);
    }
    Ok(items)
}

fn read_line(fields: &Map<String, Value>) -> Result<Item, String> {
    let has = |name: &str| fields.contains_key(name);
    if has("choices") {
        let choices = texts(fields, "choices")?;
        let gold = gold(fields, choices.len())?;
        Ok(Item::Choice { query: text(fields, "query")?, choices, gold })
    } else if has("context_options") {
        let beginnings = texts(fields, "context_options")?;
        let gold = gold(fields, beginnings.len())?;
        Ok(Item::Schema { beginnings, ending: text(fields, "continuation")?, gold })
    } else if has("continuation") {
        Ok(Item::Words { context: text(fields, "context")?, continuation: text(fields, "continuation")? })
    } else if has("answer") {
        let question = text(fields, if has("question") { "question" } else { "context" })?;
        written(question, text(fields, "answer")?)
    } else {
        let forms = "`query`, `choices` and `gold`; `context_options`, `continuation` and `gold`; `context` and \
                     `continuation`; or `question` and `answer`";
        Err(format!("there is no answer in it; a question has {forms}"))
    }
}

/// GSM8K ends a worked answer with `#### ` and the number; any other answer is the number or line itself.
fn written(question: String, worked: String) -> Result<Item, String> {
    let answer = worked.rsplit_once("####").map_or(worked.as_str(), |(_, answer)| answer).trim().to_owned();
    if answer.is_empty() {
        return Err("the answer is empty".to_owned());
    }
    let compared = match super::grade::last_number(&answer) {
        Some(number) if number.len() == answer.chars().filter(|sign| *sign != ',').count() => {
            Compared::Number
        }
        _ => Compared::Line,
    };
    Ok(Item::Written { question, worked, answer, compared })
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<String, String> {
    let text = fields.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    text.map(str::to_owned).ok_or_else(|| format!("`{name}` has to be a text that is not empty"))
}

fn texts(fields: &Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("`{name}` has to be a list of two or more texts that are not empty");
    let list = fields.get(name).and_then(Value::as_array).ok_or_else(wrong)?;
    let texts: Option<Vec<String>> = list
        .iter()
        .map(|entry| entry.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned))
        .collect();
    texts.filter(|texts| texts.len() > 1).ok_or_else(wrong)
}

fn gold(fields: &Map<String, Value>, count: usize) -> Result<usize, String> {
    let gold = fields.get("gold").and_then(Value::as_u64).and_then(|gold| usize::try_from(gold).ok());
    gold.filter(|gold| *gold < count)
        .ok_or_else(|| format!("`gold` has to be the number of the right one, from 0 to {}", count - 1))
}

/// A task of BIG-Bench-Hard: one JSON object with `examples`.
fn read_tasks(text: &str) -> Result<Vec<Item>, SuiteError> {
    #[derive(Deserialize)]
    struct Task {
        examples: Vec<Example>,
    }
    #[derive(Deserialize)]
    struct Example {
        input: String,
        target: String,
    }
    let task: Task = serde_json::from_str(text).map_err(|error| {
        let what = "this is no task: an object with `examples`, each with `input` and `target`, is expected";
        at(error.line(), format!("{what} ({error})"))
    })?;
    let item = |example: Example| Item::Written {
        question: example.input,
        worked: example.target.clone(),
        answer: example.target.trim().to_owned(),
        compared: Compared::Line,
    };
    Ok(task.examples.into_iter().map(item).collect())
}

/// Rows of a table, each with the line that it begins on. The first row names the columns.
fn rows(text: &str, columns: &[&str]) -> Result<Vec<(usize, Vec<String>)>, SuiteError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let broken = |error: csv::Error| {
        let line = error.position().map_or(1, |position| usize::try_from(position.line()).unwrap_or(1));
        at(line, "this is no row of a table")
    };
    let head = reader.headers().map_err(broken)?.clone();
    let mut places = Vec::new();
    for column in columns {
        let place = head.iter().position(|name| name.trim() == *column);
        places.push(place.ok_or_else(|| at(1, format!("there is no column `{column}`")))?);
    }
    let mut all = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(1, |position| usize::try_from(position.line()).unwrap_or(1));
        let cells: Option<Vec<String>> =
            places.iter().map(|place| record.get(*place).map(str::to_owned)).collect();
        all.push((line, cells.ok_or_else(|| at(line, "this row is too short"))?));
    }
    Ok(all)
}

/// A subject of MMLU: a question, four choices and which is right.
fn read_subject(text: &str) -> Result<Vec<Item>, SuiteError> {
    let columns = ["question", "choice0", "choice1", "choice2", "choice3", "answer"];
    let item = |(line, cells): (usize, Vec<String>)| {
        let gold = cells[5].trim().parse().ok().filter(|gold| *gold < 4);
        let gold = gold.ok_or_else(|| at(line, "`answer` has to be a number from 0 to 3"))?;
        let letters = ['A', 'B', 'C', 'D'];
        let choices: String =
            letters.iter().zip(&cells[1..5]).map(|(letter, text)| format!("{letter}. {text}\n")).collect();
        let query = format!("{}\n{choices}Answer:", cells[0].trim());
        Ok(Item::Choice { query, choices: letters.iter().map(char::to_string).collect(), gold })
    };
    rows(text, &columns)?.into_iter().map(item).collect()
}

/// TruthfulQA as MC1: the best answer among those that are not true (Lin et al., arXiv:2109.07958).
fn read_truths(text: &str) -> Result<Vec<Item>, SuiteError> {
    let columns = ["Question", "Best Answer", "Incorrect Answers"];
    let item = |(line, cells): (usize, Vec<String>)| {
        let wrong = cells[2].split(';').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let choices: Vec<String> = std::iter::once(cells[1].trim().to_owned()).chain(wrong).collect();
        if choices.len() < 2 {
            return Err(at(line, "there has to be at least one answer that is not right"));
        }
        Ok(Item::Choice { query: format!("Q: {}", cells[0].trim()), choices, gold: 0 })
    };
    rows(text, &columns)?.into_iter().map(item).collect()
}
