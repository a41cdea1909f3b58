//! `sinew money`: the shared table of figures, digit by digit, and a made-up economy of 10,000 parties.

use super::report::Figure;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const PARTIES: usize = 10_000;
const FLOWS: usize = 200_000;
/// The time is their median.
const RUNS: usize = 5;
/// Amounts are kept to a millionth, and the table counts billions.
const BILLION: f64 = 1e9;

/// Compares with the oracle's table, then times two large economies.
pub(super) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    shell::quiet(shell::cargo(&["build", "--release", "--package", "sinew"]).current_dir(&repository.root))?;
    let program = repository.program()?;
    let (compared, wrong) = oracle(repository, &program)?;
    let folder = repository.root.join("target").join("bench-money");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let figure = |name: &str, value, unit| Figure { name: name.to_owned(), value, unit, ..Figure::default() };
    let mut figures = vec![
        figure("oracle_cells", compared as f64, ""),
        Figure { goal_at_most: Some(0.0), ..figure("oracle_wrong", wrong as f64, "") },
    ];
    for (name, power) in [("seconds", 1), ("hubs_seconds", 3)] {
        let file = folder.join(format!("{name}.csv"));
        std::fs::write(&file, economy(power)).with_context(|| format!("cannot write {}", file.display()))?;
        let mut runs = (0..RUNS).map(|_| asked(&program, &file, "all")).collect::<Result<Vec<_>>>()?;
        runs.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let (found, wall_s) = runs.swap_remove(RUNS / 2);
        figures.push(Figure { goal_at_most: Some(2.0), ..figure(name, wall_s, "s") });
        for of in ["circulating_share", "balanced_share", "finn", "finn_error", "cycle_count"] {
            let value = found["figures"][of].as_f64().with_context(|| format!("the answer lacks `{of}`"))?;
            figures.push(figure(&format!("{}{of}", name.trim_end_matches("seconds")), value, ""));
        }
    }
    Ok(figures)
}

/// How many cells of the shared table were compared, and how many of them come out otherwise.
fn oracle(repository: &Repository, program: &Path) -> Result<(usize, usize)> {
    let folder = repository
        .shared()
        .context("the oracle's table is not there: put the shared data beside the repository")?;
    let page =
        std::fs::read_to_string(folder.join("money/README.md")).context("cannot read the oracle's table")?;
    let toy = repository.root.join("target").join("bench-money-toy.csv");
    std::fs::create_dir_all(repository.root.join("target")).context("cannot make the target folder")?;
    let rows: Vec<Vec<&str>> =
        page.lines().filter(|line| line.starts_with("| ")).skip(2).map(cells).collect();
    let (mut compared, mut wrong) = (0, 0);
    for row in &rows {
        let found = match row[0] {
            name if name.starts_with("toy") => {
                std::fs::write(&toy, toy_table(name)?).context("cannot write the toy's table")?;
                asked(program, &toy, "firm")?.0
            }
            "firm rows" => asked(program, &folder.join("money/deals.csv"), "firm")?.0,
            _ => asked(program, &folder.join("money/deals.csv"), "all")?.0,
        };
        for (theirs, ours) in row[1..].iter().zip(shown(&found["figures"])?) {
            compared += 1;
            if *theirs != ours {
                println!("{}: the table has {theirs}, and it comes out as {ours}", row[0]);
                wrong += 1;
            }
        }
    }
    if rows.len() != 3 {
        bail!("the oracle's table has {} rows and not 3", rows.len());
    }
    Ok((compared, wrong))
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// The toy's flows, as its name lists them: `toy: A->B 2, C->B 4`.
fn toy_table(name: &str) -> Result<String> {
    let mut text = "date,from,to,kind,amount_usd,status,source\n".to_owned();
    let (_, flows) = name.split_once(':').context("the toy's row lists no flows")?;
    for flow in flows.split(',') {
        let read = flow.trim().split_once("->").and_then(|(from, rest)| Some((from, rest.rsplit_once(' ')?)));
        let (from, (to, billions)) = read.with_context(|| format!("`{flow}` is no flow"))?;
        writeln!(text, "2025,{from},{to},compute_purchase,{billions}000000000,committed,the table")?;
    }
    Ok(text)
}

/// The figures in the form of the table's cells.
fn shown(figures: &Value) -> Result<[String; 6]> {
    let amount = |name: &str| -> Result<f64> {
        let text = figures[name].as_str().with_context(|| format!("the answer lacks `{name}`"))?;
        let number = text.split(' ').next().unwrap_or_default();
        Ok(number.parse::<f64>().with_context(|| format!("`{text}` is no amount"))? / BILLION)
    };
    let share = |name: &str| figures[name].as_f64().with_context(|| format!("the answer lacks `{name}`"));
    let both =
        |name: &str, of: &str| -> Result<String> { Ok(format!("{:.2} ({:.4})", amount(name)?, share(of)?)) };
    Ok([
        format!("{:.2}", amount("gross")?),
        format!("{:.2}", amount("netted_in_one_pot")?),
        format!("{:.4}", share("finn")?),
        both("circulating", "circulating_share")?,
        both("balanced", "balanced_share")?,
        figures["cycle_count"].to_string(),
    ])
}

/// The program's answer, and the seconds from its start to its end. Reading 70 MB of JSON back is not the program's.
fn asked(program: &Path, file: &Path, set: &str) -> Result<(Value, f64)> {
    let mut command = Command::new(program);
    let begun = Instant::now();
    let said = shell::quiet(command.args(["money", "--json", "--set", set, "--deals"]).arg(file))?;
    let wall_s = begun.elapsed().as_secs_f64();
    let mut views: Value = serde_json::from_str(&said).context("the answer is not JSON")?;
    let first = views.get_mut(0).context("the answer is empty")?;
    Ok((first.take(), wall_s))
}

/// A table of random deals from a fixed seed: with a power above one, few parties have most of them.
fn economy(power: i32) -> String {
    let mut random = Random(7);
    let mut text = "date,from,to,kind,amount_usd,status,source\n".to_owned();
    let mut deals = 0;
    while deals < FLOWS {
        let mut party = || (random.share().powi(power) * PARTIES as f64) as usize;
        let (from, to) = (party(), party());
        if from == to {
            continue;
        }
        // From a million to a thousand million, each size as likely as the next.
        let amount = 10_f64.powf(6.0 + 3.0 * random.share()) as u64;
        let kind = ["equity", "compute_purchase", "chip_purchase"][(random.share() * 3.0) as usize];
        let status = ["closed", "committed"][(random.share() * 2.0) as usize];
        text.push_str(&format!("2026,P{from},P{to},{kind},{amount},{status},row {deals}\n"));
        deals += 1;
    }
    text
}

/// Numbers from zero to one (splitmix64).
struct Random(u64);

impl Random {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) as f64 / 2_f64.powi(64)
    }
}
