//! I-frame playlists (8216bis 4.4.3.6; SPEC 119), beside the media playlists of the same snapshots.

use proptest::prelude::*;
use vitrine_packager::request::{Directives, Position};
use vitrine_packager::snapshot::Resolution;

use crate::common::boxes::boxes;
use crate::common::playlist::{Playlist, Segment};
use crate::common::{fetch, full, i_frames};
use crate::script::any_show;
use crate::shows;

/// The picture of a range: what follows the boxes up to the `mdat`, which goes on behind the range.
fn picture(range: &[u8]) -> &[u8] {
    let mut at = 0;
    loop {
        let size = u32::from_be_bytes(range[at..at + 4].try_into().unwrap()) as usize;
        if &range[at + 4..at + 8] == b"mdat" {
            let names: Vec<String> = boxes(&range[..at]).into_iter().map(|(name, _)| name).collect();
            assert!(names.contains(&"moof".to_owned()), "AUTH 6.11: {names:?}");
            return &range[at + 8..];
        }
        at += size;
    }
}

/// A test's frame is a letter, its number and its stamp behind an `@`; the next one begins with its letter, and a box with
/// its size.
fn is_one_frame(picture: &[u8], next: Option<&u8>) -> bool {
    let text = String::from_utf8_lossy(picture);
    let begins = |byte: &u8| matches!(byte, b'v' | b'r');
    text.matches('@').count() == 1
        && picture.first().is_some_and(begins)
        && next.is_none_or(|next| begins(next) || *next == 0)
}

/// What both playlists of a rendition say of a segment.
fn told(list: &Playlist) -> Vec<Segment> {
    let bare = |segment: &Segment| Segment {
        parts: Vec::new(),
        range: None,
        ..segment.clone()
    };
    list.segments.iter().map(bare).collect()
}

proptest! {
    #![proptest_config(shows())]

    /// One I-frame a segment, under the segment's number, time and init section; its range ends with the IDR.
    #[test]
    fn an_i_frame_playlist_lists_the_idr_of_every_segment(script in any_show()) {
        let session = script.play().session;
        for (name, history) in &session.histories {
            if !name.starts_with("video") {
                assert!(history.latest().resolve_i_frames(&Directives::default()).is_none());
                continue;
            }
            for (_, snapshot) in &history.versions {
                let (media, frames) = (Playlist::read(&full(snapshot)), Playlist::read(&i_frames(snapshot)));
                assert!(frames.i_frames_only && frames.hints.is_empty() && frames.open.is_none(), "SPEC 32, 119");
                assert_eq!(frames.server_control, media.server_control, "SPEC 38");
                assert_eq!(frames.target_duration_s, media.target_duration_s, "SPEC 119");
                let head = |list: &Playlist| (list.media_sequence, list.discontinuity_sequence, list.ended);
                assert_eq!(head(&frames), head(&media));
                assert_eq!(told(&frames), told(&media));
            }
            let snapshot = history.latest();
            for frame in Playlist::read(&i_frames(snapshot)).segments {
                assert!(frame.parts.is_empty());
                assert_eq!(frame.range.is_some(), !frame.gap, "{frame:?}");
                let Some(len) = frame.range else { continue };
                let whole = fetch(snapshot, &frame.uri);
                let (range, rest) = whole.split_at(usize::try_from(len).unwrap());
                assert!(is_one_frame(picture(range), rest.first()), "{frame:?} of {}", whole.len());
            }
        }
    }

    /// SPEC 119: a reload by `_HLS_msn` blocks until the segment is there; there are no parts to wait for.
    #[test]
    fn an_i_frame_reload_waits_for_a_whole_segment(script in any_show(), part in prop::option::of(0_u64..40)) {
        for (_, history) in script.play().session.histories.iter().filter(|(name, _)| name.starts_with("video")) {
            for (_, snapshot) in &history.versions {
                let playlist = Playlist::read(&i_frames(snapshot));
                let next = playlist.last_msn().map_or(playlist.media_sequence, |last| last + 1);
                let ask = |msn| {
                    let wait_for = Some(Position { msn, part });
                    snapshot.resolve_i_frames(&Directives { wait_for, skip: None }).unwrap()
                };
                if playlist.ended {
                    assert!(matches!(ask(next + 9), Resolution::Ready(_)), "SPEC 44");
                    continue;
                }
                assert_eq!(ask(next), Resolution::Wait);
                assert_eq!(ask(next + 2), Resolution::TooFarAhead, "SPEC 46");
                let last = playlist.last_msn();
                assert!(last.is_none_or(|last| matches!(ask(last), Resolution::Ready(_))), "SPEC 43");
            }
        }
    }
}
