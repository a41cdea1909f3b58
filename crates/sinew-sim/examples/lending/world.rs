//! An owner, labs and executors around the real control plane, on fake time.

use sinew_contract::{SecretKey, Terms};
use sinew_core::{Actor, Command, Control, Event, Exit, Observation, Principal, Rehearsal, Request, Role};
use sinew_types::{
    ContractId, Fabric, Instant, Level, Name, Network, OrgId, Part, PoolId, Program, Resources, Rounding,
    Shape, Span, Tier, Topology, WorkloadId, WorkloadSpec,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant as Clock};

pub(crate) const OWNER: u128 = 1;
fn pool() -> PoolId {
    PoolId::from_bits(7)
}

/// What one turn came to.
#[derive(Default)]
pub(crate) struct Turn {
    pub(crate) took: Duration,
    pub(crate) placed: Vec<WorkloadId>,
    pub(crate) told: Vec<WorkloadId>,
    pub(crate) refused: bool,
}

pub(crate) struct World {
    pub(crate) control: Control,
    pub(crate) now: Instant,
    pub(crate) events: u64,
}

impl World {
    pub(crate) fn new(topology: Topology, labs: u128) -> Self {
        let mut world = Self { control: Control::default(), now: Instant::from_ms(1_000), events: 0 };
        for number in 1..=labs + 1 {
            let name: Name = format!("org-{number}").parse().expect("a name");
            let operator = number == OWNER;
            world.ask(
                Actor::System,
                Command::AddOrganisation { id: OrgId::from_bits(number), name, operator },
            );
            world.ask(principal(number), Command::SetPublicKey { key: secret(number).public() });
        }
        let name = "north".parse().expect("a name");
        world.ask(
            principal(OWNER),
            Command::AddPool { id: pool(), name, topology, rehearsal: Rehearsal::default() },
        );
        world
    }

    /// One turn of the loop: a request, then everything that follows from it.
    pub(crate) fn ask(&mut self, actor: Actor, command: Command) -> Turn {
        let request = Request { actor, key: None, command };
        let begun = Clock::now();
        let refused = self.control.handle(self.now, &request).is_err();
        self.control.settle(self.now);
        let took = begun.elapsed();
        let mut turn = Turn { took, refused, ..Turn::default() };
        for recorded in self.control.take_fresh() {
            self.events += 1;
            match recorded.event {
                Event::LeaseGranted { id, .. } => turn.placed.push(id),
                Event::LeaseNotified { id, .. } => turn.told.push(id),
                _ => {}
            }
        }
        turn
    }

    pub(crate) fn contract(&mut self, lab: u128, guarantee: Vec<Shape>, borrow: Shape, lend: Shape) -> Turn {
        let id = ContractId::from_bits(10_000 + lab);
        let day = Span::from_ms(86_400_000);
        let terms = Terms {
            owner: OrgId::from_bits(OWNER),
            lab: OrgId::from_bits(lab),
            pool: pool(),
            guarantee,
            borrow_limit: borrow,
            lend_limit: lend,
            notice: Span::from_ms(60_000),
            kill_grace: Span::from_ms(3_000),
            hand_over: Span::from_ms(2_000),
            minimum_term: None,
            calendar: None,
            starts: self.now,
            ends: (0..3_650).fold(self.now, |at, _| at.plus(day)),
            guaranteed_price: "1.90 USD/chip-hour".parse().expect("a price"),
            borrowed_price: "0.80 USD/chip-hour".parse().expect("a price"),
            rounding: Rounding::HalfEven,
            clauses: Default::default(),
        };
        let bytes = terms.signing_bytes(id);
        let signature = secret(OWNER).sign(&bytes);
        let offer = self.ask(
            principal(OWNER),
            Command::OfferContract { id, terms: Box::new(terms), signature, expanded: None },
        );
        assert!(!offer.refused, "the offer to lab {lab} stands");
        let signed =
            self.ask(principal(lab), Command::SignContract { id, signature: secret(lab).sign(&bytes) });
        assert!(!signed.refused, "lab {lab} signs");
        signed
    }

    pub(crate) fn submit(&mut self, of: u128, id: u128, shape: Shape) -> Turn {
        let id = WorkloadId::from_bits(id);
        let spec = std::sync::Arc::new(spec(id, shape));
        self.ask(principal(of), Command::Submit { id, spec })
    }

    /// A gang's program has ended: with status 0, or because it was told to leave or broke.
    pub(crate) fn end(&mut self, id: WorkloadId, exit: Exit) -> Option<Turn> {
        let workload = self.control.state().workloads.get(&id)?;
        workload.lease()?;
        let epoch = workload.epoch;
        let observation = Observation::Ended { exit, outputs: BTreeMap::new(), at: None };
        Some(self.ask(Actor::System, Command::Observe { id, epoch, observation }))
    }

    /// All nodes go away or come back.
    pub(crate) fn nodes(&mut self, there: bool) -> Turn {
        let (pool, region) = (pool(), "pool".parse().expect("a region"));
        let command =
            if there { Command::CellsUp { pool, region } } else { Command::CellsDown { pool, region } };
        let turn = self.ask(principal(OWNER), command);
        assert!(!turn.refused, "the owner may say so");
        turn
    }

    pub(crate) fn waiting(&self) -> usize {
        let waits = |w: &&sinew_core::Workload| matches!(w.phase, sinew_core::Phase::Waiting { .. });
        self.control.state().workloads.values().filter(waits).count()
    }

    pub(crate) fn chips_held(&self) -> u64 {
        let leases = self.control.state().workloads.values().filter_map(sinew_core::Workload::lease);
        leases.map(|lease| u64::from(lease.cells.chips())).sum()
    }
}

fn secret(of: u128) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(of % 251).expect("a small number"); 32])
}

fn principal(number: u128) -> Actor {
    let roles = BTreeSet::from([Role::View, Role::Operate, Role::Sign]);
    Actor::Principal(Principal { org: OrgId::from_bits(number), roles, operator: number == OWNER })
}

pub(crate) fn topology(tiers: &[(Level, u32)], model: &str) -> Topology {
    let each = Resources { chip_milli: 1_000, cpu_milli: 0, memory_bytes: 0 };
    let tiers = tiers.iter().map(|(level, count)| Tier { level: *level, count: *count }).collect();
    Topology::regular(model, each, tiers, Fabric::Switched).expect("a pool")
}

fn spec(id: WorkloadId, shape: Shape) -> WorkloadSpec {
    let program = Program {
        argv: vec!["train".to_owned()],
        env: BTreeMap::new(),
        bundle: None,
        inputs: BTreeMap::new(),
        network: Network::None,
    };
    let role = "main".parse().expect("a name");
    WorkloadSpec {
        name: format!("w{:x}", id.bits()).parse().expect("a name"),
        parts: vec![Part { role, least: shape, most: shape, program, pools: vec![] }],
        priority: 0,
        checkpoint_every: Some(Span::from_ms(600_000)),
        limit: None,
        serves: None,
    }
}

/// Memory of this process at its peak, in MiB.
pub(crate) fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1_024
}
