//! Step 6: the release is served, and the page opens on a chat that answers from these weights.

use super::train::MODEL;
use super::work::{engine, ensure, output};
use super::{LOOK_EVERY, Story};
use crate::stop;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sinew_api::{ReleaseView, WorkloadView};

const SERVE: &str = "serve-chat-nano";
/// How often a new endpoint is looked for before it counts as broken.
const LOOKS_MAX: u32 = 600;
const QUESTION: &str = "What is 17+25?";

impl Story {
    /// Starts the endpoint, asks it one question, and says where to chat.
    pub(crate) fn chat(&mut self, url: &str) -> Result<()> {
        let releases: Vec<ReleaseView> = self.lab.list("/api/releases")?;
        let release =
            releases.into_iter().find(|release| release.model == MODEL).context("there is no release")?;
        let own = self.guaranteed();
        let args = ["serve", "--model", "$(SINEW_INPUTS)/model", "--name", &release.reference];
        let mut request = engine(SERVE, (own, own), &args);
        request.inputs =
            release.files.iter().map(|(path, hash)| (format!("model/{path}"), hash.clone())).collect();
        request.serves = Some(release.reference.clone());
        let name = ensure(&self.lab, &request)?.name;
        let answer = self.first_answer(&release.reference, &name, QUESTION)?;
        let page = format!("{url}/chat#key={}", self.lab.key().unwrap_or_default());
        self.screen.tell("6", "chat", &page);
        self.screen.more(&format!("“{QUESTION}” “{}”", answer.trim()));
        let console = format!("{url}/console#key={}", self.owner.key().unwrap_or_default());
        let line = self.screen.pick(
            format!("the owner's console: {console}"),
            format!("la console du propriétaire : {console}"),
        );
        self.screen.more(&line);
        let total = self.notes.total_s();
        let line = self.screen.pick(
            format!("Ctrl-C to stop; everything is kept. {total:.0} s up to here"),
            format!("Ctrl-C pour arrêter ; tout est gardé. {total:.0} s jusqu'ici"),
        );
        self.screen.more(&line);
        Ok(())
    }

    /// Asks an endpoint a question until it is up and answers.
    pub(crate) fn first_answer(&self, model: &str, workload: &str, question: &str) -> Result<String> {
        let question = json!({
            "model": model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": 40,
        });
        for _ in 0..LOOKS_MAX {
            if let Ok(answer) = self.lab.post::<_, Value>("/v1/chat/completions", &question) {
                let text = answer["choices"][0]["message"]["content"].as_str();
                return Ok(text.context("the endpoint's answer has no text")?.to_owned());
            }
            let view: WorkloadView = self.lab.get(&format!("/api/workloads/{workload}"))?;
            if crate::follow::is_over(&view) {
                break;
            }
            stop::pause(LOOK_EVERY)?;
        }
        bail!("the endpoint does not answer; it said:\n{}", output(&self.lab, workload)?)
    }
}
