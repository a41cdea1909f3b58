//! A page of figures and plots: use, queueing, lending and recalls over time.

use super::figures::{Figures, shown};
use super::outcome::{Outcome, Sample};
use super::svg::{self, Curve, HEIGHT};
use std::fmt::Write;

/// Points of a curve.
const POINTS: usize = 300;

/// A replay and what its curves are called.
#[derive(Clone, Copy, Debug)]
pub struct Plot<'a> {
    /// Such as `alone` or `baseline`.
    pub name: &'a str,
    /// What it came to.
    pub outcome: &'a Outcome,
}

/// What a report shows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its figures. None of them is a time that this machine took, so that equal replays give equal pages.
    pub figures: &'a Figures,
    /// Replays that share each plot: at most four.
    pub plots: &'a [Plot<'a>],
}

impl Page<'_> {
    /// The plots alone.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let end_ms = self.plots.iter().map(|plot| plot.outcome.makespan_ms).max().unwrap_or(0);
        let hours = end_ms as f64 / 3_600_000.0;
        type Value = fn(&Outcome, &Sample) -> f64;
        let shares: [(&str, Value); 3] = [
            ("Use, share of the chips", |all, now| now.held_chips as f64 / all.capacity_chips.max(1) as f64),
            ("Queueing, jobs that wait", |_, now| now.waiting as f64),
            ("Lending, share of the chips", |all, now| {
                now.borrowed_chips as f64 / all.capacity_chips.max(1) as f64
            }),
        ];
        let mut plots = Vec::new();
        for (title, value) in shares {
            let curve = |plot: &Plot<'_>| Curve {
                name: escaped(plot.name),
                values: means(plot.outcome, end_ms, |sample| value(plot.outcome, sample)),
            };
            let curves: Vec<Curve> = self.plots.iter().map(curve).collect();
            plots.push(svg::plot(title, hours, &curves, plots.len() * HEIGHT));
        }
        let recalls = |plot: &Plot<'_>| Curve {
            name: escaped(plot.name),
            values: means(plot.outcome, end_ms, |sample| sample.recalls as f64),
        };
        let curves: Vec<Curve> = self.plots.iter().map(recalls).collect();
        plots.push(svg::plot("Recalls so far", hours, &curves, plots.len() * HEIGHT));
        svg::picture(&plots)
    }

    /// Plots and a table of figures.
    #[must_use]
    pub fn to_html(&self) -> String {
        let title = escaped(self.title);
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n<style>body{{font-family:\
             sans-serif;max-width:60rem;margin:2rem auto}}td{{padding:0 1rem 0 0}}td+td{{text-align:right}}</style>\n\
             <h1>{title}</h1>\n<table>\n"
        );
        for (name, figure) in self.figures.iter() {
            let row = writeln!(page, "<tr><td>{}</td><td>{}</td></tr>", escaped(name), shown(figure));
            row.expect("a string takes everything");
        }
        page + "</table>\n" + &self.to_svg() + "</html>\n"
    }
}

/// The mean of a value over each of equal parts of the time, weighted by time, up to the part in which the replay ends.
fn means(outcome: &Outcome, end_ms: u64, value: impl Fn(&Sample) -> f64) -> Vec<f64> {
    let part_ms = (end_ms / POINTS as u64).max(1);
    let mut sums = [(0.0, 0_u64); POINTS];
    for (sample, span) in outcome.spans() {
        let (mut from, to) = (sample.at_ms, sample.at_ms + span.ms());
        let held = value(&sample);
        while from < to {
            let part = (from / part_ms).min(POINTS as u64 - 1);
            let until = if part == POINTS as u64 - 1 { to } else { to.min((part + 1) * part_ms) };
            let (sum, covered_ms) = &mut sums[usize::try_from(part).expect("one of the points")];
            *sum += held * (until - from) as f64;
            *covered_ms += until - from;
            from = until;
        }
    }
    let lasts = (outcome.makespan_ms / part_ms + 1).min(POINTS as u64);
    let shown = sums.iter().take(usize::try_from(lasts).expect("one of the points"));
    shown.map(|(sum, covered_ms)| sum / (*covered_ms).max(1) as f64).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
