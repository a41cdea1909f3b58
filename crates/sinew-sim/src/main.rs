//! Runs seeds of the simulator and prints what they came to. `cargo xtask sim` starts it; it is no part of the product.
//!
//! It never draws a seed itself: the same words give the same lines.

use sinew_sim::{Counts, Failed, Plan, run, shrink};
use std::process::ExitCode;

const HELP: &str = "\
sinew-sim --from SEED --seeds N [--steps N]           seeds one after the other, up to the first that fails
sinew-sim --seed SEED [--steps N] [--only 1,5,9]      one seed, or some of its steps only
";

/// How many steps a seed's script has where nobody says.
const STEPS: usize = 200;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((plan, seeds)) = read(&words) else {
        eprint!("error: `{}` is not understood\n{HELP}", words.join(" "));
        return ExitCode::from(2);
    };
    match run_all(&plan, seeds) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(failed) => {
            println!("{failed}");
            if plan.only.is_none() {
                println!("\nshrunk:\n{}", shrink(&failed));
            }
            ExitCode::FAILURE
        }
    }
}

/// The first seed's plan, and how many seeds follow.
fn read(words: &[String]) -> Option<(Plan, u64)> {
    let mut plan = Plan { seed: 0, steps: STEPS, only: None };
    let mut seeds = 1;
    let mut words = words.iter().map(String::as_str);
    while let Some(name) = words.next() {
        match name {
            "--seed" | "--from" => plan.seed = words.next()?.parse().ok()?,
            "--seeds" => seeds = words.next()?.parse().ok()?,
            "--steps" => plan.steps = words.next()?.parse().ok()?,
            "--only" => {
                let numbers = words.next()?.split(',').map(str::parse);
                plan.only = Some(numbers.collect::<Result<_, _>>().ok()?);
            }
            _ => return None,
        }
    }
    Some((plan, seeds))
}

fn run_all(first: &Plan, seeds: u64) -> Result<String, Box<Failed>> {
    let mut sum = Counts::default();
    let mut journal = String::new();
    for number in 0..seeds {
        let passed = run(&Plan { seed: first.seed.wrapping_add(number), ..first.clone() })?;
        sum += passed.counts;
        journal = format!("\njournal: records {}, file {}", passed.records_hash, passed.file_hash);
    }
    let journal = if seeds == 1 { journal } else { String::new() };
    Ok(format!("{seeds} seeds from {} hold: {sum}{journal}", first.seed))
}
