//! What a session must know before it starts: learnt from its first group of pictures.
//!
//! ```text
//! Frames of the first GOP ──► Opening (frame rate, whether the GOP fits, wall-clock anchor) ──► Presentation
//! ```
//!
//! Nothing is published before the second IDR. So a GOP that is too long is refused before any viewer sees it,
//! and PART-TARGET, TARGETDURATION and PROGRAM-DATE-TIME can be constants of the session.

use crate::cmaf::BoxError;
use crate::codec::{self, AudioFacts, CodecError, VideoFacts};
use crate::grid::{RateClaims, RateEstimate};
use crate::media::{Frame, TrackConfig, TrackKind, VideoConfig};
use crate::opening::{Opening, SourceAudio, SourceVideo};
use crate::presentation::{MessageSource, Presentation, PushError};
use crate::segmenter::GopTooLong;

/// Bounded: frames of the first GOP, in bytes and in number: of audio alone, over two minutes. Over it the publication is
/// refused.
const BYTES_LIMIT: usize = 64 << 20;
const FRAMES_LIMIT: usize = 8192;
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
    /// Its keyframes are no IDRs.
    #[error(
        "the encoder makes open GOPs: segments begin at IDRs, and none came for {limit_s} s: switch open GOPs off (x265: open-gop=0)"
    )]
    OpenGops {
        /// TARGETDURATION in seconds.
        limit_s: u32,
    },
    /// The first GOP is too large to hold.
    #[error(
        "no whole group of pictures within 64 MiB or 8192 frames: lower the encoder's bitrate or keyframe interval, and see that it sends video"
    )]
    TooLarge,
    /// Neither video nor audio.
    #[error("the publication has neither H.264 video nor AAC audio")]
    NoTracks,
    /// The first GOP could not be packaged.
    #[error(transparent)]
    Push(#[from] PushError),
    /// An init section could not be written.
    #[error(transparent)]
    Box(#[from] BoxError),
    /// The renditions do not make a session.
    #[error("no rendition leads the session's cuts: a ladder needs at least one video rung, or audio alone")]
    NoLead,
}

/// A session that is about to start.
#[derive(Debug)]
pub struct Startup {
    settings: PackagingSettings,
    video: Option<(TrackConfig, VideoFacts)>,
    audio: Option<(TrackConfig, AudioFacts)>,
    frames: Vec<Frame>,
    bytes: usize,
    /// Decode stamp of the leading track's first IDR.
    first_ms: Option<i64>,
    takes_long_gops: bool,
    gop_fits: bool,
    open_gops: bool,
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
            first_ms: None,
            takes_long_gops: false,
            gop_fits: true,
            open_gops: false,
        })
    }

    /// Does not refuse a source whose keyframes are further apart than the target duration: it will be encoded anew.
    #[must_use]
    pub fn taking_long_gops(self) -> Self {
        Self {
            takes_long_gops: true,
            ..self
        }
    }

    /// Takes a frame; `true` when enough is known to [`start`](Self::start).
    pub fn push(&mut self, frame: Frame) -> Result<bool, StartError> {
        self.bytes += frame.data.len();
        if self.bytes > BYTES_LIMIT || self.frames.len() >= FRAMES_LIMIT {
            return Err(StartError::TooLarge);
        }
        let lead = if self.video.is_some() {
            TrackKind::Video
        } else {
            TrackKind::Audio
        };
        let (Some(first), true) = (self.first_ms, frame.track == lead) else {
            if frame.track == lead && frame.is_idr {
                self.first_ms = Some(frame.dts_ms);
            }
            // Frames before the first IDR cannot be shown; audio before it may be wanted.
            if frame.track == TrackKind::Audio || self.first_ms.is_some() {
                self.frames.push(frame);
            }
            return Ok(false);
        };
        self.open_gops |= self
            .video
            .as_ref()
            .is_some_and(|(_, facts)| codec::is_open_gop(facts.codec, &frame.data));
        let elapsed = frame.dts_ms - first;
        let target_ms = i64::from(self.settings.target_duration_s) * 1000;
        if lead == TrackKind::Video && !frame.is_idr && elapsed > target_ms + GOP_TOLERANCE_MS {
            let limit_s = self.settings.target_duration_s;
            match (self.takes_long_gops, self.open_gops) {
                (true, _) => {}
                (false, true) => return Err(StartError::OpenGops { limit_s }),
                (false, false) => return Err(GopTooLong { limit_s }.into()),
            }
            self.gop_fits = false;
        }
        let enough = match lead {
            TrackKind::Video => !self.gop_fits || frame.is_idr && elapsed >= SHORTEST_GOP_MS,
            TrackKind::Audio => elapsed >= target_ms,
        };
        self.frames.push(frame);
        Ok(enough)
    }

    /// What was learnt; the frames pushed so far are in it.
    pub fn open(self) -> Result<Opening, StartError> {
        let video = match (&self.video, self.frames.iter().find(|frame| is_first(frame))) {
            (Some((TrackConfig::Video(config), facts)), Some(first_idr)) => Some(SourceVideo {
                estimate: self.estimate(config, facts),
                config: config.clone(),
                facts: facts.clone(),
                first_idr: first_idr.clone(),
                gop_fits: self.gop_fits,
                open_gops: self.open_gops,
            }),
            _ => None,
        };
        let audio = match &self.audio {
            Some((TrackConfig::Audio(config), facts)) => Some(SourceAudio {
                config: config.clone(),
                facts: *facts,
            }),
            _ => None,
        };
        Opening::new(self.settings, video, audio, self.frames)
    }

    /// The session of the source's tracks, passed through, with everything pushed so far already in it.
    pub fn start(self, messages: &mut MessageSource<'_>) -> Result<Presentation, StartError> {
        let mut opening = self.open()?;
        let frames = opening.take_frames();
        let renditions = opening.passed_through();
        let mut presentation = opening.present(renditions)?;
        for frame in &frames {
            if let Some(id) = presentation.passed_through(frame.track) {
                presentation.push(id, frame, messages)?;
            }
        }
        Ok(presentation)
    }

    fn estimate(&self, config: &VideoConfig, facts: &VideoFacts) -> RateEstimate {
        let stamps: Vec<i64> = self
            .frames
            .iter()
            .filter(|f| f.track == TrackKind::Video)
            .map(|f| f.dts_ms)
            .collect();
        RateEstimate::from_stamps(&stamps, &claims(config, facts).in_order())
    }
}

fn is_first(frame: &Frame) -> bool {
    frame.track == TrackKind::Video && frame.is_idr
}

/// Frame rates that the stream claims for itself.
pub(crate) fn claims(config: &VideoConfig, facts: &VideoFacts) -> RateClaims {
    RateClaims {
        declared: config.declared_frame_rate,
        parameter_set: facts.fixed_frame_rate,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::codec::tests::{avcc_720p30, hvcc_720p30};
    use crate::media::WallTime;

    /// H.265's IDR_W_RADL, TRAIL_R and CRA, as the first bytes of NAL units.
    const IDR: u8 = 19 << 1;
    const TRAIL: u8 = 1 << 1;
    const CRA: u8 = 21 << 1;

    /// Three seconds of 30 frames a second whose first is an IDR, and whose sixtieth is of `second` type.
    fn outcome(config: VideoConfig, second: u8, takes_long_gops: bool) -> Result<Startup, StartError> {
        let settings = PackagingSettings {
            target_duration_s: 2,
            part_target_ms: 333,
            window_s: 60,
        };
        let mut startup = Startup::new(settings, &[TrackConfig::Video(config)])?;
        if takes_long_gops {
            startup = startup.taking_long_gops();
        }
        for index in 0..90 {
            let nal_type = match index {
                0 => IDR,
                60 => second,
                _ => TRAIL,
            };
            // A delimiter before the slice, as x265 writes it.
            let data = [&[0, 0, 0, 2, 35 << 1, 1][..], &[0, 0, 0, 3, nal_type, 1, 0x80]].concat();
            let at_ms = index * 1000 / 30;
            startup.push(Frame {
                track: TrackKind::Video,
                dts_ms: at_ms,
                pts_ms: at_ms,
                is_idr: index == 0,
                data: Bytes::from(data),
                received: WallTime(0),
            })?;
        }
        Ok(startup)
    }

    #[test]
    fn open_gops_are_refused_in_their_own_words() {
        let refused = |config, second| outcome(config, second, false).unwrap_err();
        assert!(matches!(
            refused(hvcc_720p30(), CRA),
            StartError::OpenGops { limit_s: 2 }
        ));
        assert!(matches!(refused(hvcc_720p30(), TRAIL), StartError::Gop(_)));
        // The same byte means something else in H.264.
        assert!(matches!(refused(avcc_720p30(), CRA), StartError::Gop(_)));
    }

    #[test]
    fn a_source_that_is_to_be_encoded_tells_of_its_open_gops() {
        for (second, open) in [(CRA, true), (TRAIL, false)] {
            let opening = outcome(hvcc_720p30(), second, true).unwrap().open().unwrap();
            let video = opening.video.unwrap();
            assert!(!video.gop_fits);
            assert_eq!(video.open_gops, open);
        }
    }

    #[test]
    fn an_access_unit_that_is_cut_short_is_no_keyframe() {
        let whole = [0, 0, 0, 3, CRA, 1, 0x80];
        assert!(codec::is_open_gop(hvcc_720p30().codec, &whole));
        for length in 0..whole.len() {
            assert!(
                !codec::is_open_gop(hvcc_720p30().codec, &whole[..length]),
                "{length}"
            );
        }
    }
}
