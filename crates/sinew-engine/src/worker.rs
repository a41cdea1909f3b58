//! The thread that generates: it takes requests from a bounded queue and answers up to eight of them together.

use crate::served_model::ServedModel;
use sinew_infer::published::Serving;
use sinew_infer::{Forward, Generator, Piece, Request, Telling};
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
    telling: Telling,
    // Unbounded in type only: an answer ends with the context, a few thousand pieces at most.
    pieces: UnboundedSender<Piece>,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(model: Arc<ServedModel>) -> (Worker, JoinHandle<()>) {
        let (queue, jobs) = sync_channel(WAITING);
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::spawn(move || match &*model {
            ServedModel::Own(model) => generate(Generator::new(model), &jobs, &stop),
            ServedModel::Published(foreign) => {
                let serving = Serving::new(&foreign.loaded, &foreign.crew, foreign.context_most());
                let serving = serving.expect("a model without a vocabulary is not opened");
                generate(Generator::with(serving), &jobs, &stop);
            }
        });
        (Worker { queue, stopping }, thread)
    }

    /// Hands a checked request in; its pieces come through the receiver. Dropping the receiver ends the answer.
    pub(crate) fn ask(
        &self,
        request: Request,
        telling: Telling,
    ) -> Result<UnboundedReceiver<Piece>, NotTaken> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(NotTaken::Stopping);
        }
        let (pieces, receiver) = unbounded_channel();
        match self.queue.try_send(Job { request, telling, pieces }) {
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

fn generate<F: Forward>(mut generator: Generator<F>, jobs: &Receiver<Job>, stopping: &AtomicBool) {
    let mut listeners: BTreeMap<u64, UnboundedSender<Piece>> = BTreeMap::new();
    // The first of the queue, when there was no memory for it yet.
    let mut first = None;
    loop {
        while generator.active() < TOGETHER {
            let job = match first.take() {
                Some(job) => job,
                None if generator.active() == 0 => match jobs.recv() {
                    Ok(job) => job,
                    Err(_) => return,
                },
                None => match jobs.try_recv() {
                    Ok(job) => job,
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                },
            };
            if !generator.has_memory(job.request.prompt.len().saturating_add(job.request.tokens_most)) {
                first = Some(job);
                break;
            }
            // The server checked the request, so a refusal here only ends the answer without a piece.
            if !job.pieces.is_closed()
                && let Ok(id) = generator.add_told(job.request, job.telling)
            {
                listeners.insert(id, job.pieces);
            }
        }
        if stopping.load(Ordering::Relaxed) {
            return;
        }
        // A long prompt gives no piece for a while, by which a client that left would be noticed.
        listeners.retain(|id, listener| {
            let gone = listener.is_closed();
            if gone {
                generator.cancel(*id);
            }
            !gone
        });
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
