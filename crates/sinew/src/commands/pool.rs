//! `sinew pool`: what can be lent.

use crate::client::encoded;
use crate::clock;
use crate::context::Context;
use crate::error::CliError;
use crate::print;
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use sinew_api::{CellsRequest, EXAMPLES, PoolRequest, PoolView, RegionView};
use sinew_types::Shape;
use std::fs;
use std::path::{Path, PathBuf};

/// What can be done with pools.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Make cores of the server's machine lendable
    #[command(
        after_help = "Examples:\n  sinew pool add north --cores 2\n  sinew pool add north --topology \"2 cores\""
    )]
    Add(AddArgs),
    /// Make a pool of the cells that a topology file describes
    #[command(
        after_help = "Examples:\n  sinew pool topology nvl72 > racks.toml\n  sinew pool create racks --topology racks.toml\n\nSuch a pool can be offered, promised and asked about. Nothing runs on it until an executor serves it.\n\n  sinew pool create dry --topology racks.toml --rehearse\n  sinew run --pool dry --shape \"1 rack\" --limit 2h -- train\n\nWith --rehearse all goes as it would, recalls, explanations and bills among it, but no program runs: work ends\nat its limit, or when it is told to leave."
    )]
    Create {
        /// Its name
        name: String,
        /// The topology file
        #[arg(long)]
        topology: PathBuf,
        /// Let leases begin, be recalled, end and be billed without running any program
        #[arg(long)]
        rehearse: bool,
    },
    /// Print an example of a topology file, or the names of all examples
    Topology {
        /// Which example
        name: Option<String>,
    },
    /// The pools that you own or have a contract for
    Ls,
    /// One pool: its cells and who holds them, or the cells of a part of it
    #[command(
        after_help = "Examples:\n  sinew pool show north\n  sinew pool show north --depth 1\n  sinew pool show north --region pod-3/rack-1 --depth 2"
    )]
    Show {
        /// Its name or id
        name: String,
        /// A part of it, such as pod-3/rack-1
        #[arg(long)]
        region: Option<String>,
        /// How many levels below
        #[arg(long)]
        depth: Option<u32>,
    },
    /// Say that cells have failed: whoever holds them ends, promises move to spares
    #[command(after_help = "Example:\n  sinew pool fail north host-3/chip-1")]
    Fail(PartArgs),
    /// Say that failed cells are healthy again
    #[command(after_help = "Example:\n  sinew pool restore north host-3")]
    Restore(PartArgs),
}

/// A part of a pool.
#[derive(Debug, Args)]
pub(crate) struct PartArgs {
    /// The pool's name or id
    name: String,
    /// Such as pod-3/rack-1, host-0 or chip-5, counted from 0; `pool` for all of it
    region: String,
}

/// What `sinew pool add` takes.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    size: Size,
    /// In how many equal parts each core is lent, for many small programs: a chip is then such a part [default: 1]
    #[arg(long, value_name = "COUNT")]
    shares_per_core: Option<u32>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Size {
    /// How many of the cores that no pool has yet
    #[arg(long)]
    cores: Option<u32>,
    /// The same in words, such as "2 cores"
    #[arg(long)]
    topology: Option<String>,
}

/// Does what was typed.
pub(crate) fn run(context: &Context, command: PoolCommand) -> Result<()> {
    let client = context.client()?;
    match command {
        PoolCommand::Add(args) => {
            let request = PoolRequest {
                name: args.name,
                cores: Some(cores(&args.size)?),
                shares_per_core: args.shares_per_core,
                topology: None,
                rehearsal: false,
            };
            show(context, &client.post("/api/pools", &request)?)
        }
        PoolCommand::Ls => list(context, &client.list("/api/pools")?),
        PoolCommand::Show { name, region: None, depth: None } => {
            show(context, &client.get(&format!("/api/pools/{}", encoded(&name)))?)
        }
        PoolCommand::Show { name, region, depth } => {
            let (region, depth) = (region.unwrap_or_default(), depth.unwrap_or(1));
            let query = format!("region={}&depth={depth}", encoded(&region));
            part(context, &client.get(&format!("/api/pools/{}/cells?{query}", encoded(&name)))?)
        }
        PoolCommand::Fail(args) => mark(context, args, "down"),
        PoolCommand::Restore(args) => mark(context, args, "up"),
        PoolCommand::Create { name, topology, rehearse } => create(context, name, &topology, rehearse),
        PoolCommand::Topology { name } => example(name.as_deref()),
    }
}

fn mark(context: &Context, args: PartArgs, word: &str) -> Result<()> {
    let path = format!("/api/pools/{}/cells/{word}", encoded(&args.name));
    show(context, &context.client()?.post(&path, &CellsRequest { region: args.region })?)
}

fn create(context: &Context, name: String, file: &Path, rehearsal: bool) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let request = PoolRequest { name, cores: None, shares_per_core: None, topology: Some(text), rehearsal };
    let made = context.client()?.post("/api/pools", &request);
    show(context, &made.with_context(|| format!("`{}` makes no pool", file.display()))?)
}

fn example(name: Option<&str>) -> Result<()> {
    let Some(name) = name else {
        let names: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
        return Ok(print::line(format_args!("{}", names.join("\n")))?);
    };
    let found = EXAMPLES.iter().find(|(known, _)| *known == name);
    let wrong = || CliError::Usage(format!("there is no example `{name}`; `sinew pool topology` lists them"));
    let (_, text) = found.ok_or_else(wrong)?;
    Ok(print::line(format_args!("{}", text.trim_end()))?)
}

fn cores(size: &Size) -> Result<u32, CliError> {
    if let Some(cores) = size.cores {
        return Ok(cores);
    }
    let text = size.topology.clone().unwrap_or_default();
    let shape = text.parse::<Shape>().map_err(|wrong| CliError::Usage(format!("--topology: {wrong}")))?;
    let loose = "a pool of this machine is so many cores for now: write \"2 cores\"";
    shape.loose_chips().ok_or_else(|| CliError::Usage(format!("--topology `{text}`: {loose}")))
}

fn list(context: &Context, pools: &[PoolView]) -> Result<()> {
    if context.json {
        return Ok(print::json(&pools)?);
    }
    let row = |pool: &PoolView| {
        let count = |chips: u32| chips.to_string();
        let model = if pool.rehearsal { format!("{} (rehearsal)", pool.model) } else { pool.model.clone() };
        vec![pool.name.clone(), pool.owner.clone(), count(pool.chips), count(pool.free), model]
    };
    let rows: Vec<_> = pools.iter().map(row).collect();
    Ok(print::table(&["NAME", "OWNER", "CHIPS", "FREE", "MODEL"], &rows)?)
}

fn part(context: &Context, part: &RegionView) -> Result<()> {
    if context.json {
        return Ok(print::json(part)?);
    }
    let mut rows = Vec::new();
    for cell in &part.cells {
        let count = |chips: Option<u32>| chips.map_or_else(|| "-".to_owned(), |chips| chips.to_string());
        let region = if cell.region.is_empty() { "pool" } else { &cell.region };
        let head = [region.to_owned(), cell.chips.to_string(), count(cell.free), count(cell.failed)];
        if cell.shares.is_empty() {
            rows.push(head.iter().cloned().chain((0..6).map(|_| String::new())).collect());
        }
        for (at, share) in cell.shares.iter().enumerate() {
            let head = head.iter().map(|text| if at == 0 { text.clone() } else { String::new() });
            let counts = [share.bound, share.lent, share.own, share.borrowed].map(|chips| chips.to_string());
            let until = share.leaves_by.as_deref().map(clock::local).unwrap_or_default();
            rows.push(head.chain([share.organisation.clone()]).chain(counts).chain([until]).collect());
        }
    }
    let names =
        ["CELL", "CHIPS", "FREE", "FAILED", "WHO", "PROMISED", "LENT", "OWN", "BORROWED", "LEAVES BY"];
    Ok(print::table(&names, &rows)?)
}

fn show(context: &Context, pool: &PoolView) -> Result<()> {
    if context.json {
        return Ok(print::json(pool)?);
    }
    let (name, owner) = (&pool.name, &pool.owner);
    let failed = if pool.failed > 0 { format!(", {} failed", pool.failed) } else { String::new() };
    let (chips, model, free) = (pool.chips, &pool.model, pool.free);
    let rehearsal = if pool.rehearsal { "  (a rehearsal: no program runs)" } else { "" };
    print::line(format_args!("{name}  {owner}  {chips} {model} chips, {free} free{failed}{rehearsal}"))?;
    if pool.cells.is_empty() && !pool.levels.is_empty() {
        let levels = pool.levels.join(" x ");
        return Ok(print::line(format_args!(
            "{levels}; `sinew pool show {name} --depth 1` shows who holds what"
        ))?);
    }
    let cell = |cell: &sinew_api::CellView| {
        let device = cell.device.map_or_else(|| "-".to_owned(), |device| device.to_string());
        let holding = cell.holding.as_ref();
        let text = |of: fn(&sinew_api::HoldingView) -> String| holding.map_or_else(String::new, of);
        vec![
            cell.index.to_string(),
            device,
            match (cell.failed, holding) {
                (true, Some(held)) => format!("{}, failed", held.kind),
                (true, None) => "failed".to_owned(),
                (false, held) => held.map_or_else(String::new, |held| held.kind.clone()),
            },
            text(|held| held.organisation.clone()),
            text(|held| held.workload.clone().unwrap_or_default()),
            text(|held| clock::local(&held.since)),
            text(|held| held.leaves_by.as_deref().map(clock::local).unwrap_or_default()),
        ]
    };
    let rows: Vec<_> = pool.cells.iter().map(cell).collect();
    Ok(print::table(&["CELL", "DEVICE", "HELD AS", "BY", "WORKLOAD", "SINCE", "LEAVES BY"], &rows)?)
}
