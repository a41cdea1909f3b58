//! What came of it, as a table and as JSON.

use super::files::Group;
use super::kept::Line;
use super::measure::Measured;
use crate::print;
use anyhow::Result;
use serde::Serialize;
use sinew_engine::suite::{CORE_12, Outcome, Score, Seen, Suite, mean_centred};
use std::collections::BTreeMap;

/// All scores of one run.
#[derive(Serialize)]
pub(super) struct Report {
    /// Which model.
    model: String,
    /// What drew questions and examples.
    seed: u64,
    /// One for each word of `--suite`.
    groups: Vec<Scores>,
    /// Questions that were asked now; the others stood in the file of answers.
    asked_now: usize,
    /// Tokens that were read and written for them.
    tokens: u64,
    /// How long it took, in seconds.
    seconds: f64,
}

#[derive(Serialize)]
struct Scores {
    /// As it was typed.
    name: String,
    /// Each suite of it.
    suites: Vec<SuiteScore>,
    /// Of several suites, all questions together.
    #[serde(skip_serializing_if = "Option::is_none")]
    together: Option<Score>,
    /// Of all of CORE-12 together, the mean of the centred shares and half the width of its 95 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    core_12: Option<(f64, f64)>,
}

#[derive(Serialize)]
struct SuiteScore {
    #[serde(flatten)]
    score: Score,
    /// Questions before which examples were left out, since the model's context is too short for all.
    fewer_shots: usize,
    /// Questions that are too long for the model even alone; they count as not right.
    too_long: usize,
    /// What was found in the texts that the model learnt from.
    #[serde(skip_serializing_if = "Option::is_none")]
    trained_on: Option<TrainedOn>,
}

#[derive(Serialize)]
struct TrainedOn {
    /// Questions that were asked and stand there, counted from 0, each with the words in a row that do.
    seen: BTreeMap<usize, String>,
    /// Questions that are too short to be looked for.
    too_short: usize,
    /// The share of the other questions that was right, if there are others.
    share_unseen: Option<f64>,
}

impl TrainedOn {
    fn of(seen: &Seen, lines: &[Line]) -> TrainedOn {
        let stands = |line: &&Line| seen.found().get(&line.item).map(|row| (line.item, row.clone()));
        let others: Vec<&Line> = lines.iter().filter(|line| stands(line).is_none()).collect();
        let right = others.iter().filter(|line| line.outcome.right).count();
        TrainedOn {
            seen: lines.iter().filter_map(|line| stands(&line)).collect(),
            too_short: seen.too_short(),
            share_unseen: (!others.is_empty()).then(|| right as f64 / others.len() as f64),
        }
    }
}

impl Report {
    /// `read` is the groups and, by group and suite, which questions the model learnt from; nothing if nobody looked.
    pub(super) fn of(model: &str, seed: u64, read: (&[Group], &[Vec<Seen>]), measured: &Measured) -> Report {
        let scores = read.0.iter().zip(&measured.lines).enumerate().map(|(place, (group, lines))| {
            let seen = read.1.get(place).map_or(&[] as &[Seen], Vec::as_slice);
            Scores::of(group, lines, seen)
        });
        Report {
            model: model.to_owned(),
            seed,
            groups: scores.collect(),
            asked_now: measured.asked,
            tokens: measured.tokens,
            seconds: measured.took.as_secs_f64(),
        }
    }

    /// Prints the table and what has to be known about it.
    pub(super) fn show(&self) -> Result<()> {
        let head = ["SUITE", "ASKED", "SHOTS", "RIGHT", "95 %", "GUESSING", "CENTRED"];
        let mut rows = Vec::new();
        for group in &self.groups {
            // The subjects of MMLU are many, and each has few questions: JSON has them.
            if group.suites.len() <= CORE_12.len().max(30) {
                rows.extend(group.suites.iter().map(|suite| row(&suite.score)));
            }
            rows.extend(group.together.iter().filter(|_| group.core_12.is_none()).map(row));
            if let Some((mean, half)) = group.core_12 {
                let blank = || String::new();
                let centred = format!("{mean:.3} ± {half:.3}");
                rows.push(vec!["CORE-12".to_owned(), blank(), blank(), blank(), blank(), blank(), centred]);
            }
        }
        print::table(&head, &rows)?;
        self.groups.iter().for_each(Scores::remark);
        if self.groups.iter().flat_map(|group| &group.suites).any(|suite| suite.score.asked < suite.score.of)
        {
            print::note(format_args!("questions drawn with seed {}", self.seed));
        }
        if self.asked_now > 0 {
            let speed = self.tokens as f64 / self.seconds.max(1e-9);
            print::note(format_args!(
                "{} questions asked now: {} tokens in {:.1} s, {speed:.0} tokens/s",
                self.asked_now, self.tokens, self.seconds
            ));
        }
        Ok(())
    }
}

fn row(score: &Score) -> Vec<String> {
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    vec![
        score.suite.clone(),
        if score.asked < score.of {
            format!("{} of {}", score.asked, score.of)
        } else {
            score.of.to_string()
        },
        score.shots.to_string(),
        format!("{} %", percent(score.share)),
        format!("{}–{}", percent(score.interval.low), percent(score.interval.high)),
        format!("{} %", percent(score.chance)),
        format!("{:.3}", score.centred),
    ]
}

impl Scores {
    fn of(group: &Group, lines: &[Vec<Line>], seen: &[Seen]) -> Scores {
        let outcomes =
            |lines: &[Line]| lines.iter().map(|line| line.outcome.clone()).collect::<Vec<Outcome>>();
        let of = |(place, (suite, lines)): (usize, (&Suite, &Vec<Line>))| SuiteScore {
            score: Score::of(&suite.name, &suite.manner, suite.items.len(), &outcomes(lines)),
            fewer_shots: lines.iter().filter(|line| line.fewer_shots > 0).count(),
            too_long: lines.iter().filter(|line| line.too_long.is_some()).count(),
            trained_on: seen.get(place).map(|seen| TrainedOn::of(seen, lines)),
        };
        let suites: Vec<SuiteScore> = group.suites.iter().zip(lines).enumerate().map(of).collect();
        let all: Vec<Score> = suites.iter().map(|suite| suite.score.clone()).collect();
        let is_core = group.name == "core-12" && suites.len() == CORE_12.len();
        let core_12 = if is_core { mean_centred(&all) } else { None };
        let together = (suites.len() > 1).then(|| {
            let mut manner = group.suites[0].manner.clone();
            let asked: usize = all.iter().map(|score| score.asked).sum();
            let guessed = all.iter().map(|score| score.chance * score.asked as f64).sum::<f64>();
            manner.chance = guessed / asked.max(1) as f64;
            let of = all.iter().map(|score| score.of).sum();
            Score::of(&group.name, &manner, of, &outcomes(&lines.concat()))
        });
        Scores { name: group.name.clone(), suites, together, core_12 }
    }

    /// Says what the shares do not.
    fn remark(&self) {
        let count = |of: fn(&SuiteScore) -> usize| self.suites.iter().map(of).sum::<usize>();
        let (fewer, too_long) = (count(|suite| suite.fewer_shots), count(|suite| suite.too_long));
        if fewer > 0 {
            let what = "questions with fewer examples, since all are too long for the model";
            print::note(format_args!("{}: {what}: {fewer}", self.name));
        }
        if too_long > 0 {
            let what = "questions that are too long for the model, and count as not right";
            print::note(format_args!("{}: {what}: {too_long}", self.name));
        }
        self.suites.iter().for_each(SuiteScore::remark);
    }
}

impl SuiteScore {
    /// Says which questions the model learnt from.
    fn remark(&self) {
        let Some(trained_on) = &self.trained_on else { return };
        let name = &self.score.suite;
        if !trained_on.seen.is_empty() {
            let numbers: Vec<String> = trained_on.seen.keys().map(usize::to_string).collect();
            let others = trained_on.share_unseen.map_or_else(
                || "no other was asked".to_owned(),
                |share| format!("of the others {:.1} % are right", share * 100.0),
            );
            let (count, asked, numbers) = (numbers.len(), self.score.asked, numbers.join(", "));
            let found =
                format!("{count} of {asked} questions stand in what the model learnt from ({numbers})");
            print::note(format_args!("{name}: {found}; {others}"));
        }
        if trained_on.too_short > 0 {
            let what = "questions that are too short to be looked for in it";
            print::note(format_args!("{name}: {what}: {}", trained_on.too_short));
        }
    }
}
