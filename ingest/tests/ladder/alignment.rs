//! Every rung has the source's frames at the source's stamps, and IDRs at the same ones.

use vitrine_ingest::ladder::{IdrGrid, RungSettings};
use vitrine_packager::media::{Frame, RenditionId, TrackKind};

use crate::run::{Made, TWO_SECONDS, passed, plan, run, rung};
use crate::source::{Encoded, encode, test_picture, words};

fn source(size: &str, rate: &str, encoder: &str) -> Encoded {
    encode(&[test_picture(size, rate), words(encoder)].concat(), "flv")
}

/// Each rung's stamps are those, and its IDRs are those of the first.
fn assert_aligned(made: &Made, rungs: std::ops::Range<u16>, stamps: &[i64], idrs: &[i64]) {
    assert!(made.failed.is_empty(), "{:?}", made.failed);
    for rung in rungs {
        assert_eq!(made.stamps(rung), stamps, "rung {rung}");
        assert_eq!(made.idrs(rung), idrs, "rung {rung}");
        let frames = &made.frames[&RenditionId(rung)];
        assert!(frames.iter().all(|frame| frame.dts_ms == frame.pts_ms));
        assert_eq!(made.pictures(rung).len(), stamps.len(), "all can be decoded");
    }
}

#[test]
fn rungs_have_the_sources_stamps_and_its_idrs() {
    // B-frames in, and IDRs that are not regular.
    let source = source(
        "640x360",
        "30",
        "-t 7 -c:v libx264 -preset veryfast -bf 3 -g 250 -force_key_frames 0,1.3,2.9,5 -pix_fmt yuv420p",
    );
    let decoded: Vec<i64> = source.of(TrackKind::Video).map(|frame| frame.pts_ms).collect();
    assert!(!decoded.is_sorted(), "there are B-frames");
    let plan = plan(&source, vec![passed(), rung(240), rung(180)], vec![]);
    let made = run(&plan, &source, IdrGrid::Source);
    assert_aligned(&made, 1..3, &source.shown(), &source.idrs());
    let received = |frame: &Frame| {
        source
            .frames
            .iter()
            .any(|one| one.pts_ms == frame.pts_ms && one.received == frame.received)
    };
    assert!(made.frames[&RenditionId(1)].iter().all(received));
}

#[test]
fn a_source_of_rare_idrs_is_cut_each_two_seconds() {
    for (rate, every) in [("30", 60), ("30000/1001", 60), ("25", 50), ("60000/1001", 120)] {
        let source = source(
            "320x180",
            rate,
            "-t 7 -c:v libx264 -preset ultrafast -bf 2 -g 250 -pix_fmt yuv420p",
        );
        let plan = plan(&source, vec![rung(180), rung(90)], vec![]);
        let made = run(&plan, &source, TWO_SECONDS);
        let shown = source.shown();
        let idrs: Vec<i64> = shown.iter().copied().step_by(every).collect();
        assert_aligned(&made, 0..2, &shown, &idrs);
    }
}

#[test]
fn a_rung_of_half_the_frames_has_every_idr() {
    let source = source(
        "320x180",
        "60",
        // The third IDR is at an odd frame.
        "-t 5 -c:v libx264 -preset ultrafast -g 120 -force_key_frames 0,1,2.0167,4 -pix_fmt yuv420p",
    );
    let capped = RungSettings {
        fps_cap: Some(30.0),
        ..rung(90)
    };
    let plan = plan(&source, vec![rung(180), capped], vec![]);
    let made = run(&plan, &source, IdrGrid::Source);
    assert_eq!(made.stamps(0), source.shown());
    assert_eq!(made.idrs(0), source.idrs());
    assert_eq!(made.idrs(1), source.idrs());
    let half = made.stamps(1);
    assert!((150..=152).contains(&half.len()), "{}", half.len());
    let steps: Vec<i64> = half.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let short = steps.iter().filter(|step| **step < 30).count();
    assert!(short <= 2 && steps.iter().all(|step| *step <= 35), "{steps:?}");
    assert_eq!(made.pictures(1).len(), half.len());
}

#[test]
fn lost_frames_and_a_varying_rate_move_no_rung_from_another() {
    let mut source = source(
        "320x180",
        "30",
        "-t 10 -c:v libx264 -preset ultrafast -g 45 -bf 0 -pix_fmt yuv420p",
    );
    // Every frame's time is its own; stretches are lost, an IDR among them.
    let mut lost = 0;
    let shift = |index: i64| (index * 7919) % 11;
    for (index, frame) in source.frames.iter_mut().enumerate() {
        frame.pts_ms += shift(index as i64);
        frame.dts_ms = frame.pts_ms;
    }
    let mut index = 0;
    source.frames.retain(|_| {
        index += 1;
        let stays = !(80..85).contains(&index) && !(179..184).contains(&index) && index != 226;
        lost += usize::from(!stays);
        stays
    });
    assert!(source.frames.iter().any(|frame| frame.is_idr));
    let capped = RungSettings {
        fps_cap: Some(15.0),
        ..rung(90)
    };
    for idrs in [IdrGrid::Source, TWO_SECONDS] {
        let plan = plan(&source, vec![rung(180), rung(120), capped.clone()], vec![]);
        let made = run(&plan, &source, idrs);
        assert!(made.failed.is_empty());
        assert_eq!(made.stamps(0), made.stamps(1));
        assert_eq!(made.idrs(0), made.idrs(1));
        assert_eq!(made.idrs(0), made.idrs(2), "{idrs:?}");
        assert!(made.idrs(0).len() >= 4, "{:?}", made.idrs(0));
        let shown = source.shown();
        assert!(
            made.stamps(0)
                .iter()
                .all(|stamp| shown.binary_search(stamp).is_ok())
        );
        let halved = made.stamps(2);
        assert!(halved.iter().all(|stamp| shown.binary_search(stamp).is_ok()));
        let seconds = (halved.last().unwrap() - halved[0]) as f64 / 1000.0;
        let fps = halved.len() as f64 / seconds;
        assert!((12.0..16.5).contains(&fps), "{fps}");
    }
}

#[test]
fn encoding_begins_where_it_is_told_to() {
    let source = source(
        "320x180",
        "30",
        "-t 6 -c:v libx264 -preset ultrafast -g 250 -pix_fmt yuv420p",
    );
    let plan = plan(&source, vec![rung(180), rung(90)], vec![]);
    let grid = IdrGrid::Every {
        interval_ms: 2000,
        begin_at_ms: Some(1500),
    };
    let (made, dropped) = crate::run::run_counting(&plan, &source, grid);
    assert_eq!(
        dropped,
        source.shown().iter().filter(|stamp| **stamp < 1500).count() as u64
    );
    for rung in 0..2 {
        let idrs: Vec<i64> = made.idrs(rung);
        assert!(idrs[0] >= 1500 && idrs[0] < 1540, "{idrs:?}");
        assert_eq!(made.stamps(rung)[0], idrs[0]);
        assert!(
            idrs.windows(2)
                .all(|pair| (1990..=2010).contains(&(pair[1] - pair[0]))),
            "{idrs:?}"
        );
    }
}
