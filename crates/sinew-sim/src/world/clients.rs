//! Organisations that ask: over the network, again and again with the same key until they have an answer.

use super::World;
use super::server::system;
use crate::cycle::Decided;
use crate::model::{Verdict, demand};
use crate::queue::Due;
use crate::script::Action;
use sinew_contract::{SecretKey, Terms};
use sinew_core::{Actor, Adjustment, Command, Principal, Refusal, Rehearsal, Request, RequestKey, Role};
use sinew_store::hash_of;
use sinew_types::{
    ContractId, Hash, Name, Network, OrgId, Part, Program, Resources, Rounding, Shape, Span, Topology,
    WorkloadId, WorkloadSpec,
};
use std::collections::{BTreeMap, BTreeSet};

/// Who owns all pools.
pub(super) const OWNER: u8 = 1;
/// How often a client asks, and how often at most.
const AGAIN_MS: u64 = 3_000;
const TRIES_MOST: u32 = 40;
/// How long a request may wait for others to share its commit.
const GROUP_MS: u64 = 300;

/// A request and what its client knows of it.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    org: u8,
    request: Request,
    answer: Option<Decided>,
    tries: u32,
}

fn org_id(number: u8) -> OrgId {
    OrgId::from_bits(u128::from(number))
}

fn org_name(number: u8) -> Name {
    let text = if number == OWNER { "owner".to_owned() } else { format!("lab{number}") };
    text.parse().expect("a name")
}

fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn principal(number: u8) -> Actor {
    let roles = BTreeSet::from([Role::View, Role::Operate, Role::Sign]);
    Actor::Principal(Principal { org: org_id(number), roles, operator: number == OWNER })
}

impl World {
    /// The organisations with their keys, and the owner's pools.
    pub(super) fn found(&mut self) -> Verdict {
        for number in 1..=self.layout.labs + 1 {
            let (id, name) = (org_id(number), org_name(number));
            self.turn(vec![vec![system(Command::AddOrganisation { id, name, operator: number == OWNER })]])?;
            self.direct(number, Command::SetPublicKey { key: secret(number).public() })?;
        }
        let each = Resources { chip_milli: 1_000, cpu_milli: 1_000, memory_bytes: 0 };
        let mut first = 0;
        for (number, chips) in self.layout.pools.clone().into_iter().enumerate() {
            let devices: Vec<u32> = (first..first + chips).collect();
            first += chips;
            let topology = Topology::flat(&devices, "chip", each);
            let name = format!("pool{number}").parse().expect("a name");
            self.direct(
                OWNER,
                Command::AddPool { id: self.pool(number), name, topology, rehearsal: Rehearsal::default() },
            )?;
        }
        Ok(())
    }

    fn direct(&mut self, org: u8, command: Command) -> Result<Vec<Vec<Decided>>, crate::model::Violation> {
        self.turn(vec![vec![Request { actor: principal(org), key: None, command }]])
    }

    /// What a step of the script asks for.
    pub(super) fn ask(&mut self, action: &Action) -> Verdict {
        match *action {
            Action::Contract { lab, pool, own, borrow, lend, life_ms, notice_ms } => {
                let shapes = [own, borrow, lend].map(Shape::Chips);
                self.offer(lab, pool, shapes, (life_ms, notice_ms));
            }
            Action::Submit { org, pool, least, more, priority } => {
                self.submit(org, pool, (least, least + more), priority);
            }
            Action::Greedy { org, pool, count } => {
                (0..count).for_each(|number| self.submit(org, pool, (1 + number % 3, u32::MAX), 9));
            }
            Action::Cancel { which } => {
                let found = pick(self.model.works.iter(), which).map(|(id, work)| (*id, work.org));
                if let Some((id, org)) = found {
                    self.keyed(number_of(org), Command::Cancel { id });
                }
            }
            Action::Adjust { which, held, least, more, priority } => {
                let found = pick(self.model.works.iter(), which).map(|(id, work)| (*id, work.org));
                if let Some((id, org)) = found {
                    let shapes = Some((Shape::Chips(least), Shape::Chips(least + more)));
                    let change = Adjustment { held, priority: Some(priority), shapes, near: None };
                    self.keyed(number_of(org), Command::Adjust { id, change });
                }
            }
            Action::Bill { which } => {
                if let Some(contract) = pick(self.model.deals.keys(), which).copied() {
                    self.keyed(OWNER, Command::CloseInvoice { contract });
                }
            }
            Action::ReuseKey { which } => self.reuse_key(which),
            Action::Rival { which } => return self.rival(which),
            _ => {}
        }
        Ok(())
    }

    fn bits(&mut self) -> u128 {
        (u128::from(self.chance.draw()) << 64) | u128::from(self.chance.draw())
    }

    fn offer(&mut self, lab: u8, pool: usize, shapes: [Shape; 3], spans: (u64, u64)) {
        let id = ContractId::from_bits(self.bits());
        let starts = self.wall();
        let price = |text: &str| text.parse().expect("a price");
        let rounding = [Rounding::HalfEven, Rounding::Up, Rounding::Down];
        let terms = Terms {
            owner: org_id(OWNER),
            lab: org_id(lab),
            pool: self.pool(pool),
            guarantee: vec![shapes[0]],
            borrow_limit: shapes[1],
            lend_limit: shapes[2],
            notice: Span::from_ms(spans.1),
            kill_grace: Span::from_ms(1_000),
            hand_over: Span::from_ms(500),
            minimum_term: None,
            calendar: None,
            starts: starts.plus(Span::from_ms(if self.chance.percent(20) { 30_000 } else { 0 })),
            ends: starts.plus(Span::from_ms(spans.0 + 30_000)),
            guaranteed_price: price("3.61 USD/chip-hour"),
            borrowed_price: price("1.37 USD/chip-hour"),
            rounding: self.chance.one_of(&rounding).expect("three of them"),
            clauses: Default::default(),
        };
        let signature = secret(OWNER).sign(&terms.signing_bytes(id));
        self.keyed(OWNER, Command::OfferContract { id, terms: Box::new(terms), signature, expanded: None });
    }

    fn submit(&mut self, org: u8, pool: usize, shape: (u32, u32), priority: i32) {
        let id = WorkloadId::from_bits(self.bits());
        let name = format!("{}-{:x}", org_name(org), id.bits() >> 80);
        let program = Program {
            argv: vec!["train".to_owned()],
            env: BTreeMap::new(),
            bundle: None,
            inputs: BTreeMap::new(),
            network: Network::None,
        };
        let part = Part {
            role: "main".parse().expect("a name"),
            least: Shape::Chips(shape.0),
            most: Shape::Chips(shape.1),
            program,
            pools: vec![format!("pool{}", pool % self.layout.pools.len()).parse().expect("a name")],
        };
        let name = name.parse().expect("a name");
        let limit = self.chance.percent(50).then(|| Span::from_ms(5_000 + self.chance.below(90_000)));
        let spec =
            WorkloadSpec { name, parts: vec![part], priority, checkpoint_every: None, serves: None, limit };
        self.keyed(org, Command::Submit { id, spec: std::sync::Arc::new(spec) });
    }

    /// A request under a key of its own goes out, and again until it is answered.
    pub(super) fn keyed(&mut self, org: u8, command: Command) {
        let key = format!("{:032x}", self.bits());
        self.under_key(org, key, command);
    }

    fn under_key(&mut self, org: u8, key: String, command: Command) {
        let fingerprint = hash_of(format!("{command:?}").as_bytes());
        let key = Some(RequestKey { key, fingerprint });
        let request = Request { actor: principal(org), key, command };
        self.asks.push(Ask { org, request, answer: None, tries: 0 });
        self.ask_again(self.asks.len() - 1);
    }

    /// A client asks again, unless it has its answer.
    pub(super) fn ask_again(&mut self, number: usize) {
        let ask = &mut self.asks[number];
        if ask.answer.is_none() && ask.tries < TRIES_MOST {
            ask.tries += 1;
            self.queue.send(self.now_ms, &Due::Ask(number), &mut self.chance);
            self.queue.at(self.now_ms + AGAIN_MS, Due::AskAgain(number));
        }
    }

    /// A request reaches the server, which takes it at once or with those that come a little later.
    pub(super) fn asked(&mut self, number: usize) -> Verdict {
        if self.server.is_none() {
            return Ok(());
        }
        self.inbox.push(number);
        if self.chance.percent(50) {
            self.queue.at(self.now_ms + GROUP_MS, Due::Turn);
            return Ok(());
        }
        self.serve()
    }

    /// One turn for everything that has come in.
    pub(super) fn serve(&mut self) -> Verdict {
        let numbers = std::mem::take(&mut self.inbox);
        let asks: Vec<&Ask> = numbers.iter().map(|number| &self.asks[*number]).collect();
        let before: Vec<_> = asks.iter().map(|ask| self.recorded(ask).cloned()).collect();
        let groups = asks.iter().map(|ask| vec![ask.request.clone()]).collect();
        let answers = self.turn(groups)?;
        for ((number, before), group) in numbers.into_iter().zip(before).zip(answers) {
            let Some(decided) = group.into_iter().next() else { continue };
            self.is_the_old_answer(&self.asks[number].request, before, &decided)?;
            let due = Due::Answer(number, Box::new(decided));
            self.queue.send(self.now_ms, &due, &mut self.chance);
        }
        Ok(())
    }

    /// An answer reaches its client.
    pub(super) fn answered(&mut self, number: usize, decided: Decided) -> Verdict {
        let ask = &self.asks[number];
        self.tells_no_secret(ask, &decided)?;
        // A refusal may come late, after the same request was tried again and accepted.
        let first = ask.answer.is_none();
        if !matches!(ask.answer, Some(Ok(_))) {
            self.asks[number].answer = Some(decided.clone());
            self.is_recorded(&self.asks[number])?;
        }
        if let (true, true, Command::OfferContract { id, terms, .. }) =
            (first, decided.is_ok(), &self.asks[number].request.command)
        {
            let (id, lab) = (*id, number_of(terms.lab));
            let signature = secret(lab).sign(&terms.signing_bytes(id));
            self.keyed(lab, Command::SignContract { id, signature });
        }
        self.counts.acknowledged += u64::from(first);
        Ok(())
    }

    /// What the journal says about a request's key.
    fn recorded(&self, ask: &Ask) -> Option<&(Hash, String)> {
        let key = ask.request.key.as_ref()?;
        self.model.answered.get(&(org_id(ask.org), key.key.clone()))
    }

    /// 5: a request whose key is in the journal is not done again, and has the answer that it had.
    fn is_the_old_answer(
        &self,
        request: &Request,
        before: Option<(Hash, String)>,
        decided: &Decided,
    ) -> Verdict {
        let (Some((fingerprint, subject)), Some(key)) = (before, &request.key) else { return Ok(()) };
        let right = match decided {
            Ok(answer) => answer.repeated && answer.subject == subject && key.fingerprint == fingerprint,
            Err(refusal) => matches!(refusal, Refusal::KeyReused { .. }) && key.fingerprint != fingerprint,
        };
        demand(right, 5, || format!("{:?} was answered {subject}, now {decided:?}", request.command))
    }

    /// 5: what was acknowledged is in the journal.
    fn is_recorded(&self, ask: &Ask) -> Verdict {
        let Some(Ok(answer)) = &ask.answer else { return Ok(()) };
        let there = self.recorded(ask).is_some_and(|(_, subject)| *subject == answer.subject);
        demand(there, 5, || format!("{:?} was acknowledged and is not in the journal", ask.request.command))
    }

    /// The same for every answer that any client ever had.
    pub(super) fn acknowledged_is_there(&self) -> Verdict {
        self.asks.iter().try_for_each(|ask| self.is_recorded(ask))
    }

    /// 7: no answer names what belongs to somebody else, unless the question did.
    fn tells_no_secret(&self, ask: &Ask, decided: &Decided) -> Verdict {
        let (said, asked) = (format!("{decided:?}"), format!("{:?}", ask.request.command));
        let told = self.model.secrets_from(org_id(ask.org)).find(|s| said.contains(s) && !asked.contains(s));
        demand(told.is_none(), 7, || format!("{} is told of {told:?}: {said}", org_name(ask.org)))
    }

    /// The key of an old request with another question: the old answer never, and never both done.
    fn reuse_key(&mut self, which: usize) {
        let Some(ask) = pick(self.asks.iter(), which) else { return };
        let (org, key) = (ask.org, ask.request.key.clone());
        if let Some(RequestKey { key, .. }) = key {
            let contract = ContractId::from_bits(self.bits());
            self.under_key(org, key, Command::CloseInvoice { contract });
        }
    }

    /// 7: what belongs to a rival looks exactly like what does not exist.
    fn rival(&mut self, which: usize) -> Verdict {
        let (nobody, none) = (WorkloadId::from_bits(u128::MAX), ContractId::from_bits(u128::MAX));
        let works = self.model.works.iter().map(|(id, work)| (Some(*id), None, number_of(work.org)));
        let deals = self.model.deals.iter();
        let deals = deals.map(|(id, deal)| (None, Some(*id), number_of(deal.terms.lab)));
        let Some((work, deal, lab)) = pick(works.chain(deals), which) else { return Ok(()) };
        let others: Vec<u8> = (2..=self.layout.labs + 1).filter(|other| *other != lab).collect();
        let Some(rival) = self.chance.one_of(&others) else { return Ok(()) };
        let sign = |id| Command::SignContract { id, signature: secret(rival).sign(b"anything") };
        let pairs = match (work, deal) {
            (Some(id), _) => {
                let hold = Adjustment { held: Some(true), ..Adjustment::default() };
                let adjust = |id| Command::Adjust { id, change: hold.clone() };
                vec![(Command::Cancel { id }, Command::Cancel { id: nobody }), (adjust(id), adjust(nobody))]
            }
            (_, Some(id)) => vec![
                (sign(id), sign(none)),
                (Command::CloseInvoice { contract: id }, Command::CloseInvoice { contract: none }),
            ],
            _ => Vec::new(),
        };
        let real = work.map(|id| id.to_string()).or(deal.map(|id| id.to_string())).unwrap_or_default();
        for (theirs, nothing) in pairs {
            let request = |command| vec![Request { actor: principal(rival), key: None, command }];
            let answers = self.turn(vec![request(theirs.clone()), request(nothing)])?;
            let said: Vec<String> = answers.iter().map(|group| format!("{group:?}")).collect();
            let plain = |text: &String| {
                text.replace(&real, "").replace(&nobody.to_string(), "").replace(&none.to_string(), "")
            };
            let alike = said.iter().map(plain).collect::<BTreeSet<_>>().len() <= 1;
            demand(alike, 7, || format!("{theirs:?} of a rival is answered {said:?}"))?;
        }
        Ok(())
    }
}

fn number_of(org: OrgId) -> u8 {
    u8::try_from(org.bits()).expect("an organisation of this world")
}

fn pick<T>(all: impl Iterator<Item = T>, which: usize) -> Option<T> {
    let mut all: Vec<T> = all.collect();
    let count = all.len();
    (count > 0).then(|| all.swap_remove(which % count))
}
