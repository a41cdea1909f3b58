//! The terms that two organisations agree on, and the contract that grows out of them.

use crate::calendar::{Calendar, Expanded};
use crate::clause::{ClauseFlaw, Clauses};
use crate::{PublicKey, Signature};
use sha2::{Digest, Sha256};
use sinew_types::{
    Asset, Canonical, ContractId, Hash, Instant, OrgId, PoolId, Price, Rounding, Shape, Span, Value,
    canonical_enum, canonical_struct,
};

/// What both sides sign. Never edited: a change is a new contract.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Who lends.
    pub owner: OrgId,
    /// Who borrows.
    pub lab: OrgId,
    /// What is lent.
    pub pool: PoolId,
    /// Shapes that the lab can have at any instant, all at once, within the recall bound.
    pub guarantee: Vec<Shape>,
    /// The most that the lab may hold beyond its guarantee, while nobody entitled needs it.
    pub borrow_limit: Shape,
    /// The most of its idle guarantee that others may borrow.
    pub lend_limit: Shape,
    /// From the notice of a recall to its deadline.
    pub notice: Span,
    /// From the deadline until nothing of the workload runs.
    pub kill_grace: Span,
    /// From then until the cells are in the next holder's hands.
    pub hand_over: Span,
    /// How long a lease under the contract is safe from recall, where the owner grants that.
    pub minimum_term: Option<Span>,
    /// In which windows it holds between its dates; always, where nothing is said.
    pub calendar: Option<Calendar>,
    /// The first moment under the contract.
    pub starts: Instant,
    /// The first moment no longer under it.
    pub ends: Instant,
    /// What guaranteed capacity costs while it is held.
    pub guaranteed_price: Price,
    /// What borrowed capacity costs while it is held.
    pub borrowed_price: Price,
    /// How an invoice line becomes whole units of money.
    pub rounding: Rounding,
    /// What it costs beside that; where there is anything, it is billed by the month.
    pub clauses: Clauses,
}

canonical_struct!(Terms {
    owner,
    lab,
    pool,
    guarantee,
    borrow_limit,
    lend_limit,
    notice,
    kill_grace,
    hand_over,
    minimum_term,
    calendar,
    starts,
    ends,
    guaranteed_price,
    borrowed_price,
    rounding,
    clauses,
});

/// Why terms make no sense, whatever the pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// The last moment is not after the first.
    EndsBeforeStart {
        /// The first moment.
        starts: Instant,
        /// The first moment after.
        ends: Instant,
    },
    /// The prices are in different assets.
    MixedAssets {
        /// Of the guaranteed price.
        guaranteed: Asset,
        /// Of the borrowed price.
        borrowed: Asset,
    },
    /// Neither a guarantee nor a right to borrow.
    PromisesNothing,
    /// An organisation contracts with itself.
    WithItself,
    /// A lease would be safe from recall for longer than the contract, or its longest window, lasts.
    TermTooLong {
        /// The minimum term.
        term: Span,
        /// From the first moment of that to the last.
        lasts: Span,
    },
    /// Part of the recall bound is zero, which no machine can keep.
    NoTime {
        /// Which part.
        part: &'static str,
    },
    /// A price with which sums of a large pool could no longer be counted.
    TooDear {
        /// The price.
        price: Price,
    },
    /// Clauses that make no sense.
    Clause(ClauseFlaw),
}

/// What a price may be at most, in smallest units of its asset: a pool of as many chips as can be counted, used for a
/// century, still comes to a sum that 127 bits hold.
const PRICE_UNITS_MOST: i128 = 10_000_000_000_000;

impl Terms {
    /// Notice + kill grace + hand-over: the longest time from a demand to possession.
    #[must_use]
    pub fn recall_bound(&self) -> Span {
        self.notice.plus(self.kill_grace).plus(self.hand_over)
    }

    /// What both sides sign: a line that says what it is, then the canonical form of the contract's id and terms.
    #[must_use]
    pub fn signing_bytes(&self, id: ContractId) -> Vec<u8> {
        let document = Value::List(vec![id.to_value(), self.to_value()]);
        format!("sinew/contract/v1\n{}", document.to_json()).into_bytes()
    }

    /// The name of its prices and clauses: the same for the same ones, whoever agrees on them.
    #[must_use]
    pub fn rate_card(&self) -> Hash {
        let fields = [
            ("borrowed_price", self.borrowed_price.to_value()),
            ("clauses", self.clauses.to_value()),
            ("guaranteed_price", self.guaranteed_price.to_value()),
            ("rounding", self.rounding.to_value()),
        ];
        let said = fields.into_iter().filter(|(_, value)| *value != Value::Null);
        let card = Value::Map(said.map(|(name, value)| (name.to_owned(), value)).collect());
        let text = format!("sinew/rate-card/v1\n{}", card.to_json());
        Hash::from_bytes(Sha256::digest(text.as_bytes()).into())
    }

    /// How many loose chips the guarantee asks for; nothing where it asks for another shape.
    #[must_use]
    pub fn guaranteed_chips(&self) -> Option<u32> {
        self.guarantee.iter().try_fold(0_u32, |sum, shape| sum.checked_add(shape.loose_chips()?))
    }

    /// The first thing that is wrong with these terms, whatever the pool.
    pub fn check(&self) -> Result<(), Flaw> {
        if self.owner == self.lab {
            return Err(Flaw::WithItself);
        }
        if self.ends <= self.starts {
            return Err(Flaw::EndsBeforeStart { starts: self.starts, ends: self.ends });
        }
        let lasts = self.ends.since(self.starts);
        if let Some(term) = self.minimum_term.filter(|term| *term > lasts) {
            return Err(Flaw::TermTooLong { term, lasts });
        }
        let (guaranteed, borrowed) = (&self.guaranteed_price.money.asset, &self.borrowed_price.money.asset);
        if guaranteed != borrowed {
            return Err(Flaw::MixedAssets { guaranteed: guaranteed.clone(), borrowed: borrowed.clone() });
        }
        let prices = [&self.guaranteed_price, &self.borrowed_price].into_iter().chain(self.clauses.prices());
        if let Some(price) = prices.into_iter().find(|price| price.money.units > PRICE_UNITS_MOST) {
            return Err(Flaw::TooDear { price: price.clone() });
        }
        if self.guarantee.iter().all(Shape::is_empty) && self.borrow_limit.is_empty() {
            return Err(Flaw::PromisesNothing);
        }
        for (part, span) in
            [("notice", self.notice), ("kill_grace", self.kill_grace), ("hand_over", self.hand_over)]
        {
            if span == Span::from_ms(0) {
                return Err(Flaw::NoTime { part });
            }
        }
        self.clauses.check(guaranteed, self.starts..self.ends).map_err(Flaw::Clause)
    }
}

/// Where a contract stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// The owner signed; the lab has not.
    Offered,
    /// Both signed.
    Signed,
    /// It is over, and nothing runs under it any more.
    Ended,
}

canonical_enum!(Standing { Offered = "offered" {}, Signed = "signed" {}, Ended = "ended" {} });

/// Terms, signatures and standing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contract {
    /// Its identity, which is part of what was signed.
    pub id: ContractId,
    /// What was agreed.
    pub terms: Terms,
    /// The owner's signature and the key it was made with.
    pub owner_signature: (PublicKey, Signature),
    /// The lab's, once it has signed.
    pub lab_signature: Option<(PublicKey, Signature)>,
    /// Where it stands.
    pub standing: Standing,
    /// The windows of its calendar in moments, where it has one.
    pub expanded: Option<Expanded>,
}

canonical_struct!(Contract { id, terms, owner_signature, lab_signature, standing, expanded });

/// Proof that a contract is signed by both and that the moment lies within its dates.
#[derive(Clone, Copy, Debug)]
pub struct InForce<'a>(&'a Contract);

impl Contract {
    /// The proof that it is in force at `now`, or nothing.
    #[must_use]
    pub fn in_force(&self, now: Instant) -> Option<InForce<'_>> {
        let dated = self.terms.starts <= now && now < self.terms.ends;
        (self.standing == Standing::Signed && dated).then_some(InForce(self))
    }

    /// From when on its leases must be on their way out, so that they are gone when it ends.
    #[must_use]
    pub fn closes_at(&self) -> Instant {
        self.terms.ends.minus(self.terms.recall_bound())
    }

    /// When its leases may start and from when on they go, window by window.
    pub fn windows(&self) -> impl Iterator<Item = (Instant, Instant)> + '_ {
        let windows = self.expanded.iter().flat_map(|expanded| &expanded.windows);
        windows.map(|window| (window.starts, window.ends.minus(self.terms.recall_bound())))
    }

    /// How much of the time from one moment to another lies within its dates and, where it has any, its windows.
    #[must_use]
    pub fn open_between(&self, from: Instant, to: Instant) -> Span {
        let within = |starts: Instant, ends: Instant| to.min(ends).since(from.max(starts));
        match &self.expanded {
            None => within(self.terms.starts, self.terms.ends),
            Some(expanded) => {
                let open = expanded.windows.iter().map(|window| within(window.starts, window.ends));
                open.fold(Span::from_ms(0), Span::plus)
            }
        }
    }

    /// From when on a lease that began at a moment must be on its way out: the end of its window, or of the contract.
    #[must_use]
    pub fn closes_after(&self, granted_at: Instant) -> Instant {
        let window = self.windows().find(|(_, closes)| granted_at < *closes);
        window.map_or_else(|| self.closes_at(), |(_, closes)| closes)
    }

    /// Whether both signatures are there and fit these terms.
    #[must_use]
    pub fn signatures_hold(&self) -> bool {
        let bytes = self.terms.signing_bytes(self.id);
        let holds = |(key, signature): &(PublicKey, Signature)| key.signed(&bytes, signature);
        holds(&self.owner_signature) && self.lab_signature.as_ref().is_some_and(holds)
    }
}

impl<'a> InForce<'a> {
    /// The contract that is in force.
    #[must_use]
    pub fn contract(self) -> &'a Contract {
        self.0
    }
}
