//! Parts of devices, with what of their host goes with them.

use crate::canonical_struct;
use crate::value::Malformed;
use std::fmt;
use std::str::FromStr;

/// All of a device, or of a processor core.
pub const WHOLE_MILLI: u32 = 1_000;

/// What one program needs of one host: so much of each of some devices, or whole ones, with processors and memory.
///
/// Its text is `1x460m 6000m 12288Mi`: one device of which it needs 460 thousandths, 6,000 thousandths of a processor
/// core, and memory. `0x0m …` needs no device. `… on 0|3` allows only hosts of these kinds, counted as the pool's
/// topology lists its models.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Share {
    /// How many devices of one host.
    pub devices: u16,
    /// Thousandths of each; all of it where there are several.
    pub chip_milli: u16,
    /// Thousandths of a processor core.
    pub cpu_milli: u32,
    /// Memory of the host.
    pub memory_mib: u32,
    /// A bit for each device model that will do.
    pub models: u32,
}

impl Share {
    /// Any model will do.
    pub const ANY_MODEL: u32 = u32::MAX;

    /// Whether it asks for nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        (self.devices, self.cpu_milli, self.memory_mib) == (0, 0, 0)
    }

    /// Thousandths of devices, all together.
    #[must_use]
    pub fn device_milli(&self) -> u32 {
        u32::from(self.devices) * u32::from(self.chip_milli)
    }

    /// Whether it is one that hardware can hold: a device has 1,000 thousandths, and several are whole.
    fn is_sound(&self) -> bool {
        let milli = u32::from(self.chip_milli);
        match self.devices {
            0 => milli == 0,
            1 => (1..=WHOLE_MILLI).contains(&milli),
            _ => milli == WHOLE_MILLI,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { devices, chip_milli, cpu_milli, memory_mib, models } = self;
        write!(f, "{devices}x{chip_milli}m {cpu_milli}m {memory_mib}Mi")?;
        if *models == Self::ANY_MODEL {
            return Ok(());
        }
        let wanted = (0..u32::BITS).filter(|model| models >> model & 1 == 1);
        let wanted: Vec<String> = wanted.map(|model| model.to_string()).collect();
        write!(f, " on {}", wanted.join("|"))
    }
}

impl FromStr for Share {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        read(text).filter(Self::is_sound).ok_or_else(|| {
            let wanted = "a share such as `1x460m 6000m 12288Mi`, at most 1000m of one device, or whole ones";
            Malformed::new(text, wanted)
        })
    }
}

fn read(text: &str) -> Option<Share> {
    let (text, models) = match text.trim().split_once(" on ") {
        None => (text.trim(), Share::ANY_MODEL),
        Some((text, wanted)) => {
            let bit = |model: &str| 1_u32.checked_shl(model.parse::<u32>().ok()?);
            let models = wanted.split('|').map(bit).try_fold(0, |all, bit| Some(all | bit?))?;
            (text, models)
        }
    };
    let mut words = text.split(' ');
    let (devices, milli) = words.next()?.strip_suffix('m')?.split_once('x')?;
    let (cpu, memory) = (words.next()?.strip_suffix('m')?, words.next()?.strip_suffix("Mi")?);
    let share = Share {
        devices: devices.parse().ok()?,
        chip_milli: milli.parse().ok()?,
        cpu_milli: cpu.parse().ok()?,
        memory_mib: memory.parse().ok()?,
        models,
    };
    words.next().is_none().then_some(share)
}

/// Equal hosts of a pool whose devices are lent in parts, as many as stand side by side.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hosts {
    /// How many.
    pub count: u32,
    /// The model of their devices.
    pub model: String,
    /// Devices of each.
    pub devices: u32,
    /// Thousandths of a processor core of each.
    pub cpu_milli: u32,
    /// Memory of each.
    pub memory_mib: u32,
}

canonical_struct!(Hosts { count, model, devices, cpu_milli, memory_mib });
