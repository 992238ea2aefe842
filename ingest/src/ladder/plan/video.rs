//! What the video rungs of every ladder have in common: sizes, rates and bit rates.

use vitrine_packager::media::{FrameRate, TrackKind, VideoCodec};

use super::auto::Effort;
use super::{RenditionOrigin, RenditionPlan, VideoRung, VideoSource};

/// The usual steps and their bit rates at up to 30 frames a second, kilobits: within the ranges of Apple's authoring rule 1.19
/// for H.264 (1080p 6000-7800, 720p 3000-4500, 540p 2000, 432p 730-1100, 360p 365-730, 234p 145), at their lower ends from 720
/// lines up, and above them below, since live encoding without look-ahead needs more for the same picture.
pub(super) const STEPS: [(u32, u32); 5] = [(1080, 6000), (720, 3000), (480, 1400), (360, 800), (240, 400)];
/// Twice the frames are not twice the bits: each differs less from the one before.
const HIGH_RATE_FACTOR: f64 = 1.4;
/// From this rate on a source counts as one of many frames a second.
pub(super) const HIGH_RATE_FPS: f64 = 40.0;
/// No rung has more frames a second (AUTH 1.25).
const MOST_FPS: f64 = 60.0;
/// Rates are a little off what they are called: 59.94 is under a cap of 60, and 30.1 under one of 30.
const CAP_TOLERANCE: f64 = 1.01;
/// Pixels a second that one thread of an encoder is trusted with.
const THREAD_PX_S: f64 = 60e6;
const MOST_THREADS: usize = 4;
/// The encoder that is there wherever FFmpeg's libraries of Debian are.
pub(super) const ENCODER: &str = "libx264";

/// How a rung's size is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    Height(u32),
    Width(u32),
    Both { width: u32, height: u32 },
}

impl VideoSource {
    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(super) fn pixel_rate(&self) -> f64 {
        self.pixels() as f64 * self.rate.fps()
    }

    pub(super) fn is_avc(&self) -> bool {
        self.codec == VideoCodec::Avc
    }
}

impl VideoRung {
    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(super) fn pixel_rate(&self) -> f64 {
        self.pixels() as f64 * self.frame_rate.fps()
    }

    /// The same with half the frames.
    pub(super) fn halved(&self, source: &VideoSource) -> Self {
        let each_nth_frame = self.each_nth_frame * 2;
        Self {
            each_nth_frame,
            frame_rate: divided(source.rate, each_nth_frame),
            bitrate_bps: (f64::from(self.bitrate_bps) / HIGH_RATE_FACTOR) as u32,
            maxrate_bps: (f64::from(self.maxrate_bps) / HIGH_RATE_FACTOR) as u32,
            ..self.clone()
        }
    }
}

/// The source as it is. Beside H.264 rungs of its own height, another codec has its own name.
pub(super) fn passed_through(source: &VideoSource) -> RenditionPlan {
    let codec = match source.codec {
        VideoCodec::Avc => "",
        VideoCodec::Hevc => "-hevc",
        VideoCodec::Av1 => "-av1",
    };
    RenditionPlan {
        name: format!("video-{}p{codec}", source.height),
        origin: RenditionOrigin::PassedThrough(TrackKind::Video),
    }
}

/// The source at its own size, or the largest usual one.
pub(super) fn encoded_top(source: &VideoSource, processors: usize) -> VideoRung {
    let [(tallest, _), ..] = STEPS;
    let height = source.height.min(tallest);
    usual_rung(source, height, usual_kbps(height), None, processors)
}

/// A rung of that height with what is usual for it.
pub(super) fn usual_rung(
    source: &VideoSource,
    height: u32,
    kbps: u32,
    fps_cap: Option<f64>,
    processors: usize,
) -> VideoRung {
    let (width, height) = size(source, Wanted::Height(height));
    let each_nth_frame = each_nth_frame(source.rate, fps_cap);
    let frame_rate = divided(source.rate, each_nth_frame);
    let factor = if frame_rate.fps() > HIGH_RATE_FPS {
        HIGH_RATE_FACTOR
    } else {
        1.0
    };
    let usual_bps = (f64::from(kbps) * 1000.0 * factor) as u32;
    // More bits than the source has show nothing more; but what is declared may be far from true.
    let bitrate_bps = source
        .bitrate_bps
        .map_or(usual_bps, |bps| bps.clamp(usual_bps / 2, usual_bps));
    let threads = (f64::from(width * height) * frame_rate.fps() / THREAD_PX_S).ceil() as usize;
    VideoRung {
        width,
        height,
        each_nth_frame,
        frame_rate,
        bitrate_bps,
        maxrate_bps: bitrate_bps / 10 * 11,
        encoder: ENCODER.to_owned(),
        preset: Some(Effort::for_machine(processors).preset.to_owned()),
        profile: Some("high".to_owned()),
        threads: threads.clamp(1, processors.clamp(1, MOST_THREADS)) as u32,
    }
}

/// A rung for another source: of as many rows, in that source's shape and rate.
pub(super) fn resized(rung: &VideoRung, source: &VideoSource) -> VideoRung {
    let (width, height) = size(source, Wanted::Height(rung.height));
    VideoRung {
        width,
        height,
        frame_rate: divided(source.rate, rung.each_nth_frame),
        ..rung.clone()
    }
}

/// The bit rate of the nearest usual step, kilobits a second.
pub(super) fn usual_kbps(height: u32) -> u32 {
    let nearest = STEPS.into_iter().min_by_key(|(step, _)| step.abs_diff(height));
    nearest.map_or(0, |(_, kbps)| kbps)
}

/// Even sides, in the source's shape where only one of them is wanted. The source's own size is cut by a pixel, not scaled by it.
pub(super) fn size(source: &VideoSource, wanted: Wanted) -> (u32, u32) {
    let even = |side: f64| ((side / 2.0).round() as u32 * 2).max(2);
    let cut = |side: u32| (side - side % 2).max(2);
    let (width, height) = (f64::from(source.width.max(1)), f64::from(source.height.max(1)));
    match wanted {
        Wanted::Both { width, height } => (even(width.into()), even(height.into())),
        Wanted::Height(rows) if cut(rows) == cut(source.height) => (cut(source.width), cut(rows)),
        Wanted::Height(rows) => {
            let rows = even(rows.into());
            (even(width * f64::from(rows) / height), rows)
        }
        Wanted::Width(columns) if cut(columns) == cut(source.width) => (cut(columns), cut(source.height)),
        Wanted::Width(columns) => {
            let columns = even(columns.into());
            (columns, even(height * f64::from(columns) / width))
        }
    }
}

/// By how much a source's rate must be divided to stay within a cap.
fn each_nth_frame(rate: FrameRate, fps_cap: Option<f64>) -> u32 {
    let cap = fps_cap.unwrap_or(MOST_FPS).clamp(1.0, MOST_FPS) * CAP_TOLERANCE;
    (rate.fps() / cap).ceil().max(1.0) as u32
}

/// A frame rate of `factor` times as many frames.
pub(super) fn times(rate: FrameRate, factor: u32) -> FrameRate {
    let numerator = rate.numerator.get().saturating_mul(factor);
    FrameRate::new(numerator, rate.denominator.get()).unwrap_or(rate)
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
