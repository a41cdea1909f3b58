//! Sizes as people write them: `20 GiB`, `512 MB`, `1000`.

use std::str::FromStr;

/// A size that was typed, or the word `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteSize {
    /// What every organisation has.
    Default,
    /// So many bytes.
    Bytes(u64),
}

/// Binary units count in 1,024, decimal ones in 1,000.
const UNITS: [(&str, u64); 11] = [
    ("", 1),
    ("b", 1),
    ("bytes", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

impl FromStr for ByteSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "default" {
            return Ok(Self::Default);
        }
        let wrong = || {
            format!("`{text}` is no size: write a whole number and a unit, such as `20 GiB`, or `default`")
        };
        let text = text.trim();
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
        bytes.map(Self::Bytes).ok_or_else(wrong)
    }
}

/// A size in the largest binary unit of which it has one, with one digit after the point where it is not whole.
pub(crate) fn text(bytes: u64) -> String {
    let units = [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, factor)| bytes >= *factor) {
        Some((unit, factor)) if bytes.is_multiple_of(*factor) => format!("{} {unit}", bytes / factor),
        Some((unit, factor)) => format!("{}.{} {unit}", bytes / factor, bytes % factor * 10 / factor),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests;
