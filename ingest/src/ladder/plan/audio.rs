//! The audio renditions of a plan.

use vitrine_packager::media::TrackKind;

use super::{AudioRung, AudioSource, RenditionOrigin, RenditionPlan};

/// Kilobits a second of an encoded audio rendition when none are configured.
const USUAL_KBPS: u32 = 128;

/// The configured ones; else the source's own if every player takes it, or one encoded.
pub(super) fn renditions(audio: &AudioSource, bitrates_kbps: &[u32]) -> Vec<RenditionPlan> {
    let passes = matches!(audio.sample_rate_hz, 44_100 | 48_000) && matches!(audio.channels, 1 | 2);
    if bitrates_kbps.is_empty() && passes {
        let name = audio
            .bitrate_bps
            .map_or("audio".to_owned(), |bps| name((bps + 500) / 1000));
        return vec![RenditionPlan {
            name,
            origin: RenditionOrigin::PassedThrough(TrackKind::Audio),
        }];
    }
    let bitrates = if bitrates_kbps.is_empty() {
        &[USUAL_KBPS][..]
    } else {
        bitrates_kbps
    };
    let rendition = |&kbps: &u32| RenditionPlan {
        name: name(kbps),
        origin: RenditionOrigin::Audio(AudioRung {
            channels: audio.channels.clamp(1, 2),
            bitrate_bps: kbps.saturating_mul(1000),
        }),
    };
    bitrates.iter().map(rendition).collect()
}

fn name(kbps: u32) -> String {
    format!("audio-{kbps}k")
}
