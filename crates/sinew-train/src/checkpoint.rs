//! A run's state on disk: one safetensors file a checkpoint, written whole or not at all, checked when it is read.
//!
//! The two newest are kept, so that a file that the disk spoilt costs some seconds of work and not the run.

use crate::error::TrainError;
use crate::trainer::{State, Trainer};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sinew_model::{hex, read_limited, tensor_bytes, tensor_numbers, write_whole};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of one run's checkpoints.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

/// What taking up a run found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The step that the run goes on from; none if it starts anew.
    pub step: Option<u64>,
    /// Checkpoints that were refused, and why.
    pub refused: Vec<String>,
}

/// What a checkpoint says of itself.
#[derive(Serialize, Deserialize)]
struct Label {
    version: u32,
    run: String,
    step: u64,
    sha256: String,
}

const VERSION: u32 = 1;
const KEPT: usize = 2;
const LABEL: &str = "sinew.checkpoint";
/// The most bytes that the head of a checkpoint has.
const HEAD_BYTES_MOST: u64 = 1 << 20;

impl Checkpoints {
    /// The checkpoints in `folder`, which need not exist.
    pub fn new(folder: &Path) -> Checkpoints {
        Checkpoints { folder: folder.to_owned() }
    }

    /// Writes the run's state, and removes all but the two newest checkpoints.
    pub fn save(&self, trainer: &Trainer<'_>) -> Result<PathBuf, TrainError> {
        fs::create_dir_all(&self.folder).map_err(|source| self.unreadable(source))?;
        let path = self.folder.join(format!("step-{:010}.safetensors", trainer.step()));
        write_whole(&path, &encode(&trainer.state, trainer.run_name()))?;
        for old in self.list()?.iter().skip(KEPT) {
            // A checkpoint that stays costs room only, and the next save tries again.
            let _ = fs::remove_file(old);
        }
        Ok(path)
    }

    /// Puts the run where its newest sound checkpoint left it.
    pub fn resume(&self, trainer: &mut Trainer<'_>) -> Result<Found, TrainError> {
        let mut found = Found::default();
        for path in self.list()? {
            match read(&path, trainer) {
                Ok(step) => {
                    found.step = Some(step);
                    return Ok(found);
                }
                Err(Refused::OtherRun) => return Err(TrainError::OtherRun { path }),
                Err(Refused::Damaged(reason)) => {
                    found.refused.push(format!("`{}`: {reason}", path.display()))
                }
            }
        }
        Ok(found)
    }

    /// The checkpoints, newest first.
    fn list(&self) -> Result<Vec<PathBuf>, TrainError> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let listing = fs::read_dir(&self.folder).map_err(|source| self.unreadable(source))?;
        let mut paths = Vec::new();
        for entry in listing {
            let path = entry.map_err(|source| self.unreadable(source))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("step-") && name.ends_with(".safetensors") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.reverse();
        Ok(paths)
    }

    fn unreadable(&self, source: std::io::Error) -> TrainError {
        TrainError::Read { path: self.folder.clone(), source }
    }
}

enum Refused {
    OtherRun,
    Damaged(String),
}

fn encode(state: &State, run: &str) -> Vec<u8> {
    let numbers: [(&str, &[f32]); 3] =
        [("first", &state.first), ("second", &state.second), ("weights", &state.weights.plain)];
    let tensors = numbers.map(|(name, values)| (name, tensor_bytes(values)));
    let sha256 = hash(run, state.step, tensors.each_ref().map(|(_, bytes)| bytes.as_slice()));
    let label = Label { version: VERSION, run: run.to_owned(), step: state.step, sha256 };
    let label = serde_json::to_string(&label).expect("a label is plain data");
    let views = tensors.iter().map(|(name, bytes)| {
        let shape = vec![bytes.len() / 4];
        (*name, TensorView::new(Dtype::F32, shape, bytes).expect("the bytes fit the shape"))
    });
    let about = [(LABEL.to_owned(), label)].into_iter().collect();
    safetensors::serialize(views, Some(about)).expect("well-formed tensors")
}

/// Reads a checkpoint into the trainer, which stays as it is if the file is refused.
fn read(path: &Path, trainer: &mut Trainer<'_>) -> Result<u64, Refused> {
    let damaged = |reason: String| Refused::Damaged(reason);
    let length = trainer.state.first.len();
    let bytes = read_limited(path, length as u64 * 12 + HEAD_BYTES_MOST)
        .map_err(|error| damaged(error.to_string()))?;
    let (_, head) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
    let label = head.metadata().as_ref().and_then(|about| about.get(LABEL));
    let label: Label = label
        .and_then(|label| serde_json::from_str(label).ok())
        .ok_or_else(|| damaged("it is not a checkpoint".to_owned()))?;
    if label.version != VERSION || label.run != trainer.run_name() {
        return Err(Refused::OtherRun);
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
    let mut parts: [&[u8]; 3] = [&[]; 3];
    for (part, name) in parts.iter_mut().zip(["first", "second", "weights"]) {
        let view = file.tensor(name).map_err(|error| damaged(error.to_string()))?;
        if view.dtype() != Dtype::F32 || view.shape() != [length] {
            return Err(damaged(format!("tensor {name} does not fit the model")));
        }
        *part = view.data();
    }
    if hash(&label.run, label.step, parts) != label.sha256 {
        return Err(damaged("its bytes do not have the hash that it names".to_owned()));
    }
    trainer.restore(parts, label.step);
    Ok(label.step)
}

fn hash(run: &str, step: u64, parts: [&[u8]; 3]) -> String {
    let mut digest = Sha256::new();
    digest.update(run.as_bytes());
    digest.update(step.to_le_bytes());
    parts.iter().for_each(|part| digest.update(part));
    hex(&digest.finalize())
}

impl Trainer<'_> {
    fn restore(&mut self, [first, second, weights]: [&[u8]; 3], step: u64) {
        tensor_numbers(&mut self.state.first, first);
        tensor_numbers(&mut self.state.second, second);
        tensor_numbers(&mut self.state.weights.plain, weights);
        self.state.step = step;
        self.refresh();
    }
}
