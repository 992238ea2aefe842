//! What is kept of a publication that stands by, and where the session goes on with it. Pure.
//!
//! A session goes on at an IDR, and the next one may be two seconds away: so the groups of pictures that have begun are kept, and the
//! show goes on with the newest IDR at once. What was on air since that IDR is then seen again, from the other encoder.

use vitrine_packager::media::{Frame, TrackKind, WallTime};

/// Bytes that are kept.
const MAX_BYTES: usize = 32 << 20;
/// Frames that are kept.
const MAX_FRAMES: usize = 2048;

/// The newest groups of pictures, with the audio beside them. Bounded: 32 MiB and 2048 frames. Full: nothing is kept until the next
/// IDR, and the session would wait for it.
#[derive(Debug, Default)]
pub(super) struct Groups {
    frames: Vec<Frame>,
    bytes: usize,
}

impl Groups {
    /// Takes the next frame; `begins`: a group begins with it. Without `keeps_older` it takes the place of those before.
    pub(super) fn push(&mut self, frame: Frame, begins: bool, keeps_older: bool) {
        if begins && !keeps_older {
            self.clear();
        }
        if !begins && self.frames.is_empty() {
            return;
        }
        self.bytes += frame.data.len();
        self.frames.push(frame);
        if self.bytes > MAX_BYTES || self.frames.len() > MAX_FRAMES {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn take(&mut self) -> Vec<Frame> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }
}

/// How a session goes on with frames that were kept.
#[derive(Debug, PartialEq)]
pub(super) struct Continuation {
    /// The session's next frame.
    pub first: Frame,
    /// What goes into the ladder, from an IDR on.
    pub frames: Vec<Frame>,
    /// Pictures before this stamp are decoded and not shown; `None`: all are shown.
    pub begin_at_ms: Option<i64>,
}

/// Where the session, whose media end at `edge`, goes on with `frames`, led by the track `lead`.
///
/// A picture that is `decoded` anyway goes on just where the other ended. One that is passed through goes on at the newest IDR that was
/// received before the edge; `None` if that is over `most_ms` older: the session would be as much ahead of the clock, and has media
/// for so long that it can wait for the next IDR.
pub(super) fn continuation(
    mut frames: Vec<Frame>,
    lead: TrackKind,
    edge: WallTime,
    decoded: bool,
    most_ms: i64,
) -> Option<Continuation> {
    let leads = |frame: &Frame| frame.track == lead;
    let next = frames
        .iter()
        .position(|frame| leads(frame) && frame.received >= edge)
        .or_else(|| frames.iter().rposition(leads))?;
    let idr = frames
        .iter()
        .take(next + 1)
        .rposition(|frame| leads(frame) && frame.is_idr);
    let idr = idr.or_else(|| frames.iter().position(|frame| leads(frame) && frame.is_idr))?;
    if decoded {
        let first = frames.get(next.max(idr))?.clone();
        return Some(Continuation {
            begin_at_ms: Some(first.pts_ms),
            first,
            frames: frames.split_off(idr),
        });
    }
    let first = frames.get(idr)?.clone();
    (edge.millis_since(first.received) <= most_ms).then(|| Continuation {
        first,
        frames: frames.split_off(idr),
        begin_at_ms: None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::TrackKind::{Audio, Video};
    use super::*;

    /// A frame that was received at that millisecond, which is its stamp too.
    fn frame(track: TrackKind, at_ms: i64, is_idr: bool) -> Frame {
        Frame {
            track,
            dts_ms: at_ms,
            pts_ms: at_ms,
            is_idr,
            data: Bytes::from_static(b"data"),
            received: WallTime(at_ms),
        }
    }

    /// Video each 100 ms with an IDR each second, and audio in the middle between.
    fn show(from_ms: i64, to_ms: i64) -> Vec<Frame> {
        let video = |at: i64| frame(Video, at, at % 1000 == 0);
        (from_ms / 100..to_ms / 100)
            .flat_map(|tenth| [video(tenth * 100), frame(Audio, tenth * 100 + 50, true)])
            .collect()
    }

    fn groups(frames: Vec<Frame>, keeps_older: bool) -> Groups {
        let mut groups = Groups::default();
        for frame in frames {
            let begins = frame.track == Video && frame.is_idr;
            groups.push(frame, begins, keeps_older);
        }
        groups
    }

    #[test]
    fn the_newest_group_is_kept_and_older_ones_when_they_may_be_needed() {
        assert_eq!(groups(show(500, 2300), false).take(), show(2000, 2300));
        assert_eq!(
            groups(show(500, 2300), true).take(),
            show(1000, 2300),
            "nothing without its IDR"
        );
    }

    #[test]
    fn what_is_too_large_is_not_kept_and_the_next_group_is() {
        let mut groups = Groups::default();
        let large = Frame {
            data: Bytes::from(vec![0; MAX_BYTES / 2]),
            ..frame(Video, 0, true)
        };
        groups.push(large.clone(), true, false);
        groups.push(large.clone(), false, false);
        assert!(!groups.is_empty());
        groups.push(large.clone(), false, false);
        assert!(groups.is_empty());
        groups.push(large.clone(), false, false);
        assert!(groups.is_empty(), "no group without its IDR");
        groups.push(large, true, false);
        assert!(!groups.is_empty());
    }

    #[test]
    fn a_session_goes_on_at_the_newest_idr_before_its_edge() {
        type Case = (&'static str, i64, bool, Option<(i64, i64)>);
        // What was kept is from 1000 to 2300. Expected: stamps of the session's next frame, and of the first that is decoded.
        let table: [Case; 7] = [
            ("passed through, the edge is now", 2290, false, Some((2000, 2000))),
            (
                "passed through, still for a while",
                1700,
                false,
                Some((1000, 1000)),
            ),
            (
                "passed through, just before an IDR",
                1990,
                false,
                Some((2000, 2000)),
            ),
            (
                "passed through, before all that is kept",
                400,
                false,
                Some((1000, 1000)),
            ),
            ("the session is far ahead of the clock", 4001, false, None),
            ("decoded, still for a while", 1710, true, Some((1800, 1000))),
            ("decoded, the edge is now", 2290, true, Some((2200, 2000))),
        ];
        for (name, edge_ms, decoded, expected) in table {
            let found = continuation(show(1000, 2300), Video, WallTime(edge_ms), decoded, 2000);
            let stamps = found
                .as_ref()
                .map(|found| (found.first.pts_ms, found.frames[0].pts_ms));
            assert_eq!(stamps, expected, "{name}");
            if let Some(found) = found {
                assert_eq!(found.begin_at_ms.is_some(), decoded, "{name}");
                assert_eq!(found.frames.last(), show(1000, 2300).last(), "{name}");
            }
        }
    }

    #[test]
    fn audio_alone_goes_on_just_where_the_other_ended() {
        let tone: Vec<Frame> = (0..10).map(|number| frame(Audio, number * 20, true)).collect();
        let found = continuation(tone, Audio, WallTime(90), false, 2000).unwrap();
        assert_eq!(found.first.pts_ms, 100);
        assert_eq!(continuation(Vec::new(), Audio, WallTime(90), false, 2000), None);
    }
}
