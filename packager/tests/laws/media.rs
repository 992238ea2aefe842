//! The bytes behind the playlists (SPEC sections 1.2 and 2).

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use vitrine_packager::media::{Frame, TrackKind};
use vitrine_packager::startup::PackagingSettings;

use crate::common::boxes::{Chunk, timescale};
use crate::common::playlist::{Part, Playlist, Segment};
use crate::common::{EPOCH, Encoder, Session, fetch};
use crate::script::any_show;
use crate::shows;

/// A segment with everything that is behind it.
pub struct Loaded {
    pub segment: Segment,
    pub timescale: u32,
    /// `None` for a gap.
    pub chunks: Vec<Option<Chunk>>,
    bytes: Vec<Bytes>,
    whole: Bytes,
}

/// Every segment that a rendition ever listed whole, fetched as soon as it was.
pub fn load(session: &Session, rendition: &str) -> Vec<Loaded> {
    let history = &session.histories[rendition];
    let mut parts: BTreeMap<u64, Vec<Part>> = BTreeMap::new();
    let mut loaded: BTreeMap<u64, Loaded> = BTreeMap::new();
    for ((_, snapshot), playlist) in history.versions.iter().zip(history.playlists()) {
        for segment in playlist.segments {
            let known = parts.entry(segment.msn).or_insert_with(|| segment.parts.clone());
            let known = known.clone();
            loaded.entry(segment.msn).or_insert_with(|| {
                let there = known.iter().filter(|part| !part.gap);
                let bytes: Vec<Bytes> = there.map(|part| fetch(snapshot, &part.uri)).collect();
                let init = fetch(snapshot, segment.opening.map.as_ref().unwrap());
                let mut chunks = bytes.iter().map(|bytes| Chunk::read(bytes));
                Loaded {
                    timescale: timescale(&init),
                    chunks: known
                        .iter()
                        .map(|part| (!part.gap).then(|| chunks.next().unwrap()))
                        .collect(),
                    whole: if segment.gap {
                        Bytes::new()
                    } else {
                        fetch(snapshot, &segment.uri)
                    },
                    segment: Segment {
                        parts: known,
                        ..segment
                    },
                    bytes,
                }
            });
        }
    }
    loaded.into_values().collect()
}

/// Every sample of a rendition, in decode order: its bytes, and the wall clock in milliseconds at which it is shown.
pub fn carried(session: &Session, rendition: &str) -> Vec<(Vec<u8>, f64)> {
    let anchor = session.presentation.settings().anchor.0 as f64;
    let mut carried = Vec::new();
    for Loaded {
        timescale, chunks, ..
    } in load(session, rendition)
    {
        for chunk in chunks.iter().flatten() {
            let mut at = chunk.decode_time;
            for sample in &chunk.samples {
                let shown = at as f64 + f64::from(sample.composition);
                carried.push((
                    sample.data.clone(),
                    anchor + shown * 1000.0 / f64::from(timescale),
                ));
                at += u64::from(sample.duration);
            }
        }
    }
    carried
}

proptest! {
    #![proptest_config(shows())]

    /// SPEC 25, 22, 133, 135.
    #[test]
    fn a_segments_bytes_are_its_parts_and_it_begins_with_a_sync_sample(script in any_show()) {
        let session = script.play().session;
        for rendition in session.histories.keys() {
            for Loaded { segment, chunks, bytes, whole, .. } in load(&session, rendition) {
                assert!(!segment.parts.is_empty());
                assert!(segment.gap || bytes.concat() == whole, "{segment:?}");
                for (i, (part, chunk)) in segment.parts.iter().zip(&chunks).enumerate() {
                    let Some(chunk) = chunk else { continue };
                    let kinds: Vec<&str> = chunk.kinds.iter().map(String::as_str).collect();
                    let expected: &[&str] = if i == 0 { &["styp", "prft", "moof", "mdat"] } else { &["prft", "moof", "mdat"] };
                    assert_eq!(kinds, expected);
                    assert_eq!(part.independent, chunk.samples.iter().any(|sample| sample.is_sync), "{part:?}");
                    assert!(i > 0 || chunk.samples[0].is_sync);
                }
            }
        }
    }

    /// SPEC 130, 10: `tfdt` goes on where the last sample ended, over parts, segments, gaps and discontinuities; audio
    /// alone may leave less than a frame where an encoder returned (SPEC 144).
    #[test]
    fn decode_time_has_neither_gap_nor_overlap(script in any_show()) {
        let session = script.play().session;
        for rendition in session.histories.keys() {
            let leave = if rendition.starts_with("audio") { 1024.0 / 44_100.0 } else { 0.0 };
            // In seconds; exact in ticks within a publication.
            let mut next: (f64, Option<(u64, u32)>) = (0.0, None);
            for Loaded { segment, timescale, chunks, .. } in load(&session, rendition) {
                let ticks = f64::from(timescale);
                for (part, chunk) in segment.parts.iter().zip(&chunks) {
                    let length = part.duration as f64 / 1e5;
                    let Some(chunk) = chunk else {
                        next = (next.0 + length, None);
                        continue;
                    };
                    let start = chunk.decode_time as f64 / ticks;
                    assert!((chunk.duration() as f64 / ticks - length).abs() < 2e-5, "{part:?}");
                    match next {
                        (_, Some((exact, scale))) if !segment.opening.discontinuity || part != &segment.parts[0] => {
                            assert_eq!((chunk.decode_time, timescale), (exact, scale), "{rendition}: {segment:?}");
                        }
                        // A gap's parts are known to 10 µs each.
                        (at, _) => assert!((-0.0005..leave + 0.0005).contains(&(start - at)), "{rendition}: {start} {at} {segment:?}"),
                    }
                    next = (chunk.end() as f64 / ticks, Some((chunk.end(), timescale)));
                }
            }
        }
    }

    /// SPEC 79, 83: PDT is one anchor plus media time, to the millisecond, in every rendition.
    #[test]
    fn program_date_time_is_the_anchor_plus_media_time(script in any_show()) {
        let session = script.play().session;
        let anchor = session.presentation.settings().anchor;
        for rendition in session.histories.keys() {
            for Loaded { segment, timescale, chunks, .. } in load(&session, rendition) {
                let Some(Some(first)) = chunks.first() else { continue };
                let millis = (first.decode_time as f64 * 1000.0 / f64::from(timescale)).round() as i64;
                assert_eq!(segment.opening.pdt_ms, Some(anchor.plus_millis(millis).0), "{segment:?}");
            }
        }
    }

    /// Nothing is lost, doubled or moved: each video frame that came is carried once, in order, and shown when its stamp
    /// says. Where frames are missing before an IDR, copies of it stand in (its bytes twice in a row).
    #[test]
    fn every_video_frame_is_carried_once_and_shown_at_its_stamp(script in any_show()) {
        prop_assume!(script.passes_video_through());
        let show = script.play();
        let mut carried = carried(&show.session, "video-720p").into_iter().peekable();
        for frame in show.frames.iter().filter(|frame| frame.track == TrackKind::Video) {
            let (mut data, mut shown_ms) = carried.next().expect("a frame is missing");
            while carried.peek().is_some_and(|(next, _)| *next == data) {
                (data, shown_ms) = carried.next().unwrap();
            }
            assert_eq!(data, frame.data);
            // Rounded stamps are put on the nearest line of the frame grid, and a returning encoder's first frame may
            // have to wait for the end of the last AAC frame.
            let off_ms = shown_ms - (EPOCH.0 + frame.pts_ms) as f64;
            assert!(off_ms.abs() < 90.0, "{off_ms} ms: {frame:?}");
        }
        assert_eq!(carried.next(), None);
    }

    /// Audio too is carried in order and heard when its stamps say, silence between. Not every frame: some come before
    /// the video begins or after it has stopped.
    #[test]
    fn audio_is_carried_in_order_and_heard_at_its_stamps(script in any_show()) {
        prop_assume!(script.encoder.audio_hz > 0);
        let show = script.play();
        let mut came = show.frames.iter().filter(|frame| frame.track == TrackKind::Audio);
        let total = came.clone().count();
        let mut heard = 0;
        for (data, heard_ms) in carried(&show.session, "audio-128k").iter().filter(|(data, _)| data[0] == b'a') {
            let frame = came.find(|frame| frame.data == data[..]).expect("a frame that never came, or again, or too late");
            let off_ms = heard_ms - (EPOCH.0 + frame.pts_ms) as f64;
            // A returning encoder's first frame may have to wait for the end of the last frame, which may be of a lead that has
            // twelve a second.
            assert!(off_ms.abs() < 110.0, "{off_ms} ms: {frame:?}");
            heard += 1;
        }
        let publications = script.publications.len();
        // Two seconds of each publication may be late when its video stops, and a frame may be one too many.
        assert!(heard + publications * 100 + total / 40 >= total, "{heard} of {total}");
    }
}

/// An encoder whose microphone is unplugged: viewers wait once, and then the silence comes part by part as the picture does.
#[test]
fn silence_keeps_up_with_the_picture_while_audio_stays_away() {
    let settings = PackagingSettings {
        target_duration_s: 2,
        part_target_ms: 333,
        window_s: 60,
    };
    let encoder = Encoder::USUAL;
    let frames: Vec<Frame> = encoder
        .publication(&[60; 12], 0)
        .into_iter()
        .filter(|frame| frame.track == TrackKind::Video || !(4000..16_000).contains(&frame.dts_ms))
        .collect();
    let session = Session::of(settings, &encoder, frames);
    let bursts = |name: &str| {
        let hinted = |playlist: Playlist| {
            playlist
                .hinted()?
                .strip_prefix("part-")?
                .strip_suffix(".m4s")?
                .parse::<u64>()
                .ok()
        };
        let next: Vec<u64> = session.histories[name]
            .playlists()
            .into_iter()
            .filter_map(hinted)
            .collect();
        next.windows(2).filter(|pair| pair[1] - pair[0] > 2).count()
    };
    assert_eq!(bursts(crate::ladder::SOURCE), 0);
    assert_eq!(bursts("audio-128k"), 1, "once, when it is taken to have stopped");
    let heard = carried(&session, "audio-128k");
    let silent = |(data, at_ms): &&(Vec<u8>, f64)| data[0] != b'a' && *at_ms > EPOCH.0 as f64 + 16_100.0;
    assert_eq!(heard.iter().filter(silent).count(), 0, "real audio again");
}
