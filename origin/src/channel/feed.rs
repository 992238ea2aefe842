//! What a channel publishes to its readers: snapshots to load without a lock, and a wake-up when they change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;
use vitrine_packager::playlist::RenderedPlaylist;
use vitrine_packager::snapshot::RenditionSnapshot;

/// Publications over which viewers are counted: one that came late to some of them is not missed.
const COUNTED_PUBLICATIONS: usize = 4;

/// A channel as its readers know it. Shared by every connection, written by the channel's task only.
#[derive(Debug)]
pub struct ChannelFeed {
    /// The channel's name, as in its URLs.
    pub name: String,
    /// The sessions that may still be read: the current one last, ended ones until their media expire.
    pub sessions: ArcSwap<Vec<Arc<SessionFeed>>>,
}

impl ChannelFeed {
    /// A channel without a session.
    pub fn new(name: String) -> Self {
        Self {
            name,
            sessions: ArcSwap::default(),
        }
    }

    /// The session of that id, if it may still be read.
    pub fn session(&self, id: &str) -> Option<Arc<SessionFeed>> {
        self.sessions
            .load()
            .iter()
            .find(|session| session.id == id)
            .cloned()
    }

    /// The newest session, live or just ended.
    pub fn current(&self) -> Option<Arc<SessionFeed>> {
        self.sessions.load().last().cloned()
    }
}

/// One run of a channel's timeline.
#[derive(Debug)]
pub struct SessionFeed {
    /// Unique for ever; part of every URL below the multivariant playlist.
    pub id: String,
    /// TARGETDURATION in seconds, constant for the session.
    pub target_duration_s: u32,
    /// PART-TARGET in milliseconds, rounded up, constant for the session.
    pub part_target_ms: u32,
    /// The multivariant playlist.
    pub multivariant: ArcSwapOption<RenderedPlaylist>,
    /// By name: `video-720p`, `audio-128k`.
    pub renditions: BTreeMap<String, RenditionFeed>,
}

/// One rendition's newest snapshot.
#[derive(Debug)]
pub struct RenditionFeed {
    snapshot: ArcSwap<RenditionSnapshot>,
    /// Counts publications; its only use is to wake waiters.
    version: watch::Sender<u64>,
    /// Playlist requests that wait now.
    waiting: AtomicU32,
    /// How many waited at each of the newest publications. Written by the channel's task only.
    waited: [AtomicU32; COUNTED_PUBLICATIONS],
}

impl RenditionFeed {
    /// A feed that starts with `first`.
    pub fn new(first: Arc<RenditionSnapshot>) -> Self {
        Self {
            snapshot: ArcSwap::new(first),
            version: watch::Sender::new(0),
            waiting: AtomicU32::new(0),
            waited: Default::default(),
        }
    }

    /// Makes `next` the snapshot that readers load, then wakes every waiter once.
    pub fn publish(&self, next: Arc<RenditionSnapshot>) {
        let count = usize::try_from(*self.version.borrow()).unwrap_or_default();
        if let Some(place) = self.waited.get(count % COUNTED_PUBLICATIONS) {
            place.store(self.waiting.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.snapshot.store(next);
        self.version
            .send_modify(|version| *version = version.wrapping_add(1));
    }

    /// The newest snapshot. Never blocks.
    pub fn load(&self) -> Arc<RenditionSnapshot> {
        self.snapshot.load_full()
    }

    /// Viewers of this rendition: the most playlist requests that waited at one of the newest publications. A player has
    /// one at a time; a cache has one for all its viewers.
    pub fn viewers(&self) -> u32 {
        let waited = self.waited.iter().map(|place| place.load(Ordering::Relaxed));
        waited.max().unwrap_or(0)
    }

    /// A playlist request waits here until what is returned is dropped.
    pub fn wait_for_playlist(&self) -> WaitingForPlaylist<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        WaitingForPlaylist(self)
    }

    /// Resolves its `changed()` after each later [`publish`](Self::publish). Subscribe before loading.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

/// One playlist request that waits. Dropped when it is answered, and when its viewer leaves.
#[derive(Debug)]
pub struct WaitingForPlaylist<'a>(&'a RenditionFeed);

impl Drop for WaitingForPlaylist<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
