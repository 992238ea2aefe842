//! Which rungs a session has: from the source and the configuration. Pure.

mod audio;
mod auto;
mod configured;
mod source;
mod video;

use vitrine_packager::media::{FrameRate, RenditionId, TrackConfig, TrackKind};

use super::settings::{LadderChoice, LadderSettings};

pub use source::{AudioSource, Source, VideoSource};

/// What the renditions of a session are to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// By [`RenditionId`]: the video from the highest rung down, then the audio from the best down.
    pub renditions: Vec<RenditionPlan>,
    /// Of the machine that it is for.
    processors: usize,
}

/// One rendition.
#[derive(Debug, Clone, PartialEq)]
pub struct RenditionPlan {
    /// As in its URL: `video-720p`, `audio-128k`.
    pub name: String,
    /// Where its frames come from.
    pub origin: RenditionOrigin,
}

/// Where a rendition's frames come from.
#[derive(Debug, Clone, PartialEq)]
pub enum RenditionOrigin {
    /// They are the source's own.
    PassedThrough(TrackKind),
    /// A video encoder.
    Video(VideoRung),
    /// An audio encoder.
    Audio(AudioRung),
}

/// An encoded video rung.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoRung {
    /// Luma columns, even.
    pub width: u32,
    /// Luma rows, even.
    pub height: u32,
    /// Each how manieth frame of the source is encoded.
    pub each_nth_frame: u32,
    /// Its frame rate.
    pub frame_rate: FrameRate,
    /// Bits a second.
    pub bitrate_bps: u32,
    /// Bits a second at most, over a second.
    pub maxrate_bps: u32,
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// The encoder's preset, if it has presets.
    pub preset: Option<String>,
    /// The encoder's profile.
    pub profile: Option<String>,
    /// Threads of the encoder.
    pub threads: u32,
}

/// An encoded audio rendition: AAC-LC at 48 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioRung {
    /// 1 or 2.
    pub channels: u8,
    /// Bits a second.
    pub bitrate_bps: u32,
}

/// A ladder that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two renditions of one name.
    #[error("ladder: two rungs are named {0}: give each a name of its own")]
    DoubleName(String),
    /// Neither height nor width.
    #[error("ladder: rung {0} needs a height or a width")]
    NoSize(String),
    /// Sizes that no decoder takes.
    #[error("ladder: rung {0} must have 64 to 4320 rows and columns")]
    Size(String),
    /// A passed-through rung with an encoder's settings.
    #[error("ladder: rung {0} is passed through: give nothing but its name")]
    PassthroughSettings(String),
    /// Several rungs are the source.
    #[error("ladder: only one rung can be passed through")]
    TwoPassthroughs,
    /// A rung that has no frames.
    #[error("ladder: the fps_cap of rung {0} must be 1 or more")]
    FrameRateCap(String),
}

impl Plan {
    /// The renditions of a session of that source, on a machine with so many processors.
    ///
    /// # Errors
    /// [`PlanError`], which names the rung.
    pub fn new(settings: &LadderSettings, source: &Source, processors: usize) -> Result<Self, PlanError> {
        let mut renditions = match (&source.video, &settings.ladder) {
            (None, _) => Vec::new(),
            (Some(video), LadderChoice::Auto) => auto::renditions(video, processors),
            (Some(video), LadderChoice::Passthrough) => vec![video::passed_through(video)],
            (Some(video), LadderChoice::Rungs(rungs)) => configured::renditions(video, rungs, processors)?,
        };
        if let Some(audio) = &source.audio {
            renditions.extend(audio::renditions(audio, &settings.audio_bitrates_kbps));
        }
        let mut names = std::collections::BTreeSet::new();
        for rendition in &renditions {
            if !names.insert(&rendition.name) {
                return Err(PlanError::DoubleName(rendition.name.clone()));
            }
        }
        Ok(Self {
            renditions,
            processors,
        })
    }

    /// Checks a configuration before there is a source.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn check(settings: &LadderSettings) -> Result<(), PlanError> {
        Self::new(settings, &Source::LARGE, 1).map(|_| ())
    }

    /// The most that a configuration can ask for; nothing for one that is wrong.
    pub(super) fn for_check(settings: &LadderSettings) -> Self {
        Self::new(settings, &Source::LARGE, usize::MAX).unwrap_or(Self {
            renditions: Vec::new(),
            processors: 1,
        })
    }

    /// The same renditions for a source that came back otherwise: sizes follow its shape, and what was passed through is
    /// encoded if its keyframes are too far apart now.
    #[must_use]
    pub fn for_source(&self, source: &Source) -> Self {
        let renew = |rendition: &RenditionPlan| {
            let origin = match (&rendition.origin, &source.video) {
                (RenditionOrigin::PassedThrough(TrackKind::Video), Some(video)) if !video.gop_fits => {
                    RenditionOrigin::Video(video::encoded_top(video, self.processors))
                }
                (RenditionOrigin::Video(rung), Some(video)) => {
                    RenditionOrigin::Video(video::resized(rung, video))
                }
                (origin, _) => origin.clone(),
            };
            RenditionPlan {
                name: rendition.name.clone(),
                origin,
            }
        };
        Self {
            renditions: self.renditions.iter().map(renew).collect(),
            processors: self.processors,
        }
    }

    /// The same renditions for a source with these tracks, passed through where it was.
    #[must_use]
    pub fn for_tracks(&self, tracks: &[TrackConfig]) -> Self {
        self.for_source(&self.source_of(tracks, true))
    }

    /// The same renditions, with the source's video encoded where it was passed through.
    #[must_use]
    pub fn encoding_everything(&self, tracks: &[TrackConfig]) -> Self {
        self.for_source(&self.source_of(tracks, false))
    }

    /// What is left without encoders; `None` if that is no show.
    #[must_use]
    pub fn without_encoders(&self) -> Option<Self> {
        let passed =
            |rendition: &&RenditionPlan| matches!(rendition.origin, RenditionOrigin::PassedThrough(_));
        let renditions: Vec<RenditionPlan> = self.renditions.iter().filter(passed).cloned().collect();
        let loses_video = self.encodes_video() && self.passed_through(TrackKind::Video).is_none();
        (!renditions.is_empty() && !loses_video).then_some(Self {
            renditions,
            processors: self.processors,
        })
    }

    /// A source's tracks; a video that says nothing of its rate has the rate that the rungs were planned for.
    fn source_of(&self, tracks: &[TrackConfig], gop_fits: bool) -> Source {
        let video = tracks.iter().find_map(|track| match track {
            TrackConfig::Video(config) => VideoSource::of_track(config, self.source_rate(), gop_fits),
            TrackConfig::Audio(_) => None,
        });
        Source { video, audio: None }
    }

    /// The rate of the source that the rungs were planned for; a usual one for a plan without rungs.
    pub(super) fn source_rate(&self) -> FrameRate {
        let rate = |(_, rung): (_, &VideoRung)| video::times(rung.frame_rate, rung.each_nth_frame);
        self.video_rungs().next().map_or(source::THIRTY, rate)
    }

    /// The rendition whose cuts all follow: the source passed through, whose frames come at once; else the lowest rung,
    /// which is never shed; else the first audio.
    pub fn lead(&self) -> RenditionId {
        let place = |wanted: &dyn Fn(&RenditionOrigin) -> bool| {
            self.renditions
                .iter()
                .rposition(|rendition| wanted(&rendition.origin))
        };
        let passed = place(&|origin| matches!(origin, RenditionOrigin::PassedThrough(TrackKind::Video)));
        let lowest = place(&|origin| matches!(origin, RenditionOrigin::Video(_)));
        let lead = passed.or(lowest).unwrap_or(0);
        RenditionId(u16::try_from(lead).unwrap_or(0))
    }

    /// Whether any video is encoded.
    pub fn encodes_video(&self) -> bool {
        self.video_rungs().next().is_some()
    }

    /// The encoded video rungs, the highest first.
    pub fn video_rungs(&self) -> impl Iterator<Item = (RenditionId, &VideoRung)> {
        self.with_ids()
            .filter_map(|(id, rendition)| match &rendition.origin {
                RenditionOrigin::Video(rung) => Some((id, rung)),
                _ => None,
            })
    }

    /// The encoded audio renditions, the best first.
    pub fn audio_rungs(&self) -> impl Iterator<Item = (RenditionId, AudioRung)> {
        self.with_ids()
            .filter_map(|(id, rendition)| match rendition.origin {
                RenditionOrigin::Audio(rung) => Some((id, rung)),
                _ => None,
            })
    }

    /// The rendition that is the source's own track of that kind.
    pub fn passed_through(&self, kind: TrackKind) -> Option<RenditionId> {
        self.with_ids()
            .find(|(_, rendition)| rendition.origin == RenditionOrigin::PassedThrough(kind))
            .map(|(id, _)| id)
    }

    fn with_ids(&self) -> impl Iterator<Item = (RenditionId, &RenditionPlan)> {
        (0_u16..).map(RenditionId).zip(&self.renditions)
    }
}

#[cfg(test)]
mod tests;
