//! Ribbons from those who pay on the left to those who are paid on the right.

use super::{CLASSES, Picture, escaped, head, label, legend, put};
use sinew_api::{Lang, MoneyView};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 650.0;
const TOP: f64 = 80.0;
const TALL: f64 = 560.0;
const GAP: f64 = 14.0;
const BAR: f64 = 10.0;
/// How many parties have a bar of their own.
const PARTIES: usize = 20;

/// Draws the two sides and what flows between them.
pub(crate) fn ribbons(view: &MoneyView, title: &str, lang: Lang) -> String {
    let picture = Picture::of(view, PARTIES, lang);
    let scale = TALL / picture.total().max(f64::MIN_POSITIVE);
    let out =
        |party: usize| picture.flows.iter().filter(|flow| flow.from == party).map(|flow| flow.total()).sum();
    let into =
        |party: usize| picture.flows.iter().filter(|flow| flow.to == party).map(|flow| flow.total()).sum();
    let mut payers = Side::of(picture.names.len(), scale, out);
    let mut payees = Side::of(picture.names.len(), scale, into);
    let height = payers.end.max(payees.end) + 20.0;
    let mut svg = head(WIDTH, height.round(), title) + &legend(50.0, lang);
    for flow in &picture.flows {
        let (from, to) = (&picture.names[flow.from], &picture.names[flow.to]);
        for (amount, colour) in flow.parts.iter().zip(CLASSES).filter(|(amount, _)| **amount > 0.0) {
            let thick = amount * scale;
            let (a, b) = (payers.take(flow.from, thick), payees.take(flow.to, thick));
            let tip = format!("{} → {}: {}", escaped(from), escaped(to), label(*amount, lang));
            let path = ribbon(a, b, thick);
            put(
                &mut svg,
                &format!(
                    "<path d=\"{path}\" fill=\"{colour}\" fill-opacity=\"0.5\"><title>{tip}</title></path>"
                ),
            );
        }
    }
    for (side, x, text_x, anchor) in
        [(&payers, LEFT - BAR, LEFT - BAR - 8.0, "end"), (&payees, RIGHT, RIGHT + BAR + 8.0, "start")]
    {
        for (party, name) in picture.names.iter().enumerate().filter(|(party, _)| side.amounts[*party] > 0.0)
        {
            let (y, tall) = (side.begins[party], (side.amounts[party] * scale).max(1.0));
            put(
                &mut svg,
                &format!(
                    "<rect class=\"party\" x=\"{x}\" y=\"{y:.1}\" width=\"{BAR}\" height=\"{tall:.1}\"/>"
                ),
            );
            let amount = label(side.amounts[party], lang);
            put(
                &mut svg,
                &format!(
                    "<text x=\"{text_x}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{} <tspan class=\"quiet\">{amount}\
                     </tspan></text>",
                    y + tall / 2.0 + 4.0,
                    escaped(name)
                ),
            );
        }
    }
    svg + "</svg>\n"
}

/// One side: where each party's bar begins and how much of it is taken.
struct Side {
    amounts: Vec<f64>,
    begins: Vec<f64>,
    taken: Vec<f64>,
    end: f64,
}

impl Side {
    fn of(parties: usize, scale: f64, amount: impl Fn(usize) -> f64) -> Self {
        let amounts: Vec<f64> = (0..parties).map(amount).collect();
        let mut begins = vec![0.0; parties];
        let mut order: Vec<usize> = (0..parties).filter(|party| amounts[*party] > 0.0).collect();
        order.sort_by(|one, other| amounts[*other].total_cmp(&amounts[*one]));
        let mut at = TOP;
        for party in order {
            begins[party] = at;
            // A label needs its line, also where the bar is thin.
            at += (amounts[party] * scale).max(3.0) + GAP;
        }
        Self { taken: begins.clone(), begins, amounts, end: at }
    }

    fn take(&mut self, party: usize, thick: f64) -> f64 {
        self.taken[party] += thick;
        self.taken[party] - thick
    }
}

fn ribbon(from: f64, to: f64, thick: f64) -> String {
    let middle = f64::midpoint(LEFT, RIGHT);
    let (low_from, low_to) = (from + thick, to + thick);
    format!(
        "M{LEFT} {from:.1}C{middle} {from:.1} {middle} {to:.1} {RIGHT} {to:.1}L{RIGHT} {low_to:.1}\
         C{middle} {low_to:.1} {middle} {low_from:.1} {LEFT} {low_from:.1}Z"
    )
}
