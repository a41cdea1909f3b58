//! `run.toml`: all that a training run is told, in one file.
//!
//! `[model]` and `[recipe]` say what differs from the preset; their names are those of `config.json` and of [`Recipe`].

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sinew_model::Config;
use sinew_train::{Prepared, Recipe};
use std::path::{Path, PathBuf};
use toml::Table;

/// The file as it is written. Paths are relative to its folder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunFile {
    /// A folder that `prepare` made.
    data: PathBuf,
    /// The folder for the finished model.
    out: PathBuf,
    /// Steps in all.
    pub(crate) steps: u64,
    /// The seed of weights and data order.
    pub(crate) seed: u64,
    /// Seconds between two checkpoints.
    #[serde(default = "ten")]
    pub(crate) checkpoint_every_s: u64,
    /// Steps between two looks at the held-out text; 0 for never.
    #[serde(default)]
    pub(crate) evaluate_every_steps: u64,
    /// Rows of the held-out text that a look takes at most.
    #[serde(default = "ten_rows")]
    pub(crate) evaluate_rows: usize,
    /// Whether TensorBoard's event files are written too.
    #[serde(default)]
    pub(crate) tensorboard: bool,
    #[serde(skip)]
    folder: PathBuf,
    #[serde(default)]
    model: Table,
    #[serde(default)]
    recipe: Table,
}

fn ten() -> u64 {
    10
}

fn ten_rows() -> usize {
    10
}

impl RunFile {
    /// Reads the file and makes its paths whole.
    pub(crate) fn read(path: &Path) -> Result<RunFile> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut file: RunFile =
            toml::from_str(&text).with_context(|| format!("`{}` is not a run file", path.display()))?;
        for (name, value, most) in
            [("steps", file.steps, 100_000_000), ("checkpoint_every_s", file.checkpoint_every_s, 86_400)]
        {
            if !(1..=most).contains(&value) {
                bail!("`{}` has {name} = {value}; give 1 to {most}", path.display());
            }
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        for place in [&mut file.data, &mut file.out] {
            *place = folder.join(&*place);
        }
        file.folder = folder.to_owned();
        Ok(file)
    }

    /// The folder of data.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The folder for the model.
    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    /// The folder for all else that the run writes: its own.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The preset with what the file changes in it.
    pub(crate) fn shape(&self, data: &Prepared) -> Result<(Config, Recipe)> {
        let config: Config = changed(&Config::nano(data.vocabulary()), &self.model, "model")?;
        let recipe: Recipe = changed(&Recipe::nano(self.steps, self.seed), &self.recipe, "recipe")?;
        if config.vocabulary < data.vocabulary() {
            let (have, need) = (config.vocabulary, data.vocabulary());
            bail!("[model] has vocab_size = {have}, but the data has {need} tokens; give at least that many");
        }
        if (recipe.steps, recipe.seed) != (self.steps, self.seed) {
            bail!("[recipe] has steps or seed; give them at the top of the file");
        }
        Ok((config, recipe))
    }
}

/// The preset with some of its values replaced.
fn changed<T: serde::Serialize + DeserializeOwned>(preset: &T, changes: &Table, name: &str) -> Result<T> {
    let mut table = Table::try_from(preset).expect("a preset is plain data");
    for (key, value) in changes {
        let Some(slot) = table.get_mut(key) else {
            let known: Vec<&str> = table.keys().map(String::as_str).collect();
            bail!("[{name}] has `{key}`, which is not known; it may have {}", known.join(", "));
        };
        *slot = value.clone();
    }
    table.try_into().with_context(|| format!("[{name}] has a value of the wrong kind"))
}
