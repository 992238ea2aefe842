//! One player: its tracks, its playhead, and what it saw.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use url::Url;

use super::library::{Library, Object};
use super::link::{Link, LinkError, Reply};
use super::playhead::{Playhead, Stall};
use super::track::Track;

/// A part that was asked for before it was listed: when it was asked for, and when its last byte had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its number in the library.
    pub part: u32,
    /// The viewer's track.
    pub track: usize,
    /// When it was asked for.
    pub asked: Instant,
    /// When it had come.
    pub at: Instant,
}

/// What a viewer saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Hinted parts.
    pub receipts: Vec<Receipt>,
    /// Of each hinted part, when it came: the time minus the PDT of its end, in microseconds, by this machine's clock.
    pub behind_us: Vec<i64>,
    /// From the first request to playing.
    pub joined: Option<Duration>,
    /// Times that playback stood still.
    pub stalls: Vec<Stall>,
    /// Errors by name, with how often.
    pub errors: BTreeMap<String, u64>,
    /// Hinted parts that became gaps.
    pub gaps: u64,
    /// Changes of the video rendition.
    pub switches: u64,
    /// Times that a track was tuned in to anew, as its session was gone.
    pub reloads: u64,
    /// Parts that came, and gaps.
    pub parts: u64,
    /// Requests.
    pub requests: u64,
    /// Bytes of bodies.
    pub bytes: u64,
}

/// What a progress line shows while viewers watch.
#[derive(Debug, Default)]
pub struct Live {
    /// Viewers that play.
    pub playing: AtomicU64,
    /// Parts that came.
    pub parts: AtomicU64,
    /// Bytes that came.
    pub bytes: AtomicU64,
    /// Errors.
    pub errors: AtomicU64,
    /// Stalls that are over.
    pub stalls: AtomicU64,
}

/// What a viewer watches.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The multivariant playlist.
    pub multivariant: Url,
    /// Media playlists of the video rungs; without any, audio alone is played.
    pub video: Vec<Url>,
    /// The audio's media playlist.
    pub audio: Option<Url>,
    /// The rung to begin with.
    pub rung: usize,
    /// Another rung is chosen so often.
    pub switch_every: Option<Duration>,
}

/// A viewer at work.
pub struct Viewer {
    pub(super) library: Arc<Library>,
    live: Arc<Live>,
    began: Instant,
    /// When its time is over; a witness has as much as it is given.
    until: Option<Instant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Seen,
    playhead: Option<Playhead>,
}

impl Viewer {
    /// Begins now. From `until` on, nothing new is asked for; what is on its way is waited for.
    pub fn new(library: Arc<Library>, live: Arc<Live>, until: Instant) -> Self {
        Self {
            until: Some(until),
            ..Self::witness(library, live)
        }
    }

    /// Begins now, straight at the origin: what it asks for is not among what the viewers ask for.
    pub fn witness(library: Arc<Library>, live: Arc<Live>) -> Self {
        Self {
            library,
            live,
            began: Instant::now(),
            until: None,
            state: Mutex::default(),
        }
    }

    /// Watches until its time or the show ends, or until the future is dropped; then [`finish`](Self::finish) tells what was seen.
    pub async fn watch(&self, mut link: Link, plan: &Plan) {
        let reply = link.playlist(plan.multivariant.path()).await;
        self.replied("multivariant playlist", &reply);
        let rungs = plan.video.iter().cycle().skip(plan.rung).take(plan.video.len());
        let video: Vec<_> = rungs.cloned().collect();
        let tracks = usize::from(!video.is_empty()) + usize::from(plan.audio.is_some());
        let audio = plan.audio.iter().cloned().collect::<Vec<_>>();
        let follow = |index, rungs: Vec<Url>| {
            let track = Track::new(self, &link, (index, tracks), rungs, plan.switch_every);
            async move {
                if let Some(track) = track {
                    track.follow().await;
                }
            }
        };
        tokio::join!(follow(0, video), follow(tracks.saturating_sub(1), audio));
    }

    /// What was seen until now.
    pub fn finish(self) -> Seen {
        let State { mut seen, playhead } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(playhead) = playhead {
            seen.stalls = playhead.stalls(Instant::now());
            seen.joined = playhead.began().map(|began| began - self.began);
        }
        seen
    }

    pub(super) fn note<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.state().seen)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it has been watching.
    pub(super) fn watched(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    pub(super) fn error(&self, name: String) {
        self.live.errors.fetch_add(1, Ordering::Relaxed);
        self.note(|seen| *seen.errors.entry(name).or_default() += 1);
    }

    /// Counts a reply; any status but 200 is an error.
    pub(super) fn replied(&self, what: &str, reply: &Result<Reply, LinkError>) {
        let bytes = reply.as_ref().map_or(0, |reply| reply.bytes);
        self.live.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.note(|seen| {
            seen.requests += 1;
            seen.bytes += bytes;
        });
        match reply {
            Err(error) => self.error(format!("{what}: {}", error.label())),
            Ok(reply) if reply.status != StatusCode::OK => {
                self.error(format!("{what}: {}", reply.status.as_u16()));
            }
            Ok(_) => {}
        }
    }

    pub(super) fn asks(&self, object: Object, path: &str) {
        if self.until.is_some() {
            self.library.ask(object, path);
        }
    }

    /// Where playback starts: where the first track that is tuned in would like it. It begins with a part's length ahead.
    pub(super) fn start(&self, tracks: usize, start_us: i64, part_target: Duration) -> i64 {
        self.state()
            .playhead
            .get_or_insert_with(|| Playhead::new(tracks, start_us, part_target))
            .start_us()
    }

    /// A track has media up to `end_us`, since `at`.
    pub(super) fn extend(&self, track: usize, end_us: i64, at: Instant) {
        self.live.parts.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        state.seen.parts += 1;
        let Some(playhead) = &mut state.playhead else {
            return;
        };
        let played = playhead.began().is_some();
        if playhead.extend(track, end_us, at).is_some() {
            self.live.stalls.fetch_add(1, Ordering::Relaxed);
        }
        if !played && playhead.began().is_some() {
            self.live.playing.fetch_add(1, Ordering::Relaxed);
        }
    }
}
