//! The sum of partial gradients as one fixed tree: (0+1) + (2+3).

use crate::dispatch::vectorised;

/// Into how many parts a step's work is always divided, whatever the number of threads.
pub const PARTS: usize = 4;

vectorised! {
    /// Writes the sum of the parts to `out`.
    pub fn tree_sum(out: &mut [f32], parts: &[&[f32]; PARTS]) {
        let [a, b, c, d] = parts.map(|part| &part[..out.len()]);
        for (out, (((a, b), c), d)) in out.iter_mut().zip(a.iter().zip(b).zip(c).zip(d)) {
            *out = (a + b) + (c + d);
        }
    }
}
