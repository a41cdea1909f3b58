//! `sinew invoice`: who owes what for which time.

use crate::client::{Client, encoded};
use crate::clock;
use crate::commands::contract;
use crate::commands::verify::invoice_key;
use crate::context::Context;
use crate::error::CliError;
use crate::print;
use crate::proof;
use anyhow::{Context as _, Result};
use clap::{Subcommand, ValueEnum};
use sinew_api::InvoiceView;
use sinew_proof::{Algorithm, Signer};
use sinew_types::{ContractId, Instant};
use std::io::{ErrorKind, Read, Write};

const PROVE_HELP: &str = "\
Example:
  sinew invoice prove contract-0123456789abcdef0123456789abcdef/1 > invoice-1.proof

The file holds the contract's records only. It is signed with the log key of your profile, which is drawn on first use. The
lab's witness cosigns it, and anybody checks it: `sinew verify --invoice invoice-1.proof --policy lyra.policy`.";

/// The owner's key for the logs of its contracts.
pub(crate) const LOG_KEY: &str = "log.key";

/// What can be done with invoices.
#[derive(Debug, Subcommand)]
pub(crate) enum InvoiceCommand {
    /// Invoices that you wrote or got
    Ls,
    /// Bill a contract up to now (its owner does that)
    #[command(after_help = "Examples:\n  sinew invoice close lyra\n  sinew invoice close contract-0123…")]
    Close {
        /// The contract's id, or the lab's name
        contract: String,
    },
    /// One invoice
    #[command(after_help = "Examples:\n  sinew invoice show lyra 1\n  sinew invoice show contract-0123…/1")]
    Show {
        /// The contract's id or the other party's name, or CONTRACT/NUMBER
        contract: String,
        /// Its number there
        number: Option<u32>,
    },
    /// Make a file that proves an invoice, from the owner's data folder; no server is asked
    #[command(after_help = PROVE_HELP)]
    Prove {
        /// CONTRACT/NUMBER
        invoice: String,
    },
    /// Print the key of a contract's log, for the policy of its lab
    LogKey {
        /// The contract's id
        contract: ContractId,
    },
    /// Invoices as a file for other programs, on standard output
    #[command(after_help = EXPORT_HELP)]
    Export {
        /// What to write
        #[arg(long, value_enum)]
        format: ExportFormat,
        /// The contract's id or the other party's name, or CONTRACT/NUMBER; all invoices without it
        contract: Option<String>,
        /// Its number there
        number: Option<u32>,
        /// Invoices that begin at this time or later
        #[arg(long)]
        from: Option<String>,
        /// Invoices that begin before this time
        #[arg(long)]
        to: Option<String>,
    },
}

const EXPORT_HELP: &str = "Examples:
  sinew invoice export lyra 1 --format csv > invoice.csv
  sinew invoice export --format focus --from 2027-01-01 --to 2028-01-01 > 2027.focus.csv
  sinew invoice export --format hledger > compute.journal && hledger -f compute.journal check --strict
  sinew invoice export --format beancount > compute.beancount && bean-check compute.beancount";

/// What `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One row for each line of each invoice
    Csv,
    /// Invoices as the API gives them
    Json,
    /// FOCUS 1.2, cost and usage
    Focus,
    /// FOCUS 1.3, contract commitments
    FocusCommitments,
    /// A journal of your books for hledger
    Hledger,
    /// A journal of your books for beancount
    Beancount,
}

/// Does what was typed.
pub(crate) fn run(context: &Context, command: InvoiceCommand) -> Result<()> {
    let client = || context.client();
    match command {
        InvoiceCommand::Prove { invoice } => {
            let bundle =
                proof::prove(&context.settings.data.value, invoice_key(&invoice)?, &log_seed(context)?)?;
            Ok(print::bytes(bundle.to_string().as_bytes())?)
        }
        InvoiceCommand::LogKey { contract } => {
            let signer = Signer::new(&proof::origin(contract), Algorithm::Text, &log_seed(context)?)?;
            Ok(print::line(signer.verifier())?)
        }
        InvoiceCommand::Ls => list(context, &client()?),
        InvoiceCommand::Close { contract } => {
            let client = client()?;
            let id = contract::find(&client, &contract, |contract| contract.standing != "offered")?.id;
            show(context, &client.post_empty(&format!("/api/contracts/{}/invoices", encoded(&id)))?)
        }
        InvoiceCommand::Show { contract, number } => {
            let (contract, number) = which(&contract, number)?;
            let client = client()?;
            let id = contract::find(&client, &contract, |contract| contract.standing != "offered")?.id;
            show(context, &client.get(&format!("/api/invoices/{}/{number}", encoded(&id)))?)
        }
        InvoiceCommand::Export { format, contract, number, from, to } => {
            let client = client()?;
            let mut wanted = Vec::new();
            if let Some(contract) = contract {
                let (contract, number) = match contract.rsplit_once('/') {
                    Some(_) => which(&contract, number).map(|(contract, number)| (contract, Some(number)))?,
                    None => (contract, number),
                };
                let id = contract::find(&client, &contract, |contract| contract.standing != "offered")?.id;
                wanted.push(("contract", id));
                wanted.extend(number.map(|number| ("number", number.to_string())));
            }
            wanted.extend(from.map(|from| ("from", from)));
            wanted.extend(to.map(|to| ("to", to)));
            export(&client, format, &wanted)
        }
    }
}

/// The log's key that the owner's server signs with. A new one here would be another log's.
fn log_seed(context: &Context) -> Result<[u8; 32]> {
    let name = context.profile_name()?;
    let none = || {
        CliError::Usage(format!(
            "profile `{name}` has no log key: name the profile whose `sinew up` began the journal (--profile)"
        ))
    };
    Ok(context.home().seed(&name, LOG_KEY)?.ok_or_else(none)?)
}

/// Writes the file that the server makes. JSON is what the API gives anyway.
fn export(client: &Client, format: ExportFormat, wanted: &[(&str, String)]) -> Result<()> {
    if format == ExportFormat::Json {
        return json(client, wanted);
    }
    let value = format.to_possible_value().expect("every format has a word");
    let query: Vec<String> = wanted.iter().map(|(name, text)| format!("{name}={}", encoded(text))).collect();
    let path = format!("/api/export/{}?{}", value.get_name(), query.join("&"));
    let mut answer = client.open(&path)?;
    pass_on(&mut answer.body_mut().as_reader(), &mut std::io::stdout().lock())
}

/// Copies a file piece by piece, and says which side failed.
fn pass_on(from: &mut impl Read, to: &mut impl Write) -> Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = match from.read(&mut piece) {
            Ok(0) => return to.flush().context("cannot write the file"),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(error)
                    .context("the server's answer broke off: what was printed is not whole, ask again");
            }
        };
        to.write_all(&piece[..length]).context("cannot write the file")?;
    }
}

fn json(client: &Client, wanted: &[(&str, String)]) -> Result<()> {
    let of = |name: &str| wanted.iter().find(|(known, _)| *known == name).map(|(_, text)| text);
    if let (Some(id), Some(number)) = (of("contract"), of("number")) {
        let one: InvoiceView = client.get(&format!("/api/invoices/{}/{number}", encoded(id)))?;
        return Ok(print::json(&[one])?);
    }
    let all: Vec<InvoiceView> = client.list("/api/invoices")?;
    let mut found = Vec::new();
    for invoice in all {
        let begins: Instant = invoice.from.parse()?;
        let mut fits = true;
        for (name, text) in wanted {
            fits &= match *name {
                "contract" => invoice.contract == *text,
                "from" => text.parse::<Instant>()? <= begins,
                _ => begins < text.parse::<Instant>()?,
            };
        }
        if fits {
            found.push(invoice);
        }
    }
    Ok(print::json(&found)?)
}

/// Reads `CONTRACT NUMBER` or `CONTRACT/NUMBER`.
fn which(contract: &str, number: Option<u32>) -> Result<(String, u32), CliError> {
    if let Some(number) = number {
        return Ok((contract.to_owned(), number));
    }
    let wrong =
        || CliError::Usage(format!("which invoice of `{contract}`? Add its number (`sinew invoice ls`)"));
    let (contract, number) = contract.rsplit_once('/').ok_or_else(wrong)?;
    Ok((contract.to_owned(), number.parse().map_err(|_| wrong())?))
}

fn list(context: &Context, client: &Client) -> Result<()> {
    let all: Vec<InvoiceView> = client.list("/api/invoices")?;
    if context.json {
        return Ok(print::json(&all)?);
    }
    let row = |invoice: &InvoiceView| {
        vec![
            format!("{}/{}", invoice.contract, invoice.number),
            format!("{} -> {}", invoice.owner, invoice.lab),
            clock::local(&invoice.from),
            clock::local(&invoice.to),
            invoice.total.clone(),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    Ok(print::table(&["INVOICE", "OWNER -> LAB", "FROM", "TO", "TOTAL"], &rows)?)
}

fn show(context: &Context, invoice: &InvoiceView) -> Result<()> {
    if context.json {
        return Ok(print::json(invoice)?);
    }
    let (from, to) = (clock::local(&invoice.from), clock::local(&invoice.to));
    print::line(format_args!(
        "{}/{}  {} -> {}",
        invoice.contract, invoice.number, invoice.owner, invoice.lab
    ))?;
    print::line(format_args!("{from} to {to}, {} usage records", invoice.records))?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in &invoice.lines {
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        let (used, price, clause) = (said(&line.used), said(&line.price), said(&line.clause));
        rows.push(vec![line.kind.clone(), used, price, line.amount.clone(), clause]);
    }
    let nothing = String::new;
    rows.push(vec!["total".to_owned(), nothing(), nothing(), invoice.total.clone(), nothing()]);
    let by_clause = invoice.lines.iter().any(|line| line.clause.is_some());
    let head = ["FOR", "USED", "PRICE", "AMOUNT", "CLAUSE"];
    let shown = if by_clause { 5 } else { 4 };
    rows.iter_mut().for_each(|row| row.truncate(shown));
    Ok(print::table(&head[..shown], &rows)?)
}

#[cfg(test)]
mod tests;
