//! Hosts whose devices are lent in parts: where a share lies so that what is left stays of use.
//!
//! What is left of a device is only worth what later requests can make of it. The mix of requests so far says how much
//! of a remainder is lost in the end ([`mix::Mix`]); a request goes where that loss grows least, and to the first such host, so
//! that whole hosts stay free. The idea of a gradient over the mix is that of FGD (Weng et al., ATC '23, section 4); FGD itself is
//! here too ([`Rule::Gradient`]), to be compared with. Scores are integers and are kept for each class of equal requests; a placement
//! makes those of one host stale.

mod mix;

use crate::ground::{Mask, ones};
use mix::{Mix, Seen};
use sinew_types::{Hosts, Share, Topology, WHOLE_MILLI};
use std::collections::BTreeMap;

/// How a place is chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Rule {
    /// By what the requests so far will leave unused of each remainder.
    #[default]
    Remainder,
    /// The published rule: least growth of fragmentation for typical requests with their counts, in steps of its authors' score.
    Gradient(Vec<(Share, u64)>),
    /// The first host that holds it. To be compared with.
    First,
}

/// Where a share lies: the parts of each device, as bits of its unit.
pub(crate) type Place = Vec<(u32, Mask)>;

#[derive(Clone, Debug)]
struct Host {
    /// The bit of its devices' model.
    model: u32,
    /// Its first device; the others follow, and then the cell of its places for processors alone.
    first: u32,
    devices: u32,
    cpu_milli: u32,
    memory_mib: u32,
    /// Grows with every change.
    version: u32,
}

/// The score of a host for a class of requests, and the best device there.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    version: u32,
    /// None where it does not fit.
    best: Option<(i64, u32)>,
}

/// The hosts of a pool whose devices are lent in parts.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    each_milli: u32,
    hosts: Vec<Host>,
    /// For each unit, its host.
    host_of: Vec<u32>,
    /// For each unit, its idle parts.
    idle: Vec<Mask>,
    rule: Rule,
    seen: Seen,
    mix: Mix,
    scores: BTreeMap<Share, Vec<Score>>,
}

impl Parts {
    /// All idle; nothing where a pool has no such hosts.
    pub(crate) fn of(topology: &Topology) -> Option<Self> {
        let (models, each_milli) = (topology.models(), topology.each().chip_milli);
        let each_milli = u32::try_from(each_milli).ok().filter(|_| !topology.hosts().is_empty())?;
        let per_device = WHOLE_MILLI / each_milli;
        let (mut hosts, mut host_of) = (Vec::new(), Vec::new());
        for found in topology.hosts() {
            let place = models.iter().position(|model| *model == found.model).unwrap_or(0);
            for _ in 0..found.count {
                let at = u32::try_from(hosts.len()).expect("fewer hosts than cells");
                let first = u32::try_from(host_of.len()).expect("fewer units than cells");
                hosts.push(Host {
                    // Models that no bit names are reached by requests that take any.
                    model: u32::try_from(place).ok().and_then(|place| 1_u32.checked_shl(place)).unwrap_or(0),
                    first,
                    devices: found.devices,
                    cpu_milli: found.cpu_milli,
                    memory_mib: found.memory_mib,
                    version: 1,
                });
                host_of.extend((0..=found.devices).map(|_| at));
            }
        }
        let idle = vec![ones(per_device); host_of.len()];
        let (rule, seen, scores) = (Rule::default(), Seen::default(), BTreeMap::new());
        Some(Self { each_milli, hosts, host_of, idle, rule, seen, mix: Mix::default(), scores })
    }

    /// Chooses by another rule from now on.
    pub(crate) fn set_rule(&mut self, rule: Rule) {
        self.mix = match &rule {
            Rule::Gradient(typical) => Mix::of(typical, self.each_milli),
            Rule::Remainder | Rule::First => Mix::default(),
        };
        (self.rule, self.seen) = (rule, Seen::default());
        self.scores.clear();
    }

    /// A request came: the mix learns of it.
    pub(crate) fn came(&mut self, share: &Share) {
        if self.rule == Rule::Remainder && self.seen.add(share) {
            self.mix = Mix::of(&self.seen.counts(), self.each_milli);
            self.scores.clear();
        }
    }

    /// What is idle of a unit.
    pub(crate) fn set_idle(&mut self, unit: u32, idle: Mask) {
        let host = self.host_of[unit as usize];
        if std::mem::replace(&mut self.idle[unit as usize], idle) != idle {
            self.hosts[host as usize].version += 1;
        }
    }

    /// Something took processors and memory of the host of a unit, or gave them back.
    pub(crate) fn take(&mut self, unit: u32, share: &Share, taken: bool) {
        let host = &mut self.hosts[self.host_of[unit as usize] as usize];
        let change = |left: &mut u32, by: u32| {
            *left = if taken { left.saturating_sub(by) } else { left.saturating_add(by) };
        };
        change(&mut host.cpu_milli, share.cpu_milli);
        change(&mut host.memory_mib, share.memory_mib);
        host.version += 1;
    }

    /// Whether a share would fit on some host if all were idle.
    pub(crate) fn could_hold(hosts: &[Hosts], share: &Share) -> bool {
        let mut models: Vec<&str> = Vec::new();
        hosts.iter().any(|hosts| {
            let known = models.iter().position(|model| *model == hosts.model);
            let place = known.unwrap_or_else(|| {
                models.push(&hosts.model);
                models.len() - 1
            });
            let any = share.devices == 0 || share.models == Share::ANY_MODEL;
            let wanted = any || place < 32 && share.models >> place & 1 == 1;
            let devices = hosts.devices >= u32::from(share.devices);
            wanted && devices && hosts.cpu_milli >= share.cpu_milli && hosts.memory_mib >= share.memory_mib
        })
    }

    /// Where a share should lie now; nothing where no host holds it.
    pub(crate) fn place(&mut self, share: &Share) -> Option<Place> {
        let mut scores = self.scores.remove(share).unwrap_or_default();
        scores.resize(self.hosts.len(), Score::default());
        let mut best: Option<(i64, usize, u32)> = None;
        for (at, (host, score)) in self.hosts.iter().zip(&mut scores).enumerate() {
            if score.version != host.version {
                *score = Score { version: host.version, best: self.score(host, share) };
            }
            if let Some((value, device)) = score.best
                && best.is_none_or(|known| value > known.0)
            {
                best = Some((value, at, device));
                if self.rule == Rule::First {
                    break;
                }
            }
        }
        self.scores.insert(*share, scores);
        let (_, host, device) = best?;
        Some(self.cells(&self.hosts[host], share, device))
    }

    /// How many parts of a device a share takes of each.
    fn parts(&self, share: &Share) -> u32 {
        u32::from(share.chip_milli).div_ceil(self.each_milli)
    }

    fn left(&self, host: &Host) -> impl Iterator<Item = u32> + '_ {
        (host.first..host.first + host.devices).map(|unit| self.idle[unit as usize].count_ones())
    }

    fn cells(&self, host: &Host, share: &Share, device: u32) -> Place {
        let parts = self.parts(share);
        let some = |unit: u32, count: u32| (unit, lowest(self.idle[unit as usize], count));
        match share.devices {
            0 => vec![some(host.first + host.devices, 1)],
            1 => vec![some(host.first + device, parts)],
            many => {
                let units = host.first..host.first + host.devices;
                let free = units.filter(|unit| self.idle[*unit as usize].count_ones() >= parts);
                free.take(usize::from(many)).map(|unit| some(unit, parts)).collect()
            }
        }
    }

    /// How good a host is for a share: higher is better. Nothing where it does not fit.
    fn score(&self, host: &Host, share: &Share) -> Option<(i64, u32)> {
        if host.cpu_milli < share.cpu_milli || host.memory_mib < share.memory_mib {
            return None;
        }
        let (parts, mut left) = (self.parts(share), mix::Left::new(host.model, host.cpu_milli));
        self.left(host).for_each(|parts| left.push(parts));
        let before = left.clone();
        left.cpu_milli -= share.cpu_milli;
        match share.devices {
            0 => {
                let seat = self.idle[(host.first + host.devices) as usize];
                (seat != 0).then(|| (self.gain(&before, &left), 0))
            }
            _ if share.models & host.model == 0 && share.models != Share::ANY_MODEL => None,
            1 => {
                let mut best: Option<(i64, u32)> = None;
                for device in 0..before.parts().len() {
                    if before.parts()[device] < parts
                        || before.parts()[..device].contains(&before.parts()[device])
                    {
                        continue;
                    }
                    let mut after = left.clone();
                    after.take(device, parts);
                    let gain = self.gain(&before, &after);
                    if best.is_none_or(|known| gain > known.0) {
                        best = Some((gain, u32::try_from(device).expect("few devices")));
                    }
                }
                best
            }
            many => {
                let fits = (0..before.parts().len()).filter(|device| before.parts()[*device] >= parts);
                let taken: Vec<usize> = fits.take(usize::from(many)).collect();
                taken.iter().for_each(|device| left.take(*device, parts));
                (taken.len() == usize::from(many)).then(|| (self.gain(&before, &left), 0))
            }
        }
    }

    fn gain(&self, before: &mix::Left, after: &mix::Left) -> i64 {
        match &self.rule {
            Rule::Remainder => mix::coarse(self.mix.lost(before) - self.mix.lost(after)),
            Rule::Gradient(_) => mix::published(self.mix.fragments(before) - self.mix.fragments(after)),
            Rule::First => 0,
        }
    }
}

/// The lowest bits of a mask.
fn lowest(mut mask: Mask, count: u32) -> Mask {
    let whole = mask;
    for _ in 0..count {
        mask &= mask.wrapping_sub(1);
    }
    whole & !mask
}

#[cfg(test)]
mod tests;
