//! The thread that generates: it takes requests from a bounded queue and answers up to eight of them together.

use sinew_infer::{Generator, Piece, Request};
use sinew_model::Model;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Answers that are generated together.
const TOGETHER: usize = 8;
/// Requests that may wait for a place.
const WAITING: usize = 32;

/// The way to the generating thread.
#[derive(Clone)]
pub(crate) struct Worker {
    queue: SyncSender<Job>,
    stopping: Arc<AtomicBool>,
}

/// Why a request was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    Busy,
    Stopping,
}

struct Job {
    request: Request,
    // Unbounded in type only: an answer ends with the context, a few hundred pieces at most.
    pieces: UnboundedSender<Piece>,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(model: Arc<Model>) -> (Worker, JoinHandle<()>) {
        let (queue, jobs) = sync_channel(WAITING);
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::spawn(move || generate(&model, &jobs, &stop));
        (Worker { queue, stopping }, thread)
    }

    /// Hands a checked request in; its pieces come through the receiver. Dropping the receiver ends the answer.
    pub(crate) fn ask(&self, request: Request) -> Result<UnboundedReceiver<Piece>, NotTaken> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(NotTaken::Stopping);
        }
        let (pieces, receiver) = unbounded_channel();
        match self.queue.try_send(Job { request, pieces }) {
            Ok(()) => Ok(receiver),
            Err(TrySendError::Full(_)) => Err(NotTaken::Busy),
            Err(TrySendError::Disconnected(_)) => Err(NotTaken::Stopping),
        }
    }

    /// Cuts all answers short.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

fn generate(model: &Model, jobs: &Receiver<Job>, stopping: &AtomicBool) {
    let mut generator = Generator::new(model);
    let mut listeners = BTreeMap::new();
    loop {
        while generator.active() < TOGETHER {
            let job = if generator.active() == 0 {
                match jobs.recv() {
                    Ok(job) => job,
                    Err(_) => return,
                }
            } else {
                match jobs.try_recv() {
                    Ok(job) => job,
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            };
            // The server checked the request, so a refusal here only ends the answer without a piece.
            if !job.pieces.is_closed()
                && let Ok(id) = generator.add(job.request)
            {
                listeners.insert(id, job.pieces);
            }
        }
        if stopping.load(Ordering::Relaxed) {
            return;
        }
        for piece in generator.advance() {
            let (id, ended) = (piece.id, piece.finish.is_some());
            let gone = listeners.get(&id).is_none_or(|listener| listener.send(piece).is_err());
            if gone {
                generator.cancel(id);
            }
            if gone || ended {
                listeners.remove(&id);
            }
        }
    }
}
