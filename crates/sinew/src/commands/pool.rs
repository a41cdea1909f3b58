//! `sinew pool`: what can be lent.

use crate::client::encoded;
use crate::clock;
use crate::context::Context;
use crate::error::CliError;
use crate::print;
use anyhow::Result;
use clap::{Args, Subcommand};
use sinew_api::{PoolRequest, PoolView};
use sinew_types::Shape;

/// What can be done with pools.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Make cores of the server's machine lendable
    #[command(
        after_help = "Examples:\n  sinew pool add north --cores 2\n  sinew pool add north --topology \"2 cores\""
    )]
    Add(AddArgs),
    /// The pools that you own or have a contract for
    Ls,
    /// One pool: its cells and who holds them
    Show {
        /// Its name or id
        name: String,
    },
}

/// What `sinew pool add` takes.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    size: Size,
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
            let request = PoolRequest { name: args.name, cores: cores(&args.size)? };
            show(context, &client.post("/api/pools", &request)?)
        }
        PoolCommand::Ls => list(context, &client.list("/api/pools")?),
        PoolCommand::Show { name } => show(context, &client.get(&format!("/api/pools/{}", encoded(&name)))?),
    }
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
        vec![pool.name.clone(), pool.owner.clone(), count(pool.chips), count(pool.free), pool.model.clone()]
    };
    let rows: Vec<_> = pools.iter().map(row).collect();
    Ok(print::table(&["NAME", "OWNER", "CHIPS", "FREE", "MODEL"], &rows)?)
}

fn show(context: &Context, pool: &PoolView) -> Result<()> {
    if context.json {
        return Ok(print::json(pool)?);
    }
    let (name, owner) = (&pool.name, &pool.owner);
    print::line(format_args!("{name}  {}  {} {} chips, {} free", owner, pool.chips, pool.model, pool.free))?;
    let cell = |cell: &sinew_api::CellView| {
        let device = cell.device.map_or_else(|| "-".to_owned(), |device| device.to_string());
        let holding = cell.holding.as_ref();
        let text = |of: fn(&sinew_api::HoldingView) -> String| holding.map_or_else(String::new, of);
        vec![
            cell.index.to_string(),
            device,
            text(|held| held.kind.clone()),
            text(|held| held.organisation.clone()),
            text(|held| held.workload.clone().unwrap_or_default()),
            text(|held| clock::local(&held.since)),
            text(|held| held.leaves_by.as_deref().map(clock::local).unwrap_or_default()),
        ]
    };
    let rows: Vec<_> = pool.cells.iter().map(cell).collect();
    Ok(print::table(&["CELL", "DEVICE", "HELD AS", "BY", "WORKLOAD", "SINCE", "LEAVES BY"], &rows)?)
}
