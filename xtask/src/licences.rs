//! Licences of everything that is locked, against the one list in `deny.toml`.
//!
//! The list is written once, where `cargo deny check licenses` reads it too.

#[cfg(test)]
mod tests;

use anyhow::{Context, Result};

/// The licences that `deny.toml` allows.
pub(crate) fn allowed(deny: &str) -> Result<Vec<String>> {
    let table: toml::Table = deny.parse().context("deny.toml is not TOML")?;
    let list =
        table.get("licenses").and_then(|licences| licences.get("allow")).and_then(|allow| allow.as_array());
    let list = list.context("deny.toml lacks the list `allow` in [licenses]")?;
    Ok(list.iter().filter_map(|licence| licence.as_str()).map(str::to_owned).collect())
}

/// A sentence for each package whose licence is not allowed.
pub(crate) fn complaints(packages: &[(String, String)], allowed: &[String]) -> Vec<String> {
    let refused = |licence: &str| !permits(licence, allowed);
    let wrong = packages.iter().filter(|(_, licence)| refused(licence));
    wrong.map(|(package, licence)| sentence(package, licence)).collect()
}

fn sentence(package: &str, licence: &str) -> String {
    if licence.is_empty() {
        format!("{package} declares no licence: use another package")
    } else {
        format!("{package} has the licence `{licence}`, which deny.toml does not allow: use another package")
    }
}

/// Whether an SPDX expression can be met with allowed licences alone. What cannot be read is not met.
fn permits(expression: &str, allowed: &[String]) -> bool {
    // Old manifests write `MIT/Apache-2.0` for a choice.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed };
    let met = reader.any_of();
    met == Some(true) && reader.words.is_empty()
}

/// Reads an expression from left to right. `OR` binds weakest, then `AND`, then `WITH`.
struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl<'a> Reader<'a> {
    fn any_of(&mut self) -> Option<bool> {
        let mut met = self.all_of()?;
        while self.take("OR") {
            met |= self.all_of()?;
        }
        Some(met)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut met = self.licence()?;
        while self.take("AND") {
            met &= self.licence()?;
        }
        Some(met)
    }

    fn licence(&mut self) -> Option<bool> {
        if self.take("(") {
            let met = self.any_of()?;
            return self.take(")").then_some(met);
        }
        let mut name = self.next()?.to_owned();
        if self.take("WITH") {
            name = format!("{name} WITH {}", self.next()?);
        }
        // `MPL-2.0+` is that version or a later one, so it can be met with that version.
        let this_version = name.strip_suffix('+').unwrap_or(&name).to_owned();
        Some(self.allowed.contains(&name) || self.allowed.contains(&this_version))
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.words = &self.words[1..];
        }
        is_next
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }
}
