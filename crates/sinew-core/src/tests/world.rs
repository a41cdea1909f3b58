//! A small world to test in: one operator that owns pools, labs with contracts, and an executor that obeys orders.

use crate::*;
use sinew_contract::{Expanded, SecretKey, Terms};
use sinew_types::*;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const OWNER: u128 = 1;

pub(super) fn org(number: u128) -> OrgId {
    OrgId::from_bits(number)
}

fn secret(of: u128) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(of).expect("a small number"); 32])
}

/// A gang that the executor of this world runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) devices: Vec<u32>,
    pub(super) deadline: Option<Instant>,
}

pub(super) struct World {
    pub(super) control: Control,
    pub(super) journal: Vec<Recorded>,
    pub(super) now: Instant,
    /// What runs, by workload and epoch.
    pub(super) running: BTreeMap<(WorkloadId, u64), Running>,
    /// The newest epoch that the executor saw of each workload.
    pub(super) newest: BTreeMap<WorkloadId, u64>,
    next: u128,
}

impl World {
    /// An owner with one pool of `chips`, and `labs` labs named lab-2, lab-3, ….
    pub(super) fn new(chips: u32, labs: u128) -> Self {
        let mut world = Self {
            control: Control::default(),
            journal: Vec::new(),
            now: Instant::from_ms(1_000_000),
            running: BTreeMap::new(),
            newest: BTreeMap::new(),
            next: 1_000,
        };
        for number in 1..=labs + 1 {
            let name = if number == OWNER { "owner".to_owned() } else { format!("lab-{number}") };
            let name = name.parse().expect("a name");
            world.must(
                Actor::System,
                Command::AddOrganisation { id: org(number), name, operator: number == OWNER },
            );
            world.must(principal(number), Command::SetPublicKey { key: secret(number).public() });
        }
        world.must(principal(OWNER), add_pool(7, "north", chips));
        world
    }

    /// The same with pods of four cubes of 64 chips each instead of cores.
    pub(super) fn of_pods(pods: u32, labs: u128) -> Self {
        let mut world = Self::new(1, labs);
        let tier = |level, count| Tier { level, count };
        let tiers =
            vec![tier(Level::Pod, pods), tier(Level::Domain, 4), tier(Level::Host, 16), tier(Level::Chip, 4)];
        let each = Resources { chip_milli: 1_000, cpu_milli: 0, memory_bytes: 0 };
        let topology = Topology::regular("tpu", each, tiers, Fabric::Switched).expect("a pool");
        let name = "pods".parse().expect("a name");
        world.must(
            principal(OWNER),
            Command::AddPool { id: PoolId::from_bits(8), name, topology, rehearsal: Rehearsal::default() },
        );
        world
    }

    pub(super) fn id(&mut self) -> u128 {
        self.next += 1;
        self.next
    }

    pub(super) fn ask(&mut self, actor: Actor, command: Command) -> Result<Answer, Refusal> {
        let answer = self.control.handle(self.now, &Request { actor, key: None, command });
        self.turn();
        answer
    }

    pub(super) fn must(&mut self, actor: Actor, command: Command) -> String {
        self.ask(actor, command).expect("the command makes sense").subject
    }

    /// Settles, keeps the journal and lets the executor do what it is told.
    pub(super) fn turn(&mut self) {
        self.control.settle(self.now);
        let fresh = self.control.take_fresh();
        let orders = orders_after(self.control.state(), &fresh);
        self.journal.extend(fresh);
        for order in orders {
            self.obey(order);
        }
    }

    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Start { id, epoch, devices, .. } => {
                let newest = self.newest.entry(id).or_insert(0);
                if epoch > *newest {
                    *newest = epoch;
                    self.running.insert((id, epoch), Running { devices, deadline: None });
                }
            }
            Order::Stop { id, epoch, deadline } => {
                if let Some(running) = self.running.get_mut(&(id, epoch)) {
                    running.deadline = Some(deadline);
                }
            }
        }
    }

    /// Ends one gang and reports it.
    pub(super) fn end(&mut self, which: (WorkloadId, u64), exit: Exit) {
        self.running.remove(&which);
        let observation = Observation::Ended { exit, outputs: BTreeMap::new(), at: None };
        self.must(Actor::System, Command::Observe { id: which.0, epoch: which.1, observation });
    }

    /// Lets time pass; the executor kills at deadlines.
    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(Span::from_ms(ms));
        let due = self.running.iter().filter(|(_, running)| running.deadline.is_some_and(|d| d <= self.now));
        for which in due.map(|(which, _)| *which).collect::<Vec<_>>() {
            self.end(which, Exit::Deadline);
        }
        self.must(Actor::System, Command::Tick);
    }

    /// A signed contract between the owner and a lab, or why there is none.
    pub(super) fn contract(&mut self, lab: u128, change: impl Fn(&mut Terms)) -> Result<ContractId, Refusal> {
        self.contract_in(lab, None, change)
    }

    /// The same, with the windows of its calendar.
    pub(super) fn contract_in(
        &mut self,
        lab: u128,
        expanded: Option<Expanded>,
        change: impl Fn(&mut Terms),
    ) -> Result<ContractId, Refusal> {
        let id = ContractId::from_bits(self.id());
        let mut terms = terms(lab, self.now);
        change(&mut terms);
        let bytes = terms.signing_bytes(id);
        let terms = Box::new(terms);
        self.ask(
            principal(OWNER),
            Command::OfferContract { id, terms, signature: secret(OWNER).sign(&bytes), expanded },
        )?;
        self.ask(principal(lab), Command::SignContract { id, signature: secret(lab).sign(&bytes) })?;
        Ok(id)
    }

    pub(super) fn submit(&mut self, of: u128, least: u32, most: u32) -> Result<WorkloadId, Refusal> {
        let id = WorkloadId::from_bits(self.id());
        let spec = spec(&format!("w{}", id.bits()), least, most);
        self.ask(principal(of), Command::Submit { id, spec: std::sync::Arc::new(spec) })?;
        Ok(id)
    }

    pub(super) fn workload(&self, id: WorkloadId) -> &Workload {
        &self.control.state().workloads[&id]
    }

    /// Which gang of a workload runs.
    pub(super) fn gang(&self, id: WorkloadId) -> (WorkloadId, u64) {
        (id, self.workload(id).epoch)
    }
}

pub(super) fn principal(number: u128) -> Actor {
    let roles = BTreeSet::from([Role::View, Role::Operate, Role::Sign]);
    Actor::Principal(Principal { org: org(number), roles, operator: number == OWNER })
}

pub(super) fn add_pool(id: u128, name: &str, chips: u32) -> Command {
    let devices: Vec<u32> = (0..chips).collect();
    let each = Resources { chip_milli: 1_000, cpu_milli: 1_000, memory_bytes: 0 };
    let topology = Topology::flat(&devices, "cpu-core", each);
    Command::AddPool {
        id: PoolId::from_bits(id),
        name: name.parse().expect("a name"),
        topology,
        rehearsal: Rehearsal::default(),
    }
}

pub(super) fn terms(lab: u128, now: Instant) -> Terms {
    Terms {
        owner: org(OWNER),
        lab: org(lab),
        pool: PoolId::from_bits(7),
        guarantee: vec![Shape::Chips(1)],
        borrow_limit: Shape::Chips(1),
        lend_limit: Shape::Chips(1),
        notice: Span::from_ms(5_000),
        kill_grace: Span::from_ms(1_000),
        hand_over: Span::from_ms(1_000),
        minimum_term: None,
        calendar: None,
        starts: now,
        ends: now.plus(Span::from_ms(3_600_000)),
        guaranteed_price: "3.60 USD/chip-hour".parse().expect("a price"),
        borrowed_price: "1.80 USD/chip-hour".parse().expect("a price"),
        rounding: Rounding::HalfEven,
        clauses: Default::default(),
    }
}

pub(super) fn spec(name: &str, least: u32, most: u32) -> WorkloadSpec {
    let program = Program {
        argv: vec!["true".to_owned()],
        env: BTreeMap::new(),
        bundle: None,
        inputs: BTreeMap::new(),
        network: Network::None,
    };
    let part = Part {
        role: "main".parse().expect("a name"),
        least: Shape::Chips(least),
        most: Shape::Chips(most),
        program,
        pools: vec![],
    };
    WorkloadSpec {
        name: name.parse().expect("a name"),
        parts: vec![part],
        priority: 0,
        checkpoint_every: None,
        limit: None,
        serves: None,
    }
}
