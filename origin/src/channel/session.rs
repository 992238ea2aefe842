//! One session of a channel: the presentation, and what readers see of it. Its messages come from the show's track.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use vitrine_metadata_track::Track;
use vitrine_packager::media::{Frame, MediaTime, RenditionId, TrackConfig, WallTime};
use vitrine_packager::opening::{Opening, Renditions};
use vitrine_packager::presentation::{Presentation, PushError, RenditionInfo, ResumeError};
use vitrine_packager::startup::StartError;

use super::feed::{ChannelFeed, RenditionFeed, SessionFeed};
use super::ready::PartsReady;
use super::unique::session_id;

/// A session from its first segment to its end.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) started: WallTime,
    presentation: Presentation,
    /// `None` until every rendition has a whole segment.
    feed: Option<Arc<SessionFeed>>,
    /// Since when the encoder is away.
    away: Option<WallTime>,
    ready: PartsReady,
}

impl Session {
    /// A session of these renditions; nothing is in it yet.
    pub(super) fn start(
        channel: &str,
        opening: Opening,
        renditions: Renditions,
        now: WallTime,
    ) -> Result<Self, StartError> {
        let presentation = opening.present(renditions)?;
        Ok(Self {
            id: session_id(now),
            started: now,
            presentation,
            feed: None,
            away: None,
            ready: PartsReady::of(channel),
        })
    }

    /// Notes that the source's next frame was received.
    pub(super) fn source_frame(&mut self, frame: &Frame) {
        self.presentation.source_frame(frame);
    }

    /// Packages a rendition's frame, or, while the encoder is away, drops it.
    pub(super) fn push(
        &mut self,
        id: RenditionId,
        frame: &Frame,
        track: &mut Track,
    ) -> Result<(), PushError> {
        self.presentation.push(id, frame, &mut |span| track.carry(span))?;
        if let Some(written) = self.presentation.written_until() {
            track.written_to(written);
        }
        Ok(())
    }

    /// Gaps from here on in place of a rung's media.
    pub(super) fn shed(&mut self, id: RenditionId, track: &mut Track) {
        if let Err(error) = self.presentation.shed(id, &mut |span| track.carry(span)) {
            tracing::warn!(%error, "the last part of a shed rung could not be written");
        }
    }

    /// A rung's media again, from its next IDR on.
    pub(super) fn restore(&mut self, id: RenditionId) {
        self.presentation.restore(id);
    }

    /// The encoder is gone or silent: gaps from here on.
    pub(super) fn encoder_lost(&mut self, now: WallTime, track: &mut Track) {
        if self.away.is_some() {
            return;
        }
        if let Err(error) = self.presentation.encoder_lost(&mut |span| track.carry(span)) {
            tracing::warn!(%error, "the last part before the gap could not be written");
        }
        self.away = Some(now);
    }

    /// Goes on with a returned encoder at its frame `first`; `source` are its tracks, `renditions` the session's anew.
    pub(super) fn resume(
        &mut self,
        source: &[TrackConfig],
        renditions: &Renditions,
        first: &Frame,
        track: &mut Track,
    ) -> Result<(), ResumeError> {
        let at = self.presentation.resume(source, &renditions.all, first)?;
        self.away = None;
        // What falls into a gap is carried by the first part behind it.
        track.written_to(at);
        Ok(())
    }

    /// Since when the encoder is away.
    pub(super) fn away_since(&self) -> Option<WallTime> {
        self.away
    }

    /// Whether viewers can be let in.
    pub(super) fn is_live(&self) -> bool {
        self.feed.is_some()
    }

    /// Media time of the next frame to come.
    pub(super) fn live_edge(&self) -> MediaTime {
        self.presentation.live_edge()
    }

    /// PROGRAM-DATE-TIME of the next frame to come.
    pub(super) fn edge(&self) -> WallTime {
        self.presentation.wall_time(self.live_edge())
    }

    /// PROGRAM-DATE-TIME of media time zero.
    pub(super) fn anchor(&self) -> WallTime {
        self.presentation.wall_time(MediaTime::from_millis(0))
    }

    /// The renditions as the status shows them.
    pub(super) fn describe(&self) -> Vec<RenditionInfo> {
        self.presentation.describe()
    }

    /// How many watch a rendition.
    pub(super) fn viewers(&self, rendition: &str) -> u32 {
        let feed = self.feed.as_ref().and_then(|feed| feed.renditions.get(rendition));
        feed.map_or(0, RenditionFeed::viewers)
    }

    /// Adds the gaps that are due.
    pub(super) fn fill_gap(&mut self, now: WallTime) {
        self.presentation.fill_gap(now);
    }

    /// Writes EXT-X-ENDLIST.
    pub(super) fn end(&mut self, track: &mut Track) {
        if let Err(error) = self.presentation.end(&mut |span| track.carry(span)) {
            tracing::warn!(%error, "the session's last part could not be written");
        }
    }

    /// Lets readers see what changed since the last call; lets the session itself be seen once it is live.
    pub(super) fn publish(&mut self, channel: &ChannelFeed) {
        let Some(feed) = &self.feed else {
            if self.presentation.is_live() {
                self.go_live(channel);
            }
            return;
        };
        for update in self.presentation.take_updates() {
            metrics::counter!("vitrine_playlist_renders_total", "rendition" => update.name.clone())
                .increment(1);
            if let Some(rendition) = feed.renditions.get(&update.name) {
                rendition.publish(Arc::new(update.snapshot));
                self.ready.note(&update.name, &update.received);
            }
        }
        if let Some(multivariant) = self.presentation.take_multivariant(&self.id) {
            feed.multivariant.store(Some(Arc::new(multivariant)));
        }
    }

    fn go_live(&mut self, channel: &ChannelFeed) {
        let settings = *self.presentation.settings();
        let updates = self.presentation.take_updates();
        let renditions: BTreeMap<_, _> = updates
            .into_iter()
            .map(|update| (update.name, RenditionFeed::new(Arc::new(update.snapshot))))
            .collect();
        let multivariant = self.presentation.take_multivariant(&self.id).map(Arc::new);
        let feed = Arc::new(SessionFeed {
            id: self.id.clone(),
            target_duration_s: settings.target_duration_s,
            part_target_ms: settings.part_target.millis().try_into().unwrap_or(u32::MAX),
            multivariant: ArcSwapOption::from(multivariant),
            renditions,
        });
        let mut sessions = channel.sessions.load().as_ref().clone();
        sessions.push(feed.clone());
        channel.sessions.store(Arc::new(sessions));
        tracing::info!(session = self.id, "live");
        self.feed = Some(feed);
    }
}
