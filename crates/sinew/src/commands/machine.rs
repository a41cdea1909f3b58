//! `sinew machine`: what the server's machine enforces on workloads.

use crate::context::Context;
use crate::print;
use anyhow::Result;
use clap::Args;
use sinew_api::{Lang, MachineView, ProtectionView, SupportWord};

/// What `sinew machine` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sinew machine\n  sinew machine --json")]
pub(crate) struct MachineArgs {}

/// Shows each protection, how well it holds and what that means.
pub(crate) fn run(context: &Context) -> Result<()> {
    let machine: MachineView = context.client()?.get("/api/machine")?;
    if context.json {
        return Ok(print::json(&machine)?);
    }
    let rows: Vec<_> = machine.protections.iter().map(|view| row(context, view)).collect();
    print::table(&["PROTECTION", "SUPPORT", "WHAT THAT MEANS"], &rows)?;
    if machine.owner_runs_bare {
        print::line(context.words.owner_runs_bare())?;
    }
    Ok(())
}

fn row(context: &Context, view: &ProtectionView) -> Vec<String> {
    // Where something is missing, what the system said may be what its operator looks for; a weaker means is explained.
    let system = view.detail.as_ref().filter(|_| view.support == SupportWord::Unavailable);
    let says = system.map_or_else(|| view.says.clone(), |detail| format!("{} ({detail})", view.says));
    vec![view.name.clone(), word(context.words.0, view.support).to_owned(), says]
}

fn word(lang: Lang, support: SupportWord) -> &'static str {
    match (support, lang) {
        (SupportWord::Enforced, Lang::En) => "enforced",
        (SupportWord::Enforced, Lang::Fr) => "garanti",
        (SupportWord::Weaker, Lang::En) => "weaker",
        (SupportWord::Weaker, Lang::Fr) => "affaibli",
        (SupportWord::Unavailable, Lang::En) => "unavailable",
        (SupportWord::Unavailable, Lang::Fr) => "absent",
    }
}

/// Says in one line, beside the answer, what this machine does not enforce; nothing where it enforces all.
pub(crate) fn tell_gaps(context: &Context, machine: &MachineView) {
    let lang = context.words.0;
    let gaps: Vec<_> =
        machine.gaps().map(|view| format!("{} ({})", view.name, word(lang, view.support))).collect();
    if machine.owner_runs_bare {
        print::note(context.words.owner_runs_bare());
    }
    if !gaps.is_empty() {
        print::note(context.words.not_enforced(&gaps.join(", ")));
    }
}
