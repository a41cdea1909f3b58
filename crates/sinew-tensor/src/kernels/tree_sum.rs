//! The sum of partial gradients as one fixed tree: (0+1) + (2+3).

use crate::dispatch::vectorised;

/// Into how many parts a step's work is always divided, whatever the number of threads.
pub const PARTS: usize = 4;

vectorised! {
    /// Adds the other parts to the first, which becomes the sum.
    pub fn tree_sum(first: &mut [f32], others: &[&[f32]; PARTS - 1]) {
        let [b, c, d] = others.map(|part| &part[..first.len()]);
        for (a, ((b, c), d)) in first.iter_mut().zip(b.iter().zip(c).zip(d)) {
            *a = (*a + b) + (c + d);
        }
    }
}
