//! What can go wrong between a training run and the world.

use sinew_model::ModelError;
use std::io;
use std::path::PathBuf;

/// Why data could not be prepared or a run not go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file or folder could not be read.
    #[error("cannot read `{}`; check that it exists and may be read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file cannot be trained on.
    #[error("`{}` cannot be used as training text: {reason}", path.display())]
    Text {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The folder of prepared data is damaged or not one.
    #[error("`{}` is not prepared data: {reason}; run `prepare` again into an empty folder", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// A checkpoint was made by a run with other data, shape, recipe, seed or steps.
    #[error("`{}` belongs to another run (other data, seed, steps or recipe); use an empty folder for this one", path.display())]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
    },
    /// A recipe that no run can follow.
    #[error("the recipe has {name} = {value}; {remedy}")]
    Recipe {
        /// What is wrong.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it should be.
        remedy: String,
    },
    /// The loss is no longer a number.
    #[error("the loss at step {step} is not a finite number; use a lower learning rate or another seed")]
    Diverged {
        /// The step.
        step: u64,
    },
    /// The model's own files or tokenizer.
    #[error(transparent)]
    Model(#[from] ModelError),
}
