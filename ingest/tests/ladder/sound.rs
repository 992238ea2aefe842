//! What is heard after the ladder, and when.

use ffmpeg_next::frame;
use vitrine_ingest::ladder::{IdrGrid, LadderChoice, LadderSettings, Plan, RenditionOrigin};
use vitrine_packager::codec::AudioFacts;
use vitrine_packager::media::{Frame, RenditionId, TrackConfig, TrackKind};

use crate::run::{Made, plan, run, rung, sounds};
use crate::source::{Encoded, encode, words};

/// A white picture and a beep of 100 ms at the start of each second, the third excepted; else black and silent.
const FLASH_AND_BEEP: &str =
    "-f lavfi -i color=black:s=320x180:r=30,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.1)',format=yuv420p";
const BEEP: &str = "lt(mod(t,1),0.1)";

fn beep(rate: u32, channels: &[&str]) -> String {
    let one = |gain: &&str| format!("{gain}*sin(2000*PI*t)*{BEEP}");
    let channels = channels.iter().map(one).collect::<Vec<_>>().join("|");
    format!("-f lavfi -i aevalsrc='{channels}':s={rate}")
}

/// A source of flashes and beeps.
fn source(rate: u32, channels: &[&str], seconds: u32) -> Encoded {
    let arguments = format!(
        "{FLASH_AND_BEEP} {} -t {seconds} -c:v libx264 -preset ultrafast -g 60 -c:a aac -b:a 128k",
        beep(rate, channels)
    )
    .replace('\'', "");
    encode(&escaped(&arguments), "flv")
}

/// Words, with the commas inside of expressions escaped for FFmpeg's filters.
fn escaped(text: &str) -> Vec<String> {
    words(&text.replace("mod(t,1),0.1)", r"mod(t\,1)\,0.1)"))
}

/// The seconds at which the sound rises out of silence, by the stamps of its frames.
fn beeps(sounds: &[frame::Audio], channel: usize) -> Vec<f64> {
    let mut beeps = Vec::new();
    let mut silent_since = f64::NEG_INFINITY;
    for sound in sounds {
        let start = sound.pts().unwrap() as f64 / 1000.0;
        for (index, sample) in sound.plane::<f32>(channel).iter().enumerate() {
            let at = start + index as f64 / f64::from(sound.rate());
            if sample.abs() > 0.1 {
                if at - silent_since > 0.3 {
                    beeps.push(at);
                }
                silent_since = at;
            }
        }
    }
    beeps
}

/// The seconds at which the picture turns white.
fn flashes(pictures: &[frame::Video]) -> Vec<f64> {
    let is_white = |picture: &frame::Video| picture.data(0)[picture.stride(0) * 90 + 160] > 128;
    let mut was_white = false;
    let mut flashes = Vec::new();
    for picture in pictures {
        if is_white(picture) && !was_white {
            flashes.push(picture.pts().unwrap() as f64 / 1000.0);
        }
        was_white = is_white(picture);
    }
    flashes
}

fn heard(made: &Made, rendition: u16) -> Vec<frame::Audio> {
    let id = RenditionId(rendition);
    sounds(&made.tracks[&id], &made.frames[&id])
}

/// How far each beep is from its flash, in milliseconds.
fn offsets(beeps: &[f64], flashes: &[f64]) -> Vec<f64> {
    let nearest = |flash: &f64| {
        let off = |beep: &f64| (beep - flash) * 1000.0;
        beeps
            .iter()
            .map(off)
            .min_by(|one, other| one.abs().total_cmp(&other.abs()))
            .unwrap()
    };
    flashes.iter().map(nearest).collect()
}

#[test]
fn a_beep_is_heard_with_its_flash() {
    let table: [(u32, &[&str]); 5] = [
        (22_050, &["0.8", "0.8"]),
        (44_100, &["0.8", "0.8"]),
        (48_000, &["0.8", "0.8"]),
        (32_000, &["0.8"]),
        (48_000, &["0.8", "0.8", "0.8", "0", "0.4", "0.4"]),
    ];
    for (rate, channels) in table {
        let source = source(rate, channels, 6);
        let plan = plan(&source, vec![rung(180)], vec![128, 64]);
        let made = run(&plan, &source, IdrGrid::Source);
        assert!(made.failed.is_empty(), "{:?}", made.failed);
        // Where the source's own players would have them: its encoder's delay is not the ladder's.
        let before = offsets(
            &beeps(&sounds(source.audio().0, &source.audio().1), 0),
            &flashes(&crate::run::pictures(&source.tracks[0], &source.video())),
        );
        for rendition in 1..3 {
            let after = offsets(&beeps(&heard(&made, rendition), 0), &flashes(&made.pictures(0)));
            assert_eq!(after.len(), 6);
            println!(
                "{rate} Hz, {} channels: beep − flash before {before:.1?} ms, after {after:.1?} ms",
                channels.len()
            );
            for (one, other) in after.iter().zip(&before) {
                assert!((one - other).abs() < 10.0, "{rate}: moved from {other} to {one}");
                assert!(one.abs() < 20.0, "{rate}: {one}");
            }
        }
    }
}

#[test]
fn renditions_are_aac_lc_at_48_khz_in_the_sources_channels_or_stereo() {
    let table: [(u32, &[&str], u8); 4] = [
        (22_050, &["0.5", "0.5"], 2),
        (16_000, &["0.5"], 1),
        (48_000, &["0.2", "0.2", "0.2", "0.2", "0.2", "0.2"], 2),
        (96_000, &["0.5", "0.5"], 2),
    ];
    for (rate, channels, expected) in table {
        let source = source(rate, channels, 2);
        let settings = LadderSettings {
            ladder: LadderChoice::Auto,
            ..LadderSettings::default()
        };
        let audio = vitrine_ingest::ladder::Source {
            video: None,
            ..source.source(true)
        };
        let plan = Plan::new(&settings, &audio, 2).unwrap();
        assert!(matches!(plan.renditions[0].origin, RenditionOrigin::Audio(_)));
        let made = run(&plan, &source, IdrGrid::Source);
        let TrackConfig::Audio(config) = &made.tracks[&RenditionId(0)] else {
            panic!("no audio")
        };
        let facts = AudioFacts::read(config).unwrap();
        assert_eq!(
            (facts.sample_rate_hz, facts.channels, facts.frame_samples),
            (48_000, expected, 1024)
        );
        assert_eq!((config.sample_rate_hz, config.channels), (48_000, expected));
        for sound in heard(&made, 0) {
            assert_eq!((sound.rate(), sound.channels()), (48_000, expected.into()));
        }
    }
}

#[test]
fn left_is_left_and_right_is_right() {
    let source = source(32_000, &["0.8", "0"], 2);
    let plan = plan(&source, vec![rung(180)], vec![128]);
    let made = run(&plan, &source, IdrGrid::Source);
    let heard = heard(&made, 1);
    assert_eq!(beeps(&heard, 0).len(), 2);
    assert_eq!(beeps(&heard, 1).len(), 0);
}

#[test]
fn every_frame_follows_the_one_before_without_drift() {
    for rate in [44_100, 48_000, 22_050] {
        let source = source(rate, &["0.8", "0.8"], 20);
        let plan = plan(&source, vec![rung(180)], vec![96]);
        let made = run(&plan, &source, IdrGrid::Source);
        let stamps = made.stamps(1);
        let steps: Vec<i64> = stamps.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            steps.iter().all(|step| (21..=22).contains(step)),
            "{rate}: {steps:?}"
        );
        let (first, last) = (stamps[0], stamps[stamps.len() - 1]);
        let counted = (stamps.len() - 1) as f64 * 1024.0 / 48.0;
        assert!((counted - (last - first) as f64).abs() < 2.0, "{rate}");
        let source_first = source.audio().1[0].pts_ms;
        assert!(
            (source_first - first - 21).abs() <= 1,
            "the encoder's delay is before the first sample"
        );
    }
}

#[test]
fn a_source_that_lost_audio_is_heard_in_time_after_it() {
    let mut source = source(32_000, &["0.8", "0.8"], 8);
    source
        .frames
        .retain(|frame| frame.track == TrackKind::Video || !(2300..4600).contains(&frame.pts_ms));
    let plan = plan(&source, vec![rung(180)], vec![96]);
    let made = run(&plan, &source, IdrGrid::Source);
    let after: Vec<f64> = beeps(&heard(&made, 1), 0);
    let seconds: Vec<i64> = after.iter().map(|beep| (beep + 0.1).floor() as i64).collect();
    assert_eq!(seconds, [0, 1, 2, 5, 6, 7]);
    for beep in after {
        assert!((beep - beep.round()).abs() < 0.09, "{beep}");
    }
    let stamps = made.stamps(1);
    assert!(stamps.windows(2).all(|pair| pair[1] > pair[0]));
}

#[test]
fn a_source_whose_clock_runs_off_its_samples_is_followed() {
    // 500 ppm: after 40 s the stamps are 20 ms ahead of the samples, or behind them.
    for drift in [1.0005_f64, 0.9995] {
        let mut source = source(32_000, &["0.8", "0.8"], 40);
        for frame in &mut source.frames {
            let stretch = |stamp: i64| (stamp as f64 * drift).round() as i64;
            (frame.pts_ms, frame.dts_ms) = (stretch(frame.pts_ms), stretch(frame.dts_ms));
        }
        let plan = plan(&source, vec![rung(180)], vec![96]);
        let made = run(&plan, &source, IdrGrid::Source);
        let stamps = made.stamps(1);
        assert!(stamps.windows(2).all(|pair| pair[1] > pair[0]));
        let off = offsets(&beeps(&heard(&made, 1), 0), &flashes(&made.pictures(0)));
        println!("{drift}: beep − flash {:.1?} ms", off);
        assert!(off.iter().all(|off| off.abs() < 20.0), "{off:?}");
    }
}

#[test]
fn audio_that_starts_late_or_never_comes_holds_nothing_up() {
    let whole = source(32_000, &["0.8", "0.8"], 4);
    for begins in [2000, i64::MAX] {
        let mut source = whole.clone();
        source
            .frames
            .retain(|frame| frame.track == TrackKind::Video || frame.pts_ms >= begins);
        let plan = plan(&source, vec![rung(180)], vec![96]);
        let made = run(&plan, &source, IdrGrid::Source);
        assert_eq!(made.stamps(0), source.shown());
        assert!(
            made.tracks.contains_key(&RenditionId(1)),
            "its parameters are known all the same"
        );
        let first: Option<&Frame> = made.frames.get(&RenditionId(1)).map(|frames| &frames[0]);
        let expected = (begins < i64::MAX).then_some(source.audio().1.first().map(|frame| frame.pts_ms - 21));
        assert_eq!(first.map(|frame| Some(frame.pts_ms)), expected);
    }
}
