//! What a rendition carries, and how its frames become cuts.

use bytes::Bytes;

use crate::cmaf::{BoxError, init};
use crate::codec::{AudioFacts, CodecError, VideoFacts};
use crate::grid::{AudioGrid, Origin, PartGrid, RateEstimate, VideoGrid, timescale_for};
use crate::media::{
    AudioConfig, Frame, FrameRate, MediaTime, Timescale, TrackConfig, TrackKind, VideoConfig,
};
use crate::opening::{RenditionConfig, video_rate};
use crate::segmenter::{AudioCutter, Cut, CutError, RungCutter, VideoCutter};
use crate::timeline::TimelineSettings;

/// A rung may be this many target durations behind the lead before gaps take its place.
const RUNG_PATIENCE: i64 = 2;

/// What a track is made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrackPlan {
    pub settings: TimelineSettings,
    pub parts: PartGrid,
    /// Length of every part of the lead but a segment's last.
    pub whole_part: MediaTime,
    /// Where the source's clock stands, in the video's timescale; the track begins there.
    pub origin: Origin,
    pub source_rate: Option<RateEstimate>,
    /// Whether it decides the cuts of all others.
    pub leads: bool,
    /// Where the rendition's media ended, if it goes on just there.
    pub seam: Option<MediaTime>,
}

/// One rendition's track.
#[derive(Debug)]
pub(super) struct Track {
    pub parameters: Parameters,
    pub cutting: Cutting,
}

/// What the parameter sets of a rendition say.
#[derive(Debug)]
pub(super) enum Parameters {
    Video(VideoParameters),
    Audio(AudioParameters),
}

#[derive(Debug)]
pub(super) struct VideoParameters {
    pub config: VideoConfig,
    pub facts: VideoFacts,
    pub rate: FrameRate,
    /// The source's rate, whose frames are the lines of the grid.
    pub source: RateEstimate,
    pub timescale: Timescale,
    pub origin: Origin,
    /// `None` before the first IDR.
    pub grid: Option<VideoGrid>,
}

#[derive(Debug)]
pub(super) struct AudioParameters {
    pub config: AudioConfig,
    pub facts: AudioFacts,
}

/// Who decides where the rendition is cut.
#[derive(Debug)]
pub(super) enum Cutting {
    /// Its own IDRs.
    Lead(VideoCutter),
    /// The lead.
    Rung(RungCutter),
    /// The lead; or, without video, the audio itself.
    Audio {
        grid: AudioGrid,
        cutter: AudioCutter,
        /// The source's audio stays away: silence keeps up with the lead until it is back.
        missing: bool,
    },
}

impl Track {
    pub(super) fn new(config: &RenditionConfig, plan: &TrackPlan) -> Result<Self, CodecError> {
        match &config.track {
            TrackConfig::Video(video) => Self::video(video, config.passed_through, plan),
            TrackConfig::Audio(audio) => Self::audio(audio, plan),
        }
    }

    fn video(config: &VideoConfig, passed_through: bool, plan: &TrackPlan) -> Result<Self, CodecError> {
        let source = plan.source_rate.unwrap_or(RateEstimate {
            rate: config.declared_frame_rate.unwrap_or(FrameRate::THIRTY),
            constant: false,
        });
        let parameters = VideoParameters {
            config: config.clone(),
            facts: VideoFacts::read(config)?,
            rate: video_rate(config, passed_through, source.rate),
            source,
            timescale: timescale_for(source.rate),
            origin: plan.origin,
            grid: None,
        };
        let timescale = parameters.timescale;
        let cutting = if plan.leads {
            Cutting::Lead(VideoCutter::new(
                plan.origin.media.rescale(timescale),
                plan.whole_part,
                plan.settings.target_duration_s,
            ))
        } else {
            let patience_s = i64::from(plan.settings.target_duration_s) * RUNG_PATIENCE;
            Cutting::Rung(RungCutter::new(
                timescale,
                MediaTime::from_millis(patience_s * 1000),
            ))
        };
        Ok(Self {
            parameters: Parameters::Video(parameters),
            cutting,
        })
    }

    fn audio(config: &AudioConfig, plan: &TrackPlan) -> Result<Self, CodecError> {
        let facts = AudioFacts::read(config)?;
        let parameters = AudioParameters {
            config: config.clone(),
            facts,
        };
        let start = plan
            .seam
            .unwrap_or(plan.origin.media)
            .rescale(parameters.timescale());
        let cutter = if plan.leads {
            audio_alone(&parameters, plan, start)
        } else {
            AudioCutter::following(start, plan.parts.audio_fill(facts.frames()))
        };
        let grid = match plan.seam {
            Some(_) => AudioGrid::going_on(&facts, plan.origin, start),
            None => AudioGrid::new(&facts, plan.origin, start),
        };
        Ok(Self {
            parameters: Parameters::Audio(parameters),
            cutting: Cutting::Audio {
                grid,
                cutter,
                missing: false,
            },
        })
    }

    pub(super) fn kind(&self) -> TrackKind {
        match self.parameters {
            Parameters::Video(_) => TrackKind::Video,
            Parameters::Audio(_) => TrackKind::Audio,
        }
    }

    /// Its init section.
    pub(super) fn init(&self) -> Result<Bytes, BoxError> {
        match &self.parameters {
            Parameters::Video(video) => init::video(&video.config, &video.facts, video.timescale),
            Parameters::Audio(audio) => init::audio(&audio.config, &audio.facts, audio.timescale()),
        }
    }

    /// Places a frame in media time and cuts.
    pub(super) fn push(&mut self, frame: &Frame, cuts: &mut Vec<Cut>) -> Result<(), CutError> {
        match (&mut self.parameters, &mut self.cutting) {
            (Parameters::Video(video), Cutting::Lead(cutter)) => {
                if let Some(grid) = video.grid_for(frame) {
                    cutter.push(grid.place(frame), cuts)?;
                }
            }
            (Parameters::Video(video), Cutting::Rung(cutter)) => {
                if let Some(grid) = video.grid_for(frame) {
                    cutter.push(grid.place(frame), cuts);
                }
            }
            (
                _,
                Cutting::Audio {
                    grid,
                    cutter,
                    missing,
                },
            ) => {
                *missing = false;
                grid.place(frame, |sample| cutter.push(sample, cuts));
            }
            (Parameters::Audio(_), _) => {}
        }
        Ok(())
    }
}

impl VideoParameters {
    /// The grid, which begins with the first IDR; what comes before cannot be shown.
    fn grid_for(&mut self, frame: &Frame) -> Option<&mut VideoGrid> {
        if self.grid.is_none() && frame.is_idr {
            let grid = VideoGrid::new(self.source, self.rate, self.timescale, self.origin, frame);
            self.grid = Some(grid);
        }
        self.grid.as_mut()
    }
}

impl AudioParameters {
    pub(super) fn timescale(&self) -> Timescale {
        Timescale::new(self.facts.sample_rate_hz).unwrap_or(Timescale::VIDEO)
    }
}

fn audio_alone(audio: &AudioParameters, plan: &TrackPlan, start: MediaTime) -> AudioCutter {
    let frames = audio.facts.frames();
    let per_segment = plan.settings.target_duration_s * frames.rate_hz / frames.samples.max(1);
    let length = MediaTime::new(i64::from(per_segment * frames.samples), start.timescale);
    AudioCutter::alone(start, plan.parts.audio_fill(frames), length)
}
