//! Publications that are sound, and each fault that one may have.

use bytes::Bytes;

use super::*;

const START: WallTime = WallTime(1_795_530_987_654);

fn frame(track: TrackKind, dts_ms: i64, received_ms: i64, bytes: usize) -> Frame {
    Frame {
        track,
        dts_ms,
        pts_ms: dts_ms,
        is_idr: dts_ms % 2000 == 0,
        data: Bytes::from(vec![0; bytes]),
        received: START.plus_millis(received_ms),
    }
}

/// A video of 25 frames a second of 1000 bytes, as `change` has it: when a frame with that stamp is received, if it is.
fn video(seconds: i64, change: impl Fn(i64) -> Option<i64>) -> Health {
    let mut health = Health::default();
    for dts_ms in (0..seconds * 25).map(|number| number * 40) {
        if let Some(received_ms) = change(dts_ms) {
            health.note(&frame(TrackKind::Video, dts_ms, received_ms, 1000));
        }
    }
    health
}

fn at(seconds: i64) -> WallTime {
    START.plus_millis(seconds * 1000)
}

fn rate() -> Option<FrameRate> {
    FrameRate::new(25, 1)
}

#[test]
fn a_steady_publication_is_measured_and_not_complained_of() {
    let mut health = video(10, Some);
    for number in 0..500 {
        health.note(&frame(TrackKind::Audio, number * 20, number * 20, 320));
    }
    let figures = health.read(at(10));
    // 124 frames are less than 5 s old.
    assert_eq!(figures.video_bitrate_bps, 124 * 8000 / 5);
    assert_eq!(figures.audio_bitrate_bps, 249 * 320 * 8 / 5);
    assert!((figures.frame_rate - 25.0).abs() < 0.3, "{figures:?}");
    assert_eq!(figures.keyframe_interval_ms, Some(2000));
    assert_eq!((figures.missing_frames, figures.missing_frames_total), (0, 0));
    assert!(figures.jitter_ms < 0.1, "{figures:?}");
    assert_eq!(figures.clock_drift_ms, None, "too early to say");
    assert_eq!(health.read(at(10)).complaints(rate()), Vec::<String>::new());
}

#[test]
fn each_fault_has_its_complaint() {
    type Case = (&'static str, Health, i64, &'static str);
    let late = |dts_ms: i64| Some(dts_ms + if (dts_ms / 40) % 20 == 0 { 5000 } else { 0 });
    let table: [Case; 4] = [
        ("nothing comes", video(10, Some), 12, "nothing came for 2.0 s"),
        (
            "every third frame is left out",
            video(10, |dts_ms| (dts_ms % 120 != 0).then_some(dts_ms)),
            10,
            "16 of 25 frames a second",
        ),
        (
            "the encoder leaves out some",
            video(10, |dts_ms| (dts_ms % 400 != 0).then_some(dts_ms)),
            10,
            "left out 12 frames",
        ),
        ("unevenly", video(10, late), 10, "frames come unevenly"),
    ];
    for (name, health, seconds, expected) in table {
        let complaints = health.read(at(seconds)).complaints(rate());
        assert!(
            complaints.iter().any(|text| text.contains(expected)),
            "{name}: {complaints:?}"
        );
    }
    let early = video(3, |dts_ms| (dts_ms % 120 != 0).then_some(dts_ms));
    assert!(
        early.read(at(3)).complaints(rate()).is_empty(),
        "nothing is said of the first seconds"
    );
}

#[test]
fn a_clock_that_runs_fast_or_slow_is_found_below_the_jitter() {
    for (gain_per_1000, expected_ms) in [(0, 0), (1, 55), (-1, -55)] {
        let received = |dts_ms: i64| dts_ms - dts_ms * gain_per_1000 / 1000 + (dts_ms / 40) % 7 * 15;
        let figures = video(65, |dts_ms| Some(received(dts_ms))).read(at(65));
        let drift_ms = figures.clock_drift_ms.unwrap();
        assert!((drift_ms - expected_ms).abs() <= 3, "{gain_per_1000}: {drift_ms}");
    }
}

#[test]
fn memory_is_bounded_whatever_the_stamps_say() {
    let mut health = Health::default();
    for number in 0..10_000 {
        health.note(&frame(TrackKind::Video, number, 0, 1));
        health.note(&frame(TrackKind::Audio, -number, 0, 0));
    }
    assert!(health.video.frames.len() <= MAX_FRAMES && health.audio.frames.len() <= MAX_FRAMES);
    health.note(&frame(TrackKind::Video, i64::from(i32::MAX), 1, 1));
    assert!(health.read(at(1)).missing_frames > 0);
}

#[test]
fn a_clock_that_was_set_is_no_hole_and_no_drift() {
    let mut health = video(40, Some);
    assert_eq!(health.read(at(40)).clock_drift_ms, Some(0));
    health.begin_anew();
    health.note(&frame(TrackKind::Video, 9_000_000, 40_000, 1000));
    let figures = health.read(at(40));
    assert_eq!((figures.missing_frames, figures.missing_frames_total), (0, 0));
    assert_eq!(
        (figures.clock_drift_ms, figures.keyframe_interval_ms),
        (None, None)
    );
    assert!(figures.jitter_ms < 0.1, "{figures:?}");
}

#[test]
fn audio_alone_is_measured_by_itself() {
    let mut health = Health::default();
    for number in (0..500).filter(|number| number % 10 != 9) {
        health.note(&frame(TrackKind::Audio, number * 20, number * 20, 320));
    }
    let figures = health.read(at(10));
    assert_eq!((figures.frame_rate, figures.video_bitrate_bps), (0.0, 0));
    assert_eq!(figures.missing_frames, 24);
    assert!(figures.complaints(None)[0].contains("left out 24 frames"));
}
