//! What left a playlist, and must still be answered for a while: rules 14 and 26.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use http::StatusCode;
use url::Url;

use crate::client::Client;
use crate::conformance::findings::Findings;
use crate::conformance::playlist::{MediaPlaylist, Segment};

/// The request itself takes time: what is due within a second is not tried.
const GRACE: Duration = Duration::from_secs(1);

/// A URL that left, and until when it must be answered.
#[derive(Debug)]
struct Left {
    spec: u16,
    uri: String,
    until: Instant,
}

/// Bounded: 256 URLs that left. Full: the oldest is forgotten.
#[derive(Debug, Default)]
pub(super) struct Gone {
    left: VecDeque<Left>,
    /// The longest playlist so far.
    longest: Duration,
}

impl Gone {
    const BOUND: usize = 256;

    /// Remembers what `before` listed and `next` does not.
    pub(super) fn remember(&mut self, before: &MediaPlaylist, next: &MediaPlaylist) {
        self.longest = self.longest.max(next.length());
        for old in before.segments.iter().filter(|segment| !segment.gap) {
            let new = next.segments.iter().find(|segment| segment.msn == old.msn);
            self.remember_segment(old, new, Duration::from_secs(3 * next.target_duration_s));
        }
        let excess = self.left.len().saturating_sub(Self::BOUND);
        self.left.drain(..excess);
    }

    fn remember_segment(&mut self, old: &Segment, new: Option<&Segment>, part_life: Duration) {
        let now = Instant::now();
        if new.is_none_or(|new| new.parts.is_empty()) {
            let parts = old.parts.iter().filter(|part| !part.gap);
            self.left.extend(parts.map(|part| Left {
                spec: 26,
                uri: part.uri.clone(),
                until: now + part_life,
            }));
        }
        if new.is_none() && !old.is_open() {
            self.left.push_back(Left {
                spec: 14,
                uri: old.uri.clone(),
                until: now + old.duration + self.longest,
            });
        }
    }

    /// Asks for everything that must still be there.
    pub(super) async fn try_all(self, client: &Client, base: &Url, findings: &mut Findings) {
        for Left { spec, uri, until } in self.left {
            if Instant::now() + GRACE > until {
                continue;
            }
            let Ok(url) = base.join(&uri) else { continue };
            let status = client.get(url.as_str()).await.map(|answer| answer.status).ok();
            findings.law(spec, status == Some(StatusCode::OK), || {
                format!("{uri} left the playlist a moment ago and answers {status:?}")
            });
        }
    }
}
