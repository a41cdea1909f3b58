//! AdamW: m = β₁ m + (1 - β₁) g, v = β₂ v + (1 - β₂) g², w = w (1 - η λ) - η (m / c₁) / (sqrt(v / c₂) + ε),
//! with c = 1 - βᵗ.

use crate::dispatch::vectorised;

/// The numbers of one step, the same for all weights of a group.
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// η, the learning rate of this step.
    pub rate: f32,
    /// β₁ and β₂.
    pub betas: (f32, f32),
    /// c₁ and c₂ of this step.
    pub corrections: (f32, f32),
    /// ε.
    pub epsilon: f32,
    /// λ, the weight decay.
    pub decay: f32,
    /// What the gradient is multiplied with first, so that clipping needs no pass of its own.
    pub gradient_scale: f32,
}

/// The two running means of a group of weights.
#[derive(Debug)]
pub struct Moments<'a> {
    /// m, the mean of the gradient.
    pub first: &'a mut [f32],
    /// v, the mean of its square.
    pub second: &'a mut [f32],
}

vectorised! {
    /// Takes one step: changes weights and moments in place.
    pub fn adamw(weights: &mut [f32], moments: Moments<'_>, gradient: &[f32], step: &AdamW) {
        let (beta_first, beta_second) = step.betas;
        let keep = 1.0 - step.rate * step.decay;
        let rate = step.rate / step.corrections.0;
        let scale_second = 1.0 / step.corrections.1;
        let states = moments.first.iter_mut().zip(moments.second);
        for ((weight, (first, second)), gradient) in weights.iter_mut().zip(states).zip(gradient) {
            let gradient = gradient * step.gradient_scale;
            *first = *first * beta_first + gradient * (1.0 - beta_first);
            *second = *second * beta_second + gradient * gradient * (1.0 - beta_second);
            *weight = *weight * keep - rate * *first / ((*second * scale_second).sqrt() + step.epsilon);
        }
    }
}
