//! Figures, and the three forms that people and programs read them in.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

/// The head of every table.
const HEAD: [&str; 7] = ["figure", "value", "unit", "peer", "peer's value", "ratio", "goal"];

/// One measured number, with its peer's beside it where it has one.
#[derive(Default)]
pub(super) struct Figure {
    /// What was measured, unit last: `total_s`.
    pub(super) name: String,
    /// How much it was.
    pub(super) value: f64,
    /// In what.
    pub(super) unit: &'static str,
    /// Another program's value on the same machine in the same run, with its name.
    pub(super) peer: Option<(String, f64)>,
    /// The most that it should be.
    pub(super) goal_at_most: Option<f64>,
    /// The least that it should be.
    pub(super) goal_at_least: Option<f64>,
}

/// All figures of one run, and what they were measured on.
pub(super) struct Report {
    /// The benchmark's name.
    pub(super) bench: &'static str,
    /// What it measures.
    pub(super) what: &'static str,
    /// The commit that was measured.
    pub(super) commit: String,
    /// The machine that it was measured on.
    pub(super) machine: String,
    /// What came out.
    pub(super) figures: Vec<Figure>,
}

impl Figure {
    fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|(_, value)| self.value / value)
    }

    fn goal(&self) -> Option<String> {
        let most = self.goal_at_most.map(|most| format!("<= {}", number(most)));
        most.or_else(|| self.goal_at_least.map(|least| format!(">= {}", number(least))))
    }

    fn verdict(&self) -> &'static str {
        match (self.goal_at_most, self.goal_at_least) {
            (Some(most), _) if self.value > most => " missed",
            (_, Some(least)) if self.value < least => " missed",
            (None, None) => "",
            _ => " met",
        }
    }

    fn cells(&self) -> [String; 7] {
        let (peer, peer_value) = match &self.peer {
            Some((name, value)) => (name.clone(), number(*value)),
            None => (String::new(), String::new()),
        };
        let ratio = self.ratio().map(number).unwrap_or_default();
        let goal = self.goal().unwrap_or_default() + self.verdict();
        [self.name.clone(), number(self.value), self.unit.to_owned(), peer, peer_value, ratio, goal]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "peer": self.peer.as_ref().map(|(name, _)| name),
            "peer_value": self.peer.as_ref().map(|(_, value)| value),
            "ratio": self.ratio(),
            "goal": self.goal(),
        })
    }
}

impl Report {
    /// For the terminal and, being a Markdown table as well, for the page.
    pub(super) fn table(&self) -> String {
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(self.figures.iter().map(Figure::cells));
        let mut widths = [0; HEAD.len()];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let rule = widths.map(|width| "-".repeat(width));
        rows.insert(1, rule);
        let mut text = rows.iter().map(|row| line(row, &widths)).collect::<String>();
        let (name, commit, machine) = (self.bench, &self.commit, &self.machine);
        text.push_str(&format!("\n`cargo xtask bench {name}` · commit {commit} · {machine}\n"));
        text
    }

    /// The page in `docs/bench`.
    pub(super) fn page(&self) -> String {
        format!("# Benchmark `{}`: {}\n\n{}", self.bench, self.what, self.table())
    }

    /// The form for programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "bench": self.bench,
            "commit": self.commit,
            "machine": self.machine,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<Value>>(),
        })
    }
}

/// The processor, its cores, the memory and the kernel's version; never the machine's name.
pub(super) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (processor, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let model = field(&processor, "model name").unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory_kib: u64 = field(&memory, "MemTotal")
        .and_then(|text| text.split_whitespace().next())
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    let release = read("/proc/sys/kernel/osrelease");
    let kernel = release.split('-').next().unwrap_or_default();
    format!("{model}, {cores} cores, {} GiB, Linux {}", memory_kib / (1024 * 1024), kernel.trim())
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let of_line = |line: &'a str| line.split_once(':').filter(|(key, _)| key.trim() == name);
    text.lines().find_map(of_line).map(|(_, value)| value.trim())
}

fn line(cells: &[String; 7], widths: &[usize; 7]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} "));
    format!("|{}|\n", padded.collect::<Vec<_>>().join("|"))
}

/// Whole numbers as they are, others with the digits that a reader can use.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if value.fract() == 0.0 || size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 5,
    };
    format!("{value:.digits$}")
}
