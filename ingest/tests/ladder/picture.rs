//! What a picture looks like after the ladder: colour, shape, captions.

use ffmpeg_next::color::{Primaries, Range, Space, TransferCharacteristic};
use ffmpeg_next::frame;
use ffmpeg_next::frame::side_data::Type;
use ffmpeg_next::util::format::Pixel;
use vitrine_ingest::ladder::{IdrGrid, RungSettings};
use vitrine_packager::codec::VideoFacts;
use vitrine_packager::media::{RenditionId, TrackConfig};

use crate::run::{Made, passed, plan, run, rung};
use crate::source::{Encoded, encode, test_picture, words};

const SHORT: &str = "-t 1 -c:v libx264 -preset ultrafast -g 30";

fn source(filters: &str, encoder: &str) -> Encoded {
    let input = test_picture("320x180", "30");
    let filters = [vec!["-vf".to_owned()], words(filters)].concat();
    encode(&[input, filters, words(SHORT), words(encoder)].concat(), "mp4")
}

fn small(source: &Encoded) -> Made {
    let made = run(&plan(source, vec![rung(90)], vec![]), source, IdrGrid::Source);
    assert!(made.failed.is_empty(), "{:?}", made.failed);
    made
}

fn facts(made: &Made, rung: u16) -> VideoFacts {
    let TrackConfig::Video(config) = &made.tracks[&RenditionId(rung)] else {
        panic!("no video")
    };
    VideoFacts::read(config).unwrap()
}

/// Mean of a plane's samples.
fn mean(picture: &frame::Video, plane: usize) -> f64 {
    let (width, height) = (
        picture.plane_width(plane) as usize,
        picture.plane_height(plane) as usize,
    );
    let rows = picture.data(plane).chunks(picture.stride(plane)).take(height);
    let sum: u64 = rows
        .flat_map(|row| &row[..width])
        .map(|sample| u64::from(*sample))
        .sum();
    sum as f64 / (width * height) as f64
}

#[test]
fn colour_is_carried_into_the_encoders_headers() {
    let table = [
        (
            "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709",
            "yuv420p",
            (
                Primaries::BT709,
                TransferCharacteristic::BT709,
                Space::BT709,
                Range::MPEG,
            ),
        ),
        (
            "setparams=range=tv:color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m",
            "yuv420p",
            (
                Primaries::SMPTE170M,
                TransferCharacteristic::SMPTE170M,
                Space::SMPTE170M,
                Range::MPEG,
            ),
        ),
        (
            "setparams=range=pc:color_primaries=bt709:color_trc=bt709:colorspace=bt709",
            "yuv420p",
            (
                Primaries::BT709,
                TransferCharacteristic::BT709,
                Space::BT709,
                Range::JPEG,
            ),
        ),
        (
            "setparams=range=tv:color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc",
            "yuv420p10le",
            (
                Primaries::BT2020,
                TransferCharacteristic::ARIB_STD_B67,
                Space::BT2020NCL,
                Range::MPEG,
            ),
        ),
    ];
    for (parameters, format, expected) in table {
        let source = source(&format!("{parameters},format={format}"), "");
        let made = small(&source);
        let pictures = made.pictures(0);
        let picture = &pictures[10];
        assert_eq!(
            (
                picture.color_primaries(),
                picture.color_transfer_characteristic(),
                picture.color_space(),
                picture.color_range()
            ),
            expected,
            "{parameters}"
        );
        let colour = facts(&made, 0).colour.unwrap();
        assert_eq!(colour.full_range, expected.3 == Range::JPEG);
    }
}

#[test]
fn a_source_that_says_nothing_of_colour_gets_nothing_said() {
    let made = small(&source("format=yuv420p", ""));
    assert_eq!(facts(&made, 0).colour, None);
}

#[test]
fn every_pixel_format_comes_out_with_its_colours() {
    for format in [
        "yuv420p",
        "yuvj420p",
        "yuv422p",
        "yuv444p",
        "yuv420p10le",
        "yuv422p10le",
        "nv12",
    ] {
        let source = source(&format!("format={format}"), &format!("-pix_fmt {format}"));
        let pictures = small(&source).pictures(0);
        let before = crate::run::pictures(&source.tracks[0], &source.frames);
        let (picture, before) = (&pictures[20], &before[20]);
        assert!(
            matches!(picture.format(), Pixel::YUV420P | Pixel::YUVJ420P),
            "{format}"
        );
        assert_eq!((picture.width(), picture.height()), (320 / 2, 90));
        if before.plane_width(1) == 160 || format.contains("44") || format.contains("422p") {
            let depth = if format.contains("10le") { continue } else { 1.0 };
            for plane in 0..3 {
                let off = (mean(picture, plane) - mean(before, plane) / depth).abs();
                assert!(off < 2.0, "{format} plane {plane} is off by {off}");
            }
        }
    }
}

#[test]
fn full_range_stays_full_and_limited_stays_limited() {
    for (range, black, white) in [("tv", 16.0, 235.0), ("pc", 0.0, 255.0)] {
        for (colour, expected) in [("black", black), ("white", white)] {
            let arguments = format!(
                "-f lavfi -i color={colour}:s=320x180:r=30 -vf scale=out_range={range},format=yuv420p,setparams=range={range} {SHORT}"
            );
            let pictures = small(&encode(&words(&arguments), "mkv")).pictures(0);
            let luma = mean(&pictures[5], 0);
            assert!((luma - expected).abs() < 1.5, "{colour} of {range}: {luma}");
        }
    }
}

#[test]
fn pixels_keep_their_shape() {
    for (aspect, expected) in [
        ("4/3", Some((4, 3))),
        ("1/1", Some((1, 1))),
        ("16/11", Some((16, 11))),
    ] {
        let source = source(&format!("format=yuv420p,setsar={aspect}"), "");
        let plan = plan(&source, vec![rung(180), rung(122), rung(90)], vec![]);
        let made = run(&plan, &source, IdrGrid::Source);
        for rung in 0..3 {
            assert_eq!(facts(&made, rung).sample_aspect, expected, "{aspect} rung {rung}");
        }
    }
}

#[test]
fn odd_sizes_are_cut_to_even_ones() {
    let input = test_picture("640x360", "30");
    let source = encode(
        &[
            input,
            words("-vf format=yuv444p,crop=323:181:exact=1"),
            words(SHORT),
            words("-profile:v high444"),
        ]
        .concat(),
        "mkv",
    );
    assert_eq!(source.size, (323, 181));
    let made = run(
        &plan(&source, vec![rung(181), rung(91)], vec![]),
        &source,
        IdrGrid::Source,
    );
    assert!(made.failed.is_empty(), "{:?}", made.failed);
    let sizes: Vec<(u32, u32)> = (0..2)
        .map(|rung| (facts(&made, rung).width, facts(&made, rung).height))
        .collect();
    assert_eq!(sizes, [(322, 180), (164, 92)]);
    // Cut, not scaled: an edge in the picture stays where it was.
    let before = crate::run::pictures(&source.tracks[0], &source.frames);
    let after = made.pictures(0);
    let row = |picture: &frame::Video| picture.data(0)[picture.stride(0) * 60..][..322].to_vec();
    let off: Vec<i32> = row(&before[3])
        .iter()
        .zip(row(&after[3]))
        .map(|(one, other)| (i32::from(*one) - i32::from(other)).abs())
        .collect();
    let mean = f64::from(off.iter().sum::<i32>()) / 322.0;
    assert!(mean < 6.0, "{mean}");
}

/// How far neighbouring rows differ more than rows two apart: the teeth of a comb.
fn combing(picture: &frame::Video) -> f64 {
    let (stride, width) = (picture.stride(0), picture.plane_width(0) as usize);
    let data = picture.data(0);
    let row = |index: usize| &data[index * stride..][..width];
    let differ = |one: &[u8], other: &[u8]| -> f64 {
        one.iter()
            .zip(other)
            .map(|(one, other)| (f64::from(*one) - f64::from(*other)).abs())
            .sum()
    };
    let rows = 8..picture.plane_height(0) as usize - 8;
    let near: f64 = rows.clone().map(|index| differ(row(index), row(index + 1))).sum();
    let far: f64 = rows.map(|index| differ(row(index), row(index + 2))).sum();
    near / far
}

#[test]
fn an_interlaced_source_is_deinterlaced_and_no_other_one_is() {
    // A striped picture that moves sideways: its fields are of different moments.
    let moving = "-f lavfi -i testsrc2=s=320x180:r=50 -vf scroll=horizontal=0.02";
    let table = [
        (
            ",tinterlace=interleave_top,fieldorder=tff",
            "-flags +ildct+ilme -x264-params tff=1",
            true,
        ),
        (",fps=25", "", false),
    ];
    for (filter, flags, interlaced) in table {
        let arguments = format!(
            "{moving}{filter},format=yuv420p -t 2 -c:v libx264 -preset ultrafast -qp 12 -g 50 {flags}"
        );
        let source = encode(&words(&arguments), "mkv");
        let before = crate::run::pictures(&source.tracks[0], &source.frames);
        assert_eq!(before[10].is_interlaced(), interlaced);
        let plan = plan(
            &source,
            vec![RungSettings {
                bitrate_kbps: Some(20_000),
                ..rung(180)
            }],
            vec![],
        );
        let made = run(&plan, &source, IdrGrid::Source);
        assert_eq!(made.stamps(0), source.shown(), "one picture for each");
        assert_eq!(made.idrs(0), source.idrs());
        let after = made.pictures(0);
        assert!(after.iter().all(|picture| !picture.is_interlaced()));
        let (combed, combed_after) = (combing(&before[25]), combing(&after[25]));
        if interlaced {
            assert!(combed > 1.05, "the test's own picture: {combed}");
            assert!(combed_after < 0.9, "{combed} → {combed_after}");
        } else {
            assert!((combed - combed_after).abs() < 0.05, "{combed} → {combed_after}");
        }
    }
}

#[test]
fn captions_are_on_every_rung() {
    let source = with_captions(source("format=yuv420p", "-bf 2"));
    let capped = RungSettings {
        fps_cap: Some(15.0),
        ..rung(90)
    };
    let plan = plan(&source, vec![passed(), rung(122), capped], vec![]);
    let made = run(&plan, &source, IdrGrid::Source);
    let before = captions(&crate::run::pictures(&source.tracks[0], &source.frames));
    assert_eq!(before.len(), source.frames.len() * 6, "the test's own captions");
    assert_eq!(captions(&made.pictures(1)), before);
    // The last picture is left out of the capped rung, and no other comes to carry its captions.
    assert_eq!(captions(&made.pictures(2)), before[..before.len() - 6]);
    assert_eq!(made.frames[&RenditionId(2)].len() * 2, source.frames.len());
}

/// All caption bytes, in the order shown.
fn captions(pictures: &[frame::Video]) -> Vec<u8> {
    let of = |picture: &frame::Video| {
        picture
            .side_data(Type::A53CC)
            .map(|captions| captions.data().to_vec())
    };
    pictures.iter().filter_map(of).flatten().collect()
}

/// Puts two caption triplets of its own on every frame, as broadcasters' encoders do (A/53 part 4, 6.2.3).
fn with_captions(mut source: Encoded) -> Encoded {
    for frame in &mut source.frames {
        let letter = (frame.pts_ms / 33 % 26) as u8 + b'A';
        let mut user_data = vec![0xB5, 0, 0x31];
        user_data.extend(b"GA94");
        user_data.extend([3, 0xC0 | 2, 0xFF, 0xFC, letter, letter, 0xFD, 0x80, letter, 0xFF]);
        let mut sei = vec![6, 4, u8::try_from(user_data.len()).unwrap()];
        sei.extend(user_data);
        sei.push(0x80);
        let mut data = u32::try_from(sei.len()).unwrap().to_be_bytes().to_vec();
        data.extend(sei);
        data.extend(&frame.data);
        frame.data = data.into();
    }
    source
}
