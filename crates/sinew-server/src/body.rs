//! A request body as a blocking reader, so that large uploads stream to disk.

use axum::body::{Body, Bytes};
use std::io::{self, Read};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;

/// Pieces that may wait between the network and the disk.
const PIECES_MAX: usize = 16;

/// How long a sender may say nothing.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Reads what a body still holds.
pub(crate) struct BodyReader {
    pieces: mpsc::Receiver<Result<Bytes, io::Error>>,
    current: Bytes,
}

impl BodyReader {
    /// Starts to pull a body. Read it on a thread that may block.
    pub(crate) fn of(body: Body) -> Self {
        Self::within(body, IDLE_MAX)
    }

    /// The same, from a sender who may say nothing for so long.
    fn within(body: Body, idle_max: Duration) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        tokio::spawn(async move {
            let mut stream = body.into_data_stream();
            loop {
                let piece = match tokio::time::timeout(idle_max, stream.next()).await {
                    Ok(Some(piece)) => piece.map_err(io::Error::other),
                    Ok(None) => return,
                    Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
                };
                if sender.send(piece).await.is_err() {
                    return;
                }
            }
        });
        Self { pieces, current: Bytes::new() }
    }
}

impl Read for BodyReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let count = to.len().min(self.current.len());
        to[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
