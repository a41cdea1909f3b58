//! Hardware that fails: what runs on it is lost at once or only later, the owner says so, and says when it is back.

use super::World;
use super::clients::OWNER;
use crate::queue::Due;
use sinew_core::Command;
use sinew_types::{PoolId, Region};

/// How long broken cells stay broken: for a moment, for some of a story, or beyond the calm at its end.
const BROKEN_MS: [u64; 3] = [3_000, 60_000, 4_000_000];

impl World {
    /// A chip of a pool breaks, or the whole pool.
    pub(super) fn cells_fail(&mut self, which: usize, how_long: u64) {
        let number = which % self.layout.pools.len();
        let (pool, chips) = (self.pool(number), self.layout.pools[number]);
        let chip = u32::try_from(self.chance.below(u64::from(chips))).expect("fewer than the pool has");
        let whole = self.chance.percent(10);
        let text = if whole { "host-0".to_owned() } else { format!("host-0/chip-{chip}") };
        let region: Region = text.parse().expect("a region");
        let longest = BROKEN_MS[usize::try_from(how_long).expect("one of three") % BROKEN_MS.len()];
        let back_ms = self.now_ms + 1 + self.chance.below(longest);
        if self.chance.percent(50) {
            let before: u32 = self.layout.pools[..number].iter().sum();
            let devices = if whole { before..before + chips } else { before + chip..before + chip + 1 };
            let machine = self.machine_of(pool);
            self.machines[machine].lose(|device| devices.contains(&device));
        }
        self.keyed(OWNER, Command::CellsDown { pool, region: region.clone() });
        self.queue.at(back_ms, Due::CellsBack { pool, region });
    }

    /// The owner says that cells are healthy again.
    pub(super) fn cells_back(&mut self, pool: PoolId, region: Region) {
        self.keyed(OWNER, Command::CellsUp { pool, region });
    }
}
