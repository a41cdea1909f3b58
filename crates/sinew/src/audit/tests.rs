use super::*;
use sinew_contract::{SecretKey, Terms};
use sinew_core::{Actor, Command, Exit, Observation, Principal, Rehearsal, Request, Role};
use sinew_store::{DataFolder, Identity, InstanceId, Journal, JournalOptions, Record};
use sinew_types::{
    Canonical, Network, Part, PoolId, Program, Resources, Rounding, Shape, Span, Topology, WorkloadId,
    WorkloadSpec,
};
use std::collections::BTreeSet;
use tempfile::TempDir;

const OWNER: u128 = 1;
const LAB: u128 = 2;

/// The real control plane with an owner, a lab and a pool of two chips, and the real journal that it writes.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    journal: Journal,
    control: Control,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let founding = Identity { instance: InstanceId(7), created_ms: 0 };
        let data = DataFolder::open_or_create(folder.path(), founding).expect("a data folder");
        let journal = Journal::open(&data, JournalOptions::default()).expect("a journal");
        let mut world =
            Self { folder, journal, control: Control::default(), now: Instant::from_ms(1_000_000) };
        for (org, name) in [(OWNER, "aurora"), (LAB, "lyra")] {
            let name = name.parse().expect("a name");
            let id = OrgId::from_bits(org);
            world.ask(Actor::System, Command::AddOrganisation { id, name, operator: org == OWNER });
            world.ask(principal(org), Command::SetPublicKey { key: secret(org).public() });
        }
        let each = Resources { chip_milli: 1_000, cpu_milli: 1_000, memory_bytes: 0 };
        let topology = Topology::flat(&[0, 1], "cpu-core", each);
        let name = "north".parse().expect("a name");
        world.ask(
            principal(OWNER),
            Command::AddPool { id: PoolId::from_bits(7), name, topology, rehearsal: Rehearsal::default() },
        );
        world
    }

    fn ask(&mut self, actor: Actor, command: Command) -> String {
        let request = Request { actor, key: None, command };
        let answer = self.control.handle(self.now, &request).expect("the command makes sense");
        self.control.settle(self.now);
        let fresh = self.control.take_fresh();
        let body = |recorded: &Recorded| recorded.event.to_value().to_json();
        let records: Vec<Record> =
            fresh.iter().map(|recorded| Record { version: 1, body: body(recorded) }).collect();
        let at_ms = u64::try_from(self.now.ms()).expect("after 1970");
        self.journal.append(at_ms, &records).expect("there is room");
        answer.subject
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(Span::from_ms(ms));
    }

    fn contract(&mut self) -> ContractId {
        self.contract_with("")
    }

    /// A contract until the end of April 1970 with these clauses, `;` between them.
    fn contract_with(&mut self, clauses: &str) -> ContractId {
        let id = ContractId::from_bits(9);
        let mut terms = terms(self.now);
        if !clauses.is_empty() {
            terms.ends = "1970-05-01".parse().expect("a time");
            terms.clauses.0 = clauses.split("; ").map(|text| text.parse().expect("a clause")).collect();
        }
        let bytes = terms.signing_bytes(id);
        let (offer, answer) = (secret(OWNER).sign(&bytes), secret(LAB).sign(&bytes));
        self.ask(
            principal(OWNER),
            Command::OfferContract { id, terms: Box::new(terms), signature: offer, expanded: None },
        );
        self.ask(principal(LAB), Command::SignContract { id, signature: answer });
        id
    }

    fn submit(&mut self, org: u128, id: u128, chips: u32) -> WorkloadId {
        let id = WorkloadId::from_bits(id);
        self.ask(principal(org), Command::Submit { id, spec: std::sync::Arc::new(spec(id, chips)) });
        id
    }

    fn end(&mut self, id: WorkloadId) {
        let epoch = self.control.state().workloads[&id].epoch;
        let observation =
            Observation::Ended { exit: Exit::Code { code: 0 }, outputs: BTreeMap::new(), at: None };
        self.ask(Actor::System, Command::Observe { id, epoch, observation });
    }

    fn close(&mut self, contract: ContractId) {
        self.ask(principal(OWNER), Command::CloseInvoice { contract });
    }

    /// A lab's lease that borrows a chip, loses it to the owner, and comes back; two invoices.
    pub(crate) fn story() -> Self {
        let mut world = Self::new();
        let contract = world.contract();
        let lab = world.submit(LAB, 20, 2);
        world.pass(72_000);
        world.close(contract);
        world.pass(1_500);
        let owner = world.submit(OWNER, 21, 1);
        world.pass(250);
        world.end(lab);
        world.pass(4_000);
        world.end(owner);
        let again = world.submit(LAB, 22, 1);
        world.pass(10_001);
        world.end(again);
        world.pass(1);
        world.close(contract);
        world
    }

    /// Changes the journal behind everybody's back: its own guards are taken off first.
    fn tamper(&self, sql: &str) {
        let path = self.folder.path().join("journal.sqlite");
        let connection = rusqlite::Connection::open(path).expect("a database");
        let guards =
            "DROP TRIGGER records_follow; DROP TRIGGER records_stay_as_they_are; DROP TRIGGER records_stay;";
        connection.execute_batch(guards).expect("the guards are there");
        let changed = connection.execute(sql, ()).expect("the change is well formed");
        assert!(changed > 0, "nothing was changed by {sql}");
    }

    fn audit(&self, wanted: Wanted) -> Report {
        audit(self.folder.path(), wanted).expect("the journal can be read")
    }
}

fn principal(org: u128) -> Actor {
    let roles = BTreeSet::from([Role::View, Role::Operate, Role::Sign]);
    Actor::Principal(Principal { org: OrgId::from_bits(org), roles, operator: org == OWNER })
}

fn secret(org: u128) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(org).expect("a small number"); 32])
}

fn terms(now: Instant) -> Terms {
    Terms {
        owner: OrgId::from_bits(OWNER),
        lab: OrgId::from_bits(LAB),
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
        guaranteed_price: "1.90 USD/chip-hour".parse().expect("a price"),
        borrowed_price: "0.80 USD/chip-hour".parse().expect("a price"),
        rounding: Rounding::HalfEven,
        clauses: Default::default(),
    }
}

fn spec(id: WorkloadId, chips: u32) -> WorkloadSpec {
    let program = Program {
        argv: vec!["true".to_owned()],
        env: BTreeMap::new(),
        bundle: None,
        inputs: BTreeMap::new(),
        network: Network::None,
    };
    let shape = Shape::Chips(chips);
    let role = "main".parse().expect("a name");
    let part = Part { role, least: Shape::Chips(1), most: shape, program, pools: vec![] };
    let name = format!("w{}", id.bits()).parse().expect("a name");
    WorkloadSpec { name, parts: vec![part], priority: 0, checkpoint_every: None, serves: None, limit: None }
}

/// What differs, one line each.
fn differences(report: &Report) -> String {
    let wrong = report.checks.iter().filter(|check| !check.equal);
    wrong.map(|check| format!("{}: {}: {}\n", check.of, check.what, check.found)).collect()
}

fn all(report: &Report) -> String {
    report.checks.iter().map(|check| format!("{}: {}: {}\n", check.of, check.what, check.found)).collect()
}

#[test]
fn an_honest_journal_is_equal_in_every_point() {
    let report = World::story().audit(Wanted::All);
    assert_eq!(differences(&report), "");
    assert!(report.equal);
    assert_eq!(report.invoices, 2);
    let shown = expect_test::expect![[r#"
        contract-00000000000000000000000000000009/1: signatures: aurora and lyra signed these terms
        contract-00000000000000000000000000000009/1: leases: leases 1, usage records 1, without gap or overlap
        contract-00000000000000000000000000000009/1: usage: 72 chip-seconds guaranteed, 72 chip-seconds borrowed
        contract-00000000000000000000000000000009/1: period: 1970-01-01T00:16:40.000Z to 1970-01-01T00:17:52.000Z, from the contract's first moment
        contract-00000000000000000000000000000009/1: lines: 0.038 USD guaranteed + 0.016 USD borrowed = 0.054 USD
        contract-00000000000000000000000000000009/1: postings: sum to zero, 0.054 USD receivable
        contract-00000000000000000000000000000009/2: signatures: aurora and lyra signed these terms
        contract-00000000000000000000000000000009/2: leases: leases 2, usage records 2, without gap or overlap
        contract-00000000000000000000000000000009/2: usage: 11.751 chip-seconds guaranteed, 1.75 chip-seconds borrowed
        contract-00000000000000000000000000000009/2: period: 1970-01-01T00:17:52.000Z to 1970-01-01T00:18:07.752Z, right after the invoice before
        contract-00000000000000000000000000000009/2: lines: 0.006202 USD guaranteed + 0.000389 USD borrowed = 0.006591 USD
        contract-00000000000000000000000000000009/2: postings: sum to zero, 0.006591 USD receivable
        journal: records: 25 records, none missing, in the order of time
        journal: unbilled: what is not billed yet is recorded without gap or overlap
        journal: books: the books are the sum of all invoices and payments
    "#]];
    shown.assert_eq(&all(&report));
}

#[test]
fn one_invoice_can_be_asked_for_and_none_that_is_not_there() {
    let world = World::story();
    let contract = ContractId::from_bits(9);
    let one = world.audit(Wanted::One((contract, 2)));
    assert_eq!((one.invoices, one.equal), (1, true));
    let absent = audit(world.folder.path(), Wanted::One((contract, 3))).expect_err("there are two");
    assert!(absent.to_string().contains("has no invoice"), "{absent}");
}

#[test]
fn a_lease_that_goes_on_is_billed_up_to_the_invoice_and_once() {
    let mut world = World::new();
    let contract = world.contract();
    let lab = world.submit(LAB, 20, 2);
    for ms in [1, 999, 3_600] {
        world.pass(ms);
        world.close(contract);
    }
    world.end(lab);
    world.close(contract);
    let report = world.audit(Wanted::All);
    assert_eq!(differences(&report), "");
    assert_eq!(report.invoices, 4);
}

/// A lease over four months, hardware that fails, an owner who borrows from its lab, and clauses of every kind.
pub(crate) fn months() -> World {
    let mut world = World::new();
    world.contract_with(
        "guaranteed 1.50 USD/chip-hour beyond 100 chip-hours; fee 50.00 USD; at least 1500.00 USD; undelivered 9.00 USD/chip-hour; \
         late 3600.00 USD/chip-hour; lent 0.50 USD/chip-hour; \
         credit 30.00 USD until 1970-03-01; prepay 200.00 USD on 1970-01-20 back 70.00 USD from 1970-02-01; tax VAT 8.1 %",
    );
    let lab = world.submit(LAB, 20, 2);
    world.pass(20 * 86_400_000);
    let pool = PoolId::from_bits(7);
    world.end(lab);
    world.ask(principal(OWNER), Command::CellsDown { pool, region: "pool".parse().expect("a region") });
    world.pass(25 * 86_400_000);
    world.ask(principal(OWNER), Command::CellsUp { pool, region: "pool".parse().expect("a region") });
    let lab = world.submit(LAB, 21, 2);
    world.pass(60 * 86_400_000);
    world.end(lab);
    let owner = world.submit(OWNER, 22, 2);
    world.pass(14 * 86_400_000);
    // Three seconds beyond the bound of seven.
    let lab = world.submit(LAB, 23, 1);
    world.pass(10_000);
    world.end(owner);
    world.pass(1_000);
    world.end(lab);
    world.pass(6 * 86_400_000);
    world.ask(Actor::System, Command::Tick);
    world
}

#[test]
fn months_with_clauses_are_recomputed() {
    let report = months().audit(Wanted::All);
    assert_eq!(differences(&report), "");
    let lines = report.checks.iter().filter(|check| check.what == "lines");
    let shown: String = lines.map(|check| format!("{}\n", check.found)).collect();
    expect_test::expect![[r#"
        190.00 USD guaranteed + 570.00 USD guaranteed + 384.00 USD borrowed + 49.981332 USD fee + 305.458632 USD commitment + -2373.50 USD undelivered + 0.00 USD late + 0.00 USD lent + -70.798863 USD tax + 200.00 USD prepayment = -744.858899 USD
        190.00 USD guaranteed + 353.583333 USD guaranteed + 268.577778 USD borrowed + 50.00 USD fee + 637.838889 USD commitment + -3026.50 USD undelivered + 0.00 USD late + 0.00 USD lent + -123.6465 USD tax = -1650.1465 USD
        190.00 USD guaranteed + 966.00 USD guaranteed + 595.20 USD borrowed + 50.00 USD fee + 0.00 USD undelivered + 0.00 USD late + 0.00 USD lent + 145.8972 USD tax + -70.00 USD prepayment = 1877.0972 USD
        190.00 USD guaranteed + 390.417083 USD guaranteed + 288.222222 USD borrowed + 50.00 USD fee + 581.360695 USD commitment + 0.00 USD undelivered + -3.00 USD late + -168.001389 USD lent + 107.648887 USD tax + -70.00 USD prepayment = 1366.647498 USD
        0.00 USD guaranteed + 0.00 USD borrowed + 0.00 USD fee + 0.00 USD undelivered + 0.00 USD late + 0.00 USD lent + 0.00 USD tax + -60.00 USD prepayment = -60.00 USD
    "#]].assert_eq(&shown);
    let world = months();
    let second = "seq = (SELECT seq FROM records WHERE body LIKE '%\"is\":\"invoiced\"%' ORDER BY seq LIMIT 1 OFFSET 1)";
    world.tamper(&format!(
        "UPDATE records SET body = replace(body, '\"kind\":{{\"is\":\"fee\"}}', '\"kind\":{{\"is\":\"tax\"}}') WHERE {second}"
    ));
    let found = differences(&world.audit(Wanted::All));
    assert!(
        found.contains("billed tax, clause 2: 50.00 USD, recomputed fee, clause 2: 50.00 USD"),
        "{found}"
    );
}

#[test]
fn every_lie_is_found() {
    let first = "seq = (SELECT min(seq) FROM records WHERE body LIKE '%\"is\":\"invoiced\"%')";
    let of = |is: &str| format!("seq = (SELECT min(seq) FROM records WHERE body LIKE '%\"is\":\"{is}\"%')");
    let swap = |from: &str, to: &str, place: &str| {
        format!("UPDATE records SET body = replace(body, '{from}', '{to}') WHERE {place}")
    };
    let offered = of("contract-offered");
    let cases = [
        // A line and the total say more than was used.
        (
            swap("\"units\":38000", "\"units\":39000", first),
            "chip-hour: 0.039 USD, recomputed guaranteed, 72 chip-seconds at 1.90 USD/chip-hour: 0.038 USD",
        ),
        // A lower price in the terms than the one that was signed.
        (swap("\"units\":1900000", "\"units\":1800000", &offered), "signatures: aurora (owner) did not sign"),
        // The lease began earlier than it did.
        (format!("UPDATE records SET at_ms = at_ms - 10 WHERE {}", of("lease-granted")), "is older than"),
        // A usage record says more than the lease held.
        (
            swap("\"own_chip_milli\":1000", "\"own_chip_milli\":2000", &of("usage-recorded")),
            "thousandths of a chip",
        ),
        // A usage record is turned into another, harmless event.
        (
            format!(
                "UPDATE records SET body = '{{\"id\":\"key-{:032x}\",\"is\":\"key-revoked\"}}' WHERE {}",
                1,
                of("usage-recorded")
            ),
            "recorded to",
        ),
        // A record is gone.
        (format!("DELETE FROM records WHERE {}", of("lease-granted")), "lacks record"),
        // A record is not one.
        (format!("UPDATE records SET body = '{{}}' WHERE {first}"), "cannot be read"),
        // The number of an invoice is another.
        (swap("\"number\":1", "\"number\":5", first), "number: billed 5, recomputed 1"),
        // The books are somebody else's.
        (
            swap("\"kind\":{\"is\":\"receivable\"}", "\"kind\":{\"is\":\"earnings\"}", first),
            "postings: receivable",
        ),
    ];
    for (sql, expected) in cases {
        let world = World::story();
        world.tamper(&sql);
        let report = world.audit(Wanted::All);
        let found = differences(&report);
        assert!(found.contains(expected), "after {sql}\nexpected {expected}\nfound {found}");
        assert!(!report.equal);
    }
}
