//! Which rungs a session has: from the source and the configuration. Pure.

use vitrine_packager::codec::VideoFacts;
use vitrine_packager::media::{FrameRate, RenditionId, TrackConfig, TrackKind, VideoCodec};
use vitrine_packager::opening::{SourceAudio, SourceVideo};

use super::settings::{LadderChoice, LadderSettings, RungSettings};

/// The usual steps and their bit rates at up to 30 frames a second: within the ranges of Apple's authoring rule 1.19 for
/// H.264 (1080p 6000-7800, 720p 3000-4500, 432p 730-1100, 360p 365), at their lower ends from 720 lines up, and above them
/// below, since live encoding without look-ahead needs more for the same picture.
const STEPS: [(u32, u32); 5] = [(1080, 6000), (720, 3000), (480, 1400), (360, 800), (240, 400)];
/// Twice the frames are not twice the bits: each differs less from the one before.
const HIGH_RATE_FACTOR: f64 = 1.4;
/// From this rate on a source counts as one of many frames a second.
const HIGH_RATE_FPS: f64 = 40.0;
/// Rungs of an automatic ladder on a machine with fewer than four processors, the source's own among them.
const FEW_RUNGS: usize = 3;
/// Kilobits a second of an encoded audio rendition when none are configured.
const AUDIO_KBPS: u32 = 128;
const ENCODER: &str = "libx264";
const PRESET: &str = "superfast";

/// What the renditions of a session are to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// By [`RenditionId`]: the video from the highest rung down, then the audio from the best down.
    pub renditions: Vec<RenditionPlan>,
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

/// What a source is like, as far as a plan cares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source {
    /// Its video.
    pub video: Option<VideoSource>,
    /// Its audio.
    pub audio: Option<AudioSource>,
}

/// A source's video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VideoSource {
    /// Luma columns.
    pub width: u32,
    /// Luma rows.
    pub height: u32,
    /// Its frame rate.
    pub rate: FrameRate,
    /// How it is coded.
    pub codec: VideoCodec,
    /// Whether its keyframes are close enough to be passed through.
    pub gop_fits: bool,
}

/// A source's audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioSource {
    /// Samples a second.
    pub sample_rate_hz: u32,
    /// Channels.
    pub channels: u8,
    /// As declared, bits a second.
    pub bitrate_bps: Option<u32>,
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
}

impl Source {
    /// What a session's opening learnt.
    pub fn new(video: Option<&SourceVideo>, audio: Option<&SourceAudio>) -> Self {
        Self {
            video: video.map(|video| VideoSource {
                width: video.facts.width,
                height: video.facts.height,
                rate: video.estimate.rate,
                codec: video.config.codec,
                gop_fits: video.gop_fits,
            }),
            audio: audio.map(|audio| AudioSource {
                sample_rate_hz: audio.facts.sample_rate_hz,
                channels: audio.facts.channels,
                bitrate_bps: audio.config.declared_bitrate_bps,
            }),
        }
    }
}

impl Plan {
    /// The renditions of a session of that source, on a machine with so many processors.
    ///
    /// # Errors
    /// [`PlanError`], which names the rung.
    pub fn new(settings: &LadderSettings, source: &Source, processors: usize) -> Result<Self, PlanError> {
        let mut renditions = match (&source.video, &settings.ladder) {
            (None, _) => Vec::new(),
            (Some(video), LadderChoice::Auto) => automatic(video, processors),
            (Some(video), LadderChoice::Passthrough) => vec![top(video, true)],
            (Some(video), LadderChoice::Rungs(rungs)) => configured(video, rungs)?,
        };
        if let Some(audio) = &source.audio {
            renditions.extend(audio_renditions(audio, &settings.audio_bitrates_kbps));
        }
        let mut names = std::collections::BTreeSet::new();
        for rendition in &renditions {
            if !names.insert(&rendition.name) {
                return Err(PlanError::DoubleName(rendition.name.clone()));
            }
        }
        Ok(Self { renditions })
    }

    /// Checks a configuration before there is a source.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn check(settings: &LadderSettings) -> Result<(), PlanError> {
        let source = Source {
            video: Some(VideoSource {
                width: 1920,
                height: 1080,
                rate: THIRTY,
                codec: VideoCodec::Avc,
                gop_fits: true,
            }),
            audio: Some(AudioSource {
                sample_rate_hz: 48_000,
                channels: 2,
                bitrate_bps: None,
            }),
        };
        Self::new(settings, &source, 1).map(|_| ())
    }

    /// The same renditions for a source that came back otherwise: sizes follow its shape, and what was passed through is
    /// encoded if its keyframes are too far apart now.
    #[must_use]
    pub fn for_source(&self, source: &Source) -> Self {
        let renew = |rendition: &RenditionPlan| {
            let origin = match (&rendition.origin, &source.video) {
                (RenditionOrigin::PassedThrough(TrackKind::Video), Some(video)) if !video.gop_fits => {
                    RenditionOrigin::Video(encoded_top(video))
                }
                (RenditionOrigin::Video(rung), Some(video)) => {
                    let (width, height) = size(video, Some(rung.height), None);
                    RenditionOrigin::Video(VideoRung {
                        width,
                        height,
                        frame_rate: divided(video.rate, rung.each_nth_frame),
                        ..rung.clone()
                    })
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
        (!renditions.is_empty() && !loses_video).then_some(Self { renditions })
    }

    /// A source's tracks; a video that says nothing of its rate has the rate that the rungs were planned for.
    fn source_of(&self, tracks: &[TrackConfig], gop_fits: bool) -> Source {
        let planned = self
            .video_rungs()
            .next()
            .map(|(_, rung)| times(rung.frame_rate, rung.each_nth_frame));
        let video = tracks.iter().find_map(|track| match track {
            TrackConfig::Video(config) => {
                let facts = VideoFacts::read(config).ok()?;
                let rate = config.declared_frame_rate.or(facts.fixed_frame_rate).or(planned);
                Some(VideoSource {
                    width: facts.width,
                    height: facts.height,
                    rate: rate.unwrap_or(THIRTY),
                    codec: config.codec,
                    gop_fits,
                })
            }
            TrackConfig::Audio(_) => None,
        });
        Source { video, audio: None }
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

const THIRTY: FrameRate = match FrameRate::new(30, 1) {
    Some(rate) => rate,
    None => unreachable!(),
};

fn automatic(video: &VideoSource, processors: usize) -> Vec<RenditionPlan> {
    let top = top(video, video.gop_fits);
    let top_height = match &top.origin {
        RenditionOrigin::Video(rung) => rung.height,
        _ => video.height,
    };
    let below = STEPS.iter().filter(move |(height, _)| *height < top_height);
    let rungs = below.map(|&(height, kbps)| {
        // The lower steps of a source of many frames a second have half of them.
        let nth = if height <= 480 && video.rate.fps() > HIGH_RATE_FPS {
            2
        } else {
            1
        };
        RenditionPlan {
            name: format!("video-{height}p"),
            origin: RenditionOrigin::Video(usual_rung(video, height, kbps, nth)),
        }
    });
    let all = std::iter::once(top).chain(rungs);
    if processors < 4 {
        all.take(FEW_RUNGS).collect()
    } else {
        all.collect()
    }
}

/// The highest rung: the source as it is, or encoded at its own size.
fn top(video: &VideoSource, passed_through: bool) -> RenditionPlan {
    if passed_through {
        return RenditionPlan {
            name: format!("video-{}p", video.height),
            origin: RenditionOrigin::PassedThrough(TrackKind::Video),
        };
    }
    let rung = encoded_top(video);
    RenditionPlan {
        name: format!("video-{}p", rung.height),
        origin: RenditionOrigin::Video(rung),
    }
}

fn encoded_top(video: &VideoSource) -> VideoRung {
    let (tallest, _) = STEPS[0];
    let height = video.height.min(tallest);
    usual_rung(video, height, usual_kbps(height), 1)
}

fn usual_rung(video: &VideoSource, height: u32, kbps: u32, each_nth_frame: u32) -> VideoRung {
    let (width, height) = size(video, Some(height), None);
    let frame_rate = divided(video.rate, each_nth_frame);
    let factor = if frame_rate.fps() > HIGH_RATE_FPS {
        HIGH_RATE_FACTOR
    } else {
        1.0
    };
    let bitrate_bps = (f64::from(kbps) * 1000.0 * factor) as u32;
    VideoRung {
        width,
        height,
        each_nth_frame,
        frame_rate,
        bitrate_bps,
        maxrate_bps: bitrate_bps / 10 * 11,
        encoder: ENCODER.to_owned(),
        preset: Some(PRESET.to_owned()),
        profile: Some("high".to_owned()),
        threads: 1,
    }
}

fn configured(video: &VideoSource, rungs: &[RungSettings]) -> Result<Vec<RenditionPlan>, PlanError> {
    if rungs.iter().filter(|rung| rung.passthrough).count() > 1 {
        return Err(PlanError::TwoPassthroughs);
    }
    rungs.iter().map(|rung| configured_rung(video, rung)).collect()
}

fn configured_rung(video: &VideoSource, rung: &RungSettings) -> Result<RenditionPlan, PlanError> {
    let size_name = || match (rung.height, rung.width) {
        (Some(height), _) => format!("{height}p"),
        (None, Some(width)) => format!("{width}w"),
        (None, None) => format!("{}p", video.height),
    };
    let name = format!("video-{}", rung.name.clone().unwrap_or_else(size_name));
    if rung.passthrough {
        let only_named = RungSettings {
            name: rung.name.clone(),
            passthrough: true,
            ..RungSettings::default()
        };
        if *rung != only_named {
            return Err(PlanError::PassthroughSettings(name));
        }
        let origin = top(video, video.gop_fits).origin;
        return Ok(RenditionPlan { name, origin });
    }
    if rung.height.is_none() && rung.width.is_none() {
        return Err(PlanError::NoSize(name));
    }
    let lawful = |side: u32| (64..=4320).contains(&side);
    if !rung.height.into_iter().chain(rung.width).all(lawful) {
        return Err(PlanError::Size(name));
    }
    let (width, height) = size(video, rung.height, rung.width);
    let each_nth_frame = rung
        .fps_cap
        .filter(|cap| *cap > 0.0)
        .map_or(1, |cap| ((video.rate.fps() / cap - 1e-3).ceil().max(1.0)) as u32);
    let usual = usual_rung(video, height, usual_kbps(height), each_nth_frame);
    let bitrate_bps = rung
        .bitrate_kbps
        .map_or(usual.bitrate_bps, |kbps| kbps.saturating_mul(1000));
    let encoder = rung.encoder.clone().unwrap_or(usual.encoder);
    let is_x264 = encoder == ENCODER;
    Ok(RenditionPlan {
        name,
        origin: RenditionOrigin::Video(VideoRung {
            width,
            height,
            bitrate_bps,
            maxrate_bps: rung
                .maxrate_kbps
                .map_or(bitrate_bps / 10 * 11, |kbps| kbps.saturating_mul(1000)),
            preset: rung.preset.clone().or(usual.preset.filter(|_| is_x264)),
            profile: rung.profile.clone().or(usual.profile.filter(|_| is_x264)),
            threads: rung.threads.unwrap_or(usual.threads),
            encoder,
            ..usual
        }),
    })
}

/// The bit rate of the nearest usual step.
fn usual_kbps(height: u32) -> u32 {
    STEPS
        .iter()
        .min_by_key(|(step, _)| step.abs_diff(height))
        .map_or(STEPS[0].1, |(_, kbps)| *kbps)
}

/// Even sides in the source's shape.
fn size(video: &VideoSource, height: Option<u32>, width: Option<u32>) -> (u32, u32) {
    let even = |side: f64| ((side / 2.0).round() as u32 * 2).max(2);
    let (source_width, source_height) = (f64::from(video.width.max(1)), f64::from(video.height.max(1)));
    match (height, width) {
        (Some(height), Some(width)) => (even(width.into()), even(height.into())),
        (Some(height), None) => {
            // The source's own size must not be scaled by a rounding.
            let height = if height == video.height {
                video.height / 2 * 2
            } else {
                even(height.into())
            };
            let width = source_width * f64::from(height) / source_height;
            let width = if height == video.height / 2 * 2 {
                source_width - source_width % 2.0
            } else {
                width
            };
            (even(width), height.max(2))
        }
        (None, Some(width)) => (
            even(width.into()),
            even(source_height * f64::from(width) / source_width),
        ),
        (None, None) => (even(source_width), even(source_height)),
    }
}

fn times(rate: FrameRate, factor: u32) -> FrameRate {
    FrameRate::new(
        rate.numerator.get().saturating_mul(factor),
        rate.denominator.get(),
    )
    .unwrap_or(rate)
}

fn divided(rate: FrameRate, by: u32) -> FrameRate {
    let (numerator, denominator) = (rate.numerator.get(), rate.denominator.get());
    let divided = if numerator.is_multiple_of(by.max(1)) {
        FrameRate::new(numerator / by.max(1), denominator)
    } else {
        FrameRate::new(numerator, denominator.saturating_mul(by))
    };
    divided.unwrap_or(rate)
}

fn audio_renditions(audio: &AudioSource, bitrates_kbps: &[u32]) -> Vec<RenditionPlan> {
    let passes = matches!(audio.sample_rate_hz, 44_100 | 48_000) && matches!(audio.channels, 1 | 2);
    if bitrates_kbps.is_empty() && passes {
        let name = audio
            .bitrate_bps
            .map_or("audio".to_owned(), |bps| audio_name((bps + 500) / 1000));
        return vec![RenditionPlan {
            name,
            origin: RenditionOrigin::PassedThrough(TrackKind::Audio),
        }];
    }
    let bitrates = if bitrates_kbps.is_empty() {
        &[AUDIO_KBPS][..]
    } else {
        bitrates_kbps
    };
    let rendition = |&kbps: &u32| RenditionPlan {
        name: audio_name(kbps),
        origin: RenditionOrigin::Audio(AudioRung {
            channels: audio.channels.clamp(1, 2),
            bitrate_bps: kbps.saturating_mul(1000),
        }),
    };
    bitrates.iter().map(rendition).collect()
}

fn audio_name(kbps: u32) -> String {
    format!("audio-{kbps}k")
}

#[cfg(test)]
mod tests;
