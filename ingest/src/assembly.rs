//! From audio and video messages to a publication's tracks and frames. Pure: no socket, no clock of its own.
//!
//! ```text
//! metadata, messages ─► gathering (until every expected track's configuration is there) ─► tracks, then arrivals
//! ```

use std::collections::VecDeque;

use bytes::Bytes;
use vitrine_packager::media::{
    AudioConfig, Frame, TrackConfig, TrackKind, VideoCodec, VideoConfig, WallTime,
};

use crate::clock::{Clock, Stamp};
use crate::flv::{self, AudioTag, Coding, Metadata, VideoTag};
use crate::publication::Arrival;
use crate::refusal::Refusal;
use crate::ts::Element;

/// How long a track that was announced, or may still come, is waited for: in media time and in wall time.
const PATIENCE_MS: i64 = 2_000;

/// Frames held while gathering. Full: the publication goes on with the tracks that are there.
const MAX_HELD_FRAMES: usize = 1024;

/// The same in bytes: 2 s at 128 Mbit/s.
const MAX_HELD_BYTES: usize = 32 * 1024 * 1024;

/// Presentation this far from decoding is no reordering but nonsense, and taken as none.
const MAX_COMPOSITION_MS: i32 = 10_000;

/// Why a publication cannot go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// What the encoder sends is not served here.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Assembles one publication.
#[derive(Debug, Default)]
pub struct Assembly {
    clock: Clock,
    metadata: Option<Metadata>,
    video: Option<VideoTrack>,
    audio: Option<AudioConfig>,
    seen_video: bool,
    seen_audio: bool,
    /// The first media: its place on the timeline and when it was received.
    first: Option<(i64, WallTime)>,
    /// The tracks as handed over; `None` while gathering.
    published: Option<Published>,
    /// Bounded while gathering by [`MAX_HELD_FRAMES`] and [`MAX_HELD_BYTES`]; after it the session empties the
    /// queue after each message.
    held: VecDeque<Arrival>,
    held_bytes: usize,
}

#[derive(Debug)]
struct VideoTrack {
    config: VideoConfig,
    coding: Coding,
    awaits_idr: bool,
}

#[derive(Debug, Clone, Copy)]
struct Published {
    video: bool,
    audio: bool,
}

impl Assembly {
    /// Takes onMetaData. Announced tracks count only until the publication is handed over.
    pub fn metadata(&mut self, metadata: Metadata) {
        self.metadata = Some(metadata);
    }

    /// How the encoder names itself.
    pub fn encoder(&self) -> Option<&str> {
        self.metadata.as_ref()?.encoder.as_deref()
    }

    /// Bytes of frames held.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The tracks, once: when all that are expected are known, or waiting for the rest is over.
    pub fn take_tracks(&mut self, now: WallTime) -> Option<Vec<TrackConfig>> {
        if self.published.is_some() || !self.is_complete(now) {
            return None;
        }
        let video = self
            .video
            .as_ref()
            .map(|track| self.declared_video(&track.config));
        let audio = self.audio.as_ref().map(|config| self.declared_audio(config));
        self.published = Some(Published {
            video: video.is_some(),
            audio: audio.is_some(),
        });
        Some(video.into_iter().chain(audio).collect())
    }

    /// The next arrival; none before the tracks are taken.
    pub fn next_arrival(&mut self) -> Option<Arrival> {
        self.published?;
        let arrival = self.held.pop_front()?;
        if let Arrival::Frame(frame) = &arrival {
            self.held_bytes -= frame.data.len();
        }
        Some(arrival)
    }

    /// Takes a video message of RTMP.
    ///
    /// # Errors
    /// [`Fault::Refused`] for a codec or configuration that is not served.
    pub fn video(&mut self, timestamp: u32, body: Bytes, received: WallTime) -> Result<(), Fault> {
        self.video_tag(timestamp, flv::read_video(body)?, received)
    }

    /// Takes an element of a transport stream.
    ///
    /// # Errors
    /// As [`Assembly::video`].
    pub fn element(&mut self, element: Element, received: WallTime) -> Result<(), Fault> {
        match element {
            Element::Announced { video, audio } => {
                self.metadata(Metadata {
                    has_video: video,
                    has_audio: audio,
                    ..Metadata::default()
                });
                Ok(())
            }
            Element::Video { timestamp, tag } => self.video_tag(timestamp, tag, received),
            Element::Audio { timestamp, tag } => self.audio_tag(timestamp, tag, received),
        }
    }

    fn video_tag(&mut self, timestamp: u32, tag: VideoTag, received: WallTime) -> Result<(), Fault> {
        match tag {
            VideoTag::Config { codec, record } => self.configure_video(codec, record)?,
            VideoTag::Frame {
                codec,
                composition_ms,
                data,
            } => {
                self.seen_video = true;
                let stamp = self.stamp(TrackKind::Video, timestamp, received);
                self.first.get_or_insert((stamp.dts_ms, received));
                let Some(track) = self.video.as_mut().filter(|track| track.config.codec == codec) else {
                    return Ok(());
                };
                // An access unit that is not well-formed is dropped: no decoder could show it.
                let Some((is_idr, data)) = track.coding.access_unit(data) else {
                    return Ok(());
                };
                if track.awaits_idr && !is_idr {
                    return Ok(());
                }
                track.awaits_idr = false;
                let composition_ms = if composition_ms.abs() > MAX_COMPOSITION_MS {
                    0
                } else {
                    i64::from(composition_ms)
                };
                self.hold(Frame {
                    track: TrackKind::Video,
                    dts_ms: stamp.dts_ms,
                    pts_ms: stamp.sent_ms + composition_ms,
                    is_idr,
                    data,
                    received,
                });
            }
            VideoTag::Nothing => {}
        }
        Ok(())
    }

    /// Takes an audio message of RTMP.
    ///
    /// # Errors
    /// As [`Assembly::video`].
    pub fn audio(&mut self, timestamp: u32, body: Bytes, received: WallTime) -> Result<(), Fault> {
        self.audio_tag(timestamp, flv::read_audio(body)?, received)
    }

    fn audio_tag(&mut self, timestamp: u32, tag: AudioTag, received: WallTime) -> Result<(), Fault> {
        match tag {
            AudioTag::Config(asc) => self.configure_audio(asc)?,
            AudioTag::Frame(data) if !data.is_empty() => {
                self.seen_audio = true;
                let stamp = self.stamp(TrackKind::Audio, timestamp, received);
                self.first.get_or_insert((stamp.dts_ms, received));
                if self.audio.is_some() {
                    self.hold(Frame {
                        track: TrackKind::Audio,
                        dts_ms: stamp.dts_ms,
                        pts_ms: stamp.dts_ms,
                        is_idr: true,
                        data,
                        received,
                    });
                }
            }
            AudioTag::Frame(_) | AudioTag::Nothing => {}
        }
        Ok(())
    }

    /// An encoder whose clock was set begins anew, with the parameters that it had: its frames fit the old timeline no more.
    fn stamp(&mut self, kind: TrackKind, timestamp: u32, received: WallTime) -> Stamp {
        match self.clock.stamp(kind, timestamp, received) {
            Ok(stamp) => stamp,
            Err(jump) => {
                tracing::warn!(reason = %jump, "the encoder's clock was set: the show goes on after a discontinuity");
                self.begin_anew();
                let (clock, stamp) = Clock::begin(kind, timestamp, received);
                self.clock = clock;
                stamp
            }
        }
    }

    fn begin_anew(&mut self) {
        if let Some(video) = &mut self.video {
            video.awaits_idr = true;
        }
        if self.published.is_none() {
            self.held.clear();
            self.held_bytes = 0;
            self.first = None;
            return;
        }
        let video = self
            .video
            .as_ref()
            .map(|track| self.declared_video(&track.config));
        let audio = self.audio.as_ref().map(|config| self.declared_audio(config));
        for track in video.into_iter().chain(audio) {
            self.reconfigured(track);
        }
    }

    /// A sequence header: encoders repeat the same one; another one starts the track anew at its next IDR.
    fn configure_video(&mut self, codec: VideoCodec, record: Bytes) -> Result<(), Fault> {
        self.seen_video = true;
        let is_known = |track: &VideoTrack| track.config.codec == codec && track.config.record == record;
        if self.video.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        let (config, coding) = flv::video_config(codec, record, None, None)?;
        let changed = self.declared_video(&config);
        self.video = Some(VideoTrack {
            config,
            coding,
            awaits_idr: true,
        });
        self.reconfigured(changed);
        Ok(())
    }

    fn configure_audio(&mut self, asc: Bytes) -> Result<(), Fault> {
        self.seen_audio = true;
        if self.audio.as_ref().is_some_and(|config| config.asc == asc) {
            return Ok(());
        }
        let config = flv::audio_config(asc, None)?;
        let changed = self.declared_audio(&config);
        self.audio = Some(config);
        self.reconfigured(changed);
        Ok(())
    }

    /// After the hand-over, a change is an arrival. Before it, frames of the old configuration are forgotten.
    fn reconfigured(&mut self, changed: TrackConfig) {
        let kind = changed.kind();
        match self.published {
            None => {
                self.held
                    .retain(|arrival| !matches!(arrival, Arrival::Frame(frame) if frame.track == kind));
                self.held_bytes = self.held.iter().map(size).sum();
            }
            Some(published) if published.has(kind) => self.held.push_back(Arrival::Reconfigured(changed)),
            Some(_) => {
                tracing::warn!(track = ?kind, "a track that came too late is not taken: restart the encoder")
            }
        }
    }

    fn hold(&mut self, frame: Frame) {
        if self.published.is_none_or(|published| published.has(frame.track)) {
            self.held_bytes += frame.data.len();
            self.held.push_back(Arrival::Frame(frame));
        }
    }

    fn is_complete(&self, now: WallTime) -> bool {
        let known = (self.video.is_some(), self.audio.is_some());
        match known {
            (true, true) => true,
            (false, false) => false,
            // Without metadata nothing tells whether another track is to come.
            _ => (self.is_announced() && !self.is_expecting()) || self.is_out_of_patience(now),
        }
    }

    fn is_announced(&self) -> bool {
        self.metadata
            .as_ref()
            .is_some_and(|metadata| metadata.has_video || metadata.has_audio)
    }

    /// Whether a track was announced or seen whose configuration is not known.
    fn is_expecting(&self) -> bool {
        let announced = |pick: fn(&Metadata) -> bool| self.metadata.as_ref().is_some_and(pick);
        (self.video.is_none() && (self.seen_video || announced(|metadata| metadata.has_video)))
            || (self.audio.is_none() && (self.seen_audio || announced(|metadata| metadata.has_audio)))
    }

    fn is_out_of_patience(&self, now: WallTime) -> bool {
        let Some((first_ms, since)) = self.first else {
            return false;
        };
        let newest_ms = self.held.iter().rev().find_map(|arrival| match arrival {
            Arrival::Frame(frame) => Some(frame.dts_ms),
            _ => None,
        });
        now.millis_since(since) >= PATIENCE_MS
            || newest_ms.is_some_and(|newest_ms| newest_ms - first_ms >= PATIENCE_MS)
            || self.held.len() >= MAX_HELD_FRAMES
            || self.held_bytes >= MAX_HELD_BYTES
    }

    fn declared_video(&self, config: &VideoConfig) -> TrackConfig {
        let metadata = self.metadata.as_ref();
        TrackConfig::Video(VideoConfig {
            declared_frame_rate: metadata.and_then(|metadata| metadata.frame_rate),
            declared_bitrate_bps: metadata.and_then(|metadata| metadata.video_bitrate_bps),
            ..config.clone()
        })
    }

    fn declared_audio(&self, config: &AudioConfig) -> TrackConfig {
        TrackConfig::Audio(AudioConfig {
            declared_bitrate_bps: self
                .metadata
                .as_ref()
                .and_then(|metadata| metadata.audio_bitrate_bps),
            ..config.clone()
        })
    }
}

impl Published {
    fn has(self, kind: TrackKind) -> bool {
        match kind {
            TrackKind::Video => self.video,
            TrackKind::Audio => self.audio,
        }
    }
}

fn size(arrival: &Arrival) -> usize {
    match arrival {
        Arrival::Frame(frame) => frame.data.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
