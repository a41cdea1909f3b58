//! Every no that a person may see, as data. The words are in `sinew-api`'s catalogue.

use crate::command::Role;
use sinew_contract::Flaw;
use sinew_types::{Instant, Money, Name, Region, RegionFlaw, ReleaseRef, Shape, Span};

/// A kind of thing that may be missing or taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thing {
    /// An organisation.
    Organisation,
    /// An API key.
    Key,
    /// A pool.
    Pool,
    /// A contract.
    Contract,
    /// A workload.
    Workload,
    /// A release.
    Release,
    /// An invoice.
    Invoice,
    /// An artefact.
    Artefact,
    /// An endpoint.
    Endpoint,
}

/// Why a command was refused. Nothing of it was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no such thing, or it is not the sender's to see.
    NotFound {
        /// What kind.
        thing: Thing,
        /// As the sender named it.
        name: String,
    },
    /// The name belongs to another one.
    NameTaken {
        /// What kind.
        thing: Thing,
        /// The name.
        name: Name,
    },
    /// The sender's key lacks a role.
    NotAllowed {
        /// The role that is needed.
        needs: Role,
    },
    /// Only this Sinew's operator may do that.
    OperatorOnly,
    /// An organisation that weighs nothing would never get anything.
    NoWeight,
    /// The tree of organisations would go round in a circle or be too deep.
    NoTree {
        /// Who was to be placed.
        organisation: Name,
        /// Below which other.
        under: Name,
        /// How deep the tree may be.
        deepest: usize,
    },
    /// The same request key came with another request.
    KeyReused {
        /// The key.
        key: String,
    },
    /// The organisation has no public key yet.
    NoPublicKey {
        /// Its name.
        organisation: Name,
    },
    /// The organisation's public key is already set.
    PublicKeySet,
    /// The signature does not fit these terms and the organisation's public key.
    WrongSignature,
    /// The terms make no sense.
    Terms(Flaw),
    /// A contract with clauses starts in a month that is over.
    MonthsGoneBy {
        /// The first moment of this month.
        month: Instant,
    },
    /// The reference belongs to another payment.
    PaymentKnown {
        /// The reference.
        reference: String,
        /// What was paid by it.
        money: Money,
        /// When.
        paid_at: Instant,
    },
    /// Nothing between the two is owed in this currency.
    OtherCurrency {
        /// The currency.
        found: String,
        /// What is owed in.
        owed: Vec<String>,
    },
    /// A payment of nothing.
    NothingPaid,
    /// A payment that is yet to come.
    PaidLater {
        /// When it was made, as its sender says.
        paid_at: Instant,
        /// What time it is here.
        now: Instant,
    },
    /// Its invoices come by themselves.
    BilledByTheMonth {
        /// When the next one does; nothing where no other follows.
        next: Option<Instant>,
    },
    /// No window of the calendar lies within the contract's dates and is longer than a recall.
    NoWindow {
        /// The calendar.
        calendar: String,
        /// How long it takes to leave.
        bound: Span,
    },
    /// The calendar has more windows than anybody can plan with.
    TooManyWindows {
        /// How many there may be.
        most: usize,
    },
    /// The windows are not those of the calendar in the terms.
    WindowsAmiss,
    /// The contract would be over before it is signed.
    AlreadyOver {
        /// Its end.
        ends: Instant,
    },
    /// The guarantees would be more than the pool has.
    PromisesTooMuch {
        /// What this contract guarantees, in chips.
        asked: u32,
        /// What is still unpromised, in chips.
        unpromised: u32,
    },
    /// Devices that are lent in parts are the owner's own: nobody can be promised a part yet.
    PoolInParts {
        /// The pool's name.
        pool: Name,
    },
    /// There are chips enough, but not in the guaranteed shape.
    NoRoomInShape {
        /// A lab whose contract stands in the way, where leaving out one would do.
        behind: Option<Name>,
    },
    /// Another contract has this identity.
    ContractIdTaken,
    /// The pool has been promised to others since the offer.
    NoLongerFits,
    /// The contract is not waiting for this signature.
    NotOffered,
    /// A key that may do nothing.
    NoRoles,
    /// A pool without chips.
    EmptyPool,
    /// The pool has no such part.
    NoSuchCells {
        /// As the sender named it.
        region: Region,
        /// What is wrong with it.
        flaw: RegionFlaw,
    },
    /// A device is part of another pool.
    DeviceTaken {
        /// Its number.
        device: u32,
    },
    /// A device is named twice.
    DeviceTwice {
        /// Its number.
        device: u32,
    },
    /// One of several workloads that came together is refused, and so all are.
    InBatch {
        /// Which: 0 for the first.
        at: usize,
        /// Why.
        why: Box<Refusal>,
    },
    /// The organisation has as many workloads that wait or run as it may have.
    TooManyWorkloads {
        /// How many that is.
        most: usize,
    },
    /// A workload must have exactly one part for now.
    PartCount {
        /// How many it has.
        parts: usize,
    },
    /// The program is empty.
    EmptyProgram,
    /// The smallest shape is larger than the largest.
    LeastAboveMost {
        /// The smallest.
        least: Shape,
        /// The largest.
        most: Shape,
    },
    /// No pool at hand has such shapes.
    ShapeUnknown {
        /// The shape.
        shape: Shape,
    },
    /// A shape of nothing.
    ShapeEmpty,
    /// More than the sender can ever hold there.
    NeverFits {
        /// What was asked at least.
        asked: Shape,
        /// The most it can ever hold.
        largest: Shape,
    },
    /// The sender neither owns a pool nor has a contract that allows this.
    NoCapacity,
    /// More than one pool would do.
    WhichPool {
        /// Their names.
        pools: Vec<Name>,
    },
    /// A workload that may run no longer than the notice takes would be told to leave at once.
    LimitTooShort {
        /// What it may run.
        limit: Span,
        /// From the notice to the end.
        notice: Span,
    },
    /// The workload has already ended.
    WorkloadOver {
        /// Its name.
        name: Name,
    },
    /// The training run has not finished well.
    NotTrained {
        /// Its name.
        name: Name,
    },
    /// The training run left no weights.
    NoWeights {
        /// Its name.
        name: Name,
    },
    /// The gate did not pass.
    GateNotPassed {
        /// The gate's workload.
        name: Name,
    },
    /// The gate measured other weights than these.
    GateOfOtherWeights {
        /// The gate's workload.
        name: Name,
    },
    /// A workload serves a release that does not exist.
    NoSuchRelease {
        /// The release.
        release: ReleaseRef,
    },
    /// A sum does not fit the numbers that money is counted in.
    TooLargeToCount,
}
