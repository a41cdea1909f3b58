//! One seed from its first step to its last, and the shrinking of one that fails.

use crate::model::Violation;
use crate::script::{Layout, layout, script};
use crate::world::{Counts, Planted, World};
use sinew_types::Hash;
use std::fmt;

/// A run in which every invariant held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passed {
    /// What was counted.
    pub counts: Counts,
    /// Of all records, one by one.
    pub records_hash: Hash,
    /// Of the journal's file after an orderly stop.
    pub file_hash: Hash,
}

/// What to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// How many steps its script has.
    pub steps: usize,
    /// Which of them are done, if not all.
    pub only: Option<Vec<usize>>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo xtask sim --seed {} --steps {}", self.seed, self.steps)?;
        if let Some(only) = &self.only {
            let numbers: Vec<String> = only.iter().map(usize::to_string).collect();
            write!(f, " --only {}", numbers.join(","))?;
        }
        Ok(())
    }
}

/// A run that ended with something that must never happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// What was run.
    pub plan: Plan,
    /// In which step it happened; the number of steps where it was in the calm after the last.
    pub step: usize,
    /// What happened.
    pub violation: Violation,
    /// The latest things before that.
    pub story: Vec<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, steps) = (self.plan.seed, self.plan.steps);
        write!(f, "seed {seed} fails at step {} of {steps}: {}", self.step, self.violation)?;
        self.story.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
        write!(f, "\nagain: {}", self.plan)
    }
}

/// Runs a seed's script, or some of its steps only, then lets everything calm down.
pub fn run(plan: &Plan) -> Result<Passed, Box<Failed>> {
    run_with(plan, None)
}

/// The same with one more check, for the tests of this crate.
pub(crate) fn run_with(plan: &Plan, planted: Option<Planted>) -> Result<Passed, Box<Failed>> {
    let failed = |step, violation, story: &[String]| {
        Box::new(Failed { plan: plan.clone(), step, violation, story: story.to_vec() })
    };
    let size = Layout { no_write_back: true, ..layout(plan.seed) };
    let mut world = World::new(&size, planted).map_err(|violation| failed(0, violation, &[]))?;
    let steps = script(plan.seed, plan.steps);
    let chosen = steps.iter().enumerate();
    for (at, step) in chosen.filter(|(at, _)| plan.only.as_ref().is_none_or(|only| only.contains(at))) {
        if let Err(violation) = world.take(step) {
            return Err(failed(at, violation, world.story()));
        }
    }
    let ended = world.calm().and_then(|()| world.finish());
    let file_hash = ended.map_err(|violation| failed(plan.steps, violation, world.story()))?;
    let records_hash = *world.model.chain.last().expect("a world has records");
    Ok(Passed { counts: world.counts, records_hash, file_hash })
}

/// Leaves out steps as long as the same invariant still breaks (Zeller's ddmin).
#[must_use]
pub fn shrink(failed: &Failed) -> Failed {
    shrink_with(failed, None)
}

/// The same with one more check, for the tests of this crate.
pub(crate) fn shrink_with(failed: &Failed, planted: Option<Planted>) -> Failed {
    let mut best = failed.clone();
    let everything = || (0..failed.plan.steps).filter(|at| *at <= failed.step).collect();
    let mut kept: Vec<usize> = failed.plan.only.clone().unwrap_or_else(everything);
    let mut pieces = 2;
    while kept.len() >= 2 {
        let size = kept.len().div_ceil(pieces);
        let smaller = kept.chunks(size).enumerate().find_map(|(left_out, _)| {
            let rest = kept.chunks(size).enumerate().filter(|(at, _)| *at != left_out);
            let rest: Vec<usize> = rest.flat_map(|(_, piece)| piece.to_vec()).collect();
            let plan = Plan { only: Some(rest.clone()), ..failed.plan.clone() };
            let found = run_with(&plan, planted).err()?;
            (found.violation.invariant == failed.violation.invariant).then_some((rest, *found))
        });
        match smaller {
            Some((rest, found)) => {
                (kept, best) = (rest, found);
                pieces = (pieces - 1).max(2);
            }
            None if size == 1 => break,
            None => pieces = (pieces * 2).min(kept.len()),
        }
    }
    best
}

#[cfg(test)]
mod tests;
