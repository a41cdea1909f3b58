//! How many tests passed, failed and were skipped, read from what each test runner prints.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::AddAssign;
use std::process::ExitCode;

/// What a Rust test prints when it needs a folder that is not there; `sinew-testkit` writes this line.
const SKIPPED_WITHOUT_SHARED: &str = "(needs ../shared)";

/// Counted tests. Shown as the closing line that people and CI read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that ran and were right.
    pub(crate) passed: u64,
    /// Tests that ran and were wrong, and steps that could not run where they must.
    pub(crate) failed: u64,
    /// Tests that were not run, each with a printed reason.
    pub(crate) skipped: u64,
}

impl Tally {
    /// One thing that is right.
    pub(crate) const PASSED: Tally = Tally { passed: 1, failed: 0, skipped: 0 };
    /// One thing that is wrong.
    pub(crate) const FAILED: Tally = Tally { passed: 0, failed: 1, skipped: 0 };
    /// One thing that was not tried.
    pub(crate) const SKIPPED: Tally = Tally { passed: 0, failed: 0, skipped: 1 };

    /// One thing that is right or wrong.
    pub(crate) fn of(right: bool) -> Tally {
        if right { Tally::PASSED } else { Tally::FAILED }
    }

    /// Counts a runner that ended badly without naming a failed test, such as one that did not compile.
    pub(crate) fn ended(mut self, well: bool) -> Tally {
        if !well && self.failed == 0 {
            self.failed = 1;
        }
        self
    }

    /// Zero only when nothing failed.
    pub(crate) fn exit_code(self) -> ExitCode {
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(formatter, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Adds up the `test result:` lines of `cargo test`. A test that skipped itself was counted as passed there.
pub(crate) fn of_cargo(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines() {
        if let Some((_, counts)) = line.split_once("test result: ") {
            let counts = counts.split_once(". ").map_or(counts, |(_, rest)| rest);
            tally.passed += before(counts, "passed");
            tally.failed += before(counts, "failed");
            tally.skipped += before(counts, "ignored");
        }
    }
    let without_shared = output.lines().filter(|line| is_skipped_without_shared(line)).count() as u64;
    tally.passed = tally.passed.saturating_sub(without_shared);
    tally.skipped += without_shared;
    tally
}

fn is_skipped_without_shared(line: &str) -> bool {
    line.contains("skipped: ") && line.trim_end().ends_with(SKIPPED_WITHOUT_SHARED)
}

/// Reads pytest's last summary: `1 failed, 5 passed, 1 skipped in 2.10s`.
pub(crate) fn of_pytest(output: &str) -> Tally {
    let is_summary = |line: &&str| line.contains(" in ") && (before(line, "passed") + problems(line) > 0);
    let summary = output.lines().rev().find(is_summary).unwrap_or_default();
    Tally {
        passed: before(summary, "passed"),
        failed: problems(summary),
        skipped: before(summary, "skipped"),
    }
}

fn problems(line: &str) -> u64 {
    before(line, "failed") + before(line, "error") + before(line, "errors")
}

/// Reads the closing counts of `node --test`: lines such as `ℹ pass 3` or `# pass 3`.
pub(crate) fn of_node(output: &str) -> Tally {
    let count = |word: &str| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let value = |line: &str| match words(line).as_slice() {
            [mark, name, count] if (mark == "ℹ" || mark == "#") && name == word => count.parse().ok(),
            _ => None,
        };
        output.lines().rev().find_map(value).unwrap_or(0)
    };
    Tally {
        passed: count("pass"),
        failed: count("fail") + count("cancelled"),
        skipped: count("skipped") + count("todo"),
    }
}

/// The number that stands before a word, or zero.
fn before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split_whitespace().map(|each| each.trim_matches([',', ';', '='])).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}
