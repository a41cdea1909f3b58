//! Where money goes, as figures that a page and a command line show alike. Amounts are exact; shares are not amounts.

mod own;
mod stress;

pub use own::own_money;
pub use stress::{FailureView, StressView};

use serde::{Deserialize, Serialize};
use sinew_circulation::{
    Bounds, Class, Cycle, Edge, Figures, Graph, NoGraph, Trip, circular, figures, trips,
};
use sinew_types::{Asset, Money};
use std::collections::{BTreeMap, BTreeSet};
use std::thread::ScopedJoinHandle;
use utoipa::ToSchema;

/// How many pairs are listed with what comes back to them, largest first, and how many cycles.
const LISTED_MAX: usize = 20;
/// How many sources a pair of parties names.
const SOURCES_MAX: usize = 20;

/// One payment, gift of shares or promise, before it is added up.
#[derive(Clone, Debug)]
pub struct FlowFact {
    /// Who gives, by number.
    pub from: usize,
    /// Who gets, by number.
    pub to: usize,
    /// Cash, commitment or paper.
    pub class: Class,
    /// Whether it is an investment, of which something may come back as spending.
    pub invests: bool,
    /// How much, in the asset's smallest unit.
    pub units: i128,
    /// When.
    pub year: String,
    /// Who says so.
    pub source: String,
}

/// What flows, with cash, commitments and paper kept apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SumsView {
    /// Money that has moved.
    pub cash: String,
    /// Money that is promised or owed.
    pub commitments: String,
    /// Shares and rights given instead of money.
    pub paper: String,
    /// All three.
    pub total: String,
}

/// All flows from one party to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowView {
    /// Who gives.
    pub from: String,
    /// Who gets.
    pub to: String,
    /// How much.
    pub sums: SumsView,
    /// Which part of all flows it is.
    #[schema(value_type = f64)]
    pub share: Ratio,
    /// Who says so.
    pub sources: Vec<String>,
}

/// A ratio, shown and never counted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

// Ratios come from divisions by sums above zero, so each equals itself.
impl Eq for Ratio {}

/// What comes back of an investment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TripView {
    /// Who invested.
    pub from: String,
    /// In whom.
    pub to: String,
    /// How much.
    pub invested: String,
    /// What comes straight back as spending: min(invested, spent back).
    pub back: String,
    /// `back` over `invested`.
    #[schema(value_type = f64)]
    pub back_share: Ratio,
    /// What can come back in at most two payments: the largest flow, and no more than was invested.
    pub back_in_two: String,
    /// In at most three.
    pub back_in_three: String,
}

/// A way of money back to where it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CycleView {
    /// Who pays, in order; the last one pays the first.
    pub parties: Vec<String>,
    /// The smallest flow on the way.
    pub least: String,
}

/// The figures of all flows together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoneyFiguresView {
    /// The sum of all flows.
    pub gross: String,
    /// What is left when each pair pays its difference.
    pub netted_by_pairs: String,
    /// What is left when everybody nets with all it deals with, along the flows there are.
    pub netted_by_all: String,
    /// What is left when everybody pays its balance into one pot.
    pub netted_in_one_pot: String,
    /// The most that circulates.
    pub circulating: String,
    /// Its share of the gross.
    #[schema(value_type = f64)]
    pub circulating_share: Ratio,
    /// What circulates when everybody passes on in its usual shares, as a share of the gross.
    #[schema(value_type = f64)]
    pub balanced_share: Ratio,
    /// The same as an amount, rounded down.
    pub balanced: String,
    /// Whether that is the whole; if not, it is at least so much.
    pub balanced_is_whole: bool,
    /// Finn's cycling index.
    #[schema(value_type = f64)]
    pub finn: Ratio,
    /// How far it may be off.
    #[schema(value_type = f64)]
    pub finn_error: Ratio,
    /// Whether the index came to rest.
    pub finn_is_settled: bool,
    /// How many elementary cycles were found.
    pub cycle_count: usize,
    /// Whether these are all.
    pub cycles_are_all: bool,
    /// The largest of them.
    pub cycles: Vec<CycleView>,
}

/// Who pays whom in one asset, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoneyView {
    /// The asset's code.
    pub asset: String,
    /// `firm` or `all` rows of a table, or `own`: a ledger's own invoices.
    pub set: String,
    /// Everybody who gives or gets.
    pub parties: Vec<String>,
    /// All flows, added up.
    pub sums: SumsView,
    /// Flows by the first year of their dates.
    pub years: BTreeMap<String, SumsView>,
    /// Flows by pair, largest first.
    pub flows: Vec<FlowView>,
    /// The figures.
    pub figures: MoneyFiguresView,
    /// Investments of which something comes back in at most three payments, largest first.
    pub trips: Vec<TripView>,
    /// What happens after shocks that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stress: Vec<StressView>,
}

impl MoneyView {
    /// Adds up facts and works the figures out.
    pub fn of(asset: &Asset, set: &str, names: &[String], facts: &[FlowFact]) -> Result<Self, NoGraph> {
        let flow = |fact: &FlowFact| (fact.from, fact.to, fact.units);
        let graph = Graph::new(names.len(), facts.iter().map(flow))?;
        let writer = Writer { asset, names };
        let part =
            |keep: fn(&&FlowFact) -> bool| Graph::new(names.len(), facts.iter().filter(keep).map(flow));
        let (invested, spent) = (part(|fact| fact.invests)?, part(|fact| !fact.invests)?);
        let active: BTreeSet<usize> = graph.edges().iter().flat_map(|edge| [edge.from, edge.to]).collect();
        let years: BTreeSet<&str> = facts.iter().map(|fact| fact.year.as_str()).collect();
        let of_year = |year: &str| writer.sums(facts.iter().filter(|fact| fact.year == year));
        // None needs another, and for a large table they take about as long.
        let (found, flows) = std::thread::scope(|scope| {
            let circulation = scope.spawn(|| circular(&graph));
            let flows = scope.spawn(|| writer.flows(&graph, facts));
            let found = figures(&graph, Bounds::default(), || joined(circulation));
            (found, joined(flows))
        });
        Ok(Self {
            asset: asset.code().to_owned(),
            set: set.to_owned(),
            parties: active.into_iter().map(|party| names[party].clone()).collect(),
            sums: writer.sums(facts.iter()),
            years: years.into_iter().map(|year| (year.to_owned(), of_year(year))).collect(),
            flows,
            figures: writer.figures(&graph, &found),
            trips: writer.trips(&invested, &spent),
            stress: Vec::new(),
        })
    }
}

/// What a thread found; its panic goes on here.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Turns numbers into names and amounts.
struct Writer<'a> {
    asset: &'a Asset,
    names: &'a [String],
}

impl Writer<'_> {
    fn money(&self, units: i128) -> String {
        Money { asset: self.asset.clone(), units }.to_string()
    }

    fn sums<'f>(&self, facts: impl Iterator<Item = &'f FlowFact>) -> SumsView {
        let (mut cash, mut commitments, mut paper) = (0, 0, 0);
        for fact in facts {
            *match fact.class {
                Class::Cash => &mut cash,
                Class::Commitment => &mut commitments,
                Class::Paper => &mut paper,
            } += fact.units;
        }
        SumsView {
            cash: self.money(cash),
            commitments: self.money(commitments),
            paper: self.money(paper),
            total: self.money(cash + commitments + paper),
        }
    }

    fn flows(&self, graph: &Graph, facts: &[FlowFact]) -> Vec<FlowView> {
        let mut by_pair: Vec<(usize, usize, &FlowFact)> =
            facts.iter().map(|fact| (fact.from, fact.to, fact)).collect();
        by_pair.sort_by_key(|(from, to, _)| (*from, *to));
        let mut pairs = by_pair.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1));
        // Edges are ordered by pair too. Pairs between which nothing flows have no edge.
        let facts_of = |edge: &Edge| pairs.find(|facts| (facts[0].0, facts[0].1) == (edge.from, edge.to));
        let mut flows: Vec<(i128, FlowView)> = Vec::with_capacity(graph.edges().len());
        for (edge, facts) in graph.edges().iter().zip(graph.edges().iter().filter_map(facts_of)) {
            let facts = facts.iter().map(|(.., fact)| *fact);
            let sources: BTreeSet<&String> = facts.clone().map(|fact| &fact.source).collect();
            let view = FlowView {
                from: self.names[edge.from].clone(),
                to: self.names[edge.to].clone(),
                sums: self.sums(facts),
                share: ratio(edge.amount as f64, graph.gross()),
                sources: sources.into_iter().take(SOURCES_MAX).cloned().collect(),
            };
            flows.push((edge.amount, view));
        }
        flows.sort_by_key(|(amount, _)| -amount);
        flows.into_iter().map(|(_, view)| view).collect()
    }

    fn figures(&self, graph: &Graph, found: &Figures) -> MoneyFiguresView {
        let gross = graph.gross();
        let cycle = |cycle: &Cycle| CycleView {
            parties: cycle.parties.iter().map(|party| self.names[*party].clone()).collect(),
            least: self.money(cycle.least),
        };
        MoneyFiguresView {
            gross: self.money(gross),
            netted_by_pairs: self.money(found.netting.pairwise),
            netted_by_all: self.money(gross - found.circular.total),
            netted_in_one_pot: self.money(found.netting.central),
            circulating: self.money(found.circular.total),
            circulating_share: ratio(found.circular.total as f64, gross),
            balanced_share: ratio(found.balanced.total, gross),
            // Shares make a float; below the last digit of the sum it says nothing, and nothing is booked from it.
            balanced: self.money(found.balanced.total as i128),
            balanced_is_whole: found.balanced.complete,
            finn: Ratio(found.finn.index),
            finn_error: Ratio(found.finn.error),
            finn_is_settled: found.finn.settled,
            cycle_count: found.cycles.found.len(),
            cycles_are_all: found.cycles.all,
            cycles: found.cycles.found.iter().take(LISTED_MAX).map(cycle).collect(),
        }
    }

    fn trips(&self, invested: &Graph, spent: &Graph) -> Vec<TripView> {
        let mut gifts: Vec<Edge> = invested.edges().to_vec();
        gifts.sort_by_key(|gift| (-gift.amount, gift.from, gift.to));
        let comes_straight_back = |gift: &Edge| spent.between(gift.to, gift.from) > 0;
        let (mut gifts, mut others): (Vec<Edge>, Vec<Edge>) =
            gifts.into_iter().partition(comes_straight_back);
        gifts.truncate(LISTED_MAX);
        others.truncate(LISTED_MAX);
        let found = trips(spent, &others, 3);
        let comes_back = others.iter().zip(found).filter(|(_, trip)| trip.back > 0).map(|(gift, _)| *gift);
        gifts.extend(comes_back);
        gifts.sort_by_key(|gift| (-gift.amount, gift.from, gift.to));
        let back = |hops| trips(spent, &gifts, hops);
        let each = back(1).into_iter().zip(back(2)).zip(back(3));
        let view = |((one, two), three): ((Trip, Trip), Trip)| TripView {
            from: self.names[one.from].clone(),
            to: self.names[one.to].clone(),
            invested: self.money(one.given),
            back: self.money(one.back),
            back_share: ratio(one.back as f64, one.given),
            back_in_two: self.money(two.back),
            back_in_three: self.money(three.back),
        };
        each.map(view).collect()
    }
}

fn ratio(part: f64, whole: i128) -> Ratio {
    Ratio(if whole == 0 { 0.0 } else { part / whole as f64 })
}
