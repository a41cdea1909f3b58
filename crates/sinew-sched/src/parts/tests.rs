//! Stories of hosts in parts, in text: what comes and goes, and where the scheduler lets it lie.

use super::*;
use crate::{Account, Action, Engine, Entitlement, Request};
use expect_test::{Expect, expect};
use sinew_types::{Instant, Shape, Span, WorkloadId};
use std::sync::Arc;

/// `2 G2 4 48000 1000` is two hosts with four devices, 48 cores and 1,000 MiB each.
fn topology(text: &str) -> Topology {
    let hosts = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words[at].parse().expect("a number");
        let model = words[1].to_owned();
        Hosts { count: number(0), model, devices: number(2), cpu_milli: number(3), memory_mib: number(4) }
    });
    Topology::in_parts(hosts.collect(), 100).expect("a pool")
}

fn engine(text: &str) -> Engine {
    let always = Entitlement {
        borrow_limit: 0,
        lend_limit: 0,
        recall_bound: Span::default(),
        notice: Span::default(),
        hand_over: Span::default(),
        minimum_term: Span::default(),
        starts: Instant::from_ms(0),
        closes: Instant::from_ms(1 << 40),
    };
    Engine::new(&topology(text), always)
}

fn workload(text: &str) -> WorkloadId {
    WorkloadId::from_bits(text[1..].parse().expect("w and a number"))
}

/// Tells an engine one line: `w1 1x460m 6000m 10Mi` comes, `w1 ends`.
fn tell(engine: &mut Engine, line: &str) -> String {
    let (name, rest) = line.split_once(' ').expect("a name and what happens");
    if rest == "ends" {
        let gang = engine.gang_of(workload(name)).map(|gang| engine.gangs.get(gang).held.is_empty());
        match gang {
            Some(true) => engine.withdraw(workload(name)),
            _ => engine.ended(workload(name), false, Instant::from_ms(1)),
        }
        return String::new();
    }
    let shape: Shape = rest.parse().expect("a share");
    let demand = match engine.demand(&shape, &shape) {
        Ok(demand) if engine.could_ever_hold(&demand) => demand,
        Ok(_) => return format!("{name} never fits\n"),
        Err(wrong) => return format!("{name}: {wrong:?}\n"),
    };
    engine.submit(Request {
        workload: workload(name),
        account: Account::Owner,
        demand,
        priority: 0,
        since: Instant::from_ms(1),
        checkpoint_every: None,
        served: 0,
        limit: None,
    });
    String::new()
}

/// What starts now, and where.
fn settle(engine: &mut Engine) -> String {
    let mut text = String::new();
    while let Some(action) = engine.next(Instant::from_ms(1)) {
        let Action::Grant { workload, cells } = action else { panic!("{action:?}") };
        let first = engine.ground.first_chip;
        let run = |run: &crate::Run| {
            let (unit, at) = ((run.first.0 - first) / 100, (run.first.0 - first) % 100);
            format!(" unit {unit} {at}+{}", run.count)
        };
        let places: String = cells.runs().iter().map(run).collect();
        text += &format!("w{}:{places}\n", workload.bits());
        engine.granted(workload, &cells, Instant::from_ms(1));
    }
    text
}

fn check(hosts: &str, story: &str, expected: Expect) {
    let mut engine = engine(hosts);
    let shown = story.lines().map(|line| tell(&mut engine, line.trim()) + &settle(&mut engine));
    expected.assert_eq(&shown.collect::<String>());
}

#[test]
fn what_is_left_of_a_device_is_used_before_another_is_opened() {
    let shown = expect![[r#"
        w1: unit 0 0+60
        w2: unit 0 60+40
        w3: unit 1 0+60
        w4: unit 2 0+1
    "#]];
    let story = "w1 1x600m 1000m 1Mi\nw2 1x400m 1000m 1Mi\nw3 1x600m 1000m 1Mi\nw4 0x0m 1000m 1Mi";
    check("1 G2 2 48000 1000", story, shown);
}

#[test]
fn whole_devices_come_from_one_host_and_wait_for_one() {
    let shown = expect![[r#"
        w1: unit 0 0+10
        w2: unit 3 0+200
        w3: unit 0 0+200
    "#]];
    let story = "w1 1x100m 1000m 1Mi\nw2 2x1000m 1000m 1Mi\nw3 2x1000m 1000m 1Mi\nw1 ends";
    check("2 G2 2 48000 1000", story, shown);
}

#[test]
fn processors_memory_and_models_bind() {
    let shown = expect![[r#"
        w1: unit 0 0+10
        w2: unit 2 0+10
        w3 never fits
        w4 never fits
        w5 never fits
        w6: unit 0 0+10
    "#]];
    let story = "w1 1x100m 4000m 1Mi\nw2 1x100m 1000m 1Mi on 1\nw3 1x100m 1000m 1001Mi\nw4 1x100m 1000m 1Mi on 7\n\
                 w5 3x1000m 1m 1Mi\nw6 1x100m 2000m 1Mi on 0\nw1 ends";
    check("1 G2 1 5000 1000\n1 T4 1 5000 1000", story, shown);
}

#[test]
fn other_shapes_mean_nothing_there_and_shares_nothing_elsewhere() {
    let one = engine("1 G2 1 5000 1000");
    for text in ["1 chip", "1 host", "2x2x1"] {
        let shape: Shape = text.parse().expect("a shape");
        assert!(one.demand(&shape, &shape).is_err(), "{text}");
    }
    let flat = Engine::new(&Topology::flat(&[0, 1], "core", one_core()), owner());
    let share: Shape = "1x460m 1000m 1Mi".parse().expect("a share");
    assert!(flat.demand(&share, &share).is_err());
}

fn one_core() -> sinew_types::Resources {
    sinew_types::Resources { chip_milli: 1_000, cpu_milli: 1_000, memory_bytes: 0 }
}

fn owner() -> Entitlement {
    engine("1 G2 1 5000 1000").accounts[crate::account::OWNER].entitlement
}

#[test]
fn failed_parts_are_not_given_out() {
    let mut engine = engine("1 G2 2 48000 1000");
    let first = engine.ground.first_chip;
    engine.set_down(sinew_types::CellRange { first: sinew_types::CellIndex(first), count: 100 }, true);
    assert_eq!(tell(&mut engine, "w1 1x500m 1m 1Mi") + &settle(&mut engine), "w1: unit 1 0+50\n");
}

/// A small stream of numbers that is the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn some_share(numbers: &mut Numbers) -> String {
    let cpu = 1_000 * (1 + numbers.below(12));
    let on = ["", " on 0", " on 1|2"][usize::try_from(numbers.below(3)).expect("small")];
    match numbers.below(4) {
        0 => format!("0x0m {cpu}m 5Mi"),
        1 => format!("{}x1000m {cpu}m 5Mi{on}", 1 + numbers.below(3)),
        _ => format!("1x{}m {cpu}m 5Mi{on}", 10 * (1 + numbers.below(99))),
    }
}

#[test]
fn kept_scores_are_those_of_a_fresh_look_and_nothing_is_given_twice() {
    let rules =
        [Rule::Remainder, Rule::First, Rule::Gradient(vec![("1x460m 4000m 0Mi".parse().expect("one"), 3)])];
    for (seed, rule) in (1..).zip(rules) {
        let mut engine = engine("3 G2 4 20000 60\n2 T4 2 30000 90\n1 P100 1 9000 90");
        engine.set_rule(rule);
        let mut numbers = Numbers(seed);
        for step in 0..400_u32 {
            let line = match numbers.below(3) {
                0 => format!("w{} ends", numbers.below(u64::from(step) + 1)),
                _ => format!("w{step} {}", some_share(&mut numbers)),
            };
            tell(&mut engine, &line);
            settle(&mut engine);
            let mut kept = engine.parts.clone().expect("it has hosts in parts");
            let mut fresh = kept.clone();
            Arc::make_mut(&mut fresh).scores.clear();
            let share: Shape = some_share(&mut numbers).parse().expect("a share");
            let Shape::Share(share) = share else { panic!("not a share") };
            assert_eq!(
                Arc::make_mut(&mut kept).place(&share),
                Arc::make_mut(&mut fresh).place(&share),
                "{line}"
            );
            agrees(&engine, &kept);
        }
    }
}

/// What is left of each host is what its tenants leave.
fn agrees(engine: &Engine, parts: &Parts) {
    let whole = Parts::of(&topology("3 G2 4 20000 60\n2 T4 2 30000 90\n1 P100 1 9000 90")).expect("hosts");
    for (at, host) in parts.hosts.iter().enumerate() {
        let (mut cpu_milli, mut memory_mib) = (whole.hosts[at].cpu_milli, whole.hosts[at].memory_mib);
        for unit in host.first..=host.first + host.devices {
            let tenants = &engine.units.get(unit).tenants;
            let taken = tenants.iter().map(|tenant| tenant.mask);
            assert_eq!(
                taken.clone().map(Mask::count_ones).sum::<u32>(),
                taken.fold(0, |all, mask| all | mask).count_ones()
            );
            for tenant in tenants {
                let gang = engine.gangs.get(tenant.gang);
                // A gang on several devices stands on each, and takes its host's processors once.
                let is_first = gang.held.first().is_some_and(|held| held.0 == unit);
                if let (crate::Item::Share(share), true) = (gang.request.demand.item, is_first) {
                    (cpu_milli, memory_mib) = (cpu_milli - share.cpu_milli, memory_mib - share.memory_mib);
                }
            }
        }
        assert_eq!((host.cpu_milli, host.memory_mib), (cpu_milli, memory_mib), "host {at}");
    }
}
