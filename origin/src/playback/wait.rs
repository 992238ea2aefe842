//! Blocking reload and hinted parts: requests that wait for the next snapshot (8216bis 6.2.5.2, 6.2.6).

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use metrics::Gauge;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::Instant;
use vitrine_packager::playlist::RenderedPlaylist;
use vitrine_packager::request::{Directives, MediaName};
use vitrine_packager::snapshot::{Lookup, MediaBody, RenditionSnapshot, Resolution};

use crate::channel::feed::RenditionFeed;

/// Looked up once: it is asked for by every viewer, several times a second.
static WAITING: LazyLock<Gauge> = LazyLock::new(|| metrics::gauge!("vitrine_waiting_viewers"));

/// How a wait ended without what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum WaitError {
    /// Further ahead than a client may ask.
    TooFarAhead,
    /// It did not come in time.
    TimedOut,
    /// It is not there and will not come.
    Unknown,
    /// So many wait already that one more would harm them.
    Crowded,
}

/// Bounded: requests that wait at one time, over all channels. Full: one more is answered 503.
#[derive(Debug, Clone)]
pub struct WaitingRoom {
    seats: Arc<Semaphore>,
}

impl WaitingRoom {
    /// A room for `seats` waiting requests.
    pub fn new(seats: usize) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(seats)),
        }
    }

    /// The playlist that answers `directives`, as soon as there is one; at most until `patience` is over.
    pub async fn playlist(
        &self,
        feed: &RenditionFeed,
        directives: &Directives,
        patience: Duration,
    ) -> Result<RenderedPlaylist, WaitError> {
        let judge = |snapshot: &RenditionSnapshot| verdict(snapshot.resolve(directives));
        if let Some(verdict) = judge(&feed.load()) {
            return verdict;
        }
        // What the status counts as a viewer.
        let _waiting = feed.wait_for_playlist();
        self.until(feed, patience, judge).await
    }

    /// The I-frame playlist, likewise.
    pub async fn i_frame_playlist(
        &self,
        feed: &RenditionFeed,
        directives: &Directives,
        patience: Duration,
    ) -> Result<RenderedPlaylist, WaitError> {
        let judge = |snapshot: &RenditionSnapshot| match snapshot.resolve_i_frames(directives) {
            Some(resolution) => verdict(resolution),
            None => Some(Err(WaitError::Unknown)),
        };
        self.until(feed, patience, judge).await
    }

    /// The bytes of `name`: at once, or when the part that is hinted at is whole.
    pub async fn media(
        &self,
        feed: &RenditionFeed,
        name: MediaName,
        patience: Duration,
    ) -> Result<MediaBody, WaitError> {
        let judge = |snapshot: &RenditionSnapshot| match snapshot.lookup(name) {
            Lookup::Found(body) => Some(Ok(body)),
            Lookup::Unknown => Some(Err(WaitError::Unknown)),
            Lookup::Hinted => None,
        };
        self.until(feed, patience, judge).await
    }

    async fn until<T>(
        &self,
        feed: &RenditionFeed,
        patience: Duration,
        judge: impl Fn(&RenditionSnapshot) -> Option<Result<T, WaitError>>,
    ) -> Result<T, WaitError> {
        if let Some(verdict) = judge(&feed.load()) {
            return verdict;
        }
        let _seat = self.seats.try_acquire().map_err(|error| match error {
            TryAcquireError::NoPermits | TryAcquireError::Closed => WaitError::Crowded,
        })?;
        WAITING.increment(1.0);
        let _leave = OnDrop(|| WAITING.decrement(1.0));
        let deadline = Instant::now() + patience;
        // Subscribed before the snapshot is loaded again: nothing published in between is missed.
        let mut versions = feed.subscribe();
        loop {
            if let Some(verdict) = judge(&feed.load()) {
                return verdict;
            }
            match tokio::time::timeout_at(deadline, versions.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(WaitError::Unknown),
                Err(_) => return Err(WaitError::TimedOut),
            }
        }
    }
}

/// `None`: ask the next snapshot.
fn verdict(resolution: Resolution) -> Option<Result<RenderedPlaylist, WaitError>> {
    match resolution {
        Resolution::Ready(playlist) => Some(Ok(playlist)),
        Resolution::TooFarAhead => Some(Err(WaitError::TooFarAhead)),
        Resolution::Wait => None,
    }
}

/// Runs when dropped: a viewer who leaves while waiting is uncounted too.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests;
