//! A pool's cells: a regular tree of what can be lent.
//!
//! A pool of a million chips is described by a few numbers: how many pods, how many cubes in each, and so on down to
//! the chip. Cells are numbered level by level from the root, so a cell comes after the one it is part of, and the
//! chips lie side by side at the end.

use crate::Hosts;
use crate::value::{Canonical, Fields, Malformed, Value};
use crate::{canonical_enum, canonical_struct};

/// The place of a cell in its pool: level by level, so it never changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CellIndex(pub u32);

impl Canonical for CellIndex {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        u32::from_value(value).map(Self)
    }
}

/// What a cell is, largest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// The whole pool: the root of the tree.
    Pool,
    /// A pod of a torus, or a block of racks: what one fabric joins.
    Pod,
    /// A rack.
    Rack,
    /// A cube of a torus or an NVLink domain.
    Domain,
    /// A machine.
    Host,
    /// A device that is lent in parts.
    Device,
    /// One accelerator, or one core where cores are lent; of a device that is lent in parts, one of these.
    Chip,
}

canonical_enum!(Level {
    Pool = "pool" {},
    Pod = "pod" {},
    Rack = "rack" {},
    Domain = "domain" {},
    Host = "host" {},
    Device = "device" {},
    Chip = "chip" {},
});

/// What a cell holds and lends, in parts so small that shares of a device can be written down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Resources {
    /// Thousandths of an accelerator.
    pub chip_milli: u64,
    /// Thousandths of a processor core.
    pub cpu_milli: u64,
    /// Bytes of memory; 0 where the owner sets no limit.
    pub memory_bytes: u64,
}

canonical_struct!(Resources { chip_milli, cpu_milli, memory_bytes });

/// How the domains of a pod are joined.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fabric {
    /// Any of them: through optical switches, or a network that does not mind.
    Switched,
    /// As a fixed torus with wrap-around: this many domains along each axis.
    Torus {
        /// Along the first axis.
        x: u32,
        /// Along the second.
        y: u32,
        /// Along the third.
        z: u32,
    },
}

canonical_enum!(Fabric { Switched = "switched" {}, Torus = "torus" { x, y, z } });

/// How many cells of a level each cell of the level above has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tier {
    /// Which level.
    pub level: Level,
    /// How many in each cell above.
    pub count: u32,
}

canonical_struct!(Tier { level, count });

/// A pool's cells.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Topology {
    /// The device's model, such as `cpu-core`.
    model: String,
    /// What each chip holds.
    each: Resources,
    /// From the largest cells inside the pool down to the chips.
    tiers: Vec<Tier>,
    fabric: Fabric,
    /// The number that the machine knows each chip by; none where chips are numbered by their host.
    devices: Vec<u32>,
    /// The hosts of a pool whose devices are lent in parts, in order; none elsewhere.
    hosts: Vec<Hosts>,
    chips: u32,
    first_chip: u32,
}

/// Why tiers make no pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopologyFlaw {
    /// A tier with no cells in it.
    Empty {
        /// Which.
        level: Level,
    },
    /// A level that is not inside the one before.
    OutOfOrder {
        /// Which.
        level: Level,
    },
    /// The last tier must be chips.
    NoChips,
    /// More cells than can be numbered.
    TooLarge,
    /// The torus does not hold as many domains as a pod has.
    TorusSize {
        /// Domains of the torus.
        torus: u64,
        /// Domains of a pod.
        domains: u32,
    },
    /// Parts of a device that are no whole thousandths of it, or too many to tell apart.
    Parts {
        /// Into how many parts each device was to be cut.
        parts: u32,
    },
}

impl Topology {
    /// The most chips of one pool.
    pub const CHIPS_MAX: u32 = 1 << 26;
    /// The most cells of one pool that are as large as may be with at most 128 chips: hosts, cubes, racks.
    pub const SMALL_CELLS_MAX: u32 = 1 << 20;

    /// A pool of equal chips in the given tiers, largest cells first.
    pub fn regular(
        model: &str,
        each: Resources,
        tiers: Vec<Tier>,
        fabric: Fabric,
    ) -> Result<Self, TopologyFlaw> {
        let mut above = Level::Pool;
        let (mut cells, mut inner) = (1_u64, 1_u64);
        for tier in &tiers {
            if tier.level <= above {
                return Err(TopologyFlaw::OutOfOrder { level: tier.level });
            }
            if tier.count == 0 {
                return Err(TopologyFlaw::Empty { level: tier.level });
            }
            above = tier.level;
            cells = cells.saturating_mul(u64::from(tier.count));
            if cells > u64::from(Self::CHIPS_MAX) {
                return Err(TopologyFlaw::TooLarge);
            }
            if tier.level != Level::Chip {
                inner += cells;
            }
        }
        if above != Level::Chip {
            return Err(TopologyFlaw::NoChips);
        }
        if cells / small_cell(&tiers) > u64::from(Self::SMALL_CELLS_MAX) {
            return Err(TopologyFlaw::TooLarge);
        }
        let chips = u32::try_from(cells).map_err(|_| TopologyFlaw::TooLarge)?;
        let first_chip = u32::try_from(inner).map_err(|_| TopologyFlaw::TooLarge)?;
        let made = Self::bare(model, (each, tiers, fabric), (chips, first_chip));
        made.check_torus()?;
        Ok(made)
    }

    fn bare(model: &str, cells: (Resources, Vec<Tier>, Fabric), (chips, first_chip): (u32, u32)) -> Self {
        let (each, tiers, fabric) = cells;
        let (devices, hosts) = (Vec::new(), Vec::new());
        Self { model: model.to_owned(), each, tiers, fabric, devices, hosts, chips, first_chip }
    }

    /// The most parts of a device, and the most devices of a host.
    pub const PARTS_MAX: u32 = 125;

    /// Hosts whose devices are lent in parts: each device is cut into as many equal ones. A host has one cell more, beside
    /// its devices, whose parts are the places of what runs on its processors alone.
    pub fn in_parts(hosts: Vec<Hosts>, parts: u32) -> Result<Self, TopologyFlaw> {
        if parts == 0 || parts > Self::PARTS_MAX || 1_000 % parts != 0 {
            return Err(TopologyFlaw::Parts { parts });
        }
        if hosts.iter().any(|hosts| hosts.count == 0) {
            return Err(TopologyFlaw::Empty { level: Level::Host });
        }
        if hosts.iter().any(|hosts| hosts.devices > Self::PARTS_MAX) {
            return Err(TopologyFlaw::TooLarge);
        }
        let devices: u64 =
            hosts.iter().map(|hosts| u64::from(hosts.count) * (u64::from(hosts.devices) + 1)).sum();
        let devices = u32::try_from(devices).map_err(|_| TopologyFlaw::TooLarge)?;
        let tiers =
            vec![Tier { level: Level::Device, count: devices }, Tier { level: Level::Chip, count: parts }];
        let each = Resources { chip_milli: u64::from(1_000 / parts), cpu_milli: 0, memory_bytes: 0 };
        let model = hosts.first().map_or("", |hosts| &hosts.model).to_owned();
        Ok(Self { hosts, ..Self::regular(&model, each, tiers, Fabric::Switched)? })
    }

    /// The hosts of a pool whose devices are lent in parts, in order; none elsewhere.
    #[must_use]
    pub fn hosts(&self) -> &[Hosts] {
        &self.hosts
    }

    /// The models of a pool whose devices are lent in parts, each once, in the order in which its hosts name them.
    #[must_use]
    pub fn models(&self) -> Vec<&str> {
        let mut models: Vec<&str> = Vec::new();
        for hosts in &self.hosts {
            if !models.contains(&hosts.model.as_str()) {
                models.push(&hosts.model);
            }
        }
        models
    }

    fn check_torus(&self) -> Result<(), TopologyFlaw> {
        let Fabric::Torus { x, y, z } = self.fabric else { return Ok(()) };
        let torus = u64::from(x).saturating_mul(u64::from(y)).saturating_mul(u64::from(z));
        let domains = match (self.chips_of(Level::Pod), self.chips_of(Level::Domain)) {
            (Some(pod), Some(domain)) => pod / domain,
            (None, Some(domain)) => self.chips / domain,
            _ => 0,
        };
        if torus == u64::from(domains) { Ok(()) } else { Err(TopologyFlaw::TorusSize { torus, domains }) }
    }

    /// Equal chips on one host: the given devices, each with the same model and resources. There is at least one.
    #[must_use]
    pub fn flat(devices: &[u32], model: &str, each: Resources) -> Self {
        let chips = u32::try_from(devices.len()).unwrap_or(u32::MAX);
        let tiers = vec![Tier { level: Level::Host, count: 1 }, Tier { level: Level::Chip, count: chips }];
        let devices = devices.to_vec();
        Self { devices, ..Self::bare(model, (each, tiers, Fabric::Switched), (chips, 2)) }
    }

    /// The device's model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What each chip holds.
    #[must_use]
    pub fn each(&self) -> Resources {
        self.each
    }

    /// From the largest cells inside the pool down to the chips.
    #[must_use]
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// How the domains of a pod are joined.
    #[must_use]
    pub fn fabric(&self) -> Fabric {
        self.fabric
    }

    /// How many chips a cell of a level has; nothing where the pool has no such level.
    #[must_use]
    pub fn chips_of(&self, level: Level) -> Option<u32> {
        if level == Level::Pool {
            return Some(self.chips);
        }
        let at = self.tiers.iter().position(|tier| tier.level == level)?;
        Some(self.tiers[at + 1..].iter().map(|tier| tier.count).product())
    }

    /// The index of the first chip; the others follow.
    #[must_use]
    pub fn first_chip(&self) -> CellIndex {
        CellIndex(self.first_chip)
    }

    /// The chips, in order.
    pub fn chips(&self) -> impl Iterator<Item = CellIndex> + '_ {
        (self.first_chip..self.first_chip + self.chips).map(CellIndex)
    }

    /// Whether this is a chip of the pool.
    #[must_use]
    pub fn is_chip(&self, index: CellIndex) -> bool {
        (self.first_chip..self.first_chip + self.chips).contains(&index.0)
    }

    /// The number that the machine knows a chip by: a processor or GPU number.
    #[must_use]
    pub fn device(&self, index: CellIndex) -> Option<u32> {
        let at = index.0.checked_sub(self.first_chip)?;
        self.devices.get(usize::try_from(at).ok()?).copied()
    }

    /// The numbers that the machine knows its chips by.
    #[must_use]
    pub fn devices(&self) -> &[u32] {
        &self.devices
    }

    /// How many chips there are.
    #[must_use]
    pub fn chip_count(&self) -> u32 {
        self.chips
    }
}

impl Canonical for Topology {
    fn to_value(&self) -> Value {
        let mut map = std::collections::BTreeMap::new();
        let mut put = |field: &str, value| crate::value::put(&mut map, field, value);
        put("model", self.model.to_value());
        put("each", self.each.to_value());
        put("tiers", self.tiers.to_value());
        put("fabric", self.fabric.to_value());
        put("devices", self.devices.to_value());
        if !self.hosts.is_empty() {
            put("hosts", self.hosts.to_value());
        }
        Value::Map(map)
    }

    /// Also reads the first form, which listed the cells of a flat pool one by one.
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let mut fields = Fields::of(value)?;
        if let Some(cells) = fields.take::<Option<Vec<ListedCell>>>("cells")? {
            fields.finish()?;
            return Ok(Self::listed(&cells));
        }
        let (model, each): (String, _) = (fields.take("model")?, fields.take("each")?);
        let (tiers, fabric): (Vec<Tier>, Fabric) = (fields.take("tiers")?, fields.take("fabric")?);
        let devices = fields.take("devices")?;
        let hosts = fields.take::<Option<Vec<Hosts>>>("hosts")?.unwrap_or_default();
        fields.finish()?;
        if !hosts.is_empty() {
            let parts = tiers.last().map_or(0, |tier| tier.count);
            return Self::in_parts(hosts, parts)
                .map_err(|flaw| Malformed::new(format!("{flaw:?}"), "hosts that make a pool"));
        }
        let made = Self::regular(&model, each, tiers, fabric);
        made.map(|made| Self { devices, ..made })
            .map_err(|flaw| Malformed::new(format!("{flaw:?}"), "tiers that make a pool"))
    }
}

/// A cell as the first form of a topology listed it.
struct ListedCell {
    level: Level,
    parent: Option<CellIndex>,
    model: String,
    resources: Resources,
    device: Option<u32>,
}

canonical_struct!(ListedCell { level, parent, model, resources, device });

impl Topology {
    fn listed(cells: &[ListedCell]) -> Self {
        let chips: Vec<&ListedCell> = cells.iter().filter(|cell| cell.level == Level::Chip).collect();
        let devices: Vec<u32> = chips.iter().filter_map(|chip| chip.device).collect();
        let first = chips.first();
        let each = first.map_or(Resources::default(), |chip| chip.resources);
        debug_assert!(chips.iter().all(|chip| chip.parent == Some(CellIndex(1))), "the first form was flat");
        Self::flat(&devices, first.map_or("", |chip| &chip.model), each)
    }
}

/// Chips of the largest cells that have at most 128, of tiers that are not empty.
fn small_cell(tiers: &[Tier]) -> u64 {
    let sizes = tiers.iter().rev().scan(1_u64, |chips, tier| {
        let here = *chips;
        *chips = chips.saturating_mul(u64::from(tier.count));
        Some(here)
    });
    sizes.take_while(|chips| *chips <= 128).last().unwrap_or(1)
}
