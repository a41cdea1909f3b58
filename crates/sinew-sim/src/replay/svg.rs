//! Curves over time as SVG, written by hand: a title, axes, one line for each curve.

use super::figures::shown;
use std::fmt::Write;

/// Width of a plot with its margins.
pub(super) const WIDTH: usize = 900;
/// Height of a plot with its margins.
pub(super) const HEIGHT: usize = 210;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 30.0;
/// Colours that people who see no red or no green tell apart (Okabe and Ito).
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// A curve: a name and values, as far apart as those of all curves beside it; one that ends sooner has fewer.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// One plot, `down` pixels from the top.
pub(super) fn plot(title: &str, hours: f64, curves: &[Curve], down: usize) -> String {
    let most = curves.iter().flat_map(|curve| &curve.values).copied().fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    let (width, height) = (WIDTH as f64 - LEFT - RIGHT, HEIGHT as f64 - TOP - BOTTOM);
    let mut svg = format!("<g transform=\"translate(0,{down})\">\n");
    let mut put = |line: String| writeln!(svg, "{line}").expect("a string takes everything");
    put(format!("<text x=\"{LEFT}\" y=\"18\" font-weight=\"bold\">{title}</text>"));
    for part in 0..=2 {
        let share = f64::from(part) / 2.0;
        let y = TOP + height * (1.0 - share);
        let end = LEFT + width;
        put(format!("<path d=\"M{LEFT} {y:.1}H{end:.1}\" stroke=\"#ddd\"/>"));
        let label = axis(most * share);
        put(format!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", LEFT - 6.0, y + 4.0));
    }
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        let (x, y) = (LEFT + width * share, TOP + height + 18.0);
        put(format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>", time(hours * share)));
    }
    let points = curves.iter().map(|curve| curve.values.len()).max().unwrap_or(0);
    let steps = points.saturating_sub(1).max(1) as f64;
    for (place, (curve, colour)) in curves.iter().zip(COLOURS).enumerate() {
        let mut path = String::new();
        for (at, value) in curve.values.iter().enumerate() {
            let letter = if at == 0 { 'M' } else { 'L' };
            let x = LEFT + width * at as f64 / steps;
            let y = TOP + height * (1.0 - value / most);
            write!(path, "{letter}{x:.1} {y:.1}").expect("a string takes everything");
        }
        put(format!("<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"));
        let x = LEFT + 330.0 + 170.0 * place as f64;
        put(format!("<text x=\"{x:.1}\" y=\"18\" fill=\"{colour}\">{}</text>", curve.name));
    }
    svg + "</g>\n"
}

/// A whole picture of plots one below the other.
pub(super) fn picture(plots: &[String]) -> String {
    let height = HEIGHT * plots.len();
    let head = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#fff\"/>\n"
    );
    head + &plots.concat() + "</svg>\n"
}

fn axis(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { shown((value * 100.0).round() / 100.0) }
}

fn time(hours: f64) -> String {
    match hours {
        _ if hours >= 72.0 => format!("{:.0} d", hours / 24.0),
        _ if hours >= 1.0 => format!("{hours:.1} h"),
        _ => format!("{:.1} s", hours * 3_600.0),
    }
}
