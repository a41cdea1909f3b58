//! `sinew verify`: the bill, recomputed offline.

use crate::audit::{Report, Wanted, audit};
use crate::commands::witness;
use crate::context::Context;
use crate::error::{At, CliError};
use crate::print;
use crate::proof;
use crate::words::Words;
use anyhow::Result;
use clap::Args;
use sinew_contract::PublicKey;
use sinew_ledger::InvoiceKey;
use sinew_types::ContractId;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  sinew verify                                   every invoice in ./sinew-data
  sinew verify --data /srv/sinew                 the journal of another folder, or of a backup
  sinew verify contract-0123456789abcdef0123456789abcdef/2

No server is asked. For each invoice this looks at: both signatures over the terms; that usage records tile
the leases; the use, measured again from the leases alone; period and number; every line and the total;
the postings. Exit code 4 where anything differs.

  sinew verify --invoice invoice-1.proof --policy lyra.policy --lab-key 0123…cdef

A proof (`sinew invoice prove`) needs nothing but the file: whose signatures count is in the policy, and which key is the
lab's says the lab (`sinew org ls` shows it). This looks at: the signatures and the quorum; that all leaves lead to the signed
root; the terms, both signatures and their windows; that every record between two invoices is there; that no moment is
billed twice; every line, recomputed; the postings.";

/// What `sinew verify` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct VerifyArgs {
    /// One invoice, as CONTRACT/NUMBER; or `all`
    #[arg(default_value = "all")]
    which: String,
    /// The proof of an invoice, in place of a journal
    #[arg(long, value_name = "FILE", requires = "policy")]
    invoice: Option<PathBuf>,
    /// Whose signatures the proof needs (C2SP tlog-policy)
    #[arg(long, value_name = "FILE", requires = "invoice")]
    policy: Option<PathBuf>,
    /// The lab's signing key, which the terms have to be signed with: 64 hexadecimal digits
    #[arg(long, value_name = "KEY", requires = "invoice")]
    lab_key: Option<PublicKey>,
}

/// Checks and says what was found.
pub(crate) fn run(context: &Context, args: &VerifyArgs) -> Result<()> {
    let report = match (&args.invoice, &args.policy) {
        (Some(proof), Some(policy)) => {
            let text = std::fs::read(proof).at("read", proof)?;
            // Bytes that are no text are refused as a proof, not as a file.
            let (policy, now_s) = (witness::read(policy)?, witness::now_s());
            let trusted = proof::Trusted { policy: &policy, lab: args.lab_key, now_s };
            proof::verify(&String::from_utf8_lossy(&text), &trusted)
        }
        _ => audit(&context.settings.data.value, wanted(&args.which)?)?,
    };
    if context.json {
        print::json(&report)?;
    } else {
        show(&report, context.words)?;
    }
    match (report.equal, &args.invoice) {
        (true, _) => Ok(()),
        (false, Some(_)) => Err(CliError::ProofDiffers.into()),
        (false, None) => Err(CliError::Differs.into()),
    }
}

fn show(report: &Report, words: Words) -> Result<(), CliError> {
    let mut about = String::new();
    for check in &report.checks {
        if check.of != about {
            about.clone_from(&check.of);
            print::line(&about)?;
        }
        print::line(format_args!("  {:<11} {:<8} {}", check.what, words.verdict(check.equal), check.found))?;
    }
    let all = words.verified(report.invoices, report.records);
    print::line(format_args!("{all}: {}", words.verdict(report.equal)))
}

fn wanted(text: &str) -> Result<Wanted, CliError> {
    if text == "all" { Ok(Wanted::All) } else { invoice_key(text).map(Wanted::One) }
}

/// Reads CONTRACT/NUMBER.
pub(crate) fn invoice_key(text: &str) -> Result<InvoiceKey, CliError> {
    let wrong = || {
        let expected = "an invoice such as contract-0123456789abcdef0123456789abcdef/1 (`sinew invoice ls`)";
        CliError::Usage(format!("`{text}` is not {expected}"))
    };
    let (contract, number) = text.split_once('/').ok_or_else(wrong)?;
    let contract: ContractId = contract.parse().map_err(|_| wrong())?;
    Ok((contract, number.parse().map_err(|_| wrong())?))
}
