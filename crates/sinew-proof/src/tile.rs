//! C2SP tlog-tiles: which part of a log a path names, and its bytes.

use crate::{NodeHash, ProofError, root};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// How many nodes a full tile has in its lowest row.
const FULL: u16 = 256;

/// What a tile holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TileKind {
    /// Hashes of whole subtrees of `256^level` leaves.
    Hashes(u8),
    /// The leaves' own bytes.
    Entries,
}

/// One tile of a log, by its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Which one of its row, from 0 on.
    pub index: u64,
    /// How many nodes of it are asked for: 256, or fewer of one that is not full.
    pub width: u16,
}

impl Tile {
    /// The leaves that it is about, where that can be counted.
    #[must_use]
    pub fn leaves(&self) -> Option<Range<usize>> {
        let below = usize::try_from(self.below()?).ok()?;
        let first = usize::try_from(self.index.checked_mul(u64::from(FULL))?).ok()?;
        let end = first.checked_add(usize::from(self.width))?;
        Some(first.checked_mul(below)?..end.checked_mul(below)?)
    }

    /// How many leaves stand below one of its nodes.
    fn below(&self) -> Option<u64> {
        match self.kind {
            TileKind::Hashes(level) => u64::from(FULL).checked_pow(u32::from(level)),
            TileKind::Entries => Some(1),
        }
    }

    /// A tile of hashes from a log's leaves; nothing where the log does not reach so far.
    #[must_use]
    pub fn hashes(&self, leaves: &[NodeHash]) -> Option<Vec<u8>> {
        let below = usize::try_from(self.below()?).ok()?;
        let nodes = leaves.get(self.leaves()?)?.chunks(below).map(root);
        Some(nodes.flat_map(|node| *node.bytes()).collect())
    }

    /// Adds a leaf to a tile of entries, with its length before it; nothing where it is longer than an entry may be.
    #[must_use]
    pub fn add_entry(tile: &mut Vec<u8>, leaf: &[u8]) -> Option<()> {
        let length = u16::try_from(leaf.len()).ok()?;
        tile.extend_from_slice(&length.to_be_bytes());
        tile.extend_from_slice(leaf);
        Some(())
    }
}

/// The path below `tile/`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "{level}/")?,
            TileKind::Entries => write!(f, "entries/")?,
        }
        let digits = self.index.to_string();
        let groups = digits.len().div_ceil(3);
        let padded = format!("{digits:0>width$}", width = groups.saturating_mul(3));
        let (before, last) = padded.split_at(padded.len().saturating_sub(3));
        for (place, digit) in before.chars().enumerate() {
            let sign = if place.is_multiple_of(3) { "x" } else { "" };
            let end = if place % 3 == 2 { "/" } else { "" };
            write!(f, "{sign}{digit}{end}")?;
        }
        f.write_str(last)?;
        if self.width < FULL { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for Tile {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let form = "a level up to 63 or `entries`, a number such as `x001/234`, and `.p/` with a width from 1 to 255 where it is not full";
        let wrong = || ProofError::malformed("a tile", text, form);
        let (row, place) = text.split_once('/').ok_or_else(wrong)?;
        let kind = match row {
            "entries" => TileKind::Entries,
            level => {
                let level = level.parse().ok().filter(|level| *level <= 63);
                TileKind::Hashes(level.ok_or_else(wrong)?)
            }
        };
        let (number, width) = match place.split_once(".p/") {
            None => (place, FULL),
            Some((number, width)) => {
                let width = width.parse().ok().filter(|width| (1..FULL).contains(width));
                (number, width.ok_or_else(wrong)?)
            }
        };
        let index = number.replace(['x', '/'], "").parse().map_err(|_| wrong())?;
        let tile = Self { kind, index, width };
        // One tile has one path: what is written otherwise names nothing.
        if tile.to_string() == text { Ok(tile) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_has_one_path_and_it_is_read_back() {
        let (full, entries) = (TileKind::Hashes(0), TileKind::Entries);
        let table = [
            ("0/000", full, 0, 256),
            ("0/999", full, 999, 256),
            ("0/x001/000", full, 1000, 256),
            ("3/x001/x234/067.p/17", TileKind::Hashes(3), 1_234_067, 17),
            ("entries/042.p/255", entries, 42, 255),
        ];
        for (path, kind, index, width) in table {
            let tile = Tile { kind, index, width };
            assert_eq!(tile.to_string(), path);
            assert_eq!(path.parse::<Tile>().expect(path), tile);
        }
    }

    #[test]
    fn a_path_in_another_form_names_nothing() {
        let others = [
            "",
            "0",
            "0/",
            "0/0",
            "0/1000",
            "0/x000/001",
            "0/001/000",
            "00/000",
            "64/000",
            "-1/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "leaves/000",
            "0/../000",
            "0/+01",
            "0/x99999999999999999999/000",
        ];
        for path in others {
            assert!(path.parse::<Tile>().is_err(), "{path}");
        }
    }

    #[test]
    fn tiles_of_a_higher_row_hold_the_roots_of_the_row_below() {
        let leaves: Vec<NodeHash> = (0..600_u32).map(|n| NodeHash::leaf(&n.to_be_bytes())).collect();
        let read = |path: &str| path.parse::<Tile>().expect(path).hashes(&leaves);
        let rows = |from: usize, to: usize| -> Vec<u8> {
            leaves[from..to].iter().flat_map(|hash| *hash.bytes()).collect()
        };
        assert_eq!(read("0/000"), Some(rows(0, 256)));
        assert_eq!(read("0/002.p/88"), Some(rows(512, 600)), "600 = 2 * 256 + 88");
        let above: Vec<u8> =
            [&leaves[..256], &leaves[256..512]].iter().flat_map(|l| *root(l).bytes()).collect();
        assert_eq!(read("1/000.p/2"), Some(above));
        for beyond in ["0/002", "0/002.p/89", "0/003.p/1", "1/000", "1/000.p/3", "2/000.p/1", "63/000.p/1"] {
            assert_eq!(read(beyond), None, "{beyond}");
        }
    }

    #[test]
    fn an_entry_has_its_length_before_it_and_no_more_than_two_bytes_can_say() {
        let mut tile = Vec::new();
        assert_eq!(Tile::add_entry(&mut tile, b"abc"), Some(()));
        assert_eq!(tile, b"\0\x03abc");
        assert_eq!(Tile::add_entry(&mut tile, &[0; 65_536]), None);
        assert_eq!(tile, b"\0\x03abc", "nothing of a leaf that is too long");
    }
}
