//! The way out of a ladder's threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use vitrine_packager::media::RenditionId;

use super::{LadderError, LadderOutput};

/// A thread that finds the queue full looks again after this time. It is not woken: it must also see that its ladder is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Where a thread puts what it made, until the ladder is dropped or nobody reads any more.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    queue: mpsc::Sender<LadderOutput>,
    abandoned: Arc<AtomicBool>,
}

impl Outlet {
    /// An outlet into `queue`.
    pub(super) fn new(queue: mpsc::Sender<LadderOutput>) -> Self {
        Self {
            queue,
            abandoned: Arc::default(),
        }
    }

    /// Set, it makes [`send`](Self::send) give up.
    pub(super) fn abandoned(&self) -> Arc<AtomicBool> {
        self.abandoned.clone()
    }

    /// Hands an output over; waits while the queue is full.
    pub(super) fn send(&self, mut output: LadderOutput) {
        while !self.is_abandoned() {
            match self.queue.try_send(output) {
                Ok(()) | Err(TrySendError::Closed(_)) => return,
                Err(TrySendError::Full(back)) => output = back,
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Says that these renditions cannot be made.
    pub(super) fn fail(&self, renditions: impl IntoIterator<Item = RenditionId>, error: &LadderError) {
        for rendition in renditions {
            self.send(LadderOutput::Failed {
                rendition,
                error: error.clone(),
            });
        }
    }

    /// Whether nobody wants anything more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || self.queue.is_closed()
    }
}
