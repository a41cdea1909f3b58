//! Pictures of money as SVG, written by hand: a circle of parties with chords, and ribbons from payers to payees.
//!
//! Colours follow the reader's light or dark setting, and each picture says in words what it shows.

mod chord;
mod ribbons;
#[cfg(test)]
mod tests;

use sinew_api::{FlowView, Lang, MoneyView};
use sinew_types::Money;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) use chord::chord;
pub(crate) use ribbons::ribbons;

/// Colours that people who see no red or no green tell apart (Okabe and Ito): cash, commitments, paper.
const CLASSES: [&str; 3] = ["#0072b2", "#d55e00", "#cc79a7"];

/// A billion smallest units of an asset that is kept to a millionth.
const BILLION: f64 = 1e15;

/// How many letters of a name are drawn.
const NAME_MOST: usize = 24;

/// What is drawn of one flow, in billions.
struct Drawn {
    from: usize,
    to: usize,
    /// Cash, commitments, paper.
    parts: [f64; 3],
}

impl Drawn {
    fn total(&self) -> f64 {
        self.parts.iter().sum()
    }
}

/// The largest parties by what they give and get, and one more that stands for all others.
struct Picture {
    names: Vec<String>,
    flows: Vec<Drawn>,
}

impl Picture {
    fn of(view: &MoneyView, most: usize, lang: Lang) -> Self {
        let mut moved: BTreeMap<&str, f64> = BTreeMap::new();
        for flow in &view.flows {
            for party in [&flow.from, &flow.to] {
                *moved.entry(party).or_default() += billions(&flow.sums.total);
            }
        }
        let mut order: Vec<(&str, f64)> = moved.into_iter().collect();
        order.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)));
        let has_others = order.len() > most;
        order.truncate(most);
        let mut names: Vec<String> = order.iter().map(|(name, _)| cut(name)).collect();
        if has_others {
            names.push(match lang {
                Lang::En => "others".to_owned(),
                Lang::Fr => "autres".to_owned(),
            });
        }
        let place = |name: &str| order.iter().position(|(known, _)| *known == name).unwrap_or(most);
        let mut flows: BTreeMap<(usize, usize), [f64; 3]> = BTreeMap::new();
        for flow in &view.flows {
            let parts = flows.entry((place(&flow.from), place(&flow.to))).or_default();
            parts.iter_mut().zip(classes(flow)).for_each(|(sum, part)| *sum += part);
        }
        let flows = flows.into_iter().map(|((from, to), parts)| Drawn { from, to, parts });
        Self { names, flows: flows.filter(|flow| flow.total() > 0.0).collect() }
    }

    fn total(&self) -> f64 {
        self.flows.iter().map(Drawn::total).sum()
    }
}

fn classes(flow: &FlowView) -> [f64; 3] {
    [billions(&flow.sums.cash), billions(&flow.sums.commitments), billions(&flow.sums.paper)]
}

/// An amount as the server writes it, in billions, for drawing only.
fn billions(amount: &str) -> f64 {
    amount.parse::<Money>().map_or(0.0, |money| money.units as f64 / BILLION)
}

/// A name that fits beside its bar.
fn cut(name: &str) -> String {
    if name.chars().count() <= NAME_MOST {
        return name.to_owned();
    }
    name.chars().take(NAME_MOST - 1).chain(['…']).collect()
}

/// An amount in words that fit a label: `300.0 bn`, `4.0 M`, `0.000487`.
pub(crate) fn short(amount: &str, lang: Lang) -> String {
    let units = amount.parse::<Money>().map_or(0, |money| money.units);
    label(units as f64 / BILLION, lang)
}

fn label(billions: f64, lang: Lang) -> String {
    let (billion, million, comma) = match lang {
        Lang::En => (" bn", " M", "."),
        Lang::Fr => (" Md", " M", ","),
    };
    let text = match billions.abs() {
        size if size >= 1.0 => format!("{billions:.2}{billion}"),
        size if size >= 1e-3 => format!("{:.2}{million}", billions * 1e3),
        _ => format!("{:.6}", billions * 1e9).trim_end_matches('0').trim_end_matches('.').to_owned(),
    };
    text.replacen('.', comma, 1)
}

/// The head of a picture: its size, its colours in light and dark, its title.
fn head(width: f64, height: f64, title: &str) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\">\n<title>{title}</title>\n\
         <style>.page{{fill:#fff}}text{{fill:#1c1c1c}}.quiet{{fill:#666}}.party{{fill:#555}}\n\
         @media (prefers-color-scheme: dark){{.page{{fill:#16181c}}text{{fill:#eee}}.quiet{{fill:#aaa}}\
         .party{{fill:#999}}}}</style>\n<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n\
         <text x=\"20\" y=\"26\" font-size=\"15\" font-weight=\"bold\">{title}</text>\n"
    )
}

/// What each colour means, in a row that begins at `y`.
fn legend(y: f64, lang: Lang) -> String {
    let words = match lang {
        Lang::En => ["cash that moved", "promised", "paper: shares and rights"],
        Lang::Fr => ["argent versé", "promis", "papier : titres et droits"],
    };
    let mut text = String::new();
    for (place, (word, colour)) in words.iter().zip(CLASSES).enumerate() {
        let x = 20.0 + 170.0 * place as f64;
        put(
            &mut text,
            &format!("<rect x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>", y - 10.0),
        );
        put(&mut text, &format!("<text x=\"{}\" y=\"{y}\">{word}</text>", x + 18.0));
    }
    text
}

fn put(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
