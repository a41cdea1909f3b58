//! `sinew backup` and `sinew restore`: the data folder, copied whole or not at all.

use crate::clock;
use crate::context::Context;
use crate::print;
use anyhow::Result;
use clap::Args;
use sinew_store::BackupReport;
use std::path::PathBuf;

/// What `sinew backup` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sinew backup /mnt/sinew-monday --data /srv/sinew\n  (cd /mnt/sinew-monday && sha256sum -c SHA256SUMS)\n\nThe server may be running. Keys and profiles (--home) are not part of it."
)]
pub(crate) struct BackupArgs {
    /// A new or empty folder
    to: PathBuf,
}

/// What `sinew restore` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sinew restore /mnt/sinew-monday --data /srv/sinew-again")]
pub(crate) struct RestoreArgs {
    /// A backup's folder
    from: PathBuf,
}

/// Copies the data folder.
pub(crate) fn backup(context: &Context, args: &BackupArgs) -> Result<()> {
    let now_ms = u64::try_from(clock::now().ms()).unwrap_or(0);
    let report = sinew_store::backup(&context.settings.data.value, &args.to, now_ms)?;
    show(context, &report, &args.to)
}

/// Makes a data folder from a backup.
pub(crate) fn restore(context: &Context, args: &RestoreArgs) -> Result<()> {
    let data = &context.settings.data.value;
    let report = sinew_store::restore(&args.from, data)?;
    show(context, &report, data)
}

fn show(context: &Context, report: &BackupReport, to: &std::path::Path) -> Result<()> {
    if context.json {
        return Ok(print::json(report)?);
    }
    let (files, bytes, last) = (report.files, report.bytes, report.last_seq);
    print::line(format_args!("{}  {files} files, {bytes} bytes, records to {last}", to.display()))?;
    Ok(())
}
