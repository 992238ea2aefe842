//! Media that breaks one rule each: two parts that Vitrine made (64 by 64 pixels, two B-frames, a state message), with
//! some of their bytes changed.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use super::messages::Messages;
use super::track::Track;
use super::{BoxSpan, boxes};
use crate::conformance::findings::Findings;
use crate::conformance::playlist::{Part, Segment};

const INIT: &[u8] = include_bytes!("testdata/video-init.mp4");
const FIRST: &[u8] = include_bytes!("testdata/video-part-1.m4s");
const SECOND: &[u8] = include_bytes!("testdata/video-part-2.m4s");
/// Where the first part starts: 2026-11-24T22:34:27.450Z.
const PDT_US: i64 = 1_795_559_667_450_000;

/// Writes `new` over the bytes that begin `offset` bytes behind the box type `kind`; -4: over the type itself.
fn edited(bytes: &[u8], kind: &[u8; 4], offset: isize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let behind = bytes.windows(4).position(|window| window == kind).unwrap() + 4;
    let at = behind.checked_add_signed(offset).unwrap();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

/// A segment with these two parts.
fn segment(milliseconds: [f64; 2]) -> Segment {
    let part = |(number, length_ms): (usize, f64)| Part {
        uri: format!("part-{number}.m4s"),
        duration: Duration::from_secs_f64(length_ms / 1000.0),
        independent: number == 0,
        gap: false,
    };
    let parts: Vec<Part> = milliseconds.into_iter().enumerate().map(part).collect();
    Segment {
        msn: 6,
        uri: "seg-6.m4s".to_owned(),
        duration: parts.iter().map(|part| part.duration).sum(),
        pdt_us: Some(PDT_US),
        map: Some("init-0.mp4".to_owned()),
        parts,
        ..Segment::default()
    }
}

/// What is broken by media of these bytes; `whole` is the segment as fetched.
fn breaks_of(init: &[u8], first: &[u8], second: &[u8], whole: &[u8], listed: &Segment) -> BTreeSet<u16> {
    let mut findings = Findings::default();
    let mut messages = Messages::default();
    let mut track = Track::new("video-64p", true);
    track.set_init("init-0.mp4", init, &mut findings);
    for (index, bytes) in [first, second].into_iter().enumerate() {
        let bytes = Bytes::copy_from_slice(bytes);
        let part = &listed.parts[index];
        track.part(listed, index, part, &bytes, &mut messages, &mut findings);
    }
    let whole = Bytes::copy_from_slice(whole);
    track.whole(listed, &whole, &mut messages, &mut findings);
    findings.merge(messages.finish().1);
    findings
        .violations()
        .iter()
        .map(|violation| violation.spec)
        .collect()
}

fn breaks(init: &[u8], first: &[u8], second: &[u8]) -> BTreeSet<u16> {
    let listed = segment([333.33, 333.33]);
    breaks_of(init, first, second, &[first, second].concat(), &listed)
}

#[test]
fn boxes_are_walked_and_broken_ones_refused() {
    let good = [&[0, 0, 0, 9][..], b"free", &[7], &[0, 0, 0, 8], b"mdat"].concat();
    let names: Vec<String> = boxes(&good).unwrap().iter().map(BoxSpan::name).collect();
    assert_eq!(names, ["free", "mdat"]);
    for broken in [&good[..12], &good[..16], &[0, 0, 0, 7, b'f', b'r', b'e', b'e']] {
        assert!(boxes(broken).is_err(), "{broken:?}");
    }
}

#[test]
fn good_media_breaks_nothing() {
    assert_eq!(breaks(INIT, FIRST, SECOND), BTreeSet::new());
}

/// Rows: box, offset behind its type, new bytes, the rules that this breaks.
type Row = (&'static [u8; 4], isize, &'static [u8], &'static [u16]);

fn rows(good: &[u8], table: &[Row], breaks: impl Fn(&[u8]) -> BTreeSet<u16>) {
    for (kind, offset, new, specs) in table {
        let expected: BTreeSet<u16> = specs.iter().copied().collect();
        let found = breaks(&edited(good, kind, *offset, new));
        assert_eq!(
            found,
            expected,
            "{new:?} {offset} bytes behind {}",
            kind.escape_ascii()
        );
    }
}

#[test]
fn what_an_init_section_can_break_is_found() {
    let table: &[Row] = &[
        // iso6 becomes iso5, in the compatible brands; cmfc and cmf2; cfhd; aid3.
        (b"ftyp", 8, b"iso5", &[134]),
        (b"ftyp", 12, b"mp41mp42", &[134]),
        (b"ftyp", 20, b"mp41", &[134]),
        (b"ftyp", 24, b"mp41", &[162]),
        // mvhd's duration; trex of another track; colr and pasp that are none.
        (b"mvhd", 31, &[1], &[128]),
        (b"trex", 7, &[2], &[128]),
        (b"colr", -4, b"free", &[131]),
        (b"pasp", -4, b"free", &[131]),
    ];
    rows(INIT, table, |bytes| breaks(bytes, FIRST, SECOND));
    assert!(breaks(&INIT[..INIT.len() - 4], FIRST, SECOND).contains(&128));
}

#[test]
fn what_a_chunk_can_break_is_found() {
    let in_first: &[Row] = &[
        // Absolute addressing; another track; tfdt's version 0 and a wrong time; samples elsewhere.
        (b"tfhd", 1, &[0], &[129]),
        (b"tfhd", 7, &[2], &[129]),
        (b"trun", 11, &[1], &[129]),
        // A sample longer, a sync sample that is none, an IDR that is none.
        (b"trun", 15, &[0xb9], &[10, 130]),
        (b"trun", 20, &[1, 1], &[22, 135]),
        (b"mdat", 4, &[0x41], &[135]),
        // The first sample is shown late.
        (b"trun", 26, &[1], &[137]),
        // prft a second off, and of another media time.
        (b"prft", 11, &[0x74], &[148]),
        (b"prft", 19, &[0x61], &[148]),
        // emsg: version 0, another timescale, before and behind the part, a duration, another scheme, no ID3 tag.
        (b"emsg", 0, &[0], &[151]),
        (b"emsg", 7, &[0x91], &[159]),
        (b"emsg", 14, &[0x3d, 0x5f], &[156]),
        (b"emsg", 13, &[9], &[156]),
        (b"emsg", 19, &[0], &[155]),
        (b"emsg", 24, b"http:", &[152]),
        (b"ID3\x04", -4, b"ID4", &[154]),
    ];
    rows(FIRST, in_first, |bytes| breaks(INIT, bytes, SECOND));
    // A sample larger than its mdat.
    let found = breaks(INIT, &edited(FIRST, b"trun", 18, &[0xff]), SECOND);
    assert!(found.contains(&129), "{found:?}");
    // The same id for two messages; a state that is not repeated cannot be seen within one segment.
    let other = edited(FIRST, b"TXXX", 30, b"x");
    let found = breaks(INIT, FIRST, &other);
    assert!(found.contains(&160), "{found:?}");
    // A gap, and an overlap, before the second part.
    let in_second: &[Row] = &[
        (b"tfdt", 11, &[0x19], &[130, 148]),
        (b"tfdt", 11, &[0x17], &[130, 148]),
    ];
    rows(SECOND, in_second, |bytes| breaks(INIT, FIRST, bytes));
}

#[test]
fn boxes_out_of_order_are_found() {
    let spans = boxes(FIRST).unwrap();
    let of = |kinds: &[&[u8; 4]]| -> Vec<u8> {
        let whole = |kind: &[u8; 4]| spans.iter().find(|span| span.kind == *kind).unwrap().whole;
        kinds.iter().flat_map(|kind| whole(kind)).copied().collect()
    };
    let table: [(&[&[u8; 4]], &[u16]); 5] = [
        (&[b"styp", b"prft", b"emsg", b"moof", b"mdat"], &[]),
        (&[b"styp", b"emsg", b"prft", b"moof", b"mdat"], &[133]),
        (&[b"styp", b"prft", b"moof", b"emsg", b"mdat"], &[133]),
        (&[b"prft", b"emsg", b"moof", b"mdat"], &[134]),
        (&[b"styp", b"prft", b"prft", b"emsg", b"moof", b"mdat"], &[133]),
    ];
    for (kinds, specs) in table {
        let expected: BTreeSet<u16> = specs.iter().copied().collect();
        assert_eq!(breaks(INIT, &of(kinds), SECOND), expected, "{kinds:?}");
    }
    assert!(breaks(INIT, &of(&[b"styp", b"prft", b"mdat", b"moof"]), SECOND).contains(&133));
}

#[test]
fn a_segment_is_its_parts_and_says_its_length() {
    let listed = segment([333.33, 333.33]);
    let joined = [FIRST, SECOND].concat();
    let own_styp = [
        &[0, 0, 0, 16][..],
        b"styp",
        b"msdh",
        &[0; 4],
        &FIRST[32..],
        SECOND,
    ]
    .concat();
    let table: [(&[u8], &[u16]); 4] = [
        (&joined, &[]),
        (&own_styp, &[]),
        (&joined[..joined.len() - 1], &[25]),
        (FIRST, &[25]),
    ];
    for (whole, specs) in table {
        let expected: BTreeSet<u16> = specs.iter().copied().collect();
        assert_eq!(breaks_of(INIT, FIRST, SECOND, whole, &listed), expected);
    }
    let wrong_length = segment([333.33, 333.0]);
    let found = breaks_of(INIT, FIRST, SECOND, &joined, &wrong_length);
    assert_eq!(found, BTreeSet::from([10]));
}
