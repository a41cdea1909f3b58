//! Who comes first to what others leave idle: whoever has had least of it, for what it weighs.
//!
//! Weighted dominant-resource fairness (Ghodsi et al., NSDI '11, section 4.3) down a tree of organisations (Bhattacharya
//! et al., SoCC '13, section 4): at each level the branch with the smallest share for its weight goes first, and only
//! branches in which somebody can be served are compared. A pool lends chips and nothing else, so chips are every
//! account's dominant resource. What somebody held lately counts beside what it holds now, with decay.

use crate::account::AccountIx;
use crate::past::{CHIP, PastUse, step};
use sinew_types::{Instant, OrgId};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A weight of one, for shares in whole numbers.
const SCALE: u128 = 1 << 20;

/// An organisation and what it weighs among its sisters.
pub type Weighted = (OrgId, u32);

/// An organisation, or an account at the end of a branch.
#[derive(Clone, Copy, Debug)]
struct Node {
    weight: u32,
    /// What its accounts hold of others, and held lately, in 2^-16 chips.
    used: u64,
}

#[derive(Clone, Debug)]
struct Leaf {
    /// From the root down to the account's own node.
    path: Vec<u32>,
    past: PastUse,
    /// Up to when the past is counted.
    since: Instant,
}

/// The tree, with an end for each account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sharing {
    nodes: Vec<Node>,
    organisations: BTreeMap<OrgId, u32>,
    leaves: Vec<Leaf>,
    step: i64,
}

impl Sharing {
    /// One more account, on a branch of its own.
    pub(crate) fn add(&mut self, now: Instant) {
        let own = self.node(1);
        self.leaves.push(Leaf { path: vec![own], past: PastUse::default(), since: now });
    }

    fn node(&mut self, weight: u32) -> u32 {
        self.nodes.push(Node { weight, used: 0 });
        u32::try_from(self.nodes.len() - 1).expect("fewer organisations than numbers")
    }

    /// Puts an account below organisations, the one at the root first.
    pub(crate) fn place(&mut self, at: AccountIx, organisations: &[Weighted]) {
        let own = *self.leaves[at].path.last().expect("a path ends with the account's own node");
        let mut path = Vec::with_capacity(organisations.len() + 1);
        for (organisation, weight) in organisations {
            let known = self.organisations.get(organisation).copied();
            let node = known.unwrap_or_else(|| self.node(*weight));
            self.organisations.insert(*organisation, node);
            self.nodes[index(node)].weight = *weight;
            path.push(node);
        }
        path.push(own);
        self.leaves[at].path = path;
        // Counted anew at the next look.
        self.step = i64::MIN;
    }

    /// What an account held before anything else happened.
    pub(crate) fn remember(&mut self, at: AccountIx, past: PastUse) {
        self.leaves[at].past = past;
        self.step = i64::MIN;
    }

    /// An account holds more or fewer chips of others from now on.
    pub(crate) fn changed(&mut self, at: AccountIx, chips: (u32, u32), now: Instant) {
        let (before, after) = chips;
        let leaf = &mut self.leaves[at];
        leaf.count(before, now);
        for node in &leaf.path {
            let used = &mut self.nodes[index(*node)].used;
            *used = used.saturating_add(u64::from(after) * CHIP).saturating_sub(u64::from(before) * CHIP);
        }
    }

    /// Whether enough time has passed for another look at what was held.
    pub(crate) fn is_old(&self, now: Instant) -> bool {
        step(now) != self.step
    }

    /// Lets time pass: what was held fades.
    pub(crate) fn refresh(&mut self, now: Instant, borrowed: impl Iterator<Item = u32>) {
        self.step = step(now);
        self.nodes.iter_mut().for_each(|node| node.used = 0);
        for (leaf, chips) in self.leaves.iter_mut().zip(borrowed) {
            leaf.count(chips, now);
            let used = leaf.past.at(now).saturating_add(u64::from(chips) * CHIP);
            for node in &leaf.path {
                let all = &mut self.nodes[index(*node)].used;
                *all = all.saturating_add(used);
            }
        }
    }

    /// Whether an account comes before another: by the first branch where their ways part.
    pub(crate) fn order(&self, one: AccountIx, other: AccountIx) -> Ordering {
        let ways = self.leaves[one].path.iter().zip(&self.leaves[other].path);
        let parted = ways.into_iter().find(|(one, other)| one != other);
        parted
            .map_or(Ordering::Equal, |(one, other)| (self.share(*one), one).cmp(&(self.share(*other), other)))
    }

    fn share(&self, node: u32) -> u128 {
        let Node { weight, used } = self.nodes[index(node)];
        u128::from(used) * SCALE / u128::from(weight.max(1))
    }
}

impl Leaf {
    fn count(&mut self, chips: u32, now: Instant) {
        if chips > 0 && now > self.since {
            self.past.add(chips, self.since, now);
        }
        self.since = now;
    }
}

fn index(node: u32) -> usize {
    usize::try_from(node).expect("tables are smaller than memory")
}
