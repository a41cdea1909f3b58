//! A fixed team of threads that share out a list of items.
//!
//! Who takes which item depends on the machine's mood; what is done with an item never does. So a caller that divides
//! its work into a fixed number of items, and combines their results in a fixed order, gets the same bits from any team.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// The threads of one run. They sleep between two calls and end when the team is dropped.
pub struct Team {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
}

#[derive(Default)]
struct State {
    job: Option<&'static (dyn Fn() + Sync)>,
    round: u64,
    working: usize,
    panicked: bool,
    stop: bool,
}

impl Team {
    /// A team of `threads` threads in all, the caller's own among them.
    pub fn new(threads: usize) -> Team {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            wake: Condvar::new(),
            done: Condvar::new(),
        });
        let helpers = (1..threads.max(1))
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || help(&shared))
            })
            .collect();
        Team { shared, helpers }
    }

    /// How many threads work, the caller's own among them.
    pub fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Calls `work` once for each item, with its index, and returns when all are done.
    pub fn for_each<T: Send>(&self, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        let slots: Vec<Mutex<&mut T>> = items.iter_mut().map(Mutex::new).collect();
        let next = AtomicUsize::new(0);
        self.run(&|| {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = slots.get(index) else { break };
                work(index, &mut unpoisoned(item));
            }
        });
    }

    fn run(&self, job: &(dyn Fn() + Sync)) {
        // SAFETY: the longer life is never used: this call returns only after every helper has left the job, and the
        // job is taken out of the shared state before that, even when a call of it panics.
        let lasting = unsafe { std::mem::transmute::<&(dyn Fn() + Sync), &'static (dyn Fn() + Sync)>(job) };
        {
            let mut state = unpoisoned(&self.shared.state);
            state.job = Some(lasting);
            state.round += 1;
            state.working = self.helpers.len();
            self.shared.wake.notify_all();
        }
        let own = catch_unwind(AssertUnwindSafe(job));
        let mut state = unpoisoned(&self.shared.state);
        while state.working > 0 {
            state = self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.job = None;
        let panicked = std::mem::take(&mut state.panicked);
        drop(state);
        if let Err(cause) = own {
            resume_unwind(cause);
        }
        assert!(!panicked, "a helper thread of the team panicked; its message is above");
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        unpoisoned(&self.shared.state).stop = true;
        self.shared.wake.notify_all();
        for helper in self.helpers.drain(..) {
            // A helper catches the panics of its jobs, so there is nothing to learn from how it ended.
            let _ = helper.join();
        }
    }
}

fn help(shared: &Shared) {
    let mut seen = 0;
    let mut state = unpoisoned(&shared.state);
    loop {
        if state.stop {
            return;
        }
        if state.round == seen {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        seen = state.round;
        let job = state.job.expect("a new round has a job");
        drop(state);
        let outcome = catch_unwind(AssertUnwindSafe(job));
        state = unpoisoned(&shared.state);
        state.panicked |= outcome.is_err();
        state.working -= 1;
        shared.done.notify_all();
    }
}

/// The lock, also after a panic elsewhere: the state is a few counters that are right after each assignment.
fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
