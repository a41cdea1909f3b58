//! How a story is told to an engine, and how what it does is written down.

use super::agreement;
use crate::*;
use expect_test::Expect;
use sinew_types::{ContractId, Fabric, Instant, Level, Resources, Shape, Span, Tier, Topology, WorkloadId};

pub(crate) fn seconds(text: &str) -> Instant {
    Instant::from_ms(text.parse::<i64>().expect("seconds") * 1_000)
}

/// What stands after a word of a line.
fn after<'a>(words: &[&'a str], word: &str) -> Option<&'a str> {
    let at = words.iter().position(|known| *known == word)?;
    words.get(at + 1).copied()
}

/// `owner`, or a contract by its letter.
pub(crate) fn account(text: &str) -> Account {
    match text {
        "owner" => Account::Owner,
        letter => Account::Contract(ContractId::from_bits(u128::from(letter.as_bytes()[0]))),
    }
}

pub(crate) fn workload(text: &str) -> WorkloadId {
    WorkloadId::from_bits(text[1..].parse().expect("w and a number"))
}

/// `8`, `2:domain`, `2x2x4`.
pub(crate) fn shape(text: &str) -> Shape {
    match text.parse::<u32>() {
        Ok(chips) => Shape::Chips(chips),
        Err(_) => text.replace(':', " ").parse().expect("a shape"),
    }
}

pub(crate) fn topology(kind: &str, count: u32) -> Topology {
    let each = Resources { chip_milli: 1_000, cpu_milli: 0, memory_bytes: 0 };
    let tier = |level, count| Tier { level, count };
    let (tiers, fabric) = match kind {
        "cores" => return Topology::flat(&(0..count).collect::<Vec<_>>(), "core", each),
        "tpu-pods" => (
            vec![(Level::Pod, count), (Level::Domain, 4), (Level::Host, 16), (Level::Chip, 4)],
            Fabric::Switched,
        ),
        "torus-cubes" => {
            let torus = Fabric::Torus { x: 2, y: 2, z: count / 4 };
            (vec![(Level::Domain, count), (Level::Host, 16), (Level::Chip, 4)], torus)
        }
        "nvl72" => (vec![(Level::Domain, count), (Level::Host, 18), (Level::Chip, 4)], Fabric::Switched),
        "gpu-hosts" => (vec![(Level::Rack, count / 4), (Level::Host, 4), (Level::Chip, 8)], Fabric::Switched),
        other => panic!("no pool of {other}"),
    };
    let tiers = tiers.into_iter().map(|(level, count)| tier(level, count)).collect();
    Topology::regular(kind, each, tiers, fabric).expect("a pool")
}

pub(crate) fn entitlement() -> Entitlement {
    Entitlement {
        borrow_limit: 1_000_000,
        lend_limit: 1_000_000,
        recall_bound: Span::from_ms(7_000),
        notice: Span::from_ms(5_000),
        hand_over: Span::from_ms(2_000),
        minimum_term: Span::default(),
        starts: seconds("0"),
        closes: seconds("1000000"),
    }
}

/// More never follow from one thing that happens in a story.
const ACTIONS_MOST: u32 = 10_000;

/// A pool that is told a story.
pub(crate) struct Story {
    pub(crate) engine: Engine,
    pub(crate) now: Instant,
    pub(super) told: String,
}

impl Story {
    pub(crate) fn new(kind: &str, count: u32) -> Self {
        let engine = Engine::new(&topology(kind, count), entitlement());
        Self { engine, now: seconds("0"), told: String::new() }
    }

    fn contract(&mut self, name: &str, rest: &[&str]) {
        let mut terms = entitlement();
        (terms.borrow_limit, terms.lend_limit) = (0, 0);
        let mut guarantee = Vec::new();
        let mut windows = Vec::new();
        for pair in rest.chunks(2) {
            let number = || pair[1].parse::<u32>().expect("a number");
            match pair[0] {
                "own" => {
                    let shape = shape(pair[1]);
                    let demand = self.engine.demand(&shape, &shape).expect("a shape of this pool");
                    guarantee.push((demand.item, demand.least));
                }
                "borrow" => terms.borrow_limit = number(),
                "lend" => terms.lend_limit = number(),
                "starts" => terms.starts = seconds(pair[1]),
                "closes" => terms.closes = seconds(pair[1]),
                "window" => {
                    let (starts, closes) = pair[1].split_once("..").expect("a window");
                    windows.push((seconds(starts), seconds(closes)));
                }
                "recall" => terms.recall_bound = Span::from_ms(u64::from(number()) * 1_000),
                "term" => terms.minimum_term = Span::from_ms(u64::from(number()) * 1_000),
                other => panic!("no term `{other}`"),
            }
        }
        if self.engine.bind_guarantee(account(name), &guarantee).is_none() {
            self.told += &format!("  {name} does not fit\n");
            return;
        }
        self.engine.set_account(account(name), terms, &guarantee);
        self.engine.set_windows(account(name), &windows);
    }

    pub(super) fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["at", at] => self.now = seconds(at),
            ["contract", name, ref rest @ ..] => self.contract(name, rest),
            ["share", name, ref path @ ..] => {
                let part = |pair: &[&str]| {
                    let id = sinew_types::OrgId::from_bits(u128::from(pair[0].as_bytes()[0]));
                    (id, pair[1].parse().expect("a weight"))
                };
                let path: Vec<Weighted> = path.chunks(2).map(part).collect();
                self.engine.set_share(account(name), &path);
            }
            ["over", name] => self.engine.close_account(account(name)),
            ["submit", name, of, shapes, ref rest @ ..] => {
                let (least, most) = shapes.split_once("..").unwrap_or((shapes, shapes));
                match self.engine.demand(&shape(least), &shape(most)) {
                    Ok(demand) => self.engine.submit(Request {
                        workload: workload(name),
                        account: account(of),
                        demand,
                        priority: after(rest, "priority").map_or(0, |p| p.parse().expect("a priority")),
                        since: self.now,
                        checkpoint_every: None,
                        served: 0,
                        limit: after(rest, "limit").map(|s| seconds(s).since(seconds("0"))),
                    }),
                    Err(why) => self.told += &format!("  {name}: {why:?}\n"),
                }
            }
            ["end", name] => self.engine.ended(workload(name), false, self.now),
            ["again", name] => self.engine.ended(workload(name), true, self.now),
            ["cancel", name] => self.engine.withdraw(workload(name)),
            [what @ ("break" | "mend"), first, count] => {
                let first = sinew_types::CellIndex(first.parse().expect("a chip"));
                let count = count.parse().expect("a count");
                self.engine.set_down(sinew_types::CellRange { first, count }, what == "break");
            }
            ["why", name] => {
                let why = self.engine.why(workload(name));
                self.told += &format!("  {name}: {}\n", why.map_or("runs".to_owned(), reason));
            }
            _ => panic!("cannot read `{line}`"),
        }
    }

    /// Carries out everything that should happen now.
    pub(crate) fn settle(&mut self) {
        let mut actions = 0;
        while let Some(action) = self.engine.next(self.now) {
            actions += 1;
            assert!(actions < ACTIONS_MOST, "nothing comes to rest: {}", self.told);
            match &action {
                Action::Grant { workload, cells } => {
                    self.told += &format!("  w{} gets {}\n", workload.bits(), cells_text(cells));
                    self.engine.granted(*workload, cells, self.now);
                }
                Action::Notify { workload, why } => {
                    self.told += &format!("  w{} leaves: {why:?}\n", workload.bits());
                    // Its supervisor keeps the limit also where it is told late.
                    let gang = self.engine.gang_of(*workload).expect("it runs");
                    let granted_at = self.engine.gangs.get(gang).granted_at;
                    let limit = self.engine.limit_frees(gang, granted_at).filter(|_| *why == Why::Limit);
                    let gone_by = limit.unwrap_or(self.now.plus(Span::from_ms(7_000)));
                    self.engine.notified(*workload, gone_by);
                }
                Action::Plan { workload, cells, by } => {
                    let runs: Vec<String> =
                        cells.iter().map(|run| format!("{}+{}", run.first.0, run.count)).collect();
                    let (cells_text, by_s) = (runs.join(", "), by.ms() / 1_000);
                    self.told += &format!("  w{} planned on {cells_text} by {by_s} s\n", workload.bits());
                    self.engine.planned(*workload, cells, *by);
                }
                Action::Unplan { workload, why } => {
                    self.told += &format!("  w{} planned no more: {why:?}\n", workload.bits());
                    self.engine.unplanned(*workload);
                }
                Action::Impair { account, missing_chips } => {
                    self.told += &format!("  {} misses {missing_chips} chips\n", name(*account));
                    self.engine.impaired(*account, *missing_chips);
                }
                Action::Bind { cells } => {
                    let holders = self.engine.holders(cells);
                    let text: Vec<String> = cells
                        .iter()
                        .map(|run| format!("{}+{} {}", run.first.0, run.count, name(run.account)))
                        .collect();
                    self.told += &format!("  bound: {}\n", text.join(", "));
                    self.engine.bound(cells);
                    for holder in holders {
                        let cells = self.engine.cells_of(holder).expect("it holds cells");
                        self.told += &format!("  w{} holds {}\n", holder.bits(), cells_text(&cells));
                    }
                }
            }
            agreement::check(&self.engine);
        }
    }
}

pub(crate) fn name(account: Account) -> String {
    match account {
        Account::Owner => "owner".to_owned(),
        Account::Contract(id) => char::from(u8::try_from(id.bits()).expect("a letter")).to_string(),
    }
}

pub(crate) fn cells_text(cells: &Cells) -> String {
    let run = |run: &Run| {
        let how = match run.holding {
            Holding::Own => "own".to_owned(),
            Holding::Borrowed { lender } => format!("of {}", name(lender)),
        };
        format!("{}+{} {how}", run.first.0, run.count)
    };
    cells.runs().iter().map(run).collect::<Vec<_>>().join(", ")
}

pub(crate) fn reason(reason: Reason) -> String {
    match reason {
        Reason::NeverFits { largest_chips } => format!("never fits {largest_chips} chips"),
        Reason::NotBegun { starts } => format!("from {} s on", starts.ms() / 1_000),
        Reason::Closing { .. } => "too late".to_owned(),
        Reason::Recalling { until } => format!("recalled until {} s", until.ms() / 1_000),
        Reason::Busy { free_items } => format!("busy, {free_items} free"),
        Reason::Behind { ahead } => format!("behind w{}", ahead.bits()),
        Reason::Planned { by, after } => {
            let after = after.map_or(String::new(), |after| format!(" after w{}", after.bits()));
            format!("planned by {} s{after}", by.ms() / 1_000)
        }
        Reason::Impaired { missing_chips } => format!("{missing_chips} chips of the guarantee are missing"),
    }
}

/// The first line names the pool. Each further line is told and settled; its effects stand below it.
pub(crate) fn check(text: &str, expected: Expect) {
    let mut lines = text.lines().map(str::trim);
    let first: Vec<&str> = lines.next().expect("a pool").split_whitespace().collect();
    let mut story = Story::new(first[1], first[2].parse().expect("a count"));
    for line in lines {
        story.told += &format!("{line}\n");
        story.line(line);
        agreement::check(&story.engine);
        story.settle();
    }
    expected.assert_eq(&story.told);
}
