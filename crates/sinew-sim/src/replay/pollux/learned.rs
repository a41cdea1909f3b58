//! What a program has learned about itself while its jobs ran: step times by place and batch, as a small model.
//!
//! T_step = c + d b + sync, with b samples a chip, and sync = 0 on one chip, else e + f (chips - 2), with an e and an f
//! inside a host and others between hosts: Pollux' model (OSDI '21, section 3.2) with nothing overlapped, so that least
//! squares fit it. What was not seen yet is taken for free, so that it is tried. All jobs that run the same program
//! share what they learned.

use super::application::{Application, StepTime};
use super::training::{gain, split};
use std::collections::BTreeMap;

/// How many batches are compared.
const BATCHES: i32 = 50;

/// A line over x.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    at_zero: f64,
    slope: f64,
}

impl Line {
    fn at(self, x: f64) -> f64 {
        self.at_zero + self.slope * x
    }

    /// Least squares over points of x, y and weight; neither part below zero.
    fn through(points: &[(f64, f64, f64)]) -> Option<Self> {
        let sum = |value: &dyn Fn(&(f64, f64, f64)) -> f64| points.iter().map(value).sum::<f64>();
        let weight = sum(&|point| point.2);
        if weight <= 0.0 {
            return None;
        }
        let (x, y) = (sum(&|p| p.2 * p.0) / weight, sum(&|p| p.2 * p.1) / weight);
        let spread = sum(&|p| p.2 * (p.0 - x) * (p.0 - x));
        // Equal places are apart by rounding only.
        if spread <= 1e-9 * weight * (x * x).max(1.0) {
            return Some(Self { at_zero: y, slope: 0.0 });
        }
        let slope = sum(&|p| p.2 * (p.0 - x) * (p.1 - y)) / spread;
        let at_zero = y - slope * x;
        Some(match (at_zero < 0.0, slope < 0.0) {
            (_, true) => Self { at_zero: y, slope: 0.0 },
            (true, false) => Self { at_zero: 0.0, slope: y / x },
            (false, false) => Self { at_zero, slope },
        })
    }
}

/// The best batch for a size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Best {
    /// Progress of a second, in steps of the first batch.
    pub(super) goodput: f64,
    pub(super) local: f64,
    pub(super) accumulations: f64,
}

/// What was learned of one program.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    /// Compute and exchange, by hosts, chips and samples a chip.
    seen: BTreeMap<(usize, u32, u64), (f64, f64)>,
    first_noise: Option<(f64, f64)>,
    compute: Option<Line>,
    inside: Line,
    between: Line,
}

impl Profile {
    /// A step was seen.
    pub(super) fn saw(&mut self, place: (usize, u32, f64), time: StepTime, noise: (f64, f64)) {
        self.first_noise.get_or_insert(noise);
        let (hosts, chips, local) = place;
        let new = self.seen.insert((hosts, chips, local as u64), (time.step_s - time.sync_s, time.sync_s));
        if new.is_none() {
            self.fit();
        }
    }

    fn fit(&mut self) {
        let compute = |((_, _, local), (compute_s, _)): (&(usize, u32, u64), &(f64, f64))| {
            (*local as f64, *compute_s, 1.0 / (compute_s * compute_s).max(1e-12))
        };
        let computes: Vec<_> = self.seen.iter().map(compute).collect();
        let sizes = computes.iter().map(|point| point.0 as u64).collect::<std::collections::BTreeSet<_>>();
        self.compute = match Line::through(&computes) {
            // One size alone: half of it is taken to grow with the batch.
            Some(line) if sizes.len() == 1 => {
                let half = line.at_zero / 2.0;
                Some(Line { at_zero: half, slope: half / computes[0].0.max(1.0) })
            }
            line => line,
        };
        let sync = |is_between: bool| {
            let those =
                self.seen.iter().filter(|((hosts, chips, _), _)| (*hosts > 1) == is_between && *chips > 1);
            let points = those.map(|((_, chips, _), (_, sync_s))| (f64::from(chips - 2), *sync_s, 1.0));
            Line::through(&points.collect::<Vec<_>>())
        };
        let (inside, between) = (sync(false), sync(true));
        self.inside = inside.unwrap_or_default();
        self.between = between.or(inside).unwrap_or_default();
    }

    /// The most chips that any job of the program ran on.
    pub(super) fn chips_seen(&self) -> u32 {
        self.seen.keys().map(|(_, chips, _)| *chips).max().unwrap_or(0)
    }

    /// The gradients of the first step that any job of the program made.
    pub(super) fn first_noise(&self) -> Option<(f64, f64)> {
        self.first_noise
    }

    /// The batch that brings most on so many hosts and chips; nothing where nothing was learned or none fits.
    pub(super) fn best(&self, app: &Application, place: (usize, u32), noise: (f64, f64)) -> Option<Best> {
        let compute = self.compute?;
        let (hosts, chips) = (place.0, f64::from(place.1));
        let line = if hosts > 1 { self.between } else { self.inside };
        let sync_s = if place.1 > 1 { line.at(chips - 2.0) } else { 0.0 };
        let least = if app.is_fixed { app.batch_max } else { app.batch_first.max(app.local_min * chips) };
        if least > app.batch_max {
            return None;
        }
        let ratio = (app.batch_max / least).powf(1.0 / f64::from(BATCHES - 1));
        let mut best: Option<Best> = None;
        for number in 0..BATCHES {
            let (local, accumulations) = split(app, least * ratio.powi(number), chips);
            if local < app.local_min || local > app.local_max {
                continue;
            }
            let scale = chips * local * (accumulations + 1.0) / app.batch_first;
            let goodput = gain(noise, scale) / (compute.at(local) * (accumulations + 1.0) + sync_s);
            if best.is_none_or(|known| goodput > known.goodput) {
                best = Some(Best { goodput, local, accumulations });
            }
        }
        best
    }
}
