//! Embedding: row t of the result is the table's row for token t. Backward adds row t to that row of the gradient.

/// Copies each token's row of `table` to `out`.
///
/// # Panics
/// If a token is outside the table.
pub fn embedding_forward(out: &mut [f32], table: &[f32], tokens: &[u32], width: usize) {
    for (out, token) in out.chunks_exact_mut(width).zip(tokens) {
        let from = *token as usize * width;
        out.copy_from_slice(&table[from..from + width]);
    }
}

/// Adds each row of `upstream` to its token's row of `table_gradient`, in the order of the tokens.
pub fn embedding_backward(table_gradient: &mut [f32], upstream: &[f32], tokens: &[u32], width: usize) {
    for (upstream, token) in upstream.chunks_exact(width).zip(tokens) {
        let from = *token as usize * width;
        for (sum, value) in table_gradient[from..from + width].iter_mut().zip(upstream) {
            *sum += value;
        }
    }
}
