//! The one place where kernels are chosen: callers name a subject here and never an instruction set, so that a faster
//! form of a kernel is put in behind these names and nowhere else.

mod adamw;
mod attention;
mod cross_entropy;
mod embedding;
mod lanes;
mod matmul;
mod product;
mod rms_norm;
mod rotary;
mod swiglu;
mod tile;
mod tree_sum;

pub use adamw::{AdamW, Moments, adamw};
pub use attention::{
    BLOCK_ROWS, CachedRows, Heads, Scratch, Seen, attention_backward, attention_forward, attention_with_cache,
};
pub use cross_entropy::{cross_entropy, log_normaliser, log_probability};
pub use embedding::{embedding_backward, embedding_forward};
pub(crate) use lanes::exp_of_block;
pub use lanes::sum_of_squares;
pub use matmul::{Mix, View, ViewMut, matmul, rows_times_matrix};
pub use product::{Packed, TurnedRoom, product, product_of_turned};
#[cfg(test)]
pub(crate) use product::{product_at, turned_at};
pub use rms_norm::{NormBackward, rms_norm_again, rms_norm_backward, rms_norm_forward};
pub use rotary::{Rotary, rotary_backward, rotary_forward};
pub use swiglu::{swiglu_forward, swiglu_turn};
pub use tile::burst;
pub use tree_sum::{PARTS, tree_sum};
