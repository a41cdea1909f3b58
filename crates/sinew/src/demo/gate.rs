//! Steps 3 and 4: the model is measured and released; random weights fail the same gate.

use super::Story;
use super::train::{MODEL, TRAIN};
use super::work::{engine, ensure, find, latest, left, output};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use sinew_api::{ReleaseRequest, ReleaseView, WorkloadRequest, WorkloadView};

const GATE: &str = "gate-chat-nano";
const RANDOM: &str = "gate-random-weights";

impl Story {
    /// Measures the trained weights and random ones, each on leased cores.
    pub(crate) fn gate(&mut self) -> Result<()> {
        let trained = latest(&self.lab, TRAIN)?.context("the training is not at hand any more")?;
        let lab = self.lab.clone();
        let name = ensure(&lab, &self.measure(GATE, &trained, &[]))?.name;
        let gate = self.until_over(&lab, &name, &mut |_, _| Ok(()))?;
        let said = figures(&left(&lab, &gate, "report.json").unwrap_or_default());
        if gate.state != "done" {
            bail!("the model did not pass its gate ({said}); it said:\n{}", output(&lab, &name)?);
        }
        let passed = self.screen.pick("passed", "réussie");
        self.screen.tell("3", "gate", &format!("{said}   {passed}"));
        if find(&lab, RANDOM)?.is_none() {
            ensure(&lab, &self.measure(RANDOM, &trained, &["--random-weights"]))?;
        }
        let random = self.until_over(&lab, RANDOM, &mut |_, _| Ok(()))?;
        if random.state == "done" {
            bail!("random weights passed the gate, so the gate says nothing");
        }
        let said = figures(&left(&lab, &random, "report.json").unwrap_or_default());
        let line = self.screen.pick(
            format!("the same gate on random weights: {said}   failed, as it must"),
            format!("la même épreuve sur des poids au hasard : {said}   échouée, comme il se doit"),
        );
        self.screen.more(&line);
        Ok(())
    }

    fn measure(&self, name: &str, trained: &WorkloadView, more: &[&str]) -> WorkloadRequest {
        let args = [
            "gate",
            "--data",
            "$(SINEW_INPUTS)/data",
            "--model",
            "$(SINEW_INPUTS)/model",
            "--report",
            "$(SINEW_OUT)/report.json",
        ];
        let args: Vec<&str> = args.iter().chain(more).copied().collect();
        let mut request = engine(name, (self.guaranteed(), self.cores), &args);
        request.inputs = self.notes.choices.inputs.clone();
        request.inputs.extend(trained.outputs.clone());
        request
    }

    /// Releases the weights that passed; those that failed are refused.
    pub(crate) fn release(&mut self) -> Result<()> {
        let releases: Vec<ReleaseView> = self.lab.list("/api/releases")?;
        let name = |first| {
            Ok::<_, anyhow::Error>(latest(&self.lab, first)?.context("a run is not at hand any more")?.name)
        };
        let (trained_by, gate) = (name(TRAIN)?, name(GATE)?);
        let ask = |gate: &str| ReleaseRequest {
            model: MODEL.to_owned(),
            trained_by: trained_by.clone(),
            gated_by: gate.to_owned(),
        };
        if self.lab.post::<_, ReleaseView>("/api/releases", &ask(RANDOM)).is_ok() {
            bail!("a release was made from a gate that failed");
        }
        let release = match releases.into_iter().find(|release| release.model == MODEL) {
            Some(release) => release,
            None => self.lab.post("/api/releases", &ask(&gate))?,
        };
        let reference = &release.reference;
        let line = self.screen.pick(format!("{reference} is released"), format!("{reference} est publié"));
        self.screen.tell("4", "release", &line);
        Ok(())
    }
}

/// The report's figures in one line: `2.54 bits/byte (bigram 3.58, unigram 4.85) · sums 73 %`.
fn figures(report: &Value) -> String {
    let all = report["figures"].as_array();
    let value = |name: &str| {
        let found = all.into_iter().flatten().find(|figure| figure["name"] == name);
        found.and_then(|figure| figure["value"].as_f64()).unwrap_or(f64::NAN)
    };
    let (bits, bigram, unigram) =
        (value("bits_per_byte"), value("bigram_bits_per_byte"), value("unigram_bits_per_byte"));
    let sums = value("sums_right") * 100.0;
    format!("{bits:.2} bits/byte (bigram {bigram:.2}, unigram {unigram:.2}) · sums {sums:.0} %")
}
