//! A model to measure: one that is served already, or a release that is served for as long as it is measured.

use super::EvalArgs;
use super::endpoint::Endpoint;
use crate::client::{Client, encoded};
use crate::commands::serve;
use crate::context::Context;
use crate::error::CliError;
use crate::follow::is_over;
use crate::print;
use crate::stop;
use anyhow::Result;
use serde_json::Value;
use sinew_api::WorkloadView;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where a model answers.
pub(super) fn endpoint(context: &Context, args: &EvalArgs) -> Result<Endpoint> {
    if let Some(url) = &args.url {
        let key = std::env::var("OPENAI_API_KEY").ok().filter(|key| !key.is_empty());
        return Ok(Endpoint::other(url, key, &args.model)?);
    }
    let client = context.client()?;
    Ok(Endpoint::own(client.server(), client.key(), &args.model))
}

/// A workload that serves a release while it is measured, and ends with this value. None where it is served already.
pub(super) struct Served {
    client: Client,
    workload: String,
}

impl Served {
    /// Serves the release, unless it is served, and waits until it answers.
    pub(super) fn begin(context: &Context, args: &EvalArgs) -> Result<Option<Served>> {
        if args.url.is_some() {
            return Ok(None);
        }
        let client = context.client()?;
        // An earlier run that was cut off may have left its own behind.
        let mut left = left(&client, &args.model)?;
        while left.as_ref().is_some_and(|view| view.state == "leaving") {
            stop::pause(LOOK_EVERY)?;
            left = self::left(&client, &args.model)?;
        }
        let name = match left {
            Some(view) => view.name,
            None if is_served(&client, &args.model)? => return Ok(None),
            None => {
                let release = serve::find(&client, &args.model)?;
                let name = serve::free_name(&client, prefix(&args.model))?;
                let request = serve::request(&release, name, &args.shape);
                client.post::<_, WorkloadView>("/api/workloads", &request)?.name
            }
        };
        let served = Served { client, workload: name };
        served.wait(context, &args.model)?;
        Ok(Some(served))
    }

    /// Until it answers; says why it does not yet.
    fn wait(&self, context: &Context, model: &str) -> Result<()> {
        let mut said = String::new();
        while !is_served(&self.client, model)? {
            let view: WorkloadView =
                self.client.get(&format!("/api/workloads/{}", encoded(&self.workload)))?;
            let now = context.words.workload(&view);
            if now != said {
                print::note(&now);
                said = now;
            }
            if is_over(&view) {
                let how = context.words.ended(&view);
                let name = format!("{}/{}", view.organisation, view.name);
                return Err(CliError::Workload { name, how }.into());
            }
            stop::pause(LOOK_EVERY)?;
        }
        Ok(())
    }
}

impl Drop for Served {
    /// Gives the cores back, also where the measuring failed.
    fn drop(&mut self) {
        let name = &self.workload;
        let path = format!("/api/workloads/{}", encoded(name));
        // One that failed by itself has gone already.
        if self.client.get::<WorkloadView>(&path).is_ok_and(|view| !is_over(&view))
            && let Err(error) = self.client.delete(&path)
        {
            print::note(format_args!("sinew: {name} still runs ({error}): end it with `sinew stop {name}`"));
        }
    }
}

/// `smollm2@1` is measured by `eval-smollm2-1`, the second time with six digits behind it.
fn prefix(model: &str) -> String {
    format!("eval-{}", model.replace('@', "-"))
}

fn is_served(client: &Client, model: &str) -> Result<bool> {
    let list: Value = client.get("/v1/models")?;
    Ok(list["data"].as_array().is_some_and(|models| models.iter().any(|served| served["id"] == *model)))
}

/// A workload that serves this release for an earlier measurement, and is not over.
fn left(client: &Client, model: &str) -> Result<Option<WorkloadView>> {
    let workloads: Vec<WorkloadView> = client.list("/api/workloads?state=active")?;
    let is_left = |view: &WorkloadView| {
        view.serves.as_deref() == Some(model) && view.name.starts_with(&prefix(model)) && !is_over(view)
    };
    Ok(workloads.into_iter().find(is_left))
}
