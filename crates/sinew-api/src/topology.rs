//! Topology files: a pool as people describe it, in TOML, and what is wrong with one, with its line and column.

use crate::Lang;
use serde::Deserialize;
use sinew_types::{Fabric, Hosts, Level, Resources, Tier, Topology, TopologyFlaw};
use std::ops::Range;
use toml::Spanned;

/// Files that describe well-known pools: their names, and their text.
pub const EXAMPLES: [(&str, &str); 5] = [
    ("tpu7x-pod", include_str!("topology/tpu7x-pod.toml")),
    ("v5p-torus", include_str!("topology/v5p-torus.toml")),
    ("nvl72", include_str!("topology/nvl72.toml")),
    ("gpu-hosts", include_str!("topology/gpu-hosts.toml")),
    ("cores", include_str!("topology/cores.toml")),
];

/// What stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: String,
    /// How many chips the whole pool has, to check the levels against.
    chips: Option<Spanned<u32>>,
    /// Domains along each axis, where they are joined as a fixed torus.
    torus: Option<Spanned<[u32; 3]>>,
    level: Vec<LevelLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelLine {
    name: Spanned<String>,
    count: Spanned<u32>,
}

/// What stands in a file of hosts whose devices are lent in parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartsFile {
    /// Into how many equal parts each device is cut.
    parts: Spanned<u32>,
    hosts: Vec<Spanned<HostsLine>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostsLine {
    count: u32,
    model: String,
    devices: u32,
    cpu_milli: u32,
    memory_mib: u32,
}

/// Tells the two kinds of files apart.
#[derive(Deserialize)]
struct Kind {
    parts: Option<toml::Value>,
}

/// What is wrong with a topology file, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopologyFault {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: Wrong,
}

/// What may be wrong with a topology file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// It is no TOML, or a field is unknown, missing or of the wrong kind.
    Form {
        /// In the words of the reader of TOML.
        message: String,
    },
    /// No level has this name.
    NoSuchLevel {
        /// As it was written.
        name: String,
    },
    /// A level has no cells.
    Empty,
    /// Cells overlap: a level is named twice.
    Overlap {
        /// As it was written.
        name: String,
    },
    /// A level is not inside the one before.
    OutOfOrder {
        /// As it was written.
        name: String,
    },
    /// The last level is not chips.
    NoChips,
    /// A device cannot be cut into so many equal parts.
    Parts {
        /// As it was written.
        parts: u32,
    },
    /// Hosts that are none.
    NoHosts,
    /// More cells than a pool may have.
    TooMany,
    /// The number of chips does not divide into these levels.
    NotDivided {
        /// How many chips one cell of the largest level has.
        each: u64,
        /// How many chips the levels make.
        all: u64,
    },
    /// A side of the torus is zero.
    TorusZero,
    /// The torus does not hold as many domains as a pod has.
    TorusSize {
        /// Domains of the torus.
        torus: u64,
        /// Domains of a pod.
        domains: u32,
    },
}

/// Reads a topology file.
pub fn read_topology(text: &str) -> Result<Topology, TopologyFault> {
    if toml::from_str::<Kind>(text).is_ok_and(|kind| kind.parts.is_some()) {
        return read_parts(text);
    }
    let file: File = toml::from_str(text).map_err(|wrong| {
        let what = Wrong::Form { message: wrong.message().to_owned() };
        fault(text, wrong.span().unwrap_or(0..0), what)
    })?;
    let tiers = tiers(text, &file.level)?;
    let fabric = match &file.torus {
        None => Fabric::Switched,
        Some(torus) if torus.get_ref().contains(&0) => {
            return Err(fault(text, torus.span(), Wrong::TorusZero));
        }
        Some(torus) => {
            let [x, y, z] = *torus.get_ref();
            Fabric::Torus { x, y, z }
        }
    };
    divides(text, &file, &tiers)?;
    let each = Resources { chip_milli: 1_000, cpu_milli: 0, memory_bytes: 0 };
    Topology::regular(&file.model, each, tiers, fabric).map_err(|flaw| {
        let torus = file.torus.as_ref().map(Spanned::span);
        let last = file.level.last().map_or(0..0, |line| line.name.span());
        let (span, what) = match flaw {
            TopologyFlaw::TorusSize { torus: size, domains } => {
                (torus.unwrap_or(last), Wrong::TorusSize { torus: size, domains })
            }
            TopologyFlaw::TooLarge => (last, Wrong::TooMany),
            // The levels were looked at one by one before, and nothing was cut into parts.
            TopologyFlaw::Empty { .. }
            | TopologyFlaw::OutOfOrder { .. }
            | TopologyFlaw::NoChips
            | TopologyFlaw::Parts { .. } => (last, Wrong::NoChips),
        };
        fault(text, span, what)
    })
}

/// Reads a file of hosts whose devices are lent in parts.
fn read_parts(text: &str) -> Result<Topology, TopologyFault> {
    let file: PartsFile = toml::from_str(text).map_err(|wrong| {
        let what = Wrong::Form { message: wrong.message().to_owned() };
        fault(text, wrong.span().unwrap_or(0..0), what)
    })?;
    if let Some(line) = file.hosts.iter().find(|line| line.get_ref().count == 0) {
        return Err(fault(text, line.span(), Wrong::NoHosts));
    }
    let (parts, span) = (*file.parts.get_ref(), file.parts.span());
    let hosts = file.hosts.into_iter().map(|line| {
        let HostsLine { count, model, devices, cpu_milli, memory_mib } = line.into_inner();
        Hosts { count, model, devices, cpu_milli, memory_mib }
    });
    let hosts: Vec<Hosts> = hosts.collect();
    let what = |flaw| match flaw {
        TopologyFlaw::Parts { parts } => Wrong::Parts { parts },
        TopologyFlaw::TooLarge => Wrong::TooMany,
        _ => Wrong::NoHosts,
    };
    Topology::in_parts(hosts, parts).map_err(|flaw| fault(text, span, what(flaw)))
}

/// The levels, largest cells first, each inside the one before.
fn tiers(text: &str, lines: &[LevelLine]) -> Result<Vec<Tier>, TopologyFault> {
    let mut tiers: Vec<Tier> = Vec::new();
    let mut cells: u64 = 1;
    for line in lines {
        let name = line.name.get_ref().clone();
        let Some(level) = level(&name) else {
            return Err(fault(text, line.name.span(), Wrong::NoSuchLevel { name }));
        };
        if tiers.iter().any(|tier| tier.level == level) {
            return Err(fault(text, line.name.span(), Wrong::Overlap { name }));
        }
        if tiers.last().is_some_and(|tier| tier.level > level) {
            return Err(fault(text, line.name.span(), Wrong::OutOfOrder { name }));
        }
        let count = *line.count.get_ref();
        if count == 0 {
            return Err(fault(text, line.count.span(), Wrong::Empty));
        }
        cells = cells.saturating_mul(u64::from(count));
        if cells > u64::from(Topology::CHIPS_MAX) {
            return Err(fault(text, line.count.span(), Wrong::TooMany));
        }
        tiers.push(Tier { level, count });
    }
    match tiers.last() {
        Some(tier) if tier.level == Level::Chip => Ok(tiers),
        _ => Err(fault(text, lines.last().map_or(0..0, |line| line.name.span()), Wrong::NoChips)),
    }
}

/// Refuses a number of chips that the levels do not make.
fn divides(text: &str, file: &File, tiers: &[Tier]) -> Result<(), TopologyFault> {
    let Some(chips) = &file.chips else { return Ok(()) };
    let each: u64 = tiers.iter().skip(1).map(|tier| u64::from(tier.count)).product();
    let all = each * u64::from(tiers[0].count);
    if u64::from(*chips.get_ref()) == all {
        return Ok(());
    }
    Err(fault(text, chips.span(), Wrong::NotDivided { each, all }))
}

fn level(name: &str) -> Option<Level> {
    Some(match name {
        "pod" | "block" => Level::Pod,
        "rack" => Level::Rack,
        "domain" | "cube" => Level::Domain,
        "host" => Level::Host,
        "chip" | "core" => Level::Chip,
        _ => return None,
    })
}

fn fault(text: &str, span: Range<usize>, what: Wrong) -> TopologyFault {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    TopologyFault { line, column, what }
}

impl TopologyFault {
    /// What is wrong, where, and what to write instead.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        let Self { line, column, what } = self;
        let what = words(lang, what);
        lang.pick(
            format!("line {line}, column {column}: {what}"),
            format!("ligne {line}, colonne {column} : {what}"),
        )
    }
}

fn words(lang: Lang, what: &Wrong) -> String {
    let (most, small) = (Topology::CHIPS_MAX, Topology::SMALL_CELLS_MAX);
    match what {
        Wrong::Form { message } => message.clone(),
        Wrong::NoSuchLevel { name } => lang.pick(
            format!("there is no level `{name}`; write pod, block, rack, domain, cube, host, chip or core"),
            format!("il n'y a pas de niveau `{name}` ; écrivez pod, block, rack, domain, cube, host, chip ou core"),
        ),
        Wrong::Empty => lang.pick(
            "a level without cells; give a count of at least 1",
            "un niveau sans cellules ; donnez un nombre d'au moins 1",
        ),
        Wrong::Overlap { name } => lang.pick(
            format!("the cells of `{name}` would overlap those named before; name each level once (a block is a pod, a cube a domain)"),
            format!("les cellules de `{name}` chevaucheraient celles d'avant ; nommez chaque niveau une fois (un block est un pod, un cube un domain)"),
        ),
        Wrong::OutOfOrder { name } => lang.pick(
            format!("`{name}` is larger than the level before; write the largest cells first"),
            format!("`{name}` est plus grand que le niveau d'avant ; les plus grandes cellules d'abord"),
        ),
        Wrong::NoChips => lang.pick(
            "the last level must be chips (or cores); add one",
            "le dernier niveau doit être chip (ou core) ; ajoutez-le",
        ),
        Wrong::Parts { parts } => lang.pick(
            format!("a device has 1000 thousandths and cannot be cut into {parts} equal parts; write a divisor of 1000 up to 125, such as 10 or 100"),
            format!("un appareil a 1000 millièmes et ne se coupe pas en {parts} parts égales ; écrivez un diviseur de 1000 jusqu'à 125, comme 10 ou 100"),
        ),
        Wrong::NoHosts => lang.pick(
            "there are no hosts here; give a count of at least 1",
            "il n'y a pas d'hôtes ici ; donnez un nombre d'au moins 1",
        ),
        Wrong::TooMany => lang.pick(
            format!("more than {most} cells, or more than {small} of the largest that have at most 128 chips; describe several pools, or a level of hosts"),
            format!("plus de {most} cellules, ou plus de {small} des plus grandes d'au plus 128 puces ; décrivez plusieurs pools, ou un niveau de hosts"),
        ),
        Wrong::NotDivided { each, all } => lang.pick(
            format!("the levels make {all} chips in cells of {each}, and this number does not divide so; correct one of them"),
            format!("les niveaux font {all} puces en cellules de {each}, et ce nombre ne se divise pas ainsi ; corrigez l'un des deux"),
        ),
        Wrong::TorusZero => lang.pick(
            "a side of the torus is zero; give the domains along each of three axes",
            "un côté du tore est nul ; donnez les domaines le long de trois axes",
        ),
        Wrong::TorusSize { torus, domains } => lang.pick(
            format!("the torus holds {torus} domains, and a pod has {domains}; they must be equal"),
            format!("le tore tient {torus} domaines, et un pod en a {domains} ; ils doivent être égaux"),
        ),
    }
}
