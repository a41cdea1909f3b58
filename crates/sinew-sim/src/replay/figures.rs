//! Figures with names, as one JSON object.

use std::fmt::Write;

/// Figures in the order in which they were added.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Adds one.
    pub fn add(&mut self, name: &str, figure: f64) {
        self.0.push((name.to_owned(), figure));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, figure)| (name.as_str(), *figure))
    }

    /// One JSON object, with names as written by us and figures with at most four digits behind the point.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        for (at, (name, figure)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(json, "{comma}\"{}\":{}", escaped(name), shown(figure))
                .expect("a string takes everything");
        }
        json + "}"
    }
}

/// A figure as people and programs read it.
pub(super) fn shown(figure: f64) -> String {
    let text = format!("{figure:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(name: &str) -> String {
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || "_-. @".contains(letter) { letter } else { '_' };
    name.chars().map(plain).collect()
}
