//! Names that people type.

use crate::value::Malformed;
use std::fmt;
use std::str::FromStr;

/// A short name: 1 to 63 of `a-z 0-9 - . _`, starting with a letter or digit. Safe in paths and addresses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Name {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let starts = text.bytes().next().is_some_and(letter);
        let goes_on = text.bytes().all(|b| letter(b) || matches!(b, b'-' | b'.' | b'_'));
        if starts && goes_on && text.len() <= 63 {
            Ok(Self(text.to_owned()))
        } else {
            let expected = "a name: 1 to 63 of a-z, 0-9, `-`, `.`, `_`, starting with a letter or digit";
            Err(Malformed::new(text, expected))
        }
    }
}

crate::canonical_text!(Name);
