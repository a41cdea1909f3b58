//! Random numbers that depend on a seed, a stream and a counter only, so that a run can be taken up at any step.

/// One stream of numbers.
#[derive(Clone, Debug)]
pub struct Random {
    key: u64,
    counter: u64,
}

impl Random {
    /// The stream of this seed and these labels; other labels give an unrelated stream.
    pub fn new(seed: u64, labels: &[u64]) -> Random {
        let key = labels
            .iter()
            .fold(mix(seed ^ 0x5349_4e45_5721), |key, label| mix(key ^ mix(label.wrapping_add(1))));
        Random { key, counter: 0 }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.counter += 1;
        mix(self.key.wrapping_add(self.counter.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number from 0 to `end` - 1.
    ///
    /// # Panics
    /// If `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        assert!(end > 0, "there is no number below 0");
        let wide = u128::from(self.bits()) * end as u128;
        usize::try_from(wide >> 64).expect("the high half is below `end`")
    }

    /// A number from 0 up to 1, without 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u32 << 24) as f32
    }
}

/// The finaliser of SplitMix64: each bit of the input changes each bit of the output with chance one half.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
