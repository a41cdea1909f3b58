//! Workloads of the story: each is submitted once, by name, and watched until it is over.

use super::{LOOK_EVERY, Story};
use crate::client::Client;
use crate::error::CliError;
use crate::stop;
use anyhow::{Result, bail};
use serde_json::Value;
use sinew_api::{ArtefactView, WorkloadRequest, WorkloadView};
use std::collections::BTreeMap;

/// A workload that runs Sinew's own engine.
pub(crate) fn engine(name: &str, cores: (u32, u32), args: &[&str]) -> WorkloadRequest {
    let argv = ["sinew", "engine"].iter().chain(args).map(|word| (*word).to_owned()).collect();
    WorkloadRequest {
        name: name.to_owned(),
        least: format!("{} chips", cores.0),
        most: Some(format!("{} chips", cores.1)),
        argv,
        env: BTreeMap::new(),
        bundle: None,
        inputs: BTreeMap::new(),
        network: None,
        priority: 0,
        checkpoint_every: None,
        limit: None,
        pools: Vec::new(),
        serves: None,
    }
}

/// A workload by name, if it was submitted.
pub(crate) fn find(client: &Client, name: &str) -> Result<Option<WorkloadView>> {
    match client.get::<WorkloadView>(&format!("/api/workloads/{name}")) {
        Ok(view) => Ok(Some(view)),
        Err(error) => match error.downcast_ref::<CliError>() {
            Some(CliError::Refused { status: 404, .. }) => Ok(None),
            _ => Err(error),
        },
    }
}

/// Submits a workload unless an earlier demo has. One that did not finish well is tried again under another name, so
/// that starting the demo again can mend what went wrong.
pub(crate) fn ensure(client: &Client, request: &WorkloadRequest) -> Result<WorkloadView> {
    let mut request = request.clone();
    let first = request.name.clone();
    for again in 2_u32.. {
        match find(client, &request.name)? {
            None => return client.post("/api/workloads", &request),
            Some(view) if view.state == "failed" || view.state == "cancelled" => {}
            Some(view) => return Ok(view),
        }
        request.name = format!("{first}-{again}");
    }
    bail!("`{first}` was tried too often")
}

/// The latest try of a workload.
pub(crate) fn latest(client: &Client, first: &str) -> Result<Option<WorkloadView>> {
    let mut found = find(client, first)?;
    for again in 2_u32.. {
        match find(client, &format!("{first}-{again}"))? {
            Some(view) => found = Some(view),
            None => break,
        }
    }
    Ok(found)
}

/// What a workload has printed so far.
pub(crate) fn output(client: &Client, name: &str) -> Result<String> {
    let (mut text, mut from) = (String::new(), 0);
    loop {
        let piece = client.piece(&format!("/api/workloads/{name}/logs"), from)?;
        if piece.bytes.is_empty() {
            return Ok(text);
        }
        text.push_str(&String::from_utf8_lossy(&piece.bytes));
        from = piece.next;
    }
}

/// Stores bytes; quietly, because the story is told elsewhere. Answers their hash.
pub(crate) fn store(client: &Client, bytes: &[u8]) -> Result<String> {
    let hash = sinew_store::hash_of(bytes).to_string();
    let stored: ArtefactView = client.upload_bytes("/api/artefacts", bytes, &hash)?;
    Ok(stored.hash)
}

/// A JSON file that a workload left.
pub(crate) fn left(client: &Client, view: &WorkloadView, path: &str) -> Result<Value> {
    let Some(hash) = view.outputs.get(path) else { bail!("workload `{}` left no `{path}`", view.name) };
    client.get(&format!("/api/artefacts/{hash}"))
}

impl Story {
    /// Waits until a workload is over; `on_look` sees it at each look.
    pub(crate) fn until_over(
        &mut self,
        client: &Client,
        name: &str,
        on_look: &mut dyn FnMut(&mut Self, &WorkloadView) -> Result<()>,
    ) -> Result<WorkloadView> {
        loop {
            let view: WorkloadView = client.get(&format!("/api/workloads/{name}"))?;
            on_look(self, &view)?;
            if crate::follow::is_over(&view) {
                return Ok(view);
            }
            stop::pause(LOOK_EVERY)?;
        }
    }

    /// Waits until a workload has finished well, and shows its output where it has not.
    pub(crate) fn until_done(&mut self, client: &Client, name: &str) -> Result<WorkloadView> {
        let view = self.until_over(client, name, &mut |_, _| Ok(()))?;
        if view.state != "done" {
            let said = output(client, name)?;
            bail!("workload `{name}` {}; it said:\n{said}", view.exit.unwrap_or(view.state));
        }
        Ok(view)
    }
}
