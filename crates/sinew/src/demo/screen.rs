//! What the demo shows: finished lines on the standard output, and below them, on a terminal, what moves.

use sinew_api::Lang;
use std::io::{IsTerminal, Write, stderr};
use std::path::Path;

/// How wide and high the loss curve is, in characters.
const CURVE_WIDTH: usize = 64;
const CURVE_HEIGHT: usize = 6;
/// How wide the progress bar is.
const BAR_WIDTH: usize = 24;

/// One moment of a training run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) step: u64,
    pub(crate) steps: u64,
    pub(crate) loss: f64,
    pub(crate) tokens_per_s: f64,
    pub(crate) peak_share: f64,
    pub(crate) left_s: f64,
}

/// The terminal, or whatever stands in its place.
pub(crate) struct Screen {
    lang: Lang,
    live: bool,
    /// How many lines below the last finished one are drawn.
    drawn: usize,
}

impl Screen {
    pub(crate) fn new(lang: Lang) -> Self {
        Self { lang, live: stderr().is_terminal(), drawn: 0 }
    }

    /// One of two texts.
    pub(crate) fn pick(&self, english: impl Into<String>, french: impl Into<String>) -> String {
        match self.lang {
            Lang::En => english.into(),
            Lang::Fr => french.into(),
        }
    }

    /// The first line.
    pub(crate) fn title(&mut self, data: &Path, url: &str) {
        let version = env!("CARGO_PKG_VERSION");
        let data = data.display();
        let line = self.pick(
            format!("sinew {version}  journal {data}  web {url}"),
            format!("sinew {version}  journal {data}  web {url}"),
        );
        println!(" {line}\n");
    }

    /// A finished line of the story: a number, what it is about, what happened.
    pub(crate) fn tell(&mut self, number: &str, what: &str, happened: &str) {
        self.clear();
        println!(" {number:1} {what:<9} {happened}");
    }

    /// A line that belongs to the one before.
    pub(crate) fn more(&mut self, happened: &str) {
        self.tell("", "", happened);
    }

    /// Draws a training run in place; elsewhere than on a terminal it shows nothing.
    pub(crate) fn training(&mut self, now: &Moment, losses: &[(u64, f64)]) {
        let bar = bar(now.step, now.steps);
        let left = format!("{}:{:02}", now.left_s as u64 / 60, now.left_s as u64 % 60);
        let left = self.pick(format!("{left} left"), format!("reste {left}"));
        let peak = if now.peak_share > 0.0 {
            let share = (now.peak_share * 100.0).round();
            self.pick(format!("   {share} % of peak"), format!("   {share} % du pic"))
        } else {
            String::new()
        };
        let step = self.pick("step", "pas");
        let thousands = now.tokens_per_s / 1_000.0;
        let line = format!(
            "   {bar}   {step} {}/{}   loss {:.2}   {thousands:.1} k tok/s{peak}   {left}",
            now.step, now.steps, now.loss
        );
        let mut lines = curve(losses, now.steps);
        lines.push(line);
        self.draw(&lines);
    }

    /// Draws one line in place.
    pub(crate) fn moving(&mut self, line: &str) {
        self.draw(&[format!("   {line}")]);
    }

    fn draw(&mut self, lines: &[String]) {
        if !self.live {
            return;
        }
        self.clear();
        let mut out = stderr().lock();
        for line in lines {
            // Nothing can be done about a terminal that is gone.
            let _ = writeln!(out, "{line}\x1b[K");
        }
        self.drawn = lines.len();
    }

    /// Takes away what moves.
    pub(crate) fn clear(&mut self) {
        if self.live && self.drawn > 0 {
            let _ = write!(stderr(), "\x1b[{}A\x1b[J", self.drawn);
        }
        self.drawn = 0;
    }
}

/// A bar in eighths of a character.
fn bar(done: u64, all: u64) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let width = u64::try_from(BAR_WIDTH).unwrap_or(1) * 8;
    let filled = usize::try_from(done.min(all) * width / all.max(1)).unwrap_or(0);
    let mut text = "█".repeat(filled / 8);
    if filled / 8 < BAR_WIDTH {
        text.push(EIGHTHS[filled % 8]);
    }
    format!("{text:·<BAR_WIDTH$}")
}

/// The losses over all steps as a curve of braille dots, four rows of dots to a line, with its scale.
pub(crate) fn curve(losses: &[(u64, f64)], steps: u64) -> Vec<String> {
    let highest = losses.iter().map(|(_, loss)| *loss).fold(f64::MIN, f64::max);
    let lowest = losses.iter().map(|(_, loss)| *loss).fold(f64::MAX, f64::min);
    if losses.len() < 2 || !(highest - lowest).is_normal() {
        return Vec::new();
    }
    let mut dots = vec![vec![0_u8; CURVE_WIDTH]; CURVE_HEIGHT];
    for (step, loss) in losses {
        let x = usize::try_from(step * u64::try_from(CURVE_WIDTH * 2 - 1).unwrap_or(1) / steps.max(1))
            .unwrap_or(0);
        let y = ((highest - loss) / (highest - lowest) * (CURVE_HEIGHT * 4 - 1) as f64).round() as usize;
        dots[(y / 4).min(CURVE_HEIGHT - 1)][(x / 2).min(CURVE_WIDTH - 1)] |= braille(x % 2, y % 4);
    }
    let row = |(at, row): (usize, &Vec<u8>)| {
        let scale = match at {
            0 => format!("{highest:5.2}"),
            _ if at == CURVE_HEIGHT - 1 => format!("{lowest:5.2}"),
            _ => " ".repeat(5),
        };
        let dots: String = row.iter().filter_map(|bits| char::from_u32(0x2800 + u32::from(*bits))).collect();
        format!("   {scale} {dots}")
    };
    dots.iter().enumerate().map(row).collect()
}

/// The bit of a dot in its braille cell (Unicode 15, chapter 21.1).
fn braille(x: usize, y: usize) -> u8 {
    const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    BITS[x][y]
}

#[cfg(test)]
mod tests;
