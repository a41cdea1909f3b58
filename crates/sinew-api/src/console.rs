//! Everything that one organisation sees at one moment, for the console page.

use crate::{ContractView, InvoiceView, Lang, OrganisationView, ReleaseView, WorkloadView, roles_of};
use serde::{Deserialize, Serialize};
use sinew_core::{Phase, PoolState, Principal, State, Workload};
use sinew_sched::{Account, Holding};
use sinew_types::{CellIndex, CellRange, Instant, PoolId, Tier, WorkloadId};
use utoipa::ToSchema;

/// The console's data.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConsoleView {
    /// The server's time.
    pub now: String,
    /// Who looks.
    pub organisation: OrganisationView,
    /// What its key may do.
    pub roles: Vec<String>,
    /// Pools that it owns or has a contract for.
    pub pools: Vec<PoolView>,
    /// Its contracts.
    pub contracts: Vec<ContractView>,
    /// Its workloads, newest first.
    pub workloads: Vec<WorkloadView>,
    /// Its invoices, on either side.
    pub invoices: Vec<InvoiceView>,
    /// Its releases.
    pub releases: Vec<ReleaseView>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointView>,
    /// What the control plane itself uses; for the operator, whose machine it is.
    pub control_plane: Option<ControlPlaneView>,
}

/// What the server itself costs this machine.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ControlPlaneView {
    /// Thousandths of a core, averaged since it started.
    pub cpu_milli: u64,
    /// Resident memory.
    pub memory_bytes: u64,
}

/// A pool as one organisation sees it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PoolView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its owner's name.
    pub owner: String,
    /// Whether the reader owns it.
    pub mine: bool,
    /// How many chips it has; for a lab, how many it could ever hold.
    pub chips: u32,
    /// How many of them nobody holds; for a lab, how many it does not hold itself.
    pub free: u32,
    /// How many have failed; for a lab, of those that it holds.
    pub failed: u32,
    /// The device's model.
    pub model: String,
    /// Whether programs only seem to run there.
    pub rehearsal: bool,
    /// The levels below the pool, largest first, such as `8 racks`.
    pub levels: Vec<String>,
    /// The cells that the reader may see; none of a large pool, whose regions are asked for one by one.
    pub cells: Vec<CellView>,
    /// Who held what lately.
    pub strip: StripView,
}

/// A chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CellView {
    /// Its place in the pool.
    pub index: u32,
    /// The machine's number for it.
    pub device: Option<u32>,
    /// Who holds it.
    pub holding: Option<HoldingView>,
    /// Whether it has failed.
    pub failed: bool,
}

/// A hold on a chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldingView {
    /// `own` or `borrowed`.
    pub kind: String,
    /// By whom.
    pub organisation: String,
    /// The workload's name, for its own organisation.
    pub workload: Option<String>,
    /// The workload's id, for its own organisation.
    pub workload_id: Option<String>,
    /// Since when.
    pub since: String,
    /// When it must be gone.
    pub leaves_by: Option<String>,
}

/// Who held what in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StripView {
    /// First moment.
    pub from: String,
    /// Last moment.
    pub to: String,
    /// The holds in it.
    pub intervals: Vec<IntervalView>,
}

/// One hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IntervalView {
    /// Which chip.
    pub cell: u32,
    /// First moment.
    pub from: String,
    /// First moment after; absent while it lasts.
    pub to: Option<String>,
    /// `own` or `borrowed`.
    pub kind: String,
    /// By whom.
    pub organisation: String,
    /// The workload's name, for its own organisation.
    pub workload: Option<String>,
}

/// A running server of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointView {
    /// The release that it serves.
    pub model: String,
    /// The workload's name.
    pub workload: String,
    /// The workload's state.
    pub state: String,
}

/// The most chips that are listed one by one of a pool that is no machine's own.
const LISTED_MAX: u32 = 64;
/// How many ended workloads a console shows.
const WORKLOADS_MAX: usize = 50;

impl ConsoleView {
    /// What a principal sees, except for the strips and the control plane's use, which the server adds.
    #[must_use]
    pub fn of(lang: Lang, state: &State, now: Instant, who: &Principal) -> Option<Self> {
        let organisation = state.organisations.get(&who.org)?;
        let party = |id: &sinew_contract::Contract| id.terms.owner == who.org || id.terms.lab == who.org;
        let mut own: Vec<(&WorkloadId, &Workload)> =
            state.workloads.iter().filter(|(_, w)| w.org == who.org).collect();
        own.sort_by_key(|(id, workload)| (std::cmp::Reverse(workload.submitted_at), **id));
        let workloads: Vec<WorkloadView> = own
            .iter()
            .take(WORKLOADS_MAX)
            .map(|(id, workload)| WorkloadView::of(lang, state, **id, workload))
            .collect();
        let pools = state.pools.iter().filter(|(id, pool)| sees_pool(state, who, **id, pool));
        let invoices =
            state.invoices.values().filter(|invoice| invoice.owner == who.org || invoice.lab == who.org);
        let endpoints = own.iter().filter(|(_, w)| !matches!(w.phase, Phase::Ended { .. }));
        let endpoint = |(id, workload): &(&WorkloadId, &Workload)| {
            let view = WorkloadView::of(lang, state, **id, workload);
            view.serves.clone().map(|model| EndpointView { model, workload: view.name, state: view.state })
        };
        Some(Self {
            now: now.to_string(),
            organisation: OrganisationView::of(who.org, organisation),
            roles: roles_of(&who.roles),
            pools: pools.map(|(id, pool)| PoolView::of(state, who, *id, pool)).collect(),
            contracts: state
                .contracts
                .values()
                .filter(|c| party(c))
                .map(|c| ContractView::of(state, now, c))
                .collect(),
            endpoints: endpoints.filter_map(endpoint).collect(),
            workloads,
            invoices: invoices.map(|invoice| InvoiceView::of(state, invoice)).collect(),
            releases: state.registry.of(who.org).map(ReleaseView::of).collect(),
            control_plane: None,
        })
    }
}

fn sees_pool(state: &State, who: &Principal, id: PoolId, pool: &PoolState) -> bool {
    pool.owner == who.org || state.contracts.values().any(|c| c.terms.pool == id && c.terms.lab == who.org)
}

impl PoolView {
    /// A pool as a principal sees it: an owner sees every hold, a lab only its own.
    #[must_use]
    pub fn of(state: &State, who: &Principal, id: PoolId, pool: &PoolState) -> Self {
        let mine = pool.owner == who.org;
        let chip_count = pool.topology.chip_count();
        let listed = !pool.topology.devices().is_empty() || chip_count <= LISTED_MAX;
        let cells = if listed { cells(state, who, id, pool) } else { Vec::new() };
        let visible = state.workloads.values().filter(|w| w.pool == id && (mine || w.org == who.org));
        let leases = visible.filter_map(|workload| workload.lease());
        let (mut held, mut failed) = (0_u32, 0);
        for run in leases.flat_map(|lease| lease.cells.runs()) {
            held = held.saturating_add(run.count);
            failed += state.failed.within(id, CellRange { first: run.first, count: run.count });
        }
        let all = if mine { chip_count } else { could_hold(state, who, id, chip_count) };
        if mine {
            let whole = CellRange { first: pool.topology.first_chip(), count: chip_count };
            // What has failed and is still held counts as held.
            let broken = state.failed.within(id, whole);
            (held, failed) = (held.saturating_add(broken - failed), broken);
        }
        Self {
            id: id.to_string(),
            name: pool.name.to_string(),
            owner: state.organisations.get(&pool.owner).map_or_else(String::new, |o| o.name.to_string()),
            mine,
            chips: all,
            free: all.saturating_sub(held),
            failed,
            model: pool.topology.model().to_owned(),
            rehearsal: pool.rehearsal.0,
            levels: if mine { pool.topology.tiers().iter().map(level_text).collect() } else { Vec::new() },
            cells,
            strip: StripView::default(),
        }
    }
}

/// The cells of a small pool that a principal may see.
fn cells(state: &State, who: &Principal, id: PoolId, pool: &PoolState) -> Vec<CellView> {
    let mine = pool.owner == who.org;
    let cell = |index: CellIndex| {
        let holding = holding(state, who, id, index);
        let device = pool.topology.device(index).filter(|_| mine || holding.is_some());
        let failed = state.failed.within(id, CellRange { first: index, count: 1 }) > 0;
        CellView { index: index.0, device, failed: failed && (mine || holding.is_some()), holding }
    };
    pool.topology.chips().map(cell).filter(|cell| mine || cell.holding.is_some()).collect()
}

/// Such as `4 hosts` in each cell above.
fn level_text(tier: &Tier) -> String {
    let word = format!("{:?}", tier.level).to_lowercase();
    format!("{} {word}{}", tier.count, if tier.count == 1 { "" } else { "s" })
}

/// The most that a lab's contracts let it hold of a pool: all that it may know of the pool's size.
fn could_hold(state: &State, who: &Principal, pool: PoolId, chips: u32) -> u32 {
    let own = state.contracts.values().filter(|c| c.terms.pool == pool && c.terms.lab == who.org);
    let most = own.map(|c| {
        let topology = state.pools.get(&pool).map(|found| &found.topology);
        let shapes = c.terms.guarantee.iter().chain([&c.terms.borrow_limit]);
        let counted = shapes.filter_map(|shape| sinew_sched::shape_chips(topology?, shape));
        counted.fold(0, u32::saturating_add)
    });
    most.fold(0, u32::saturating_add).min(chips)
}

fn holding(state: &State, who: &Principal, pool: PoolId, cell: CellIndex) -> Option<HoldingView> {
    let mine = state.pools.get(&pool).is_some_and(|found| found.owner == who.org);
    let mut all = state.workloads.iter().filter(|(_, w)| w.pool == pool && (mine || w.org == who.org));
    all.find_map(|(id, workload)| {
        let lease = workload.lease()?;
        let holding = lease.cells.get(cell)?;
        let own = workload.org == who.org;
        Some(HoldingView {
            kind: kind_text(holding).to_owned(),
            organisation: state
                .organisations
                .get(&workload.org)
                .map_or_else(String::new, |o| o.name.to_string()),
            workload: own.then(|| workload.spec.name.to_string()),
            workload_id: own.then(|| id.to_string()),
            since: lease.granted_at.to_string(),
            leaves_by: lease.notice.as_ref().map(|notice| notice.deadline.to_string()),
        })
    })
}

/// `own` or `borrowed`. An owner's use of cells that it promised to others is borrowed as well.
#[must_use]
pub fn kind_text(holding: Holding) -> &'static str {
    match holding {
        Holding::Own => "own",
        Holding::Borrowed { lender: Account::Owner | Account::Contract(_) } => "borrowed",
    }
}
