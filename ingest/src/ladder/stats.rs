//! What a ladder does, in figures that can be read while it runs.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use vitrine_packager::media::RenditionId;

use super::plan::Plan;

/// A newer measurement's share of the moving average is one in so many.
const AVERAGE_OVER: u64 = 16;

/// Figures of one ladder.
#[derive(Debug)]
pub struct LadderStats {
    rungs: Vec<RungStats>,
    dropped: AtomicU64,
    undecodable: AtomicU64,
    lag_ms: AtomicI64,
    decoding: Average,
}

/// Figures of one encoded video rung.
#[derive(Debug)]
pub struct RungStats {
    /// Which rendition.
    pub rendition: RenditionId,
    /// As in its URL.
    pub name: String,
    frame_interval_ns: u64,
    encoding: Average,
    latency_ns: AtomicU64,
    shed: AtomicBool,
}

/// A moving average of durations, and how many there were. One thread counts, any may read.
#[derive(Debug, Default)]
struct Average {
    count: AtomicU64,
    average_ns: AtomicU64,
}

impl LadderStats {
    pub(super) fn new(plan: &Plan) -> Self {
        let rung = |(rendition, rung): (RenditionId, &super::plan::VideoRung)| RungStats {
            rendition,
            name: plan
                .renditions
                .get(usize::from(rendition.0))
                .map(|planned| planned.name.clone())
                .unwrap_or_default(),
            frame_interval_ns: (1e9 / rung.frame_rate.fps()) as u64,
            encoding: Average::default(),
            latency_ns: AtomicU64::new(0),
            shed: AtomicBool::new(false),
        };
        Self {
            rungs: plan.video_rungs().map(rung).collect(),
            dropped: AtomicU64::new(0),
            undecodable: AtomicU64::new(0),
            lag_ms: AtomicI64::new(0),
            decoding: Average::default(),
        }
    }

    /// The encoded video rungs, the highest first.
    pub fn rungs(&self) -> &[RungStats] {
        &self.rungs
    }

    /// Source frames that were left out because the ladder was behind.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Source frames, of video and audio, that the decoders refused: they were damaged on their way.
    pub fn undecodable(&self) -> u64 {
        self.undecodable.load(Ordering::Relaxed)
    }

    /// Milliseconds that the last video frame waited for the decoder.
    pub fn lag_ms(&self) -> i64 {
        self.lag_ms.load(Ordering::Relaxed)
    }

    /// The time that a source frame takes, of late, to be decoded and scaled for every rung.
    pub fn decode_time(&self) -> Duration {
        self.decoding.get()
    }

    pub(super) fn count_dropped(&self, frames: u64) {
        self.dropped.fetch_add(frames, Ordering::Relaxed);
    }

    pub(super) fn count_undecodable(&self) {
        self.undecodable.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_decoded(&self, took: Duration) {
        self.decoding.count(took);
    }

    pub(super) fn set_lag_ms(&self, lag_ms: i64) {
        self.lag_ms.store(lag_ms, Ordering::Relaxed);
    }

    pub(super) fn rung(&self, rendition: RenditionId) -> Option<&RungStats> {
        self.rungs.iter().find(|rung| rung.rendition == rendition)
    }
}

impl RungStats {
    /// Frames encoded.
    pub fn frames(&self) -> u64 {
        self.encoding.count.load(Ordering::Relaxed)
    }

    /// The time that a frame takes to encode, of late.
    pub fn encode_time(&self) -> Duration {
        self.encoding.get()
    }

    /// How many times faster than the show the encoder is; 0 before its first frame.
    pub fn speed(&self) -> f64 {
        match self.encoding.get().as_nanos() {
            0 => 0.0,
            encode_ns => self.frame_interval_ns as f64 / encode_ns as f64,
        }
    }

    /// From the last frame's way into the ladder until it was encoded.
    pub fn latency(&self) -> Duration {
        Duration::from_nanos(self.latency_ns.load(Ordering::Relaxed))
    }

    /// Whether the machine is too slow for it.
    pub fn is_shed(&self) -> bool {
        self.shed.load(Ordering::Relaxed)
    }

    pub(super) fn set_shed(&self, shed: bool) {
        self.shed.store(shed, Ordering::Relaxed);
    }

    pub(super) fn count(&self, took: Duration, latency: Duration) {
        self.encoding.count(took);
        self.latency_ns.store(nanos(latency), Ordering::Relaxed);
    }

    /// The share of one processor that the encoder needs for real time, of late.
    pub(super) fn share(&self) -> f64 {
        self.encode_time().as_nanos() as f64 / self.frame_interval_ns.max(1) as f64
    }
}

impl Average {
    fn get(&self) -> Duration {
        Duration::from_nanos(self.average_ns.load(Ordering::Relaxed))
    }

    fn count(&self, took: Duration) {
        let took = nanos(took);
        let average = match self.count.fetch_add(1, Ordering::Relaxed) {
            0 => took,
            _ => {
                let before = self.average_ns.load(Ordering::Relaxed);
                before - before / AVERAGE_OVER + took / AVERAGE_OVER
            }
        };
        self.average_ns.store(average, Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
