//! Following a workload to its end: its states on standard error, its output on the standard output.

use crate::client::{Client, Piece, encoded};
use crate::context::Context;
use crate::error::CliError;
use crate::print;
use anyhow::Result;
use sinew_api::WorkloadView;
use std::thread::sleep;
use std::time::Duration;

/// How soon to look again after something came, and how slowly when nothing does.
const QUICK: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_secs(1);
/// How often a server that is away is looked for, `SLOW` apart: a restart takes far less than these two minutes.
const LOOKS_MOST: u32 = 120;

/// What of a workload is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Its states alone.
    States,
    /// Its states and its output.
    Output,
}

/// Where a workload is found. Names may be typed as `lyra/train-1`, as they are shown.
pub(crate) fn workload_path(typed: &str) -> String {
    let name = typed.rsplit('/').next().unwrap_or(typed);
    format!("/api/workloads/{}", encoded(name))
}

/// Follows a workload until it is over, also across a restart of the server. `last_said` was said already.
pub(crate) fn follow(
    context: &Context,
    workload: &str,
    what: What,
    last_said: String,
) -> Result<WorkloadView> {
    let client = context.client()?;
    let path = workload_path(workload);
    let logs = format!("{path}/logs");
    let (mut said, mut from, mut pause) = (last_said, 0, QUICK);
    loop {
        let view: WorkloadView = patiently(context, || client.get(&path))?;
        let now = context.words.workload(&view);
        if now != said {
            print::note(&now);
            said = now;
            pause = QUICK;
        }
        // The state comes first: what a workload that is over has printed is all there by then.
        let over = is_over(&view);
        let mut came = false;
        if what == What::Output {
            came = catch_up(context, &client, &logs, &mut from)?;
        }
        if over {
            return Ok(view);
        }
        pause = if came { QUICK } else { (pause * 3 / 2).min(SLOW) };
        sleep(pause);
    }
}

/// Prints everything that there is from a position on. Says whether there was anything.
pub(crate) fn catch_up(context: &Context, client: &Client, path: &str, from: &mut u64) -> Result<bool> {
    let mut came = false;
    loop {
        let piece: Piece = patiently(context, || client.piece(path, *from))?;
        *from = piece.next;
        if piece.bytes.is_empty() {
            return Ok(came);
        }
        print::bytes(&piece.bytes)?;
        came = true;
    }
}

/// Whether nothing more will happen to it.
pub(crate) fn is_over(view: &WorkloadView) -> bool {
    matches!(view.state.as_str(), "done" | "failed" | "cancelled")
}

/// The error that a workload which did not finish well is.
pub(crate) fn outcome(context: &Context, view: &WorkloadView) -> Result<()> {
    if view.state == "done" {
        return Ok(());
    }
    let how = context.words.ended(view);
    Err(CliError::Workload { name: format!("{}/{}", view.organisation, view.name), how }.into())
}

/// Tries again while the server is away: what runs goes on without it.
fn patiently<T>(context: &Context, ask: impl Fn() -> Result<T>) -> Result<T> {
    let mut looks = 0;
    loop {
        let error = match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let away = matches!(error.downcast_ref(), Some(CliError::Unreachable { .. }));
        if !away || looks >= LOOKS_MOST {
            return Err(error);
        }
        if looks == 0 {
            print::note(context.words.server_away());
        }
        looks += 1;
        sleep(SLOW);
    }
}
