//! `sinew witness`: remembers what a log said, and cosigns only what goes on from there.

use crate::context::Context;
use crate::error::{At, CliError};
use crate::print;
use crate::proof::{Bundle, Memory, goes_on};
use anyhow::{Context as _, Result};
use clap::Subcommand;
use sinew_proof::{Algorithm, Note, Policy, ProofError, Signer};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const COSIGN_HELP: &str = "\
Example:
  sinew witness cosign invoice-1.proof --policy lyra.policy > invoice-1.cosigned

What was cosigned last is kept in the profile's folder, for each log. A proof whose log went backwards or has another
history than the one that was seen is refused, and both checkpoints are kept as evidence.";

/// What a witness can do.
#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Print this witness's key, for the policy of whoever relies on it
    Key,
    /// Check that a proof goes on from what was seen, cosign it and print it
    #[command(after_help = COSIGN_HELP)]
    Cosign {
        /// The file that the owner made
        proof: PathBuf,
        /// Who the log is (C2SP tlog-policy)
        #[arg(long)]
        policy: PathBuf,
    },
}

/// Does what was typed.
pub(crate) fn run(context: &Context, command: &WitnessCommand) -> Result<()> {
    match command {
        WitnessCommand::Key => Ok(print::line(signer(context)?.verifier())?),
        WitnessCommand::Cosign { proof, policy } => cosign(context, proof, policy),
    }
}

fn signer(context: &Context) -> Result<Signer> {
    let name = context.profile_name()?;
    let seed = context.home().ensure_seed(&name, "witness.key")?;
    Ok(Signer::new(&name, Algorithm::Cosignature, &seed)?)
}

/// Reads a file into what it should hold, and names the file where it does not.
pub(crate) fn read<T: std::str::FromStr<Err = ProofError>>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).at("read", path)?;
    text.parse().with_context(|| format!("{} cannot be used", path.display()))
}

/// This machine's clock, in seconds since 1970.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn cosign(context: &Context, proof: &Path, policy: &Path) -> Result<()> {
    let policy: Policy = read(policy)?;
    let mut bundle: Bundle = read(proof)?;
    let folder = context.home().witness_folder(&context.profile_name()?)?;
    let memory = Memory::open(&folder, policy.log.name())?;
    if let Err(error) = goes_on(&bundle, &policy, memory.seen()) {
        return Err(refused(&memory, &bundle.note, &proof.display().to_string(), &error));
    }
    memory.keep(&bundle.note)?;
    let own = signer(context)?.sign(&bundle.note.text, now_s());
    // A witness that is asked again says the later moment, and stands there once.
    bundle.note.lines.retain(|line| !line.is_by_key_of(&own));
    bundle.note.lines.push(own);
    Ok(print::bytes(bundle.to_string().as_bytes())?)
}

/// Why something is not cosigned. Two checkpoints that contradict each other are kept, for whoever has to explain them.
fn refused(memory: &Memory, shown: &Note, of: &str, error: &ProofError) -> anyhow::Error {
    if matches!(error, ProofError::Backwards { .. } | ProofError::Forked { .. }) {
        match memory.keep_evidence(shown, now_s()) {
            Ok(Some(path)) => print::note(format_args!("both checkpoints are kept in {}", path.display())),
            Ok(None) => {}
            Err(error) => return error.into(),
        }
    }
    CliError::NotAccepted(format!("{of}: {error}")).into()
}
