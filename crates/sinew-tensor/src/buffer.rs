//! Numbers that begin at a cache line, so that no vector of a row lies across two.

use std::ops::{Deref, DerefMut};

/// A vector of `f32` whose first number stands at the begin of a cache line.
#[derive(Clone, Default)]
pub struct Buffer {
    lines: Vec<Line>,
    length: usize,
}

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

const LINE: usize = 16;

impl Buffer {
    /// As many zeros.
    pub fn zeros(length: usize) -> Buffer {
        Buffer { lines: vec![Line([0.0; LINE]); length.div_ceil(LINE)], length }
    }

    /// Makes it longer or shorter; what is new holds zeros or what stood there before. Room is never given back, so a
    /// buffer that changes its length again and again is filled once.
    pub fn resize(&mut self, length: usize) {
        if self.lines.len() * LINE < length {
            self.lines.resize(length.div_ceil(LINE), Line([0.0; LINE]));
        }
        self.length = length;
    }
}

impl From<&[f32]> for Buffer {
    fn from(values: &[f32]) -> Buffer {
        let mut buffer = Buffer::zeros(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a line is 16 numbers without padding, and there are enough lines for `length` numbers.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the lines are borrowed for as long as the slice.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Buffer of {} numbers", self.length)
    }
}
