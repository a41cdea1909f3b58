//! Step 7: on the owner's cores the same training, never disturbed, ends with the same weights, bit for bit.

use super::Story;
use super::train::{MODEL, TRAIN, training};
use super::work::{ensure, latest, output, store};
use crate::transfer;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

const CONTROL: &str = "control-run";
const WEIGHTS: &str = "model/model.safetensors";

impl Story {
    /// Runs the training again from step 0 for the owner and compares the weights' hashes.
    pub(crate) fn control(&mut self) -> Result<()> {
        let steps = self.notes.choices.steps.context("the training's steps are not known any more")?;
        let own = self.cores - self.guaranteed();
        let owner = self.owner.clone();
        let inputs = self.lend_inputs()?;
        let name = ensure(&owner, &training(CONTROL, (own, own), steps, &inputs))?.name;
        let metrics = format!("/api/workloads/{name}/files/metrics.jsonl");
        let waiting = self.screen.pick(
            "the same run, never disturbed, on the owner's core(s): step",
            "la même exécution, jamais dérangée, sur les cœurs du propriétaire : pas",
        );
        let mut read = 0;
        let mut step = 0;
        let view = self.until_over(&owner, &name, &mut |story, _| {
            if let Ok(piece) = story.owner.piece(&metrics, read) {
                read += u64::try_from(piece.bytes.len()).unwrap_or(0);
                step = last_step(&piece.bytes).unwrap_or(step);
            }
            story.screen.moving(&format!("{waiting} {step}/{steps}"));
            Ok(())
        })?;
        if view.state != "done" {
            bail!(
                "the control run {}; it said:\n{}",
                view.exit.unwrap_or(view.state),
                output(&owner, &name)?
            );
        }
        let trained = latest(&self.lab, TRAIN)?.context("the training is not at hand any more")?;
        let (ours, theirs) = (trained.outputs.get(WEIGHTS), view.outputs.get(WEIGHTS));
        let (Some(ours), Some(theirs)) = (ours, theirs) else { bail!("one of the two runs left no weights") };
        if ours != theirs {
            bail!("the weights of {MODEL} ({ours}) and of the control run ({theirs}) differ");
        }
        let short = ours.get(..16).unwrap_or(ours);
        let line = self.screen.pick(
            format!("the same run, never disturbed: weights equal bit for bit (sha256 {short}…)"),
            format!("la même exécution, jamais dérangée : poids égaux bit à bit (sha256 {short}…)"),
        );
        self.screen.tell("7", "control", &line);
        Ok(())
    }

    /// Gives the owner the training data: organisations share no artefacts, so the bytes go through this client.
    fn lend_inputs(&self) -> Result<BTreeMap<String, String>> {
        for hash in self.notes.choices.inputs.values() {
            let mut bytes = Vec::new();
            transfer::get(&self.lab, hash.parse()?, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            store(&self.owner, &bytes)?;
        }
        Ok(self.notes.choices.inputs.clone())
    }
}

/// The last whole line's step.
fn last_step(bytes: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().rev().find_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()?["step"].as_u64())
}
