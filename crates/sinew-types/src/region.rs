//! Parts of a pool as people name them: `pod-3/rack-1`, counted from 0 inside the part before.

use crate::topology::{CellIndex, Level, Topology};
use crate::value::Malformed;
use crate::{canonical_struct, canonical_text};
use std::fmt;
use std::str::FromStr;

/// Chips side by side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CellRange {
    /// The first chip.
    pub first: CellIndex,
    /// How many, from the first on.
    pub count: u32,
}

canonical_struct!(CellRange { first, count });

impl CellRange {
    /// The first chip behind the range.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.first.0.saturating_add(self.count)
    }
}

/// The most steps of a region: one for each level inside a pool.
const STEPS_MAX: usize = 5;

/// One cell of a pool, by the way that leads to it; no steps are the whole pool. Levels may be left out: `host-70` is
/// the host with that number in the whole pool.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Region(Vec<(Level, u32)>);

impl Region {
    /// The steps from the whole pool down.
    #[must_use]
    pub fn steps(&self) -> &[(Level, u32)] {
        &self.0
    }

    /// The cell of a level with this number inside this region.
    #[must_use]
    pub fn child(&self, level: Level, number: u32) -> Self {
        let mut steps = self.0.clone();
        steps.push((level, number));
        Self(steps)
    }
}

/// Why a region is none of a pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RegionFlaw {
    /// The pool has no such level, or the step before is no larger.
    NoLevel {
        /// Which.
        level: Level,
    },
    /// There are fewer of these.
    TooFar {
        /// Of which level.
        level: Level,
        /// How many there are in the part before.
        count: u32,
    },
}

impl Topology {
    /// The chips of a region.
    pub fn region(&self, region: &Region) -> Result<CellRange, RegionFlaw> {
        let mut range = CellRange { first: self.first_chip(), count: self.chip_count() };
        let mut above = Level::Pool;
        for (level, number) in region.steps() {
            let chips = self.chips_of(*level).filter(|_| *level > above);
            let chips = chips.ok_or(RegionFlaw::NoLevel { level: *level })?;
            let count = range.count / chips;
            if *number >= count {
                return Err(RegionFlaw::TooFar { level: *level, count });
            }
            range = CellRange { first: CellIndex(range.first.0 + number * chips), count: chips };
            above = *level;
        }
        Ok(range)
    }
}

/// The word of a level in a region.
fn word(level: Level) -> &'static str {
    match level {
        Level::Pool => "pool",
        Level::Pod => "pod",
        Level::Rack => "rack",
        Level::Domain => "domain",
        Level::Host => "host",
        Level::Device => "device",
        Level::Chip => "chip",
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (level, number)) in self.0.iter().enumerate() {
            let slash = if at == 0 { "" } else { "/" };
            write!(f, "{slash}{}-{number}", word(*level))?;
        }
        Ok(())
    }
}

impl FromStr for Region {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong =
            || Malformed::new(text, "a part of a pool such as `pod-3/rack-1`, `domain-7` or `host-0`");
        if text.is_empty() || text == "pool" {
            return Ok(Self::default());
        }
        let step = |step: &str| {
            let (word, number) = step.rsplit_once('-').ok_or_else(wrong)?;
            let level = match word {
                "pod" | "block" => Level::Pod,
                "rack" => Level::Rack,
                "domain" | "cube" => Level::Domain,
                "host" => Level::Host,
                "device" => Level::Device,
                "chip" | "core" => Level::Chip,
                _ => return Err(wrong()),
            };
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
            Ok((level, number))
        };
        let steps: Vec<(Level, u32)> = text.split('/').map(step).collect::<Result<_, Malformed>>()?;
        if steps.len() > STEPS_MAX { Err(wrong()) } else { Ok(Self(steps)) }
    }
}

canonical_text!(Region);
