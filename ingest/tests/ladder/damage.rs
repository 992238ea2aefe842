//! What was damaged on its way: thousands of frames with bits turned, cut off, doubled, emptied or lost.

use bytes::Bytes;
use ffmpeg_next::frame;
use vitrine_ingest::ladder::{IdrGrid, Ladder};
use vitrine_packager::media::{Frame, RenditionId, TrackKind};

use crate::run::{Made, PATIENCE, drain, finish, pictures, plan, run, rung};
use crate::source::{Encoded, encode, test_picture, words};

/// Frames between IDRs.
const GOP: usize = 30;

/// Numbers that look like chance, and are the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }
}

fn source(encoder: &str) -> Encoded {
    let audio = "-f lavfi -i aevalsrc=0.5*sin(2000*PI*t):s=32000 -c:a aac";
    encode(
        &[
            test_picture("320x180", "30"),
            words(audio),
            words(encoder),
            words(&format!("-t 30 -g {GOP} -pix_fmt yuv420p")),
        ]
        .concat(),
        "mp4",
    )
}

/// Damages a frame; `None` if it is lost.
fn damaged(frame: &Frame, chance: &mut Chance) -> Option<Frame> {
    let mut data = frame.data.to_vec();
    match chance.below(6) {
        0 => {
            for _ in 0..=chance.below(20) {
                let bit = chance.below(data.len() * 8);
                data[bit / 8] ^= 1 << (bit % 8);
            }
        }
        1 => data.truncate(chance.below(data.len())),
        2 => data.clear(),
        3 => data = (0..chance.below(3000)).map(|_| chance.below(256) as u8).collect(),
        4 => data.extend(frame.data.iter().rev()),
        _ => return None,
    }
    Some(Frame {
        data: Bytes::from(data),
        ..frame.clone()
    })
}

/// Damages every other group of pictures, and the audio beside it; returns how many frames were.
fn damage(source: &mut Encoded, seed: u64) -> usize {
    let mut chance = Chance(seed);
    let mut count = 0;
    let gop_ms = 1000 * GOP as i64 / 30;
    let frames = std::mem::take(&mut source.frames);
    for frame in frames {
        let is_struck = frame.pts_ms.div_euclid(gop_ms) % 2 == 1 && chance.below(3) > 0;
        if is_struck {
            count += 1;
            source.frames.extend(damaged(&frame, &mut chance));
        } else {
            source.frames.push(frame);
        }
    }
    count
}

/// All of it, whatever becomes of it.
fn survive(source: &Encoded) -> (Made, u64) {
    let plan = plan(source, vec![rung(90), rung(64)], vec![64]);
    let (mut ladder, mut outputs) = Ladder::start(&plan, &source.tracks, IdrGrid::Source).unwrap();
    let mut made = Made::default();
    let deadline = std::time::Instant::now() + PATIENCE;
    for frame in &source.frames {
        while ladder.backlog() >= 3 {
            drain(&mut outputs, &mut made);
            assert!(std::time::Instant::now() < deadline, "the ladder stands still");
            std::thread::yield_now();
        }
        ladder.push(frame);
    }
    ladder.finish();
    finish(&mut outputs, &mut made);
    assert!(made.failed.is_empty(), "{:?}", made.failed);
    let undecodable = ladder.stats().undecodable();
    (made, undecodable)
}

fn luma_difference(one: &frame::Video, other: &frame::Video) -> f64 {
    let (width, height) = (one.width() as usize, one.height() as usize);
    let rows = |picture: &frame::Video| -> Vec<Vec<u8>> {
        let rows = picture.data(0).chunks(picture.stride(0)).take(height);
        rows.map(|row| row[..width].to_vec()).collect()
    };
    let (one, other) = (rows(one).concat(), rows(other).concat());
    let sum: u64 = one
        .iter()
        .zip(&other)
        .map(|(one, other)| u64::from(one.abs_diff(*other)))
        .sum();
    sum as f64 / one.len() as f64
}

fn assert_recovers(source: &Encoded, seed: u64) -> usize {
    let clean = run(
        &plan(source, vec![rung(90), rung(64)], vec![64]),
        source,
        IdrGrid::Source,
    );
    let mut struck = source.clone();
    let count = damage(&mut struck, seed);
    let (made, undecodable) = survive(&struck);
    println!("{count} frames damaged or lost; the decoders refused {undecodable}");
    assert!(undecodable > 0);
    for rendition in 0..3 {
        assert!(made.stamps(rendition).windows(2).all(|pair| pair[0] < pair[1]));
    }
    assert_eq!(made.idrs(0), made.idrs(1));
    assert_eq!(made.stamps(0), made.stamps(1));
    // What is still being put in order when the damage comes may go with it: the last three of a group are not looked at.
    let is_whole = |stamp: i64| {
        let frame = (stamp * 30 + 500).div_euclid(1000);
        frame.div_euclid(GOP as i64) % 2 == 0 && frame.rem_euclid(GOP as i64) < GOP as i64 - 3
    };
    for rung in 0..2 {
        let id = RenditionId(rung);
        let whole = |made: &Made| -> Vec<frame::Video> {
            // The decoder of these must not see the damaged groups between, as a viewer's does: it would show the same.
            let pictures = pictures(&made.tracks[&id], &made.frames[&id]);
            pictures
                .into_iter()
                .filter(|picture| is_whole(picture.pts().unwrap()))
                .collect()
        };
        let (before, after) = (whole(&clean), whole(&made));
        let stamps = |pictures: &[frame::Video]| pictures.iter().map(|one| one.pts()).collect::<Vec<_>>();
        assert_eq!(
            stamps(&before),
            stamps(&after),
            "every whole group of pictures is there, from its IDR on"
        );
        let worst = before
            .iter()
            .zip(&after)
            .map(|(before, after)| luma_difference(before, after))
            .fold(0.0, f64::max);
        assert!(worst < 8.0, "rung {rung} is off by {worst}");
    }
    count
}

#[test]
fn a_damaged_source_is_shown_as_well_as_it_can_be_and_is_whole_again_at_the_next_idr() {
    let mut count = 0;
    let avc = source("-c:v libx264 -preset veryfast -bf 2 -slices 2");
    for seed in 1..=4 {
        count += assert_recovers(&avc, seed);
    }
    let hevc = source("-c:v libx265 -preset ultrafast -x265-params log-level=error:open-gop=0:scenecut=0");
    count += assert_recovers(&hevc, 5);
    println!("{count} frames in all");
    assert!(count > 2000, "{count}");
}

#[test]
fn references_that_are_lost_mend_at_the_next_idr() {
    let mut source = source("-c:v libx264 -preset veryfast -bf 0 -refs 4");
    source.frames.retain(|frame| frame.track == TrackKind::Video);
    let clean = run(&plan(&source, vec![rung(90)], vec![]), &source, IdrGrid::Source);
    let mut lossy = source.clone();
    let mut index = 0;
    // Each second loses three frames that the others are made of.
    lossy.frames.retain(|frame| {
        index = if frame.is_idr { 0 } else { index + 1 };
        !(5..8).contains(&index)
    });
    let made = run(&plan(&lossy, vec![rung(90)], vec![]), &lossy, IdrGrid::Source);
    assert_eq!(made.idrs(0), clean.idrs(0));
    assert_eq!(made.stamps(0), lossy.shown(), "what came is shown");
    let (before, after) = (clean.pictures(0), made.pictures(0));
    let at = |pictures: &[frame::Video], stamp: i64| {
        pictures
            .iter()
            .position(|picture| picture.pts() == Some(stamp))
            .unwrap()
    };
    for idr in made.idrs(0) {
        let (before, after) = (&before[at(&before, idr)], &after[at(&after, idr)]);
        assert!(luma_difference(before, after) < 8.0);
    }
}
