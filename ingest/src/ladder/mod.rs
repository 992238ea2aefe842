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

mod audio;
mod bitstream;
mod cadence;
mod captions;
mod encode;
mod encoders;
mod ffmpeg;
mod keyframes;
mod lane;
mod outlet;
mod pictures;
mod plan;
mod queue;
mod settings;
mod shed;
mod stats;
mod switch;
mod tags;
mod trial;
mod video;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::mpsc;
use vitrine_packager::media::{AudioConfig, Frame, RenditionId, TrackConfig, TrackKind, VideoConfig};

pub use keyframes::IdrGrid;
pub use plan::{
    AudioRung, AudioSource, Plan, PlanError, RenditionOrigin, RenditionPlan, Source, VideoRung, VideoSource,
};
pub use settings::{LadderChoice, LadderSettings, RungSettings};
pub use stats::{LadderStats, RungStats};

use outlet::Outlet;
use queue::SourceQueue;

/// Bounded: encoded frames that wait for the channel. Full: the encoders wait, then the decoder, then source frames are left
/// out up to the next IDR, and counted; what is passed through is not touched.
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
    #[error("there is no encoder {name} on this machine: choose one of {available}")]
    UnknownEncoder {
        /// As configured.
        name: String,
        /// The encoders that there are.
        available: String,
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
    /// Segments could not be cut.
    #[error("encoder {name} makes no IDRs where it is told to: choose another one")]
    NoIdr {
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

/// Whether this machine has every encoder that a configuration names, and each does what a ladder needs: tried with a few
/// pictures.
///
/// # Errors
/// [`LadderError::UnknownEncoder`], [`LadderError::Encoder`], [`LadderError::Headers`], [`LadderError::NoIdr`].
pub fn check_encoders(settings: &LadderSettings) -> Result<(), LadderError> {
    ffmpeg::init();
    Plan::for_check(settings)
        .video_rungs()
        .try_for_each(|(_, rung)| trial::run(rung))
}

impl LadderError {
    fn decoder(error: ffmpeg_next::Error) -> Self {
        Self::Decoder(error)
    }

    fn encoder(name: &str, source: ffmpeg_next::Error) -> Self {
        Self::Encoder {
            name: name.to_owned(),
            source,
        }
    }

    fn unknown_encoder(name: &str) -> Self {
        Self::UnknownEncoder {
            name: name.to_owned(),
            available: encoders::built().join(", "),
        }
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
    /// The machine is too slow for this rung: no more frames of it come, but perhaps the one that leaves its encoder just now.
    Shed {
        /// Which rendition.
        rendition: RenditionId,
        /// How far the ladder was behind its source, in milliseconds of the show.
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

/// A running ladder. Dropped, its threads end by themselves, and what they have in hand is lost; they are not waited for.
#[derive(Debug)]
pub struct Ladder {
    passed_video: Option<RenditionId>,
    passed_audio: Option<RenditionId>,
    video: Option<Arc<SourceQueue>>,
    audio: Option<Arc<SourceQueue>>,
    abandoned: Arc<AtomicBool>,
    stats: Arc<LadderStats>,
    threads: Vec<JoinHandle<()>>,
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
        // Only the threads keep it: when the last of them ends, so do the outputs.
        let outlet = Outlet::new(output);
        let mut ladder = Self {
            passed_video: plan.passed_through(TrackKind::Video),
            passed_audio: plan.passed_through(TrackKind::Audio),
            video: None,
            audio: None,
            abandoned: outlet.abandoned(),
            stats: Arc::new(LadderStats::new(plan)),
            threads: Vec::new(),
        };
        for track in tracks {
            match track {
                TrackConfig::Video(config) if plan.encodes_video() => {
                    ladder.start_video(plan, config, idrs, &outlet)?;
                }
                TrackConfig::Audio(config) if plan.audio_rungs().next().is_some() => {
                    ladder.start_audio(plan, config, &outlet)?;
                }
                _ => {}
            }
        }
        Ok((ladder, outputs))
    }

    fn start_video(
        &mut self,
        plan: &Plan,
        config: &VideoConfig,
        idrs: IdrGrid,
        outlet: &Outlet,
    ) -> Result<(), LadderError> {
        let decoder = ffmpeg::video_decoder(config.codec, &config.record)?;
        let (rungs, threads) = encode::start(plan, outlet, &self.stats)?;
        self.threads.extend(threads);
        let queue = Arc::new(SourceQueue::default());
        let pipeline = video::Pipeline::new(
            queue.clone(),
            decoder,
            rungs,
            plan.source_rate(),
            idrs,
            outlet.clone(),
            self.stats.clone(),
        );
        self.video = Some(queue);
        self.threads.push(spawn("ladder-video", move || pipeline.run())?);
        Ok(())
    }

    fn start_audio(&mut self, plan: &Plan, config: &AudioConfig, outlet: &Outlet) -> Result<(), LadderError> {
        let pipeline = audio::Pipeline::new(config, plan, outlet.clone(), self.stats.clone())?;
        let queue = Arc::new(SourceQueue::default());
        self.audio = Some(queue.clone());
        self.threads
            .push(spawn("ladder-audio", move || pipeline.run(&queue))?);
        Ok(())
    }

    /// Takes the source's next frame; never waits. Returns the rendition that it is, if it is passed through.
    pub fn push(&mut self, frame: &Frame) -> Option<RenditionId> {
        let (passed, queue) = match frame.track {
            TrackKind::Video => (self.passed_video, &self.video),
            TrackKind::Audio => (self.passed_audio, &self.audio),
        };
        if let Some(queue) = queue {
            self.stats
                .count_dropped(queue.push(frame.clone(), Instant::now()));
        }
        passed
    }

    /// How many frames wait for the decoder that has most to do.
    pub fn backlog(&self) -> usize {
        let queues = self.video.iter().chain(&self.audio);
        queues.map(|queue| queue.len()).max().unwrap_or(0)
    }

    /// Lets everything that was pushed come out; then the outputs end.
    pub fn finish(&mut self) {
        for queue in self.video.iter().chain(&self.audio) {
            queue.close();
        }
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

impl Drop for Ladder {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        for queue in self.video.iter().chain(&self.audio) {
            queue.abandon();
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LadderError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| LadderError::Thread(Arc::new(error)))
}
