//! Models that other people published, run with weights of few bits: the forward pass, with its cache in pages.

mod pages;
mod reader;
mod weights;

pub use pages::PagedCache;
pub use reader::{Addition, Reader};
pub use weights::{Loaded, Precision};
