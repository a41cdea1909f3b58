//! A slice of which several threads write different parts.

use std::marker::PhantomData;

/// A slice whose parts are handed out without looking whether they overlap.
#[derive(Clone, Copy)]
pub struct SharedMut<'a, T> {
    start: *mut T,
    length: usize,
    life: PhantomData<&'a mut [T]>,
}

// SAFETY: the pointer stands for `&mut [T]`; who takes parts of it promises that they do not overlap.
unsafe impl<T: Send> Send for SharedMut<'_, T> {}
// SAFETY: as above: a shared reference only lets disjoint parts be taken.
unsafe impl<T: Send> Sync for SharedMut<'_, T> {}

impl<'a, T> SharedMut<'a, T> {
    /// The slice at a place. What lies there must not be used otherwise while this lives.
    pub(crate) fn new(start: *mut T, length: usize) -> SharedMut<'a, T> {
        SharedMut { start, length, life: PhantomData }
    }

    /// Hands out parts of a slice.
    pub fn of(slice: &'a mut [T]) -> SharedMut<'a, T> {
        SharedMut::new(slice.as_mut_ptr(), slice.len())
    }

    /// A part of the slice.
    ///
    /// # Safety
    /// Nobody else may hold a part that overlaps this one.
    ///
    /// # Panics
    /// If the part is not inside the slice.
    pub unsafe fn slice(&self, from: usize, length: usize) -> &'a mut [T] {
        let inside = from.checked_add(length).is_some_and(|end| end <= self.length);
        assert!(inside, "{length} from {from} of {}", self.length);
        // SAFETY: the part is inside the slice, and the caller promises that it is held only once.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), length) }
    }
}
