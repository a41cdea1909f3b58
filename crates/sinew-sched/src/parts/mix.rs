//! The mix of requests, and what it makes of what is left of a host.
//!
//! *Lost* is the main measure. For each kind of request, a host that cannot take it (too little processor, too few devices
//! that are free enough, another model) loses all that is left of its devices to that kind; one that can loses, of each
//! device, what its remainder will come to at the end: `end(r) = (1 - tried) r + tried x mean over requests c that fit of
//! end(r - c)`, where better ends count for more and `tried` is how surely anything that fits comes. The mean over all kinds,
//! weighted by how many came, is what the host loses. All in integers, so that every machine decides alike.

use sinew_types::{Share, WHOLE_MILLI};
use std::collections::BTreeMap;

/// Fixed point: so many of a unit's thousandths make one.
const ONE: i64 = 1 << 16;
/// How many thousandths of a device make no difference between two places.
const STEP_MILLI: i64 = 40;
/// By so many thousandths an end must be worse to count half.
const HALF_MILLI: i64 = 64;
/// How many requests, of those that come, a remainder is likely to meet.
const TRIES: u32 = 50;

/// What is left of one host.
#[derive(Clone, Debug)]
pub(super) struct Left {
    pub(super) cpu_milli: u32,
    model: u32,
    count: usize,
    parts: [u32; Left::DEVICES_MAX],
}

impl Left {
    const DEVICES_MAX: usize = 125;

    pub(super) fn new(model: u32, cpu_milli: u32) -> Self {
        Self { cpu_milli, model, count: 0, parts: [0; Self::DEVICES_MAX] }
    }

    pub(super) fn push(&mut self, parts: u32) {
        self.parts[self.count] = parts;
        self.count += 1;
    }

    pub(super) fn take(&mut self, device: usize, parts: u32) {
        self.parts[device] -= parts;
    }

    /// The idle parts of each device.
    pub(super) fn parts(&self) -> &[u32] {
        &self.parts[..self.count]
    }
}

/// Requests so far. It says when there are so many more that the mix should be looked at again.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    counts: BTreeMap<Share, u64>,
    all: u64,
    look_at: u64,
}

impl Seen {
    /// Counts one. Answers whether it is time to look again: at first, and whenever there is a quarter more.
    pub(super) fn add(&mut self, share: &Share) -> bool {
        *self.counts.entry(Share { memory_mib: 0, ..*share }).or_default() += 1;
        self.all += 1;
        let due = self.all >= self.look_at;
        if due {
            self.look_at = self.all.saturating_add(self.all / 4).max(16);
        }
        due
    }

    pub(super) fn counts(&self) -> Vec<(Share, u64)> {
        self.counts.iter().map(|(share, count)| (*share, *count)).collect()
    }
}

/// A kind of request.
#[derive(Clone, Copy, Debug)]
struct Kind {
    devices: u32,
    parts: u32,
    cpu_milli: u32,
    models: u32,
    count: i64,
}

/// What the requests look like.
#[derive(Clone, Debug, Default)]
pub(super) struct Mix {
    each_milli: i64,
    /// Those that ask for devices.
    kinds: Vec<Kind>,
    /// How many these are, and how many there are with those of processors alone.
    devices_count: i64,
    all_count: i64,
    /// For each number of parts of a device, thousandths of it that are lost in the end, times [`ONE`].
    ends: Vec<i64>,
    /// For each bit of a model, how many requests need at most so much processor.
    tables: BTreeMap<u32, Table>,
}

/// The kinds that hosts of one model may run, by what they need of it.
#[derive(Clone, Debug, Default)]
struct Table {
    /// What kinds need of the processors, ascending, each once.
    cpu_milli: Vec<u32>,
    /// For each of these and each number of parts, how many requests for one device need no more.
    single: Vec<Vec<i64>>,
    /// For each of these and each number of whole devices, how many requests for several need no more.
    several: Vec<Vec<i64>>,
}

impl Mix {
    /// Requests and how many there are of each.
    pub(super) fn of(counts: &[(Share, u64)], each_milli: u32) -> Self {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX >> 32);
        let kinds = counts.iter().filter(|(share, _)| share.devices > 0);
        let kinds: Vec<Kind> = kinds
            .map(|(share, seen)| Kind {
                devices: u32::from(share.devices),
                parts: u32::from(share.chip_milli).div_ceil(each_milli),
                cpu_milli: share.cpu_milli,
                models: share.models,
                count: count(*seen),
            })
            .collect();
        let per_device = WHOLE_MILLI / each_milli;
        let mut made = Self {
            each_milli: i64::from(each_milli),
            devices_count: kinds.iter().map(|kind| kind.count).sum(),
            all_count: counts.iter().map(|(_, seen)| count(*seen)).sum(),
            kinds,
            ends: Vec::new(),
            tables: BTreeMap::new(),
        };
        made.ends = made.ends(per_device);
        made.tables = (0..u32::BITS).map(|bit| (1 << bit, made.table(1 << bit, per_device))).collect();
        made
    }

    /// What is lost in the end of a device with so many parts left.
    fn ends(&self, per_device: u32) -> Vec<i64> {
        let mut comes = vec![0_i64; per_device as usize + 1];
        self.kinds.iter().for_each(|kind| comes[kind.parts as usize] += kind.count * i64::from(kind.devices));
        let all = comes.iter().sum::<i64>().max(1);
        let mut ends: Vec<i64> = Vec::new();
        let mut fitting = 0;
        for left in 0..=per_device as usize {
            fitting += comes[left];
            let whole = i64::try_from(left).unwrap_or(0) * self.each_milli * ONE;
            let after =
                (1..=left).filter(|parts| comes[*parts] > 0).map(|parts| (comes[parts], ends[left - parts]));
            let Some(least) = after.clone().map(|(_, end)| end).min() else {
                ends.push(whole);
                continue;
            };
            let weighed = after
                .map(|(count, end)| (i128::from(count) * i128::from(half(end - least)), i128::from(end)));
            let (weight, sum) =
                weighed.fold((0, 0), |all, (weight, end)| (all.0 + weight, all.1 + weight * end));
            let mean = i64::try_from(sum / weight.max(1)).unwrap_or(whole);
            let missed = (0..TRIES).fold(ONE, |missed, _| missed * (all - fitting) / all);
            ends.push((missed * (whole >> 16)) + (((ONE - missed) * (mean >> 8)) >> 8));
        }
        ends
    }

    fn table(&self, model: u32, per_device: u32) -> Table {
        let here = |kind: &&Kind| kind.models & model != 0 || kind.models == Share::ANY_MODEL;
        let mut cpu_milli: Vec<u32> = self.kinds.iter().filter(here).map(|kind| kind.cpu_milli).collect();
        cpu_milli.sort_unstable();
        cpu_milli.dedup();
        let most = self.kinds.iter().map(|kind| kind.devices).max().unwrap_or(0);
        let up_to = |several: bool, size: u32| -> Vec<Vec<i64>> {
            let row = |cpu: &u32| {
                let kinds = self.kinds.iter().filter(here).filter(|kind| kind.cpu_milli <= *cpu);
                let mut row = vec![0; size as usize + 1];
                for kind in kinds.filter(|kind| (kind.devices > 1) == several) {
                    row[(if several { kind.devices } else { kind.parts }) as usize] += kind.count;
                }
                (1..row.len()).for_each(|at| row[at] += row[at - 1]);
                row
            };
            cpu_milli.iter().map(row).collect()
        };
        Table { single: up_to(false, per_device), several: up_to(true, most), cpu_milli }
    }

    /// Thousandths of devices of a host that are lost on the mean, times [`ONE`].
    pub(super) fn lost(&self, left: &Left) -> i64 {
        let (mut whole_milli, mut end, mut largest, mut free) = (0, 0, 0, 0);
        for parts in left.parts() {
            whole_milli += i64::from(*parts) * self.each_milli;
            end += self.ends.get(*parts as usize).copied().unwrap_or(0);
            largest = largest.max(*parts);
            free += usize::from(*parts as usize + 1 == self.ends.len());
        }
        if self.devices_count == 0 {
            return whole_milli * ONE;
        }
        let able = self.tables.get(&left.model).map_or(0, |table| {
            let Some(row) = table.cpu_milli.partition_point(|cpu| *cpu <= left.cpu_milli).checked_sub(1)
            else {
                return 0;
            };
            let several = &table.several[row];
            table.single[row][largest as usize] + several[free.min(several.len() - 1)]
        });
        let lost = i128::from(self.devices_count - able) * i128::from(whole_milli * ONE)
            + i128::from(able) * i128::from(end);
        i64::try_from(lost / i128::from(self.devices_count)).unwrap_or(i64::MAX)
    }

    /// What the published rule calls fragmentation of a host, in thousandths of a device times [`ONE`].
    pub(super) fn fragments(&self, left: &Left) -> i64 {
        let milli = |parts: u32| i64::from(parts) * self.each_milli;
        let whole: i64 = left.parts().iter().map(|parts| milli(*parts)).sum();
        let alone = (self.all_count - self.devices_count) * whole;
        let sum = self.kinds.iter().fold(alone, |sum, kind| {
            let wanted = kind.models & left.model != 0 || kind.models == Share::ANY_MODEL;
            let fits = left.parts().iter().filter(|parts| **parts >= kind.parts).count();
            let able = wanted && left.cpu_milli >= kind.cpu_milli && fits >= kind.devices as usize;
            let small = left.parts().iter().filter(|parts| **parts < kind.parts).map(|parts| milli(*parts));
            sum + kind.count * if able { small.sum() } else { whole }
        });
        i64::try_from(i128::from(sum) * i128::from(ONE) / i128::from(self.all_count.max(1)))
            .unwrap_or(i64::MAX)
    }
}

/// How much an end that is worse by so much counts: half for each [`HALF_MILLI`], straight in between.
fn half(worse: i64) -> i64 {
    let (halves, rest) = (worse / (HALF_MILLI * ONE), worse % (HALF_MILLI * ONE));
    let rest = rest / HALF_MILLI;
    ((1 << 20) >> halves.min(21)) * (2 * ONE - rest) / (2 * ONE)
}

/// Gains in steps, so that what hardly differs is the same.
pub(super) fn coarse(gain: i64) -> i64 {
    gain.div_euclid(STEP_MILLI * ONE)
}

/// The score of the published rule: a gain in devices through a logistic curve, in whole hundredths.
pub(super) fn published(gain: i64) -> i64 {
    let micro = i128::from(gain) * 1_000 / i128::from(ONE);
    i64::try_from(LOGIT.partition_point(|from| i128::from(*from) <= micro)).unwrap_or(0)
}

/// From which gain on, in millionths of a device, the published score is at least 1, 2, … hundredths: `ln(k / (100 - k))`.
const LOGIT: [i64; 99] = [
    -4_595_119, -3_891_820, -3_476_098, -3_178_053, -2_944_438, -2_751_535, -2_586_689, -2_442_347,
    -2_313_634, -2_197_224, -2_090_741, -1_992_430, -1_900_958, -1_815_289, -1_734_601, -1_658_228,
    -1_585_627, -1_516_347, -1_450_010, -1_386_294, -1_324_925, -1_265_666, -1_208_311, -1_152_679,
    -1_098_612, -1_045_968, -994_622, -944_461, -895_384, -847_297, -800_119, -753_771, -708_185, -663_294,
    -619_039, -575_364, -532_216, -489_548, -447_312, -405_465, -363_965, -322_773, -281_851, -241_162,
    -200_670, -160_342, -120_144, -80_042, -40_005, 0, 40_006, 80_043, 120_145, 160_343, 200_671, 241_163,
    281_852, 322_774, 363_966, 405_466, 447_313, 489_549, 532_217, 575_365, 619_040, 663_295, 708_186,
    753_772, 800_120, 847_298, 895_385, 944_462, 994_623, 1_045_969, 1_098_613, 1_152_680, 1_208_312,
    1_265_667, 1_324_926, 1_386_295, 1_450_011, 1_516_348, 1_585_628, 1_658_229, 1_734_602, 1_815_290,
    1_900_959, 1_992_431, 2_090_742, 2_197_225, 2_313_635, 2_442_348, 2_586_690, 2_751_536, 2_944_439,
    3_178_054, 3_476_099, 3_891_821, 4_595_120,
];

#[cfg(test)]
mod tests;
