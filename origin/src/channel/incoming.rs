//! A publication as its channel has it: on air, or standing by.

use std::time::Duration;

use tokio::time::Instant;
use vitrine_ingest::{Arrival, Input, Publication, Refusal};
use vitrine_packager::media::{Frame, TrackConfig, TrackKind, WallTime};

use super::groups::Groups;
use super::health::InputHealth;
use crate::control::status::PublicationStatus;
use crate::webhooks::Subject;

/// A pause this long, and a publication is not steady.
const UNSTEADY: Duration = Duration::from_secs(1);

/// A publication and what is known of it.
#[derive(Debug)]
pub(super) struct Incoming {
    publication: Publication,
    pub(super) tracks: Vec<TrackConfig>,
    pub(super) status: PublicationStatus,
    /// Kept while it stands by.
    pub(super) groups: Groups,
    pub(super) health: InputHealth,
    /// Of the track that leads: audio alone keeps nothing going where there should be video.
    last_frame: Instant,
    /// Since when those frames come without a long pause.
    steady_since: Instant,
}

impl Incoming {
    pub(super) fn new(publication: Publication, since: WallTime) -> Self {
        let now = Instant::now();
        Self {
            tracks: publication.tracks.clone(),
            status: PublicationStatus::new(&publication, since),
            health: InputHealth::of(&publication.tracks),
            publication,
            groups: Groups::default(),
            last_frame: now,
            steady_since: now,
        }
    }

    /// Which of the channel's inputs it comes by.
    pub(super) fn input(&self) -> Input {
        self.publication.input
    }

    /// As webhooks name it.
    pub(super) fn subject(&self) -> Subject {
        Subject {
            channel: self.publication.channel.clone(),
            publication: self.publication.id,
            input: self.publication.input,
            protocol: self.publication.protocol,
            encoder: self.publication.encoder.clone(),
        }
    }

    /// Whether the publication stands still without frames of that track.
    pub(super) fn is_led_by(&self, track: TrackKind) -> bool {
        track == self.lead()
    }

    /// The track that leads.
    pub(super) fn lead(&self) -> TrackKind {
        let has_video = self.tracks.iter().any(|track| track.kind() == TrackKind::Video);
        if has_video {
            TrackKind::Video
        } else {
            TrackKind::Audio
        }
    }

    /// Notes that a frame has come.
    pub(super) fn note(&mut self, frame: &Frame) {
        self.health.note(frame);
        if self.is_led_by(frame.track) {
            let now = Instant::now();
            if now - self.last_frame > UNSTEADY {
                self.steady_since = now;
            }
            self.last_frame = now;
        }
    }

    /// Keeps a frame while it stands by; what is older than its newest IDR only if `keeps_older`.
    pub(super) fn keep(&mut self, frame: Frame, keeps_older: bool) {
        let begins = frame.is_idr && self.is_led_by(frame.track);
        self.groups.push(frame, begins, keeps_older);
    }

    /// Whether no frame has come for longer than that.
    pub(super) fn is_still_for(&self, limit: Duration) -> bool {
        self.last_frame.elapsed() > limit
    }

    /// Whether frames have come without a long pause for so long, and the publication is not degraded.
    pub(super) fn is_steady_for(&self, wanted: Duration) -> bool {
        !self.is_still_for(UNSTEADY) && !self.health.is_degraded() && self.steady_since.elapsed() >= wanted
    }

    /// Another track in place of the one of its kind.
    pub(super) fn reconfigure(&mut self, track: TrackConfig) {
        self.tracks.retain(|known| known.kind() != track.kind());
        self.tracks.push(track);
        self.status.set_tracks(&self.tracks);
        self.health.reconfigure(&self.tracks);
        self.groups.clear();
    }

    /// Sends the encoder away.
    pub(super) fn refuse(self, refusal: Refusal) {
        self.publication.refuse(refusal);
    }

    /// What comes next.
    pub(super) async fn next(&mut self) -> Option<Arrival> {
        self.publication.arrivals.recv().await
    }
}
