//! Parties on a circle; a chord is as wide at its payer as what is paid, and narrow where it arrives.

use super::{CLASSES, Drawn, Picture, escaped, head, label, legend, put};
use sinew_api::{Lang, MoneyView};
use std::f64::consts::PI;

const SIZE: (f64, f64) = (900.0, 960.0);
const MIDDLE: (f64, f64) = (450.0, 510.0);
const RADIUS: f64 = 285.0;
const BAND: f64 = 12.0;
/// The gap between two parties, in radians.
const GAP: f64 = 0.03;
/// How many parties have a place of their own.
const PARTIES: usize = 16;

/// Draws the circle.
pub(crate) fn chord(view: &MoneyView, title: &str, lang: Lang) -> String {
    let picture = Picture::of(view, PARTIES, lang);
    let mut svg = head(SIZE.0, SIZE.1, title) + &legend(50.0, lang);
    if picture.total() == 0.0 {
        return svg + "</svg>\n";
    }
    let mut places = Places::of(&picture);
    let mut order: Vec<&Drawn> = picture.flows.iter().collect();
    order.sort_by(|one, other| other.total().total_cmp(&one.total()));
    for flow in order {
        let (from, to) = (&picture.names[flow.from], &picture.names[flow.to]);
        for (amount, colour) in flow.parts.iter().zip(CLASSES).filter(|(amount, _)| **amount > 0.0) {
            let out = places.take(flow.from, *amount);
            let into = places.take(flow.to, *amount);
            // The end is a third as wide as the beginning, so that one sees who pays.
            let centre = (into.0 + into.1) / 2.0;
            let end = (centre - (into.1 - into.0) / 6.0, centre + (into.1 - into.0) / 6.0);
            let tip = format!("{} → {}: {}", escaped(from), escaped(to), label(*amount, lang));
            let path = ribbon(out, end);
            put(
                &mut svg,
                &format!(
                    "<path d=\"{path}\" fill=\"{colour}\" fill-opacity=\"0.55\"><title>{tip}</title></path>"
                ),
            );
        }
    }
    for (party, name) in picture.names.iter().enumerate() {
        put(&mut svg, &places.band(party));
        put(&mut svg, &places.name(party, name, lang));
    }
    svg + "</svg>\n"
}

/// Which part of the circle each party has, and how much of it is taken.
struct Places {
    begins: Vec<f64>,
    ends: Vec<f64>,
    taken: Vec<f64>,
    amounts: Vec<f64>,
    scale: f64,
}

impl Places {
    fn of(picture: &Picture) -> Self {
        let mut amounts = vec![0.0; picture.names.len()];
        for flow in &picture.flows {
            amounts[flow.from] += flow.total();
            amounts[flow.to] += flow.total();
        }
        let scale = (2.0 * PI - GAP * amounts.len() as f64) / amounts.iter().sum::<f64>();
        let (mut begins, mut ends, mut at) = (Vec::new(), Vec::new(), -PI / 2.0);
        for amount in &amounts {
            begins.push(at);
            ends.push(at + amount * scale);
            at += amount * scale + GAP;
        }
        Self { taken: begins.clone(), begins, ends, amounts, scale }
    }

    fn take(&mut self, party: usize, amount: f64) -> (f64, f64) {
        let begin = self.taken[party];
        self.taken[party] += amount * self.scale;
        (begin, self.taken[party])
    }

    fn band(&self, party: usize) -> String {
        let (begin, end) = (self.begins[party], self.ends[party]);
        let far = i32::from(end - begin > PI);
        let outer = RADIUS + BAND;
        let [a, b] = [point(begin, outer), point(end, outer)];
        let [c, d] = [point(end, RADIUS + 2.0), point(begin, RADIUS + 2.0)];
        let inner = RADIUS + 2.0;
        format!(
            "<path class=\"party\" d=\"M{a}A{outer} {outer} 0 {far} 1 {b}L{c}A{inner} {inner} 0 {far} 0 {d}Z\"/>"
        )
    }

    fn name(&self, party: usize, name: &str, lang: Lang) -> String {
        let angle = (self.begins[party] + self.ends[party]) / 2.0;
        let (x, y) = (MIDDLE.0 + (RADIUS + 22.0) * angle.cos(), MIDDLE.1 + (RADIUS + 22.0) * angle.sin());
        let degrees = angle.to_degrees();
        let (turn, anchor) = if angle.cos() >= 0.0 { (degrees, "start") } else { (degrees + 180.0, "end") };
        format!(
            "<text transform=\"translate({x:.1} {y:.1}) rotate({turn:.1})\" dy=\"4\" text-anchor=\"{anchor}\">{} \
             <tspan class=\"quiet\">{}</tspan></text>",
            escaped(name),
            label(self.amounts[party], lang)
        )
    }
}

fn ribbon(from: (f64, f64), to: (f64, f64)) -> String {
    let [a, b, c, d] = [from.0, from.1, to.0, to.1].map(|angle| point(angle, RADIUS));
    let far = i32::from(from.1 - from.0 > PI);
    let (x, y) = MIDDLE;
    format!("M{a}A{RADIUS} {RADIUS} 0 {far} 1 {b}Q{x} {y} {c}A{RADIUS} {RADIUS} 0 0 1 {d}Q{x} {y} {a}Z")
}

fn point(angle: f64, radius: f64) -> String {
    format!("{:.1} {:.1}", MIDDLE.0 + radius * angle.cos(), MIDDLE.1 + radius * angle.sin())
}
