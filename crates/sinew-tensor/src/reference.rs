//! The slow and obvious form of each kernel, in `f64` where sums are long. Tests hold the fast forms against these;
//! nothing else calls them.

/// out[r][c] = Σ over k of left[r][k] · right[k][c], for row-major matrices.
pub fn matmul(left: &[f32], right: &[f32], (rows, inner, columns): (usize, usize, usize)) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for column in 0..columns {
            let product =
                |k: usize| f64::from(left[row * inner + k]) * f64::from(right[k * columns + column]);
            out.push((0..inner).map(product).sum::<f64>() as f32);
        }
    }
    out
}

/// Root-mean-square norm of each row.
pub fn rms_norm(input: &[f32], gain: &[f32], epsilon: f32) -> Vec<f32> {
    let norm = |row: &[f32]| {
        let mean = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / row.len() as f64;
        let factor = 1.0 / (mean + f64::from(epsilon)).sqrt();
        row.iter().zip(gain).map(|(x, g)| (f64::from(*x) * factor * f64::from(*g)) as f32).collect::<Vec<_>>()
    };
    input.chunks_exact(gain.len()).flat_map(norm).collect()
}

/// Each pair of channels turned by its angle at its position; rows hold `heads` heads.
pub fn rotary(rows: &[f32], heads: usize, width: usize, theta: f64) -> Vec<f32> {
    let mut out = rows.to_vec();
    for (position, row) in out.chunks_exact_mut(heads * width).enumerate() {
        for head in row.chunks_exact_mut(width) {
            for pair in 0..width / 2 {
                let angle = position as f64 * theta.powf(-2.0 * pair as f64 / width as f64);
                let (a, b) = (f64::from(head[pair]), f64::from(head[pair + width / 2]));
                head[pair] = (a * angle.cos() - b * angle.sin()) as f32;
                head[pair + width / 2] = (b * angle.cos() + a * angle.sin()) as f32;
            }
        }
    }
    out
}

/// Causal attention with all heads' rows in `qkv`, one score at a time.
pub fn attention(qkv: &[f32], heads: usize, kv_heads: usize, width: usize) -> Vec<f32> {
    let step = (heads + 2 * kv_heads) * width;
    let at = |position: usize, head: usize, channel: usize| {
        f64::from(qkv[position * step + head * width + channel])
    };
    let positions = qkv.len() / step;
    let mut out = vec![0.0; positions * heads * width];
    for position in 0..positions {
        for head in 0..heads {
            let key = heads + head * kv_heads / heads;
            let score = |other: usize| {
                let products = (0..width).map(|c| at(position, head, c) * at(other, key, c));
                (products.sum::<f64>() / (width as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = (0..=position).map(score).collect();
            let total: f64 = scores.iter().sum();
            for channel in 0..width {
                let values = (0..=position).map(|other| at(other, key + kv_heads, channel));
                let mixed: f64 = values.zip(&scores).map(|(value, score)| value * score / total).sum();
                out[(position * heads + head) * width + channel] = mixed as f32;
            }
        }
    }
    out
}

/// silu(gate) · value for rows of `width` gates and `width` values.
pub fn swiglu(input: &[f32], width: usize) -> Vec<f32> {
    let unit = |row: &[f32]| {
        let pair = |index: usize| (f64::from(row[index]), f64::from(row[index + width]));
        (0..width)
            .map(pair)
            .map(|(gate, value)| (gate / (1.0 + (-gate).exp()) * value) as f32)
            .collect::<Vec<_>>()
    };
    input.chunks_exact(2 * width).flat_map(unit).collect()
}

/// The weighted loss of all rows.
pub fn cross_entropy(logits: &[f32], targets: &[u32], weights: &[f32]) -> f64 {
    let width = logits.len() / targets.len();
    let rows = logits.chunks_exact(width).zip(targets).zip(weights);
    rows.map(|((row, target), weight)| {
        let sum: f64 = row.iter().map(|z| f64::from(*z).exp()).sum();
        f64::from(*weight) * (sum.ln() - f64::from(row[*target as usize]))
    })
    .sum()
}

/// One AdamW step of one weight: returns weight and moments.
pub fn adamw(state: [f64; 3], gradient: f64, rate: f64, decay: f64, step: i32) -> [f64; 3] {
    let [weight, first, second] = state;
    let first = 0.9 * first + 0.1 * gradient;
    let second = 0.95 * second + 0.05 * gradient * gradient;
    let (mean, square) = (first / (1.0 - 0.9_f64.powi(step)), second / (1.0 - 0.95_f64.powi(step)));
    [weight * (1.0 - rate * decay) - rate * mean / (square.sqrt() + 1e-8), first, second]
}
