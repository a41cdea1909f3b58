//! A table in pages that copies share until one of them writes.

use std::sync::Arc;

const PAGE: usize = 256;

/// A list that is cheap to copy: a copy shares every page, and a write copies one page.
#[derive(Clone, Debug)]
pub(crate) struct Pages<T> {
    pages: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Pages<T> {
    pub(crate) fn push(&mut self, item: T) {
        if self.len.is_multiple_of(PAGE) {
            self.pages.push(Arc::new(Vec::with_capacity(PAGE)));
        }
        let last = self.pages.last_mut().expect("a page was just added where there was none");
        Arc::make_mut(last).push(item);
        self.len += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, at: u32) -> &T {
        let at = usize::try_from(at).expect("tables are smaller than memory");
        &self.pages[at / PAGE][at % PAGE]
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> &mut T {
        let at = usize::try_from(at).expect("tables are smaller than memory");
        &mut Arc::make_mut(&mut self.pages[at / PAGE])[at % PAGE]
    }
}
