//! `sinew payment` and `sinew statement`: what was paid, and what is owed.

use crate::client::{Client, encoded};
use crate::clock;
use crate::context::Context;
use crate::print;
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use sinew_api::{PaymentRequest, PaymentView, StatementView};

/// What can be done with payments.
#[derive(Debug, Subcommand)]
pub(crate) enum PaymentCommand {
    /// Write down what a lab paid (the owner does that); a reference counts once
    #[command(after_help = RECORD_HELP)]
    Record {
        /// The lab's name
        lab: String,
        /// How much, such as "1200.00 USD"; below zero what you paid to the lab
        #[arg(allow_hyphen_values = true)]
        amount: String,
        /// What it is known by, such as the bank's own number
        #[arg(long)]
        reference: String,
        /// When it was paid (UTC); now without it
        #[arg(long)]
        on: Option<String>,
    },
    /// Payments that you got or made
    Ls,
}

const RECORD_HELP: &str = "Example:
  sinew payment record lyra \"1200.00 USD\" --reference 2027-02/0815 --on 2027-02-10

The same again is the same payment; another by its reference is refused.";

/// Which statements, and how to write them.
#[derive(Debug, Args)]
#[command(after_help = STATEMENT_HELP)]
pub(crate) struct StatementArgs {
    /// With this party only
    with: Option<String>,
    /// The first moment (UTC); since the contract began without it
    #[arg(long)]
    from: Option<String>,
    /// The first moment after (UTC); now without it
    #[arg(long)]
    to: Option<String>,
    /// How to write them
    #[arg(long, value_enum, default_value = "text")]
    format: StatementFormat,
}

const STATEMENT_HELP: &str = "Examples:
  sinew statement
  sinew statement lyra --from 2027-01-01 --to 2027-02-01
  sinew statement lyra --format csv > lyra.csv

An invoice stands on the statement whose period holds its last moment, a payment on the one that holds its own.";

/// How statements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatementFormat {
    /// For people
    Text,
    /// One row for each line
    Csv,
    /// As the API gives them
    Json,
}

/// Does what was typed.
pub(crate) fn run(context: &Context, command: PaymentCommand) -> Result<()> {
    let client = context.client()?;
    match command {
        PaymentCommand::Record { lab, amount, reference, on } => {
            let request = PaymentRequest { lab, amount, reference, paid_at: on };
            let made: PaymentView = client.post("/api/payments", &request)?;
            if context.json {
                return Ok(print::json(&made)?);
            }
            list(&[made])
        }
        PaymentCommand::Ls => {
            let all: Vec<PaymentView> = client.list("/api/payments")?;
            if context.json {
                return Ok(print::json(&all)?);
            }
            list(&all)
        }
    }
}

fn list(payments: &[PaymentView]) -> Result<()> {
    let row = |payment: &PaymentView| {
        vec![
            clock::local(&payment.paid_at),
            format!("{} -> {}", payment.lab, payment.owner),
            payment.amount.clone(),
            payment.reference.clone(),
        ]
    };
    let rows: Vec<_> = payments.iter().map(row).collect();
    Ok(print::table(&["PAID", "LAB -> OWNER", "AMOUNT", "REFERENCE"], &rows)?)
}

/// Prints statements.
pub(crate) fn statement(context: &Context, args: &StatementArgs) -> Result<()> {
    let client = context.client()?;
    let statements = ask(&client, args)?;
    if context.json || args.format == StatementFormat::Json {
        return Ok(print::json(&statements)?);
    }
    if args.format == StatementFormat::Csv {
        return Ok(print::bytes(csv(&statements).as_bytes())?);
    }
    for (at, statement) in statements.iter().enumerate() {
        if at > 0 {
            print::line("")?;
        }
        text(statement)?;
    }
    Ok(())
}

fn ask(client: &Client, args: &StatementArgs) -> Result<Vec<StatementView>> {
    let wanted = [("with", &args.with), ("from", &args.from), ("to", &args.to)];
    let said = wanted.iter().filter_map(|(name, text)| Some(format!("{name}={}", encoded(text.as_ref()?))));
    client.get(&format!("/api/statements?{}", said.collect::<Vec<_>>().join("&")))
}

fn text(statement: &StatementView) -> Result<()> {
    let StatementView { owner, lab, from, to, .. } = statement;
    print::line(format_args!("{owner} -> {lab}  {} to {}", clock::local(from), clock::local(to)))?;
    let sum = |when: &str, what: &str, balance: &str| {
        vec![clock::local(when), what.to_owned(), String::new(), String::new(), balance.to_owned()]
    };
    let mut rows = vec![sum(from, "opening", &statement.opening)];
    for line in &statement.booked {
        let when = clock::local(&line.at);
        rows.push(vec![when, line.kind.clone(), line.of.clone(), line.amount.clone(), line.balance.clone()]);
    }
    rows.push(sum(to, "closing", &statement.closing));
    Ok(print::table(&["WHEN", "WHAT", "OF", "AMOUNT", "OWED"], &rows)?)
}

/// One row a line, opening and closing among them. No field holds a comma or a quote: names, ids, references, numbers.
fn csv(statements: &[StatementView]) -> String {
    let mut text = String::from("owner,lab,at,kind,of,amount,balance,currency\r\n");
    for statement in statements {
        let mut row = |at: &str, kind: &str, of: &str, sums: (&str, &str)| {
            let (amount, balance) = sums;
            let number = |money: &str| money.split(' ').next().unwrap_or_default().to_owned();
            let currency = balance.split(' ').nth(1).unwrap_or_default();
            let (owner, lab) = (&statement.owner, &statement.lab);
            let (amount, balance) = (number(amount), number(balance));
            text.push_str(&format!("{owner},{lab},{at},{kind},{of},{amount},{balance},{currency}\r\n"));
        };
        row(&statement.from, "opening", "", ("", &statement.opening));
        for line in &statement.booked {
            row(&line.at, &line.kind, &line.of, (&line.amount, &line.balance));
        }
        row(&statement.to, "closing", "", ("", &statement.closing));
    }
    text
}
