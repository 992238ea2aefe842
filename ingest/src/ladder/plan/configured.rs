//! The ladder that a configuration lists.

use super::video::{ENCODER, Wanted, passed_through, size, usual_kbps, usual_rung};
use super::{PlanError, RenditionOrigin, RenditionPlan, VideoRung, VideoSource};
use crate::ladder::settings::RungSettings;

/// The listed renditions, the highest first. Those that are higher than the source are left out, as long as one is left.
pub(super) fn renditions(
    source: &VideoSource,
    rungs: &[RungSettings],
    processors: usize,
) -> Result<Vec<RenditionPlan>, PlanError> {
    if rungs.iter().filter(|rung| rung.passthrough).count() > 1 {
        return Err(PlanError::TwoPassthroughs);
    }
    let mut all = rungs
        .iter()
        .map(|rung| rendition(source, rung, processors))
        .collect::<Result<Vec<_>, _>>()?;
    // A rung is scaled from the one above it, and the highest is shed first.
    all.sort_by_key(|rendition| std::cmp::Reverse(pixels(rendition, source)));
    let fits = |rendition: &RenditionPlan| pixels(rendition, source) <= source.pixels();
    if all.iter().any(fits) {
        all.retain(fits);
    } else {
        all.drain(..all.len().saturating_sub(1));
    }
    Ok(all)
}

fn pixels(rendition: &RenditionPlan, source: &VideoSource) -> u64 {
    match &rendition.origin {
        RenditionOrigin::Video(rung) => rung.pixels(),
        _ => source.pixels(),
    }
}

fn rendition(
    source: &VideoSource,
    rung: &RungSettings,
    processors: usize,
) -> Result<RenditionPlan, PlanError> {
    let size_name = || match (rung.height, rung.width) {
        (Some(height), _) => format!("{height}p"),
        (None, Some(width)) => format!("{width}w"),
        (None, None) => format!("{}p", source.height),
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
        let origin = if source.can_pass() {
            passed_through(source).origin
        } else {
            RenditionOrigin::Video(super::video::encoded_top(source, processors))
        };
        return Ok(RenditionPlan { name, origin });
    }
    let wanted = match (rung.height, rung.width) {
        (Some(height), Some(width)) => Wanted::Both { width, height },
        (Some(height), None) => Wanted::Height(height),
        (None, Some(width)) => Wanted::Width(width),
        (None, None) => return Err(PlanError::NoSize(name)),
    };
    let lawful = |side: u32| (64..=4320).contains(&side);
    if !rung.height.into_iter().chain(rung.width).all(lawful) {
        return Err(PlanError::Size(name));
    }
    if rung.fps_cap.is_some_and(|cap| !(1.0..=1000.0).contains(&cap)) {
        return Err(PlanError::FrameRateCap(name));
    }
    let origin = RenditionOrigin::Video(encoded(source, rung, wanted, processors));
    Ok(RenditionPlan { name, origin })
}

fn encoded(source: &VideoSource, rung: &RungSettings, wanted: Wanted, processors: usize) -> VideoRung {
    let (width, height) = size(source, wanted);
    let usual = usual_rung(source, height, usual_kbps(height), rung.fps_cap, processors);
    let bitrate_bps = rung
        .bitrate_kbps
        .map_or(usual.bitrate_bps, |kbps| kbps.saturating_mul(1000));
    let encoder = rung.encoder.clone().unwrap_or(usual.encoder);
    let is_x264 = encoder == ENCODER;
    VideoRung {
        width,
        height,
        bitrate_bps,
        maxrate_bps: rung
            .maxrate_kbps
            .map_or(bitrate_bps / 10 * 11, |kbps| kbps.saturating_mul(1000)),
        preset: rung.preset.clone().or(usual.preset.filter(|_| is_x264)),
        profile: rung.profile.clone().or(usual.profile.filter(|_| is_x264)),
        threads: rung.threads.unwrap_or(usual.threads).clamp(1, 16),
        encoder,
        ..usual
    }
}
