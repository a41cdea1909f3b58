//! The Merkle tree of RFC 6962: roots, inclusion, consistency, and a frontier that leaves are pushed onto.

use crate::{ProofError, base64};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The hash of a leaf or of two nodes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeHash([u8; 32]);

impl NodeHash {
    /// Of a leaf's bytes: `SHA-256(0x00 || bytes)`.
    #[must_use]
    pub fn leaf(bytes: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(bytes).finalize().into())
    }

    /// Of two nodes: `SHA-256(0x01 || left || right)`.
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// The root of the tree without leaves.
    #[must_use]
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Base64, as checkpoints and proofs have it.
impl fmt::Display for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(&self.0))
    }
}

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NodeHash {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let bytes = base64::decode(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| ProofError::malformed("a hash", text, "32 bytes in base64"))
    }
}

/// The root over leaf hashes, as RFC 6962 defines it.
#[must_use]
pub fn root(leaves: &[NodeHash]) -> NodeHash {
    match leaves {
        [] => NodeHash::empty(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            NodeHash::node(&root(left), &root(right))
        }
    }
}

/// The largest power of two below a length of at least two.
fn split(len: usize) -> usize {
    len.next_power_of_two() / 2
}

/// The right edge of a tree: enough to go on adding, and to know the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Whole subtrees from left to right, with their heights.
    peaks: Vec<(u32, NodeHash)>,
}

impl Frontier {
    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: NodeHash) -> Result<(), ProofError> {
        self.push_node(0, leaf)
    }

    /// Adds a whole subtree of `2^height` leaves, where one of that height begins.
    pub fn push_node(&mut self, height: u32, hash: NodeHash) -> Result<(), ProofError> {
        let wrong = || ProofError::Size { place: "a node of the tree", size: self.size };
        let leaves = 1_u64.checked_shl(height).ok_or_else(wrong)?;
        if self.size.trailing_zeros() < height {
            return Err(wrong());
        }
        self.size = self.size.checked_add(leaves).ok_or_else(wrong)?;
        let (mut height, mut hash) = (height, hash);
        while let Some((_, left)) = self.peaks.pop_if(|(known, _)| *known == height) {
            hash = NodeHash::node(&left, &hash);
            height = height.saturating_add(1);
        }
        self.peaks.push((height, hash));
        Ok(())
    }

    /// The root of what there is.
    #[must_use]
    pub fn root(&self) -> NodeHash {
        let hashes = self.peaks.iter().rev().map(|(_, hash)| *hash);
        hashes.reduce(|right, left| NodeHash::node(&left, &right)).unwrap_or_else(NodeHash::empty)
    }

    /// The largest whole subtrees between two places, from left to right: what stands for leaves that are not shown.
    #[must_use]
    pub fn cover(leaves: &[NodeHash], from: usize, to: usize) -> Vec<(u32, NodeHash)> {
        let (mut at, mut nodes) = (from, Vec::new());
        while let Some(rest) = leaves.get(at..to).filter(|rest| !rest.is_empty()) {
            let height = at.trailing_zeros().min(rest.len().ilog2());
            let taken = 1_usize << height;
            nodes.push((height, root(&rest[..taken])));
            at = at.saturating_add(taken);
        }
        nodes
    }
}

/// The hashes beside the way from a leaf to the root; nothing where there is no such leaf.
#[must_use]
pub fn inclusion(leaves: &[NodeHash], index: usize) -> Option<Vec<NodeHash>> {
    match leaves.len() {
        len if index >= len => None,
        1 => Some(Vec::new()),
        len => {
            let (left, right) = leaves.split_at(split(len));
            let (mut path, beside) = match index.checked_sub(left.len()) {
                None => (inclusion(left, index)?, root(right)),
                Some(index) => (inclusion(right, index)?, root(left)),
            };
            path.push(beside);
            Some(path)
        }
    }
}

/// The hashes which show that the first `old` leaves are a beginning of all; nothing where there are fewer.
#[must_use]
pub fn consistency(leaves: &[NodeHash], old: usize) -> Option<Vec<NodeHash>> {
    if old > leaves.len() {
        return None;
    }
    if old == 0 || old == leaves.len() {
        return Some(Vec::new());
    }
    Some(subproof(leaves, old, true))
}

fn subproof(leaves: &[NodeHash], old: usize, whole: bool) -> Vec<NodeHash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, beside) = match old.checked_sub(left.len()) {
        None | Some(0) => (subproof(left, old, whole), root(right)),
        Some(old) => (subproof(right, old, false), root(left)),
    };
    path.push(beside);
    path
}

/// Two indices that go up the tree together.
struct Climb(u64, u64);

impl Climb {
    fn up(&mut self) {
        self.0 >>= 1;
        self.1 >>= 1;
    }

    /// Whether the node is a right child, or the last of its level.
    fn joins_left(&self) -> bool {
        self.0 & 1 == 1 || self.0 == self.1
    }

    fn past_last(&mut self) {
        while self.0 & 1 == 0 && self.0 != 0 {
            self.up();
        }
    }
}

impl NodeHash {
    /// Whether a leaf with this hash stands at `index` of a tree.
    #[must_use]
    pub fn is_at(&self, index: u64, tree: (u64, &Self), path: &[Self]) -> bool {
        let Some(last) = tree.0.checked_sub(1).filter(|last| index <= *last) else { return false };
        let (mut climb, mut hash) = (Climb(index, last), *self);
        for beside in path {
            if climb.1 == 0 {
                return false;
            }
            if climb.joins_left() {
                hash = Self::node(beside, &hash);
                climb.past_last();
            } else {
                hash = Self::node(&hash, beside);
            }
            climb.up();
        }
        climb.1 == 0 && hash == *tree.1
    }

    /// Whether a tree with this root is a beginning of another.
    #[must_use]
    pub fn begins(&self, size: u64, tree: (u64, &Self), path: &[Self]) -> bool {
        if size == 0 || size >= tree.0 {
            let same = size == tree.0 && self == tree.1;
            return path.is_empty() && (same || (size == 0 && *self == Self::empty()));
        }
        let mut hashes = path.iter().copied();
        let first = if size.is_power_of_two() { Some(*self) } else { hashes.next() };
        let Some(first) = first else { return false };
        let mut climb = Climb(size.saturating_sub(1), tree.0.saturating_sub(1));
        while climb.0 & 1 == 1 {
            climb.up();
        }
        let (mut old, mut new) = (first, first);
        for beside in hashes {
            if climb.1 == 0 {
                return false;
            }
            if climb.joins_left() {
                (old, new) = (Self::node(&beside, &old), Self::node(&beside, &new));
                climb.past_last();
            } else {
                new = Self::node(&new, &beside);
            }
            climb.up();
        }
        climb.1 == 0 && old == *self && new == *tree.1
    }
}
