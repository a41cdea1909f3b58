//! Stories of a pool in text: what happens on the left, what the scheduler does about it on the right. Times are in
//! seconds; every recall bound is 7 s.

use crate::*;
use expect_test::{Expect, expect};
use sinew_types::{ContractId, Fabric, Instant, Level, Resources, Shape, Span, Tier, Topology, WorkloadId};

mod agreement;
mod calendar;
mod failures;
mod packing;
mod random;
mod shapes;
mod sharing;
mod written;

fn seconds(text: &str) -> Instant {
    Instant::from_ms(text.parse::<i64>().expect("seconds") * 1_000)
}

/// `owner`, or a contract by its letter.
fn account(text: &str) -> Account {
    match text {
        "owner" => Account::Owner,
        letter => Account::Contract(ContractId::from_bits(u128::from(letter.as_bytes()[0]))),
    }
}

fn workload(text: &str) -> WorkloadId {
    WorkloadId::from_bits(text[1..].parse().expect("w and a number"))
}

/// `8`, `2:domain`, `2x2x4`.
fn shape(text: &str) -> Shape {
    match text.parse::<u32>() {
        Ok(chips) => Shape::Chips(chips),
        Err(_) => text.replace(':', " ").parse().expect("a shape"),
    }
}

fn topology(kind: &str, count: u32) -> Topology {
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

fn entitlement() -> Entitlement {
    Entitlement {
        borrow_limit: 1_000_000,
        lend_limit: 1_000_000,
        recall_bound: Span::from_ms(7_000),
        minimum_term: Span::default(),
        starts: seconds("0"),
        closes: seconds("1000000"),
    }
}

/// A pool that is told a story.
pub(crate) struct Story {
    pub(crate) engine: Engine,
    pub(crate) now: Instant,
    told: String,
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

    fn line(&mut self, line: &str) {
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
                        priority: rest.get(1).map_or(0, |p| p.parse().expect("a priority")),
                        since: self.now,
                        checkpoint_every: None,
                        served: 0,
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
        while let Some(action) = self.engine.next(self.now) {
            match &action {
                Action::Grant { workload, cells } => {
                    self.told += &format!("  w{} gets {}\n", workload.bits(), cells_text(cells));
                    self.engine.granted(*workload, cells, self.now);
                }
                Action::Notify { workload, why } => {
                    self.told += &format!("  w{} leaves: {why:?}\n", workload.bits());
                    self.engine.notified(*workload, self.now.plus(Span::from_ms(7_000)));
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

fn name(account: Account) -> String {
    match account {
        Account::Owner => "owner".to_owned(),
        Account::Contract(id) => char::from(u8::try_from(id.bits()).expect("a letter")).to_string(),
    }
}

fn cells_text(cells: &Cells) -> String {
    let run = |run: &Run| {
        let how = match run.holding {
            Holding::Own => "own".to_owned(),
            Holding::Borrowed { lender } => format!("of {}", name(lender)),
        };
        format!("{}+{} {how}", run.first.0, run.count)
    };
    cells.runs().iter().map(run).collect::<Vec<_>>().join(", ")
}

fn reason(reason: Reason) -> String {
    match reason {
        Reason::NeverFits { largest_chips } => format!("never fits {largest_chips} chips"),
        Reason::NotBegun { starts } => format!("from {} s on", starts.ms() / 1_000),
        Reason::Closing { .. } => "too late".to_owned(),
        Reason::Recalling { until } => format!("recalled until {} s", until.ms() / 1_000),
        Reason::Busy { free_items } => format!("busy, {free_items} free"),
        Reason::Behind { ahead } => format!("behind w{}", ahead.bits()),
        Reason::Impaired { missing_chips } => format!("{missing_chips} chips of the guarantee are missing"),
    }
}

/// The first line names the pool. Each further line is told and settled; its effects stand below it.
fn check(text: &str, expected: Expect) {
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

#[test]
fn own_first_then_borrowed() {
    check(
        "pool cores 2
         contract a own 1 borrow 1 lend 1
         submit w1 a 1..2",
        expect![[r#"
            contract a own 1 borrow 1 lend 1
              bound: 2+1 a
            submit w1 a 1..2
              w1 gets 2+1 own, 3+1 of owner
        "#]],
    );
}

#[test]
fn an_owner_gets_its_core_back_and_the_gang_goes_on_smaller_and_grows_again() {
    check(
        "pool cores 2
         contract a own 1 borrow 1 lend 1
         submit w1 a 1..2
         submit w2 owner 1
         why w2
         again w1
         end w2
         at 20",
        expect![[r#"
            contract a own 1 borrow 1 lend 1
              bound: 2+1 a
            submit w1 a 1..2
              w1 gets 2+1 own, 3+1 of owner
            submit w2 owner 1
              w1 leaves: Recall
            why w2
              w2: recalled until 7 s
            again w1
              w2 gets 3+1 own
              w1 gets 2+1 own
            end w2
            at 20
              w1 leaves: Grow
        "#]],
    );
}

#[test]
fn limits_of_lending_and_borrowing_hold() {
    check(
        "pool cores 4
         contract a own 4 lend 1
         contract b borrow 4
         submit w1 b 1
         submit w2 b 1
         why w2",
        expect![[r#"
            contract a own 4 lend 1
              bound: 2+4 a
            contract b borrow 4
            submit w1 b 1
              w1 gets 2+1 of a
            submit w2 b 1
            why w2
              w2: busy, 0 free
        "#]],
    );
    check(
        "pool cores 4
         contract b borrow 2
         submit w1 b 2
         submit w2 b 1
         why w2",
        expect![[r#"
            contract b borrow 2
            submit w1 b 2
              w1 gets 2+2 of owner
            submit w2 b 1
            why w2
              w2: busy, 0 free
        "#]],
    );
}

#[test]
fn what_is_recalled_is_not_lent_again_meanwhile() {
    check(
        "pool cores 3
         contract a own 1 borrow 2 lend 1
         submit w1 a 2
         submit w2 owner 2
         submit w3 a 1
         why w3
         again w1",
        expect![[r#"
            contract a own 1 borrow 2 lend 1
              bound: 2+1 a
            submit w1 a 2
              w1 gets 2+1 own, 3+1 of owner
            submit w2 owner 2
              w1 leaves: Recall
            submit w3 a 1
            why w3
              w3: busy, 0 free
            again w1
              w2 gets 3+2 own
              w3 gets 2+1 own
        "#]],
    );
}

#[test]
fn a_loan_moves_to_an_idle_lender_instead_of_being_recalled() {
    check(
        "pool cores 3
         contract a own 1 lend 1
         contract b borrow 1
         submit w3 owner 2
         submit w1 b 1
         end w3
         submit w2 a 1",
        expect![[r#"
            contract a own 1 lend 1
              bound: 2+1 a
            contract b borrow 1
            submit w3 owner 2
              w3 gets 3+2 own
            submit w1 b 1
              w1 gets 2+1 of a
            end w3
            submit w2 a 1
              bound: 3+1 a, 2+1 owner
              w1 holds 2+1 of owner
              w2 gets 3+1 own
        "#]],
    );
}

#[test]
fn the_victims_lose_least_and_go_whole() {
    check(
        "pool cores 4
         contract a borrow 4
         submit w1 a 2
         at 60
         submit w3 a 1
         at 80
         submit w2 a 1
         at 100
         submit w4 owner 2",
        expect![[r#"
            contract a borrow 4
            submit w1 a 2
              w1 gets 2+2 of owner
            at 60
            submit w3 a 1
              w3 gets 4+1 of owner
            at 80
            submit w2 a 1
              w2 gets 5+1 of owner
            at 100
            submit w4 owner 2
              w3 leaves: Recall
              w2 leaves: Recall
        "#]],
    );
}

#[test]
fn priority_goes_first_and_small_work_passes_what_never_fits() {
    check(
        "pool cores 1
         submit w0 owner 1
         submit w1 owner 1
         submit w2 owner 1 priority 5
         submit w3 owner 8
         why w1
         why w3
         end w0",
        expect![[r#"
            submit w0 owner 1
              w0 gets 2+1 own
            submit w1 owner 1
            submit w2 owner 1 priority 5
            submit w3 owner 8
            why w1
              w1: behind w2
            why w3
              w3: never fits 1 chips
            end w0
              w2 gets 2+1 own
        "#]],
    );
}

#[test]
fn small_work_of_lower_priority_does_not_starve_large_work_of_higher_priority() {
    check(
        "pool cores 3
         contract a own 2
         submit w1 a 1
         submit w2 a 2 priority 9
         submit w3 a 1
         why w3
         end w1
         end w2",
        expect![[r#"
            contract a own 2
              bound: 2+2 a
            submit w1 a 1
              w1 gets 2+1 own
            submit w2 a 2 priority 9
            submit w3 a 1
            why w3
              w3: behind w2
            end w1
              w2 gets 2+2 own
            end w2
              w3 gets 2+1 own
        "#]],
    );
}

#[test]
fn an_account_gets_its_own_back_to_grow() {
    check(
        "pool cores 2
         contract a own 2 lend 2
         contract b borrow 2
         submit w2 b 1
         submit w1 a 1..2
         at 20
         again w2",
        expect![[r#"
            contract a own 2 lend 2
              bound: 2+2 a
            contract b borrow 2
            submit w2 b 1
              w2 gets 2+1 of a
            submit w1 a 1..2
              w1 gets 3+1 own
            at 20
              w2 leaves: Recall
            again w2
              w1 leaves: Grow
        "#]],
    );
}

#[test]
fn borrowed_cells_become_own_when_the_guarantee_is_idle() {
    check(
        "pool cores 2
         contract a own 1 borrow 1 lend 1
         submit w1 a 1
         submit w2 a 1
         end w1",
        expect![[r#"
            contract a own 1 borrow 1 lend 1
              bound: 2+1 a
            submit w1 a 1
              w1 gets 2+1 own
            submit w2 a 1
              w2 gets 3+1 of owner
            end w1
              bound: 3+1 a, 2+1 owner
              w2 holds 3+1 own
        "#]],
    );
}

#[test]
fn a_new_guarantee_turns_the_owners_use_into_a_loan() {
    check(
        "pool cores 2
         submit w1 owner 2
         contract a own 1 lend 1",
        expect![[r#"
            submit w1 owner 2
              w1 gets 2+2 own
            contract a own 1 lend 1
              bound: 2+1 a
              w1 holds 2+1 of a, 3+1 own
        "#]],
    );
    check(
        "pool cores 2
         submit w1 owner 2
         contract a own 1 lend 0",
        expect![[r#"
            submit w1 owner 2
              w1 gets 2+2 own
            contract a own 1 lend 0
              bound: 2+1 a
              w1 holds 2+1 of a, 3+1 own
              w1 leaves: Recall
        "#]],
    );
}

#[test]
fn contracts_begin_and_close_in_time() {
    check(
        "pool cores 2
         contract a own 1 borrow 1 lend 1 starts 10 closes 50
         submit w1 a 1..2
         why w1
         at 10
         at 50
         submit w2 a 1
         why w2
         end w1
         over a",
        expect![[r#"
            contract a own 1 borrow 1 lend 1 starts 10 closes 50
              bound: 2+1 a
            submit w1 a 1..2
            why w1
              w1: from 10 s on
            at 10
              w1 gets 2+1 own, 3+1 of owner
            at 50
              w1 leaves: ContractEnds
            submit w2 a 1
            why w2
              w2: too late
            end w1
            over a
              bound: 2+1 owner
        "#]],
    );
}

#[test]
fn a_loan_is_safe_in_its_minimum_term() {
    check(
        "pool cores 2
         contract b borrow 2 term 30
         submit w1 b 2
         at 10
         submit w2 owner 1
         why w2
         at 30",
        expect![[r#"
            contract b borrow 2 term 30
            submit w1 b 2
              w1 gets 2+2 of owner
            at 10
            submit w2 owner 1
            why w2
              w2: busy, 0 free
            at 30
              w1 leaves: Recall
        "#]],
    );
}
