//! A pool's cells: a tree of what can be lent.

use crate::value::{Canonical, Malformed, Value};
use crate::{canonical_enum, canonical_struct};

/// The place of a cell in its pool's list. The list is in tree order, so it never changes.
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

/// What a cell is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// The whole pool: the root of the tree.
    Pool,
    /// A pod: what one fabric joins.
    Pod,
    /// A cube of a torus or an NVLink domain.
    Domain,
    /// A machine.
    Host,
    /// One accelerator, or one core where cores are lent.
    Chip,
}

canonical_enum!(Level {
    Pool = "pool" {},
    Pod = "pod" {},
    Domain = "domain" {},
    Host = "host" {},
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

/// A node of a pool's tree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Cell {
    /// What it is.
    pub level: Level,
    /// The cell it is part of; none for the root.
    pub parent: Option<CellIndex>,
    /// The device's model, such as `cpu-core`. Cells of one pool may differ.
    pub model: String,
    /// What it holds, all its parts together.
    pub resources: Resources,
    /// The number that the machine knows the device by: a processor or GPU number. Only chips have one.
    pub device: Option<u32>,
}

canonical_struct!(Cell { level, parent, model, resources, device });

/// A pool's cells in tree order: a cell comes after the cell it is part of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Topology {
    cells: Vec<Cell>,
}

canonical_struct!(Topology { cells });

impl Topology {
    /// Equal chips on one host: the given devices, each with the same model and resources.
    #[must_use]
    pub fn flat(devices: &[u32], model: &str, each: Resources) -> Self {
        let many = u64::try_from(devices.len()).unwrap_or(u64::MAX);
        let whole = Resources {
            chip_milli: each.chip_milli.saturating_mul(many),
            cpu_milli: each.cpu_milli.saturating_mul(many),
            memory_bytes: each.memory_bytes.saturating_mul(many),
        };
        let inner =
            |level, parent| Cell { level, parent, model: model.to_owned(), resources: whole, device: None };
        let mut cells = vec![inner(Level::Pool, None), inner(Level::Host, Some(CellIndex(0)))];
        cells.extend(devices.iter().map(|device| Cell {
            level: Level::Chip,
            parent: Some(CellIndex(1)),
            model: model.to_owned(),
            resources: each,
            device: Some(*device),
        }));
        Self { cells }
    }

    /// All cells in tree order.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// One cell, where there is one at this index.
    #[must_use]
    pub fn cell(&self, index: CellIndex) -> Option<&Cell> {
        self.cells.get(usize::try_from(index.0).ok()?)
    }

    /// The chips, in order.
    pub fn chips(&self) -> impl Iterator<Item = (CellIndex, &Cell)> {
        let numbered = self.cells.iter().zip(0_u32..).map(|(cell, index)| (CellIndex(index), cell));
        numbered.filter(|(_, cell)| cell.level == Level::Chip)
    }

    /// How many chips there are.
    #[must_use]
    pub fn chip_count(&self) -> u32 {
        u32::try_from(self.chips().count()).unwrap_or(u32::MAX)
    }
}
