//! What a broadcaster should change, in OBS's own words for its settings. Pure.

use vitrine_packager::codec::VideoFacts;
use vitrine_packager::opening::Opening;

/// Reordering under this is not worth a word: it is one frame of 30 a second.
const REORDER_MS: i64 = 40;

/// What can be said of a source once its first group of pictures is known. `target_duration_s` is the longest keyframe
/// interval that is passed through; `encodes` whether longer ones are encoded anew.
pub(super) fn of_source(opening: &Opening, target_duration_s: u32, encodes: bool) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(video) = &opening.video {
        if !video.gop_fits && encodes {
            advice.push(if video.open_gops {
                open_gops(target_duration_s)
            } else {
                long_gop(target_duration_s)
            });
        }
        let reorder_ms = video.first_idr.pts_ms - video.first_idr.dts_ms;
        if reorder_ms > REORDER_MS {
            advice.push(format!(
                "B-frames add {reorder_ms} ms of latency: set OBS → Settings → Output → Encoder Settings → Tune to zerolatency, \
                 or bframes=0 in its x264 Options"
            ));
        }
        if !video.estimate.constant {
            advice.push(
                "the frame rate is not constant: lower the load of the encoder's machine (OBS → Settings → Output → CPU Usage \
                 Preset, or Settings → Video → Common FPS Values)"
                    .to_owned(),
            );
        }
        advice.extend(odd_size(&video.facts));
    }
    if let Some(audio) = &opening.audio
        && !matches!(audio.facts.sample_rate_hz, 44_100 | 48_000)
    {
        advice.push(format!(
            "audio at {} Hz is encoded anew: set OBS → Settings → Audio → Sample Rate to 48 kHz",
            audio.facts.sample_rate_hz
        ));
    }
    advice
}

/// What is said of keyframes that are too far apart to be passed through.
pub(super) fn long_gop(target_duration_s: u32) -> String {
    format!(
        "keyframes are more than {target_duration_s} s apart, so the picture is encoded anew instead of passed through: set \
         OBS → Settings → Output → Keyframe Interval to {target_duration_s} s"
    )
}

/// What is said of keyframes that no segment can begin with.
fn open_gops(target_duration_s: u32) -> String {
    format!(
        "the encoder makes open GOPs, whose keyframes (CRA) no segment can begin with, so the picture is encoded anew instead of \
         passed through: switch open GOPs off (x265: open-gop=0), with an IDR each {target_duration_s} s"
    )
}

fn odd_size(facts: &VideoFacts) -> Option<String> {
    (facts.width % 2 == 1 || facts.height % 2 == 1).then(|| {
        format!(
            "a picture of {}x{} has an odd side: set OBS → Settings → Video → Output (Scaled) Resolution to even numbers",
            facts.width, facts.height
        )
    })
}
