//! The ladder: decode once, encode every rung.
//!
//! ```text
//!             ┌─ passed through: at once ──────────────────────────────────────────► caller
//! Frame ─push─┤
//!             ├─► video: decode ─► scale, from large to small ─► one encoder a rung ─┐
//!             └─► audio: decode ─► resample ─► one encoder a rendition ──────────────┴─► LadderOutput
//! ```
//!
//! Every rung's frames keep the stamps of the source's frames that they are made of, and IDRs stand at the same source
//! frames in all of them; so the packager puts them on one grid and cuts them alike. The plan is [`Plan`], the running
//! thing [`Ladder`].

mod annexb;
mod audio;
mod encode;
mod ffmpeg;
mod keyframes;
mod pictures;
mod plan;
mod settings;
mod shed;
mod stats;
mod video;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use vitrine_packager::media::{Frame, RenditionId, TrackConfig, TrackKind};

pub use keyframes::IdrGrid;
pub use plan::{
    AudioSource, Plan, PlanError, RenditionOrigin, RenditionPlan, Source, VideoRung, VideoSource,
};
pub use settings::{LadderChoice, LadderSettings, RungSettings};
pub use stats::{LadderStats, RungStats};

/// Bounded: source frames that wait for the decoder, of each kind: over four seconds of 60 frames a second. Full: frames are
/// left out up to the next IDR, and counted; what is passed through is not touched.
const SOURCE_QUEUE: usize = 256;
/// Bounded: encoded frames that wait for the channel. Full: the encoders wait, then the decoder, then the rule above.
const OUTPUT_QUEUE: usize = 256;

/// Why a ladder does not work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LadderError {
    /// The libraries were built without it.
    #[error("FFmpeg has no decoder {0} on this machine: install Debian's libavcodec")]
    NoDecoder(String),
    /// It does not take the track's parameters.
    #[error("the decoder does not take the source: {0}: restart the encoder, or choose another one")]
    Decoder(ffmpeg_next::Error),
    /// No encoder of that name.
    #[error("FFmpeg has no encoder {name} on this machine: see ffmpeg -encoders; libx264 is always there")]
    UnknownEncoder {
        /// As configured.
        name: String,
    },
    /// The encoder does not take its settings, or a picture.
    #[error("encoder {name}: {source}: check its preset and profile, and that its hardware is there")]
    Encoder {
        /// As configured.
        name: String,
        /// What FFmpeg said.
        source: ffmpeg_next::Error,
    },
    /// Its headers cannot be understood.
    #[error("encoder {name} writes headers that cannot be packaged: choose an H.264 encoder")]
    Headers {
        /// As configured.
        name: String,
    },
    /// A filter is missing, or does not take the picture.
    #[error("FFmpeg's filters do not take the source: {0}")]
    NoFilter(String),
    /// No thread could be started.
    #[error("no thread for the ladder: {0}")]
    Thread(Arc<std::io::Error>),
}

/// Whether this machine has every encoder that a configuration names.
///
/// # Errors
/// [`LadderError::UnknownEncoder`].
pub fn check_encoders(settings: &LadderSettings) -> Result<(), LadderError> {
    ffmpeg::init();
    let LadderChoice::Rungs(rungs) = &settings.ladder else {
        return Ok(());
    };
    let mut named = rungs.iter().filter_map(|rung| rung.encoder.as_deref());
    named.try_for_each(ffmpeg::check_encoder)
}

impl LadderError {
    fn decoder(error: ffmpeg_next::Error) -> Self {
        Self::Decoder(error)
    }
}

/// What comes out of a ladder.
#[derive(Debug, Clone)]
pub enum LadderOutput {
    /// A rendition's parameters; before its first frame.
    Track {
        /// Which rendition.
        rendition: RenditionId,
        /// Its parameters.
        config: TrackConfig,
    },
    /// A rendition's next frame.
    Frame {
        /// Which rendition.
        rendition: RenditionId,
        /// Its stamps are the source's; `received` is when the source's frame was.
        frame: Frame,
    },
    /// The machine is too slow for this rung: no more frames of it come.
    Shed {
        /// Which rendition.
        rendition: RenditionId,
        /// How far the ladder lagged behind, in milliseconds.
        lag_ms: i64,
    },
    /// There is room again: frames come, an IDR first.
    Restored {
        /// Which rendition.
        rendition: RenditionId,
    },
    /// A rendition cannot be made; no frames of it come.
    Failed {
        /// Which rendition.
        rendition: RenditionId,
        /// Why.
        error: LadderError,
    },
}

/// A running ladder. Dropped, its threads end by themselves; what they have in hand is lost.
#[derive(Debug)]
pub struct Ladder {
    passed_video: Option<RenditionId>,
    passed_audio: Option<RenditionId>,
    video: Option<Intake>,
    audio: Option<Intake>,
    stats: Arc<LadderStats>,
    threads: Vec<JoinHandle<()>>,
}

/// The way into one of the ladder's threads.
#[derive(Debug)]
struct Intake {
    queue: SyncSender<Frame>,
    /// Frames are left out until the next IDR.
    skipping: bool,
}

impl Ladder {
    /// Starts the threads that `plan` needs for a source with these tracks; none for a ladder that passes all through.
    ///
    /// # Errors
    /// [`LadderError`] when a decoder or a thread cannot be had. Encoders are opened with the first picture, and report by
    /// [`LadderOutput::Failed`].
    pub fn start(
        plan: &Plan,
        tracks: &[TrackConfig],
        idrs: IdrGrid,
    ) -> Result<(Self, mpsc::Receiver<LadderOutput>), LadderError> {
        ffmpeg::init();
        let (output, outputs) = mpsc::channel(OUTPUT_QUEUE);
        let stats = Arc::new(LadderStats::new(plan));
        let mut ladder = Self {
            passed_video: plan.passed_through(TrackKind::Video),
            passed_audio: plan.passed_through(TrackKind::Audio),
            video: None,
            audio: None,
            stats: stats.clone(),
            threads: Vec::new(),
        };
        for track in tracks {
            match track {
                TrackConfig::Video(config) if plan.encodes_video() => {
                    let decoder = ffmpeg::video_decoder(config.codec, &config.record)?;
                    let rungs = encode::start(plan, &output, &stats)?;
                    let (rungs, threads) = rungs;
                    ladder.threads.extend(threads);
                    let pipeline = video::Pipeline::new(decoder, rungs, idrs, output.clone(), stats.clone());
                    let (queue, frames) = sync_channel(SOURCE_QUEUE);
                    ladder
                        .threads
                        .push(spawn("ladder-video", move || pipeline.run(&frames))?);
                    ladder.video = Some(Intake::new(queue));
                }
                TrackConfig::Audio(config) if plan.audio_rungs().next().is_some() => {
                    let pipeline = audio::Pipeline::new(config, plan, output.clone())?;
                    let (queue, frames) = sync_channel(SOURCE_QUEUE);
                    ladder
                        .threads
                        .push(spawn("ladder-audio", move || pipeline.run(&frames))?);
                    ladder.audio = Some(Intake::new(queue));
                }
                _ => {}
            }
        }
        Ok((ladder, outputs))
    }

    /// Takes the source's next frame; never waits. Returns the rendition that it is, if it is passed through.
    pub fn push(&mut self, frame: &Frame) -> Option<RenditionId> {
        let (passed, intake) = match frame.track {
            TrackKind::Video => (self.passed_video, &mut self.video),
            TrackKind::Audio => (self.passed_audio, &mut self.audio),
        };
        if let Some(intake) = intake
            && !intake.push(frame)
        {
            self.stats.count_dropped();
        }
        passed
    }

    /// Lets everything that was pushed come out; then the outputs end.
    pub fn finish(&mut self) {
        self.video = None;
        self.audio = None;
    }

    /// What the ladder has done so far.
    pub fn stats(&self) -> &Arc<LadderStats> {
        &self.stats
    }

    /// Whether all of its threads have ended.
    pub fn is_finished(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

impl Intake {
    fn new(queue: SyncSender<Frame>) -> Self {
        Self {
            queue,
            skipping: false,
        }
    }

    /// `false` if the frame was left out.
    fn push(&mut self, frame: &Frame) -> bool {
        if self.skipping && !frame.is_idr {
            return false;
        }
        let full = matches!(self.queue.try_send(frame.clone()), Err(TrySendError::Full(_)));
        self.skipping = full;
        !full
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LadderError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| LadderError::Thread(Arc::new(error)))
}
