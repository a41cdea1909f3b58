//! Who can pay, and who fails in which round when somebody cannot (Eisenberg and Noe 2001).
//!
//! Everybody pays p = min(owed, outside means + what it is paid), and creditors share in proportion. Those who fail
//! although everybody else pays in full are the first round; those who fail because of them the second; and so on.
//! Amounts are whole smallest units, and a share is rounded down, so nobody pays what it does not have.

use crate::Graph;
use std::collections::VecDeque;

/// How many times a payment may be worked out anew, for each edge. Payments that go round in a circle of failed
/// parties shrink by a share each time and could take very long to come to rest.
const UPDATES_FOR_EACH_EDGE: usize = 200;

/// A party that pays less than it owes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Who.
    pub party: usize,
    /// In which round, from 1. The one that was told to stop is round 0.
    pub round: usize,
    /// What it owes.
    pub owed: i128,
    /// What it pays.
    pub paid: i128,
}

/// What everybody pays, and who fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clearing {
    /// What each party pays, of all that it owes.
    pub paid: Vec<i128>,
    /// Who fails, by round.
    pub failures: Vec<Failure>,
    /// Whether payments came to rest. If not, those who failed pay at most what is said.
    pub settled: bool,
}

/// What is done to the parties.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shock {
    /// This party pays nothing any more.
    Stops(usize),
    /// Shares in this party are worth half: whoever holds some loses half of what it gave for them.
    Halves(usize),
}

/// The least outside means with which everybody can pay all it owes: max(0, out - in).
#[must_use]
pub fn least_means(graph: &Graph) -> Vec<i128> {
    (0..graph.parties()).map(|party| (graph.pays(party) - graph.gets(party)).max(0)).collect()
}

/// Clears what is owed after a shock, where everybody had just the means to pay. `holdings` are (holder, of whom,
/// what was given for the shares).
#[must_use]
pub fn stress(owed: &Graph, holdings: &[(usize, usize, i128)], shock: Shock) -> Clearing {
    let mut means = least_means(owed);
    match shock {
        Shock::Stops(party) => clear(owed, &means, Some(party)),
        Shock::Halves(party) => {
            for (holder, _, given) in holdings.iter().filter(|(_, of, _)| *of == party) {
                means[*holder] = (means[*holder] - (given + 1) / 2).max(0);
            }
            clear(owed, &means, None)
        }
    }
}

/// Works out what everybody pays from its outside means and from what it is paid.
#[must_use]
pub fn clear(owed: &Graph, means: &[i128], stopped: Option<usize>) -> Clearing {
    let parties = owed.parties();
    let mut books = Books {
        owed,
        means,
        paid: (0..parties).map(|party| owed.pays(party)).collect(),
        received: (0..parties).map(|party| owed.gets(party)).collect(),
        failed_in: vec![None; parties],
        updates: owed.edges().len().saturating_mul(UPDATES_FOR_EACH_EDGE),
    };
    if let Some(party) = stopped {
        books.failed_in[party] = Some(0);
        books.pay(party, 0);
    }
    let mut round = 0;
    loop {
        round += 1;
        let fails =
            |party: &usize| books.failed_in[*party].is_none() && books.can_pay(*party) < owed.pays(*party);
        let fresh: Vec<usize> = (0..parties).filter(fails).collect();
        if fresh.is_empty() {
            return books.closed(true);
        }
        for party in &fresh {
            books.failed_in[*party] = Some(round);
        }
        if !books.settle(fresh, stopped) {
            return books.closed(false);
        }
    }
}

struct Books<'a> {
    owed: &'a Graph,
    means: &'a [i128],
    paid: Vec<i128>,
    received: Vec<i128>,
    failed_in: Vec<Option<usize>>,
    updates: usize,
}

impl Books<'_> {
    fn can_pay(&self, party: usize) -> i128 {
        // What is owed is far below the largest integer, so means that are near it need not be added exactly.
        self.means[party].saturating_add(self.received[party]).min(self.owed.pays(party)).max(0)
    }

    /// Changes what a party pays, and so what its creditors receive.
    fn pay(&mut self, party: usize, amount: i128) {
        let (old, owed) = (self.paid[party], self.owed.pays(party));
        for edge in self.owed.paid_by(party) {
            let less = share(old, edge.amount, owed) - share(amount, edge.amount, owed);
            self.received[edge.to] -= less;
        }
        self.paid[party] = amount;
    }

    /// Lets failed parties pay what they can until that changes nothing. False where it takes too long.
    fn settle(&mut self, fresh: Vec<usize>, stopped: Option<usize>) -> bool {
        let mut is_queued = vec![false; self.owed.parties()];
        let mut queue = VecDeque::from(fresh);
        queue.iter().for_each(|party| is_queued[*party] = true);
        while let Some(party) = queue.pop_front() {
            is_queued[party] = false;
            let amount = self.can_pay(party);
            if amount == self.paid[party] {
                continue;
            }
            let edges = self.owed.paid_by(party);
            let Some(updates) = self.updates.checked_sub(edges.len()) else { return false };
            self.updates = updates;
            self.pay(party, amount);
            for edge in edges {
                let follows = self.failed_in[edge.to].is_some() && Some(edge.to) != stopped;
                if follows && !std::mem::replace(&mut is_queued[edge.to], true) {
                    queue.push_back(edge.to);
                }
            }
        }
        true
    }

    fn closed(self, settled: bool) -> Clearing {
        let failure = |(party, round): (usize, &Option<usize>)| {
            let (owed, paid) = (self.owed.pays(party), self.paid[party]);
            round.map(|round| Failure { party, round, owed, paid })
        };
        let mut failures: Vec<Failure> = self.failed_in.iter().enumerate().filter_map(failure).collect();
        failures.sort_by_key(|failure| (failure.round, failure.party));
        Clearing { paid: self.paid, failures, settled }
    }
}

/// `paid` times `part` over `whole`, rounded down; `part` and `paid` are at most `whole`.
fn share(paid: i128, part: i128, whole: i128) -> i128 {
    if whole == 0 {
        return 0;
    }
    if let Some(product) = paid.checked_mul(part) {
        return product / whole;
    }
    // Too large to multiply at once: bit by bit, keeping a quotient and a rest below `whole`.
    let (mut quotient, mut rest) = (0_i128, 0_i128);
    for bit in (0..127).rev() {
        quotient *= 2;
        rest *= 2;
        if part >> bit & 1 == 1 {
            rest += paid;
        }
        quotient += rest / whole;
        rest %= whole;
    }
    quotient
}

#[cfg(test)]
mod tests;
