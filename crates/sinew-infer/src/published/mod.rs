//! Models that other people published, run with weights of few bits: the forward pass, with its cache in pages.

mod pages;
mod reader;
mod serving;
mod template;
mod weights;

pub use pages::PagedCache;
pub use reader::{Addition, Reader};
pub use serving::Serving;
pub use template::{Template, TemplateError};
pub use weights::{Loaded, Precision};
