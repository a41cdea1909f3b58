//! What the demo keeps in the data folder: its choices, how long its steps took, and how to reach it.

use crate::client::Client;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Choices that a later start must repeat, so that the control run does the same work.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Choices {
    /// Training steps, chosen by what this machine does in a second.
    pub(crate) steps: Option<u64>,
    /// Artefacts of the prepared data, by the path that the training finds them under.
    #[serde(default)]
    pub(crate) inputs: BTreeMap<String, String>,
}

/// Files of the demo in the data folder.
pub(crate) struct Notes {
    folder: PathBuf,
    pub(crate) choices: Choices,
    seconds: Vec<(String, f64)>,
}

impl Notes {
    /// Reads what an earlier demo left.
    pub(crate) fn open(data: &Path) -> Result<Self> {
        let read = |name: &str| fs::read_to_string(data.join(name)).ok();
        let choices =
            read("demo-choices.json").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let report: Option<serde_json::Value> =
            read("demo-report.json").and_then(|text| serde_json::from_str(&text).ok());
        let steps = report.and_then(|report| report["steps"].as_array().cloned()).unwrap_or_default();
        let step =
            |step: &serde_json::Value| Some((step["name"].as_str()?.to_owned(), step["seconds"].as_f64()?));
        let notes =
            Self { folder: data.to_owned(), choices, seconds: steps.iter().filter_map(step).collect() };
        // How to reach an earlier demo says nothing about this one.
        let _ = fs::remove_file(notes.folder.join("demo-ready.json"));
        Ok(notes)
    }

    /// Keeps the choices.
    pub(crate) fn keep(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.choices).context("choices have a JSON form")?;
        self.write("demo-choices.json", &text)
    }

    /// Notes how long a step took, the first time that it was done, and writes the report.
    pub(crate) fn add(&mut self, name: &str, took: Duration) -> Result<()> {
        if !self.seconds.iter().any(|(known, _)| known == name) {
            self.seconds.push((name.to_owned(), took.as_secs_f64()));
        }
        let total: f64 =
            self.seconds.iter().filter(|(name, _)| name != "control").map(|(_, seconds)| seconds).sum();
        let steps: Vec<_> =
            self.seconds.iter().map(|(name, seconds)| json!({"name": name, "seconds": seconds})).collect();
        let report = json!({"steps": steps, "total_s_without_control": total});
        self.write("demo-report.json", &format!("{report:#}\n"))
    }

    /// How long everything but the control run took.
    pub(crate) fn total_s(&self) -> f64 {
        self.seconds.iter().filter(|(name, _)| name != "control").map(|(_, seconds)| seconds).sum()
    }

    /// Says how to reach the demo, for programs that wait for it.
    pub(crate) fn write_ready(&self, url: &str, lab: &Client, owner: &Client) -> Result<()> {
        let ready = json!({"url": url, "lab_key": lab.key(), "owner_key": owner.key()});
        self.write("demo-ready.json", &format!("{ready:#}\n"))
    }

    /// Writes a private file, whole or not at all.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        let (path, partial) = (self.folder.join(name), self.folder.join(format!("{name}.partial")));
        let write = || -> std::io::Result<()> {
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&partial)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&partial, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}
