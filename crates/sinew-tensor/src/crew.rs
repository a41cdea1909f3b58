//! A fixed crew of threads for work that comes every few microseconds: they wait by looking, not by sleeping.
//!
//! A token of a small model is two hundred products of ten microseconds each, and waking a thread costs more than one of
//! them. So helpers look for work for a while before they sleep. Who does which part depends on the machine's mood; what
//! is done with a part never does.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Looks before a waiting thread offers its core to others; a look takes about 40 ns.
const LOOKS_BEFORE_YIELD: u32 = 2_000;
/// Offers of the core before a helper sleeps.
const YIELDS_BEFORE_SLEEP: u32 = 20;

/// The threads of one server. They end when the crew is dropped.
pub struct Crew {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    // One job at a time: whoever calls holds this.
    turn: Mutex<()>,
}

struct Shared {
    /// Grows with every job; helpers look at it.
    round: AtomicUsize,
    /// Set before `round` grows, and valid until `working` is zero.
    job: Mutex<Option<Job>>,
    working: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
    sleepers: Mutex<usize>,
    wake: Condvar,
}

#[derive(Clone, Copy)]
struct Job {
    work: &'static (dyn Fn(usize) + Sync),
    next: &'static AtomicUsize,
    parts: usize,
}

impl Job {
    fn run(&self) {
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= self.parts {
                return;
            }
            (self.work)(part);
        }
    }
}

impl Crew {
    /// A crew of `threads` threads in all, the caller's own among them.
    pub fn new(threads: usize) -> Crew {
        let shared = Arc::new(Shared {
            round: AtomicUsize::new(0),
            job: Mutex::new(None),
            working: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            sleepers: Mutex::new(0),
            wake: Condvar::new(),
        });
        let helper = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || help(&shared))
        };
        let helpers = (1..threads.max(1)).map(helper).collect();
        Crew { shared, helpers, turn: Mutex::new(()) }
    }

    /// How many threads work, the caller's own among them.
    pub fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Calls `work` once for each part and returns when all are done.
    pub fn for_parts(&self, parts: usize, work: impl Fn(usize) + Sync) {
        if self.helpers.is_empty() || parts <= 1 {
            (0..parts).for_each(work);
            return;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let next = AtomicUsize::new(0);
        let work: &(dyn Fn(usize) + Sync) = &work;
        // SAFETY: the longer lives are never used: this call returns only after every helper has left the job.
        let (work, next) = unsafe {
            (
                std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(work),
                std::mem::transmute::<&AtomicUsize, &'static AtomicUsize>(&next),
            )
        };
        let job = Job { work, next, parts };
        *self.shared.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        self.shared.working.store(self.helpers.len(), Ordering::Relaxed);
        self.shared.round.fetch_add(1, Ordering::SeqCst);
        if *self.shared.sleepers.lock().unwrap_or_else(PoisonError::into_inner) > 0 {
            self.shared.wake.notify_all();
        }
        let own = catch_unwind(AssertUnwindSafe(|| job.run()));
        let mut looks = 0;
        while self.shared.working.load(Ordering::Acquire) > 0 {
            look(&mut looks);
        }
        let panicked = self.shared.panicked.swap(false, Ordering::Relaxed);
        if let Err(cause) = own {
            resume_unwind(cause);
        }
        assert!(!panicked, "a helper thread of the crew panicked; its message is above");
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.round.fetch_add(1, Ordering::SeqCst);
        drop(self.shared.sleepers.lock());
        self.shared.wake.notify_all();
        for helper in self.helpers.drain(..) {
            // A helper catches the panics of its jobs, so there is nothing to learn from how it ended.
            let _ = helper.join();
        }
    }
}

/// Waits a moment; from time to time the core goes to whoever wants it.
fn look(looks: &mut u32) {
    *looks += 1;
    if looks.is_multiple_of(LOOKS_BEFORE_YIELD) {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

fn help(shared: &Shared) {
    let mut seen = 0;
    loop {
        wait(shared, seen);
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        seen += 1;
        let job = shared.job.lock().unwrap_or_else(PoisonError::into_inner).expect("a round has a job");
        if catch_unwind(AssertUnwindSafe(|| job.run())).is_err() {
            shared.panicked.store(true, Ordering::Relaxed);
        }
        shared.working.fetch_sub(1, Ordering::Release);
    }
}

/// Returns when there was another round than the one that was seen.
fn wait(shared: &Shared, seen: usize) {
    let mut looks = 0;
    while shared.round.load(Ordering::Acquire) == seen {
        look(&mut looks);
        if looks > LOOKS_BEFORE_YIELD * YIELDS_BEFORE_SLEEP {
            let mut sleepers = shared.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
            *sleepers += 1;
            while shared.round.load(Ordering::SeqCst) == seen {
                sleepers = shared.wake.wait(sleepers).unwrap_or_else(PoisonError::into_inner);
            }
            *sleepers -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests;
