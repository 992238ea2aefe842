//! The ladder that nobody configured: the source, and the usual steps below it, as far as the machine reaches.

use super::video::{HIGH_RATE_FPS, STEPS, encoded_top, passed_through, usual_rung};
use super::{RenditionOrigin, RenditionPlan, VideoSource};

/// Rungs of fewer rows have at most 30 frames a second (AUTH 1.19: up to 768x432).
const FEW_FRAMES_BELOW: u32 = 540;
/// Pixels that one processor decodes in a second (measured: H.264 of 4 Mbit/s at 720p30).
const DECODED_PX_S: f64 = 300e6;
/// The share of a machine that one ladder's decoder and encoders are planned for. Hard pictures take up to twice as long as
/// easy ones, and something must be left to deliver what is made.
const MACHINE_SHARE: f64 = 0.55;

/// What encoders cost here: a preset, and the pixels of noisy pictures that one processor encodes with it in a second (measured).
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    pub preset: &'static str,
    encoded_px_s: f64,
}

/// A machine of few processors has rungs rather than the better picture of a slower preset.
const SMALL_MACHINE: Effort = Effort {
    preset: "superfast",
    encoded_px_s: 130e6,
};
const LARGE_MACHINE: Effort = Effort {
    preset: "veryfast",
    encoded_px_s: 85e6,
};

impl Effort {
    /// What suits a machine of so many processors.
    pub(super) fn for_machine(processors: usize) -> Self {
        if processors < 4 {
            SMALL_MACHINE
        } else {
            LARGE_MACHINE
        }
    }
}

/// The renditions of a machine with so many processors, the highest first.
pub(super) fn renditions(source: &VideoSource, processors: usize) -> Vec<RenditionPlan> {
    let mut all = Vec::new();
    let mut encoded = Vec::new();
    if source.can_pass() {
        all.push(passed_through(source));
    }
    // Players that do not take the source's codec have its size in H.264.
    if !source.can_pass() || !source.is_avc() {
        let top = encoded_top(source, processors);
        encoded.push((format!("video-{}p", top.height), top));
    }
    let top_height = encoded.first().map_or(source.height, |(_, top)| top.height);
    for (height, kbps) in STEPS.into_iter().filter(|(height, _)| *height < top_height) {
        let cap = (height < FEW_FRAMES_BELOW).then_some(30.0);
        let rung = usual_rung(source, height, kbps, cap, processors);
        encoded.push((format!("video-{height}p"), rung));
    }
    all.extend(affordable(source, encoded, processors));
    all
}

/// The rungs that the machine can encode: from the lowest up, which is always there. What is too much at a high frame rate is
/// tried at half of it.
fn affordable(
    source: &VideoSource,
    rungs: Vec<(String, super::VideoRung)>,
    processors: usize,
) -> Vec<RenditionPlan> {
    let effort = Effort::for_machine(processors);
    let decoding = source.pixel_rate() / DECODED_PX_S;
    let mut left = effort.encoded_px_s * (processors as f64 * MACHINE_SHARE - decoding);
    let mut chosen = Vec::new();
    for (name, rung) in rungs.into_iter().rev() {
        let halved = (rung.frame_rate.fps() > HIGH_RATE_FPS).then(|| rung.halved(source));
        let fitting = std::iter::once(rung)
            .chain(halved)
            .find(|rung| chosen.is_empty() || rung.pixel_rate() <= left);
        let Some(rung) = fitting else { continue };
        left -= rung.pixel_rate();
        chosen.push(RenditionPlan {
            name,
            origin: RenditionOrigin::Video(rung),
        });
    }
    chosen.reverse();
    chosen
}
