//! Whether both sides cut texts into the same tokens, go on in the same way, and are as surprised by the same text.

use super::{Scene, path_text};
use crate::bench::report::Figure;
use crate::bench::whole::number;
use crate::repository::Repository;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::PathBuf;

/// Beginnings that are gone on with, greedily, for 256 tokens.
const PROMPTS: [&str; 20] = [
    "The capital of France is",
    "Once upon a time, in a village by the sea,",
    "def fibonacci(n):\n    ",
    "To make bread you need flour, water, salt and",
    "The three laws of thermodynamics say that",
    "Q: What is 17 + 25?\nA:",
    "In 1969, astronauts",
    "Dear Sir or Madam,\n\nI am writing to",
    "The most important thing about friendship is",
    "A list of European rivers:\n1.",
    "Water boils at 100 degrees because",
    "SELECT name, price FROM",
    "The history of the Roman Empire begins",
    "My favourite animal is the octopus. It has",
    "How do vaccines work? They",
    "If x = 3 and y = 4, then the length is",
    "Photosynthesis is the process by which",
    "She opened the door and saw",
    "Computers store numbers as",
    "The best way to learn a language is to",
];

/// Tokens that both sides read for the perplexity.
const LOSS_ROWS: usize = 8;
const ROW_TOKENS: usize = 512;

/// Counts differences.
pub(crate) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    let scene = Scene::make(repository)?;
    let model = &scene.models[0];
    let mut texts: Vec<String> = PROMPTS.iter().map(|prompt| (*prompt).to_owned()).collect();
    texts.push(std::fs::read_to_string(repository.root.join("README.md")).context("cannot read README.md")?);
    texts.push(std::fs::read_to_string(repository.root.join("ARCHITECTURE.md")).context("cannot read it")?);
    let lines: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
    let file = write(&scene, "texts.jsonl", &lines)?;
    let theirs = scene.theirs(model, "tokens", &[path_text(&file)?])?;
    let ours = scene.ours(model, "tokens", &[path_text(&file)?])?;
    let token_rows = rows(&theirs)?;
    let tokens_unequal =
        token_rows.iter().zip(rows(&ours)?).filter(|(theirs, ours)| **theirs != *ours).count();

    let prompts = write(&scene, "prompts.txt", &lines_of(&token_rows[..PROMPTS.len()]))?;
    let ours = rows(&scene.ours(model, "greedy", &[path_text(&prompts)?])?)?;
    let theirs = rows(&scene.theirs(model, "greedy", &[path_text(&prompts)?])?)?;
    let greedy_unequal = ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs).count();

    let long: Vec<u64> = token_rows[PROMPTS.len()..].concat();
    let long: Vec<Vec<u64>> = long.chunks_exact(ROW_TOKENS).take(LOSS_ROWS).map(<[u64]>::to_vec).collect();
    let long = write(&scene, "long.txt", &lines_of(&long))?;
    let loss = |found: Value| number(&found, "loss");
    let full = loss(scene.ours(model, "loss", &[path_text(&long)?, "full"])?)?;
    let ours = loss(scene.ours(model, "loss", &[path_text(&long)?])?)?;
    let theirs = loss(scene.theirs(model, "loss", &[path_text(&long)?])?)?;
    let gap = |ours: f64, theirs: f64| ((ours - theirs).exp() - 1.0).abs() * 100.0;
    let figure = |name: &str, value, unit| Figure { name: name.to_owned(), value, unit, ..Figure::default() };
    let peer = Some(("llama.cpp".to_owned(), theirs.exp()));
    Ok(vec![
        Figure { goal_at_most: Some(0.0), ..figure("tokens_unequal", tokens_unequal as f64, "texts of 22") },
        figure("few_bits_greedy_unequal", greedy_unequal as f64, "prompts of 20"),
        Figure { goal_at_most: Some(0.1), ..figure("perplexity_gap_pct", gap(ours, theirs), "%") },
        figure("perplexity_gap_to_full_pct", gap(ours, full), "%"),
        Figure { peer, ..figure("perplexity", ours.exp(), "") },
    ])
}

fn write(scene: &Scene, name: &str, lines: &[String]) -> Result<PathBuf> {
    let path = scene.folder.join(name);
    std::fs::write(&path, lines.join("\n") + "\n")
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn lines_of(rows: &[Vec<u64>]) -> Vec<String> {
    let line = |row: &Vec<u64>| row.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
    rows.iter().map(line).collect()
}

fn rows(found: &Value) -> Result<Vec<Vec<u64>>> {
    serde_json::from_value(found.clone()).context("rows of tokens were expected")
}
