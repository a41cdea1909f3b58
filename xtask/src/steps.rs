//! The steps of CI, in order, and what each of them needs from the ones before it.

#[cfg(test)]
mod tests;

use anyhow::{Result, bail};

/// One step of `cargo xtask test`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Every Rust file is formatted.
    Format,
    /// Clippy has nothing to say.
    Lints,
    /// The rules that no compiler keeps.
    Tidy,
    /// The program builds.
    Build,
    /// Unit, property and integration tests in Rust.
    Tests,
    /// The second verifier and somebody else's program check the committed proofs of invoices.
    Verifiers,
    /// Programs of other people accept what is exported.
    Exports,
    /// The demo starts from nothing and comes to its chat.
    Demo,
    /// The official OpenAI SDK talks to the demo.
    Python,
    /// A browser opens the pages of the demo.
    Browser,
    /// The demo, stopped and started again, goes on and ends well.
    Resume,
    /// The committed `web/dist` is what its source makes.
    Web,
}

/// All steps, in the order in which they run.
pub(crate) const ALL: [Step; 12] = [
    Step::Format,
    Step::Lints,
    Step::Tidy,
    Step::Build,
    Step::Tests,
    Step::Verifiers,
    Step::Exports,
    Step::Demo,
    Step::Python,
    Step::Browser,
    Step::Resume,
    Step::Web,
];

impl Step {
    /// The step of that name, or the list of names.
    pub(crate) fn named(name: &str) -> Result<Self> {
        match ALL.into_iter().find(|step| step.name() == name) {
            Some(step) => Ok(step),
            None => bail!("there is no step `{name}`; the steps are {}", ALL.map(Step::name).join(", ")),
        }
    }

    /// The name that people type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::Format => "format",
            Step::Lints => "lints",
            Step::Tidy => "tidy",
            Step::Build => "build",
            Step::Tests => "tests",
            Step::Verifiers => "verifiers",
            Step::Exports => "exports",
            Step::Demo => "demo",
            Step::Python => "python",
            Step::Browser => "browser",
            Step::Resume => "resume",
            Step::Web => "web",
        }
    }

    /// The step whose result this one uses.
    pub(crate) fn needs(self) -> Option<Step> {
        match self {
            Step::Demo => Some(Step::Build),
            Step::Python | Step::Browser | Step::Resume => Some(Step::Demo),
            Step::Format
            | Step::Lints
            | Step::Tidy
            | Step::Build
            | Step::Tests
            | Step::Verifiers
            | Step::Exports
            | Step::Web => None,
        }
    }
}

/// The steps to run for what was asked, in order, with all that they need. Nothing asked means everything.
pub(crate) fn chosen(only: &[Step]) -> Vec<Step> {
    let wanted = |step: Step| only.is_empty() || only.iter().any(|asked| is_or_needs(*asked, step));
    ALL.into_iter().filter(|step| wanted(*step)).collect()
}

fn is_or_needs(asked: Step, step: Step) -> bool {
    asked == step || asked.needs().is_some_and(|needed| is_or_needs(needed, step))
}
