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
    lag_ms: AtomicI64,
}

/// Figures of one encoded video rung.
#[derive(Debug)]
pub struct RungStats {
    /// Which rendition.
    pub rendition: RenditionId,
    /// As in its URL.
    pub name: String,
    frame_interval_ns: u64,
    frames: AtomicU64,
    encode_ns: AtomicU64,
    shed: AtomicBool,
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
            frames: AtomicU64::new(0),
            encode_ns: AtomicU64::new(0),
            shed: AtomicBool::new(false),
        };
        Self {
            rungs: plan.video_rungs().map(rung).collect(),
            dropped: AtomicU64::new(0),
            lag_ms: AtomicI64::new(0),
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

    /// Milliseconds from a frame's arrival until it is decoded.
    pub fn lag_ms(&self) -> i64 {
        self.lag_ms.load(Ordering::Relaxed)
    }

    pub(super) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
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
        self.frames.load(Ordering::Relaxed)
    }

    /// The time that a frame takes to encode, of late.
    pub fn encode_time(&self) -> Duration {
        Duration::from_nanos(self.encode_ns.load(Ordering::Relaxed))
    }

    /// How many times faster than the show the encoder is; 0 before its first frame.
    pub fn speed(&self) -> f64 {
        match self.encode_ns.load(Ordering::Relaxed) {
            0 => 0.0,
            encode_ns => self.frame_interval_ns as f64 / encode_ns as f64,
        }
    }

    /// Whether the machine is too slow for it.
    pub fn is_shed(&self) -> bool {
        self.shed.load(Ordering::Relaxed)
    }

    pub(super) fn set_shed(&self, shed: bool) {
        self.shed.store(shed, Ordering::Relaxed);
    }

    /// One thread counts: its own.
    pub(super) fn count(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let average = match self.frames.fetch_add(1, Ordering::Relaxed) {
            0 => took,
            _ => {
                let before = self.encode_ns.load(Ordering::Relaxed);
                before - before / AVERAGE_OVER + took / AVERAGE_OVER
            }
        };
        self.encode_ns.store(average, Ordering::Relaxed);
    }
}
