//! What a session must know before it starts: learnt from its first group of pictures.
//!
//! ```text
//! Frames of the first GOP ──► frame rate, part grid, wall-clock anchor ──► Presentation (the GOP already in it)
//! ```
//!
//! Nothing is published before the second IDR. So a GOP that is too long is refused before any viewer sees it,
//! and PART-TARGET, TARGETDURATION and PROGRAM-DATE-TIME can be constants of the session.

use crate::codec::{AudioFacts, CodecError, VideoFacts};
use crate::grid::{AudioFrames, Origin, PartGrid, RateEstimate, VideoGrid};
use crate::media::{Frame, FrameRate, MediaTime, TrackConfig, TrackKind, WallTime};
use crate::presentation::{AudioSource, MessageSource, Presentation, PushError, VideoSource};
use crate::segmenter::GopTooLong;
use crate::timeline::TimelineSettings;

/// Bounded: frames of the first GOP, in bytes. Over it the publication is refused.
const BYTES_LIMIT: usize = 64 << 20;
/// An IDR this soon after the first does not end the first GOP.
const SHORTEST_GOP_MS: i64 = 400;
/// As the segmenter has it: 60 frames at 29.97 fps last 2.002 s.
const GOP_TOLERANCE_MS: i64 = 90;

/// How sessions of a channel are packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackagingSettings {
    /// EXT-X-TARGETDURATION in seconds; also the longest keyframe interval.
    pub target_duration_s: u32,
    /// The wished PART-TARGET in milliseconds; the grid decides the real one.
    pub part_target_ms: u32,
    /// Seconds of media that a playlist lists.
    pub window_s: u32,
}

/// Why a publication cannot become a session.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its parameter sets are unusable.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Its keyframes are too far apart.
    #[error(transparent)]
    Gop(#[from] GopTooLong),
    /// The first GOP is too large to hold.
    #[error("the first group of pictures is over 64 MiB: lower the encoder's bitrate or keyframe interval")]
    TooLarge,
    /// Neither video nor audio.
    #[error("the publication has neither H.264 video nor AAC audio")]
    NoTracks,
    /// The first GOP could not be packaged.
    #[error(transparent)]
    Push(#[from] PushError),
}

/// A session that is about to start.
#[derive(Debug)]
pub struct Startup {
    settings: PackagingSettings,
    video: Option<(TrackConfig, VideoFacts)>,
    audio: Option<(TrackConfig, AudioFacts)>,
    frames: Vec<Frame>,
    bytes: usize,
}

impl Startup {
    /// Reads the tracks' parameters.
    pub fn new(settings: PackagingSettings, tracks: &[TrackConfig]) -> Result<Self, StartError> {
        let (mut video, mut audio) = (None, None);
        for track in tracks {
            match track {
                TrackConfig::Video(config) => video = Some((track.clone(), VideoFacts::read(config)?)),
                TrackConfig::Audio(config) => audio = Some((track.clone(), AudioFacts::read(config)?)),
            }
        }
        if video.is_none() && audio.is_none() {
            return Err(StartError::NoTracks);
        }
        Ok(Self {
            settings,
            video,
            audio,
            frames: Vec::new(),
            bytes: 0,
        })
    }

    /// Takes a frame; `true` when enough is known to [`start`](Self::start).
    pub fn push(&mut self, frame: Frame) -> Result<bool, StartError> {
        self.bytes += frame.data.len();
        if self.bytes > BYTES_LIMIT {
            return Err(StartError::TooLarge);
        }
        let lead = if self.video.is_some() {
            TrackKind::Video
        } else {
            TrackKind::Audio
        };
        let first = self
            .frames
            .iter()
            .find(|first| first.track == lead && first.is_idr)
            .map(|first| first.dts_ms);
        let (Some(first), true) = (first, frame.track == lead) else {
            // Frames before the first IDR cannot be shown; audio before it may be wanted.
            if frame.track == TrackKind::Audio || frame.is_idr || first.is_some() {
                self.frames.push(frame);
            }
            return Ok(false);
        };
        let elapsed = frame.dts_ms - first;
        let target_ms = i64::from(self.settings.target_duration_s) * 1000;
        if lead == TrackKind::Video && !frame.is_idr && elapsed > target_ms + GOP_TOLERANCE_MS {
            return Err(GopTooLong {
                limit_s: self.settings.target_duration_s,
            }
            .into());
        }
        let enough = match lead {
            TrackKind::Video => frame.is_idr && elapsed >= SHORTEST_GOP_MS,
            TrackKind::Audio => elapsed >= target_ms,
        };
        self.frames.push(frame);
        Ok(enough)
    }

    /// The session, with everything pushed so far already in it.
    pub fn start(self, messages: &mut MessageSource<'_>) -> Result<Presentation, StartError> {
        let rate = self
            .video
            .as_ref()
            .map(|(config, facts)| self.estimate(config, facts));
        let audio_frames = self.audio.as_ref().map(|(_, facts)| AudioFrames {
            samples: facts.frame_samples,
            rate_hz: facts.sample_rate_hz,
        });
        let parts = PartGrid::choose(
            rate.map(|estimate| estimate.rate),
            audio_frames,
            self.settings.part_target_ms,
        );
        let first_idr = self
            .frames
            .iter()
            .find(|frame| frame.track == TrackKind::Video && frame.is_idr);
        let grid = rate
            .zip(first_idr)
            .map(|(estimate, idr)| VideoGrid::first(estimate, idr));
        let origin = match (&grid, self.frames.first()) {
            (Some(grid), _) => grid.origin(),
            (None, Some(first)) => Origin {
                encoder_ms: first.pts_ms,
                media: MediaTime::from_millis(0),
            },
            (None, None) => return Err(StartError::NoTracks),
        };
        let settings = TimelineSettings {
            target_duration_s: self.settings.target_duration_s,
            part_target: parts.part_target,
            window_s: self.settings.window_s,
            anchor: self.anchor(origin),
        };
        let video = match (self.video, grid, rate) {
            (Some((TrackConfig::Video(config), facts)), Some(grid), Some(estimate)) => Some(VideoSource {
                config,
                facts,
                grid,
                rate: estimate.rate,
            }),
            _ => None,
        };
        let audio = match self.audio {
            Some((TrackConfig::Audio(config), facts)) => Some(AudioSource { config, facts }),
            _ => None,
        };
        let mut presentation =
            Presentation::new(settings, parts, video, audio, origin).map_err(PushError::from)?;
        for frame in &self.frames {
            presentation.push(frame, messages)?;
        }
        Ok(presentation)
    }

    fn estimate(&self, config: &TrackConfig, facts: &VideoFacts) -> RateEstimate {
        let stamps: Vec<i64> = self
            .frames
            .iter()
            .filter(|f| f.track == TrackKind::Video)
            .map(|f| f.dts_ms)
            .collect();
        RateEstimate::from_stamps(&stamps, &claims(config, facts))
    }

    /// The wall clock at media time zero: the least delay seen between a frame's time and its arrival, so that
    /// a burst at the start does not put later frames into the future.
    fn anchor(&self, origin: Origin) -> WallTime {
        let zero = |frame: &Frame| frame.received.0 - (frame.pts_ms - origin.encoder_ms);
        WallTime(self.frames.iter().map(zero).min().unwrap_or(0))
    }
}

/// Frame rates that the stream claims for itself, the most trusted first.
pub(crate) fn claims(config: &TrackConfig, facts: &VideoFacts) -> Vec<FrameRate> {
    let declared = match config {
        TrackConfig::Video(video) => video.declared_frame_rate,
        TrackConfig::Audio(_) => None,
    };
    declared.into_iter().chain(facts.fixed_frame_rate).collect()
}
