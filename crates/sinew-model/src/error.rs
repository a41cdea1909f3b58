//! What can go wrong between the model and the world.

use std::io;
use std::path::PathBuf;

/// Why a model could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read.
    #[error("cannot read `{}`; check that it exists and may be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`; check the folder's rights and the space on its disk", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not what its name says.
    #[error("`{}` is not a valid model file: {reason}; take a complete copy of the model's folder", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// A shape that no decoder can have.
    #[error("this model shape cannot be: {reason}; change the named setting")]
    Shape {
        /// Which setting breaks which rule.
        reason: String,
    },
    /// A model of a kind that is not known here.
    #[error("this model cannot be read here: {reason}; take a model of a known family")]
    Foreign {
        /// What is unknown about it.
        reason: String,
    },
    /// The tokenizer refused its input.
    #[error("the tokenizer could not be {task}: {reason}; make it anew from the training text")]
    Tokenizer {
        /// What was tried.
        task: &'static str,
        /// What it said.
        reason: String,
    },
}
