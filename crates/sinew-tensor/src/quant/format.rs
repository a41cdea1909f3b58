//! The number formats of weight files, and what their bytes stand for. This is the obvious form that every fast one is
//! tested against.

/// How a file writes the numbers of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// 32-bit floats.
    F32,
    /// 16-bit floats of IEEE 754.
    F16,
    /// 16-bit floats with the exponent of 32-bit ones.
    Bf16,
    /// 32 numbers: a scale d and 8-bit q, x = d q.
    Q8_0,
    /// 32 numbers: a scale d and 4-bit q, x = d (q - 8).
    Q4_0,
    /// 32 numbers: a scale d, a least value m and 4-bit q, x = d q + m.
    Q4_1,
    /// 256 numbers: d, m and, for each 32 of them, 6-bit s and t with 4-bit q, x = d s q - m t.
    Q4K,
    /// 256 numbers: d and, for each 16 of them, 8-bit s with 6-bit q, x = d s (q - 32).
    Q6K,
}

impl Format {
    /// How many numbers a block has.
    pub fn block_numbers(self) -> usize {
        match self {
            Format::F32 | Format::F16 | Format::Bf16 => 1,
            Format::Q8_0 | Format::Q4_0 | Format::Q4_1 => 32,
            Format::Q4K | Format::Q6K => 256,
        }
    }

    /// How many bytes a block has.
    pub fn block_bytes(self) -> usize {
        match self {
            Format::F32 => 4,
            Format::F16 | Format::Bf16 => 2,
            Format::Q8_0 => 34,
            Format::Q4_0 => 18,
            Format::Q4_1 => 20,
            Format::Q4K => 144,
            Format::Q6K => 210,
        }
    }

    /// The bytes of a row; none if it is no whole number of blocks or too long to count.
    pub fn row_bytes(self, numbers: usize) -> Option<usize> {
        let whole = numbers.is_multiple_of(self.block_numbers());
        whole.then(|| (numbers / self.block_numbers()).checked_mul(self.block_bytes())).flatten()
    }
}

/// Writes the numbers that `bytes` stand for.
///
/// # Panics
/// If the bytes are not those of as many whole blocks as `out` has.
pub fn dequantise(out: &mut [f32], bytes: &[u8], format: Format) {
    assert_eq!(format.row_bytes(out.len()), Some(bytes.len()), "whole blocks");
    let blocks = bytes.chunks_exact(format.block_bytes());
    for (out, block) in out.chunks_exact_mut(format.block_numbers()).zip(blocks) {
        match format {
            Format::F32 => out[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]),
            Format::F16 => out[0] = half(block, 0),
            Format::Bf16 => {
                out[0] = f32::from_bits(u32::from(u16::from_le_bytes([block[0], block[1]])) << 16)
            }
            Format::Q8_0 => q8_0(out, block),
            Format::Q4_0 => q4(out, &block[2..], |q| half(block, 0) * (f32::from(q) - 8.0)),
            Format::Q4_1 => q4(out, &block[4..], |q| half(block, 0) * f32::from(q) + half(block, 2)),
            Format::Q4K => q4k(out, block),
            Format::Q6K => q6k(out, block),
        }
    }
}

fn q8_0(out: &mut [f32], block: &[u8]) {
    let scale = half(block, 0);
    for (out, q) in out.iter_mut().zip(&block[2..]) {
        *out = scale * f32::from(q.cast_signed());
    }
}

fn q4(out: &mut [f32], nibbles: &[u8], value: impl Fn(u8) -> f32) {
    let (low, high) = out.split_at_mut(16);
    for ((low, high), pair) in low.iter_mut().zip(high).zip(nibbles) {
        *low = value(pair & 15);
        *high = value(pair >> 4);
    }
}

fn q4k(out: &mut [f32], block: &[u8]) {
    let (scale, least) = (half(block, 0), half(block, 2));
    for (index, out) in out.chunks_exact_mut(32).enumerate() {
        let (s, t) = scale_and_least(&block[4..16], index);
        let shift = 4 * (index % 2);
        let pairs = &block[16 + 32 * (index / 2)..][..32];
        for (out, pair) in out.iter_mut().zip(pairs) {
            *out = scale * f32::from(s) * f32::from((pair >> shift) & 15) - least * f32::from(t);
        }
    }
}

/// The 6-bit scale and least value of one of the eight parts of a Q4_K block: the last four parts keep their upper two
/// bits above those of the first four.
pub(super) fn scale_and_least(packed: &[u8], index: usize) -> (u8, u8) {
    if index < 4 {
        return (packed[index] & 63, packed[index + 4] & 63);
    }
    let low = packed[index + 4];
    ((low & 15) | ((packed[index - 4] >> 6) << 4), (low >> 4) | ((packed[index] >> 6) << 4))
}

fn q6k(out: &mut [f32], block: &[u8]) {
    let scale = half(block, 208);
    for (place, out) in out.iter_mut().enumerate() {
        let s = block[192 + place / 16].cast_signed();
        *out = scale * f32::from(s) * (f32::from(q6k_number(block, place)) - 32.0);
    }
}

/// One of the 256 numbers of a Q6_K block, before 32 is taken off: 4 bits here, 2 bits there.
pub(super) fn q6k_number(block: &[u8], place: usize) -> u8 {
    let (side, within) = (place / 128, place % 128);
    let (quarter, column) = (within / 32, within % 32);
    let low = block[64 * side + 32 * (quarter % 2) + column] >> (4 * (quarter / 2));
    let high = block[128 + 32 * side + column] >> (2 * quarter);
    (low & 15) | ((high & 3) << 4)
}

/// The 16-bit float at a place, as a 32-bit one.
#[inline(always)]
pub(super) fn half(bytes: &[u8], at: usize) -> f32 {
    half_bits(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

/// A 16-bit float's bits as a 32-bit float: the exponent's bias grows by 112, which a multiplication does for numbers
/// below the normal ones as well.
#[inline(always)]
pub(super) fn half_bits(bits: u16) -> f32 {
    const GROW: f32 = f32::from_bits((254 - 15) << 23);
    let rest = u32::from(bits & 0x7fff) << 13;
    let sign = u32::from(bits & 0x8000) << 16;
    let size = if bits & 0x7c00 == 0x7c00 {
        f32::from_bits(rest | 0x7f80_0000)
    } else {
        f32::from_bits(rest) * GROW
    };
    f32::from_bits(size.to_bits() | sign)
}

#[cfg(test)]
mod tests;
