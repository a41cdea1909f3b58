//! `sinew run --batch`: many workloads from a file, a few thousand a request.

use crate::context::Context;
use crate::error::{At, CliError};
use crate::print;
use anyhow::{Context as _, Result};
use sinew_api::{BatchRequest, BatchView, WorkloadRequest};
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// How many workloads one request brings: all of them are submitted, or none.
const REQUEST_MOST: usize = 1_000;

/// Submits every line of a file, and prints the ids in its order.
pub(super) fn run(context: &Context, path: &Path) -> Result<()> {
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().read_to_string(&mut text).at("read", path)?;
    } else {
        text = fs::read_to_string(path).at("read", path)?;
    }
    // What has no form is refused before anything is sent.
    let requests = requests(&text)?;
    let client = context.client()?;
    for (part, workloads) in requests.chunks(REQUEST_MOST).enumerate() {
        let batch = BatchRequest { workloads: workloads.to_vec() };
        let sent = client.post::<_, BatchView>("/api/workloads/batch", &batch);
        let first = part * REQUEST_MOST + 1;
        let view = sent.with_context(|| format!("workloads {first} and later were not submitted"))?;
        if context.json {
            print::json(&view)?;
        } else {
            view.ids.iter().try_for_each(print::line)?;
        }
    }
    Ok(())
}

/// Reads a workload from each line that is not empty.
fn requests(text: &str) -> Result<Vec<WorkloadRequest>, CliError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(at, line): (usize, &str)| {
        let wrong = |why: String| CliError::Usage(format!("line {}: {why}", at + 1));
        let request: WorkloadRequest = serde_json::from_str(line).map_err(|error| {
            wrong(format!("{error}; each line is a workload as `POST /api/workloads` takes it"))
        })?;
        request.to_spec().map_err(|malformed| wrong(malformed.to_string()))?;
        Ok(request)
    };
    lines.map(read).collect()
}

#[cfg(test)]
mod tests;
