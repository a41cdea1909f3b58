//! The diagonal of N = I + G + G^2 + ... of a large component.
//!
//! Powers up to the sixth (fewer where parties have very many edges) are counted exactly: what leaves a party in three
//! steps meets what comes back to it in three. Of the rest, the part along G's largest direction is exact as well,
//! and what is left is a mean over random signs z of z * (G^p N z), whose spread says how far off it may be. Signs
//! come from a fixed seed, so the same flows have the same index everywhere.

use super::Part;

/// Numbers of one block are worked on side by side.
const BLOCK: usize = 8;
/// Signs are drawn until the error is below this share of all throughflow, or until so many edges were walked.
const NEAR: f64 = 2e-5;
const WORK: usize = 30_000_000;
/// Steps to find the largest direction, and to sum what is left.
const TURNS: usize = 60;
const TERMS: usize = 300;
/// A sum has come to rest when its next term is smaller than this.
const STILL: f64 = 1e-9;
/// How many edges may be walked to count powers exactly.
const WALKS: usize = 50_000_000;

type Block = [f64; BLOCK];

/// How much of the throughflow comes back, four standard errors of that, and whether the sums came to rest.
pub(super) fn cycled(part: &Part) -> (f64, f64, bool) {
    let power = 2 * depth(part) + 1;
    let mut visits = short_returns(part, power / 2);
    let main = Direction::of(part);
    let mut settled = main.add_returns(part, power, &mut visits);
    let through: f64 = part.through.iter().sum();
    let mut estimate = Estimate::new(part, &visits);
    let edges: usize = part.forward.iter().map(Vec::len).sum();
    let mut work = 0;
    while estimate.said.len() <= BLOCK || (work < WORK && estimate.error() > NEAR * through) {
        let signs: Vec<Block> = visits.iter().map(|_| estimate.random.signs()).collect();
        let (rest, terms) = main.rest_of(part, &signs, power);
        estimate.add(&rest, &signs);
        settled &= terms < TERMS;
        work += (terms + power) * edges;
    }
    let count = estimate.said.len() as f64;
    for (visits, sum) in visits.iter_mut().zip(&estimate.sums) {
        *visits += sum / count;
    }
    let returns = |(through, visits): (&f64, &f64)| through * (visits - 1.0) / visits;
    (part.through.iter().zip(&visits).map(returns).sum(), estimate.error(), settled)
}

/// What random signs say of the diagonal, and of the whole.
struct Estimate {
    random: Random,
    /// How much the whole changes with each party's visits: T(i) / N(i,i)^2.
    weights: Vec<f64>,
    /// The sum of what all signs said of each party.
    sums: Vec<f64>,
    /// What each sign said of the whole.
    said: Vec<f64>,
}

impl Estimate {
    fn new(part: &Part, visits: &[f64]) -> Self {
        let weight = |(through, visits): (&f64, &f64)| through / (visits * visits);
        Self {
            random: Random(0x5157_4e45_5749_4e45),
            weights: part.through.iter().zip(visits).map(weight).collect(),
            sums: vec![0.0; visits.len()],
            said: Vec::new(),
        }
    }

    fn add(&mut self, rest: &[Block], signs: &[Block]) {
        let mut whole = [0.0; BLOCK];
        for (party, (rest, signs)) in rest.iter().zip(signs).enumerate() {
            for ((whole, rest), sign) in whole.iter_mut().zip(rest).zip(signs) {
                *whole += self.weights[party] * rest * sign;
                self.sums[party] += rest * sign;
            }
        }
        self.said.extend(whole);
    }

    /// Four times the spread over the root of the count.
    fn error(&self) -> f64 {
        let count = self.said.len() as f64;
        let mean = self.said.iter().sum::<f64>() / count;
        let spread: f64 = self.said.iter().map(|value| (value - mean).powi(2)).sum();
        4.0 * (spread / (count - 1.0) / count).sqrt()
    }
}

/// How many steps out and back can be walked within the bound: one to three.
fn depth(part: &Part) -> usize {
    let edges: usize = part.forward.iter().map(Vec::len).sum();
    let both = |lists: &[Vec<(usize, f64)>]| {
        let two: Vec<usize> =
            lists.iter().map(|list| list.iter().map(|(to, _)| lists[*to].len()).sum()).collect();
        let three = |list: &Vec<(usize, f64)>| list.iter().map(|(to, _)| two[*to]).sum::<usize>().min(edges);
        (two.iter().map(|two| (*two).min(edges)).sum::<usize>(), lists.iter().map(three).sum::<usize>())
    };
    let (forward, backward) = (both(&part.forward), both(&part.backward));
    match () {
        () if forward.1 + backward.1 <= WALKS => 3,
        () if forward.0 + backward.0 <= WALKS => 2,
        () => 1,
    }
}

/// One, and the diagonal of G^2 up to G^(2 depth).
fn short_returns(part: &Part, depth: usize) -> Vec<f64> {
    let size = part.through.len();
    let (mut out, mut back) = (Walk::new(size), Walk::new(size));
    let mut visits = vec![1.0; size];
    for (party, visits) in visits.iter_mut().enumerate() {
        out.begin(party);
        back.begin(party);
        for _ in 0..depth {
            out.step(&part.forward);
            *visits += out.meets(&back);
            back.step(&part.backward);
            *visits += out.meets(&back);
        }
    }
    visits
}

/// Where a unit is after some steps: a dense list and the places that are not zero.
struct Walk {
    now: Vec<f64>,
    next: Vec<f64>,
    places: Vec<usize>,
}

impl Walk {
    fn new(size: usize) -> Self {
        Self { now: vec![0.0; size], next: vec![0.0; size], places: Vec::new() }
    }

    fn begin(&mut self, party: usize) {
        for place in self.places.drain(..) {
            self.now[place] = 0.0;
        }
        self.places.push(party);
        self.now[party] = 1.0;
    }

    fn step(&mut self, edges: &[Vec<(usize, f64)>]) {
        let mut places = Vec::new();
        for place in self.places.drain(..) {
            let amount = std::mem::take(&mut self.now[place]);
            for (to, share) in &edges[place] {
                if self.next[*to] == 0.0 {
                    places.push(*to);
                }
                self.next[*to] += amount * share;
            }
        }
        self.places = places;
        std::mem::swap(&mut self.now, &mut self.next);
    }

    fn meets(&self, other: &Self) -> f64 {
        let (few, many) = if self.places.len() < other.places.len() { (self, other) } else { (other, self) };
        few.places.iter().map(|place| few.now[*place] * many.now[*place]).sum()
    }
}

/// G's largest direction: right and left vectors with left . right = 1, and its factor.
struct Direction {
    right: Vec<f64>,
    left: Vec<f64>,
    factor: f64,
}

impl Direction {
    fn of(part: &Part) -> Self {
        let size = part.through.len();
        let (mut right, mut left) = (vec![1.0; size], vec![1.0; size]);
        for _ in 0..TURNS {
            right = scaled(applied(&part.forward, &right));
            left = scaled(applied(&part.backward, &left));
        }
        let overlap: f64 = right.iter().zip(&left).map(|(one, other)| one * other).sum();
        left.iter_mut().for_each(|value| *value /= overlap);
        let turned = applied(&part.forward, &right);
        let factor = turned.iter().zip(&left).map(|(one, other)| one * other).sum();
        Self { right, left, factor }
    }

    /// Adds the part of the diagonal of G^power N that lies along this direction: (G^power N right)(i) left(i).
    /// The direction is never quite exact, and this is: N right = (right + N off) / (1 - factor).
    fn add_returns(&self, part: &Part, power: usize, visits: &mut [f64]) -> bool {
        let turned = applied(&part.forward, &self.right);
        let off = turned.iter().zip(&self.right).map(|(turned, right)| [turned - self.factor * right; 1]);
        let (sum, terms) = summed(part, off.collect());
        let whole = sum.iter().zip(&self.right).map(|(sum, right)| (sum[0] + right) / (1.0 - self.factor));
        let mut values: Vec<f64> = whole.collect();
        for _ in 0..power {
            values = applied(&part.forward, &values);
        }
        for ((visits, value), left) in visits.iter_mut().zip(&values).zip(&self.left) {
            *visits += value * left;
        }
        terms < TERMS
    }

    /// G^power N (z - right (left . z)).
    fn rest_of(&self, part: &Part, signs: &[Block], power: usize) -> (Vec<Block>, usize) {
        let mut along = [0.0; BLOCK];
        for (signs, left) in signs.iter().zip(&self.left) {
            for (along, sign) in along.iter_mut().zip(signs) {
                *along += left * sign;
            }
        }
        let without = |(signs, right): (&Block, &f64)| {
            let mut values = *signs;
            values.iter_mut().zip(&along).for_each(|(value, along)| *value -= right * along);
            values
        };
        let mut values: Vec<Block> = signs.iter().zip(&self.right).map(without).collect();
        for _ in 0..power {
            values = applied_to_blocks(&part.forward, &values);
        }
        summed(part, values)
    }
}

/// N values = values + G values + ...; and after how many terms they became small.
fn summed<const WIDTH: usize>(part: &Part, mut term: Vec<[f64; WIDTH]>) -> (Vec<[f64; WIDTH]>, usize) {
    let mut sum = term.clone();
    for terms in 0..TERMS {
        if term.iter().flatten().all(|value| value.abs() < STILL) {
            return (sum, terms);
        }
        term = applied_to_blocks(&part.forward, &term);
        for (sum, term) in sum.iter_mut().zip(&term) {
            sum.iter_mut().zip(term).for_each(|(sum, term)| *sum += term);
        }
    }
    (sum, TERMS)
}

fn applied_to_blocks<const WIDTH: usize>(
    edges: &[Vec<(usize, f64)>],
    values: &[[f64; WIDTH]],
) -> Vec<[f64; WIDTH]> {
    let row = |list: &Vec<(usize, f64)>| {
        let mut sum = [0.0; WIDTH];
        for (to, share) in list {
            sum.iter_mut().zip(&values[*to]).for_each(|(sum, value)| *sum += share * value);
        }
        sum
    };
    edges.iter().map(row).collect()
}

fn applied(edges: &[Vec<(usize, f64)>], values: &[f64]) -> Vec<f64> {
    edges.iter().map(|list| list.iter().map(|(to, share)| share * values[*to]).sum()).collect()
}

fn scaled(mut values: Vec<f64>) -> Vec<f64> {
    let most = values.iter().copied().fold(0.0, f64::max);
    values.iter_mut().for_each(|value| *value /= most);
    values
}

/// Signs from a fixed seed (splitmix64).
struct Random(u64);

impl Random {
    fn signs(&mut self) -> Block {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let mut signs = [1.0; BLOCK];
        for (at, sign) in signs.iter_mut().enumerate() {
            if bits >> at & 1 == 1 {
                *sign = -1.0;
            }
        }
        signs
    }
}
