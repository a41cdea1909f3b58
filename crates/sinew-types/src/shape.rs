//! What a gang needs, in cells.

use crate::Share;
use crate::value::Malformed;
use std::fmt;
use std::str::FromStr;

/// A shape: `8 chips`, `3 hosts`, `1 domain`, `2 pods`, `2x2x4`, `1x460m 6000m 12288Mi`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Shape {
    /// That many chips, wherever they are in the pool.
    Chips(u32),
    /// That many whole hosts.
    Hosts(u32),
    /// That many whole NVLink domains or cubes.
    Domains(u32),
    /// That many whole racks.
    Racks(u32),
    /// That many whole pods, or blocks of racks.
    Pods(u32),
    /// A block of a torus, in chips along each axis.
    Block([u32; 3]),
    /// Parts of devices of one host.
    Share(Share),
}

impl Shape {
    /// How many chips, for the one shape that any chips satisfy.
    #[must_use]
    pub fn loose_chips(&self) -> Option<u32> {
        match self {
            Self::Chips(chips) => Some(*chips),
            Self::Hosts(_) | Self::Domains(_) | Self::Racks(_) | Self::Pods(_) => None,
            Self::Block(_) | Self::Share(_) => None,
        }
    }
}

impl Shape {
    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Chips(count)
            | Self::Hosts(count)
            | Self::Domains(count)
            | Self::Racks(count)
            | Self::Pods(count) => *count == 0,
            Self::Block(sides) => sides.contains(&0),
            Self::Share(share) => share.is_empty(),
        }
    }

    /// That many cells of the same kind. A part of a block is no block, nor of a share a share, so of these it is
    /// nothing.
    #[must_use]
    pub fn of(&self, count: u32) -> Self {
        match self {
            Self::Chips(_) => Self::Chips(count),
            Self::Hosts(_) => Self::Hosts(count),
            Self::Domains(_) => Self::Domains(count),
            Self::Racks(_) => Self::Racks(count),
            Self::Pods(_) => Self::Pods(count),
            Self::Block(_) | Self::Share(_) => Self::Chips(0),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count =
            |number: u32, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
        let text = match self {
            Self::Chips(chips) => count(*chips, "chip"),
            Self::Hosts(hosts) => count(*hosts, "host"),
            Self::Domains(domains) => count(*domains, "domain"),
            Self::Racks(racks) => count(*racks, "rack"),
            Self::Pods(pods) => count(*pods, "pod"),
            Self::Block([x, y, z]) => format!("{x}x{y}x{z}"),
            Self::Share(share) => share.to_string(),
        };
        f.pad(&text)
    }
}

impl FromStr for Shape {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || {
            Malformed::new(
                text,
                "a shape such as `8 chips`, `2 cores`, `3 hosts`, `1 domain`, `2 pods` or `2x2x4`",
            )
        };
        let text = text.trim();
        if text.ends_with("Mi") || text.contains("Mi ") {
            return text.parse().map(Self::Share);
        }
        if let Some((count, word)) = text.split_once(' ') {
            let count: u32 = count.parse().map_err(|_| wrong())?;
            return match word.trim() {
                "chip" | "chips" | "core" | "cores" => Ok(Self::Chips(count)),
                "host" | "hosts" => Ok(Self::Hosts(count)),
                "domain" | "domains" | "cube" | "cubes" => Ok(Self::Domains(count)),
                "rack" | "racks" => Ok(Self::Racks(count)),
                "pod" | "pods" | "block" | "blocks" => Ok(Self::Pods(count)),
                _ => Err(wrong()),
            };
        }
        let sides: Vec<u32> =
            text.split('x').map(|side| side.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
        match sides[..] {
            [x, y, z] if x > 0 && y > 0 && z > 0 => Ok(Self::Block([x, y, z])),
            _ => Err(wrong()),
        }
    }
}

crate::canonical_text!(Shape);
