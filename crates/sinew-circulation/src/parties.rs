//! Names of parties, in the order in which they were met.

use std::collections::BTreeMap;

/// Gives each name a number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parties {
    names: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Parties {
    /// The number of a name, a new one where it was not met before.
    pub fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }

    /// The number of a name that was met.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// The name of a number that `number` gave.
    #[must_use]
    pub fn name(&self, number: usize) -> &str {
        &self.names[number]
    }

    /// All names, by number.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
}
