//! A session about to begin: what its source is like, and the choice of its renditions.
//!
//! ```text
//! Startup ──► Opening ──► (which renditions?) ──► Presentation
//! ```

use crate::codec::{AudioFacts, VideoFacts};
use crate::grid::{Origin, PartGrid, RateEstimate, timescale_for};
use crate::media::{
    AudioConfig, Frame, FrameRate, MediaTime, RenditionId, TrackConfig, TrackKind, VideoConfig, WallTime,
};
use crate::presentation::Presentation;
use crate::startup::{PackagingSettings, StartError, claims};
use crate::timeline::TimelineSettings;

/// A rendition that a session is to have. Its place in the list is its [`RenditionId`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionConfig {
    /// Its name, as in its URL: `video-720p`, `audio-128k`. Unlike that of any other of the session.
    pub name: String,
    /// Its parameters. A video's `declared_frame_rate`, if it is not the source's, is the rung's own.
    pub track: TrackConfig,
    /// Whether its frames are the source's own.
    pub passed_through: bool,
}

/// The renditions of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renditions {
    /// In the order of their ids; at least one.
    pub all: Vec<RenditionConfig>,
    /// The one whose cuts the others follow: a video rendition, or the first audio of a session without video. It should
    /// be the one whose frames come soonest and most surely: the source passed through, else the cheapest rung.
    pub lead: RenditionId,
}

/// A source's video.
#[derive(Debug, Clone)]
pub struct SourceVideo {
    /// As the encoder declared it.
    pub config: VideoConfig,
    /// As its parameter sets say.
    pub facts: VideoFacts,
    /// Its frame rate, as its stamps say.
    pub estimate: RateEstimate,
    /// The frame at media time zero.
    pub first_idr: Frame,
    /// Whether its keyframes are close enough to be passed through.
    pub gop_fits: bool,
    /// Whether there were keyframes of open GOPs, at which no segment can begin.
    pub open_gops: bool,
}

/// A source's audio.
#[derive(Debug, Clone)]
pub struct SourceAudio {
    /// As the encoder declared it.
    pub config: AudioConfig,
    /// As its configuration says.
    pub facts: AudioFacts,
}

/// A session about to begin.
#[derive(Debug)]
pub struct Opening {
    settings: PackagingSettings,
    /// The source's video, if it has one.
    pub video: Option<SourceVideo>,
    /// The source's audio, if it has one.
    pub audio: Option<SourceAudio>,
    frames: Vec<Frame>,
    origin: Origin,
    anchor: WallTime,
}

impl Opening {
    pub(crate) fn new(
        settings: PackagingSettings,
        video: Option<SourceVideo>,
        audio: Option<SourceAudio>,
        frames: Vec<Frame>,
    ) -> Result<Self, StartError> {
        let first = video
            .as_ref()
            .map(|video| &video.first_idr)
            .or(frames.first())
            .ok_or(StartError::NoTracks)?;
        let origin = Origin {
            encoder_ms: first.pts_ms,
            media: MediaTime::from_millis(0),
        };
        let anchor = anchor(&frames, origin);
        Ok(Self {
            settings,
            video,
            audio,
            frames,
            origin,
            anchor,
        })
    }

    /// The frames received so far, to be pushed first.
    pub fn take_frames(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.frames)
    }

    /// The source's own tracks as renditions.
    pub fn passed_through(&self) -> Renditions {
        let video = self.video.iter().map(|video| RenditionConfig {
            name: format!("video-{}p", video.facts.height),
            track: TrackConfig::Video(video.config.clone()),
            passed_through: true,
        });
        let audio = self.audio.iter().map(|audio| RenditionConfig {
            name: audio_name(&audio.config),
            track: TrackConfig::Audio(audio.config.clone()),
            passed_through: true,
        });
        Renditions {
            all: video.chain(audio).collect(),
            lead: RenditionId(0),
        }
    }

    /// The session with these renditions; nothing is in it yet.
    ///
    /// # Errors
    /// [`StartError::NoLead`], [`StartError::Codec`], [`StartError::Box`].
    pub fn present(self, renditions: Renditions) -> Result<Presentation, StartError> {
        let lead = renditions
            .all
            .get(usize::from(renditions.lead.0))
            .ok_or(StartError::NoLead)?;
        let source_rate = self.video.as_ref().map(|video| video.estimate.rate);
        if (lead.track.kind() == TrackKind::Video) != source_rate.is_some() {
            return Err(StartError::NoLead);
        }
        let rates = video_rates(&renditions.all, renditions.lead, source_rate);
        let audio: Result<Vec<_>, _> = renditions
            .all
            .iter()
            .filter_map(|rendition| match &rendition.track {
                TrackConfig::Audio(config) => Some(AudioFacts::read(config)),
                TrackConfig::Video(_) => None,
            })
            .collect();
        let audio: Vec<_> = audio?.iter().map(AudioFacts::frames).collect();
        let parts = PartGrid::choose(&rates, &audio, self.settings.part_target_ms);
        let settings = TimelineSettings {
            target_duration_s: self.settings.target_duration_s,
            part_target: parts.part_target,
            window_s: self.settings.window_s,
            anchor: self.anchor,
        };
        // One timescale for all: what divides the source's frames divides every second of them too.
        let timescale = self
            .video
            .as_ref()
            .map(|video| timescale_for(video.estimate.rate));
        let origin = Origin {
            media: timescale.map_or(self.origin.media, |timescale| {
                self.origin.media.rescale(timescale)
            }),
            ..self.origin
        };
        Presentation::new(
            settings,
            parts,
            origin,
            self.video
                .map(|video| (video.estimate, claims(&video.config, &video.facts))),
            renditions,
        )
    }
}

/// A video rendition's frame rate: the source's, or a rung's own.
pub(crate) fn video_rate(config: &VideoConfig, passed_through: bool, source: FrameRate) -> FrameRate {
    config
        .declared_frame_rate
        .filter(|_| !passed_through)
        .unwrap_or(source)
}

/// The video renditions' frame rates, the lead's first; none without video.
pub(crate) fn video_rates(
    renditions: &[RenditionConfig],
    lead: RenditionId,
    source: Option<FrameRate>,
) -> Vec<FrameRate> {
    let lead = usize::from(lead.0);
    let rate = |rendition: &RenditionConfig| match (&rendition.track, source) {
        (TrackConfig::Video(config), Some(source)) => {
            Some(video_rate(config, rendition.passed_through, source))
        }
        _ => None,
    };
    let others = (0..).zip(renditions).filter(|(index, _)| *index != lead);
    let lead = renditions.get(lead).into_iter();
    lead.chain(others.map(|(_, rendition)| rendition))
        .filter_map(rate)
        .collect()
}

/// The wall clock at media time zero: the least delay seen between a frame's time and its arrival, so that
/// a burst at the start does not put later frames into the future.
fn anchor(frames: &[Frame], origin: Origin) -> WallTime {
    let zero = |frame: &Frame| frame.received.0 - (frame.pts_ms - origin.encoder_ms);
    WallTime(frames.iter().map(zero).min().unwrap_or(0))
}

fn audio_name(config: &AudioConfig) -> String {
    config
        .declared_bitrate_bps
        .map_or("audio".to_owned(), |bps| format!("audio-{}k", (bps + 500) / 1000))
}
