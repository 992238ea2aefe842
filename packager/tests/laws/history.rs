//! What a reader saw stays true (SPEC 6, 7, 11, 12, 21, 26, 57-64, 70, 86).

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use vitrine_packager::snapshot::{Lookup, RenditionSnapshot};

use crate::common::playlist::{E5, Open, Opening, Part, Playlist, Segment};
use crate::common::{delta, full, joined, lookup};
use crate::script::any_show;
use crate::shows;

proptest! {
    #![proptest_config(shows())]

    #[test]
    fn a_playlist_changes_only_as_the_draft_allows(script in any_show()) {
        for history in script.play().session.histories.values() {
            let versions = history.playlists();
            versions.windows(2).for_each(|pair| lawful_edit(&pair[0], &pair[1]));
            assert!(versions.iter().rev().skip(1).all(|version| !version.ended), "nothing follows the end");
        }
    }

    /// A delta and any copy that still has what it skips make the full playlist, but for the parts of what was skipped.
    #[test]
    fn a_delta_completes_every_copy_that_is_recent_enough(script in any_show()) {
        for history in script.play().session.histories.values() {
            let copies = history.playlists();
            for (i, (_, snapshot)) in history.versions.iter().enumerate() {
                let update = Playlist::read(&delta(snapshot));
                if update.skipped == 0 {
                    assert_eq!(delta(snapshot), full(snapshot), "SPEC 64");
                } else {
                    assert!(!update.ended, "SPEC 44, 57");
                }
                skips_what_it_may(&update);
                let has_skipped = |copy: &&Playlist| copy.last_msn() >= Some(update.segments[0].msn - 1);
                let recent = copies[..i].iter().rev().take(40).filter(|copy| update.skipped > 0 && has_skipped(copy));
                recent.for_each(|copy| assert_eq!(merged(copy, &update), bare(&copies[i], update.skipped)));
            }
        }
    }

    /// SPEC 14, 26, 29, 106: fetchable from the first listing until long after the last, always the same bytes.
    #[test]
    fn what_was_listed_stays_fetchable_and_never_changes(script in any_show()) {
        for history in script.play().session.histories.values() {
            let mut seen = BTreeMap::new();
            let longest = history.playlists().iter().map(Playlist::duration).max().unwrap();
            for (_, snapshot) in &history.versions {
                let playlist = Playlist::read(&full(snapshot));
                remember(&playlist, longest, &mut seen);
                seen.iter_mut().for_each(|(uri, listing)| listing.check(uri, snapshot, &playlist));
            }
        }
    }
}

fn lawful_edit(before: &Playlist, after: &Playlist) {
    let constants = |p: &Playlist| {
        (
            p.version,
            p.target_duration_s,
            p.server_control.clone(),
            p.part_target,
        )
    };
    assert_eq!(constants(before), constants(after), "SPEC 7, 21");
    let removed = after
        .media_sequence
        .checked_sub(before.media_sequence)
        .expect("SPEC 11: it never falls");
    let removed = usize::try_from(removed).unwrap();
    assert!(
        removed <= before.segments.len(),
        "SPEC 11: only what was listed leaves"
    );
    let discontinuities = before.segments[..removed]
        .iter()
        .filter(|s| s.opening.discontinuity)
        .count();
    let sequence = before.discontinuity_sequence + discontinuities as u64;
    assert_eq!(after.discontinuity_sequence, sequence, "SPEC 86");

    let kept = &before.segments[removed..];
    assert!(
        after.segments.len() >= kept.len(),
        "SPEC 6: nothing is taken from the end"
    );
    let three_targets = 3 * 100_000 * after.target_duration_s;
    let mut from_end = after.duration() + after.open_duration();
    for (old, new) in kept.iter().zip(&after.segments) {
        from_end -= new.duration;
        same_segment(old, new, from_end > three_targets - 10);
    }
    if let Some(open) = &before.open {
        // The part that was added, or whose segment was completed, goes on where it was.
        let (opening, parts) = match after.segments.iter().find(|segment| segment.msn == open.msn) {
            Some(whole) => (&whole.opening, &whole.parts),
            None => {
                let still = after.open.as_ref().expect("an open segment does not vanish");
                assert_eq!(still.msn, open.msn);
                (&still.opening, &still.parts)
            }
        };
        assert_eq!(&open.opening, opening);
        assert!(
            parts.starts_with(&open.parts),
            "SPEC 6: {:?} {parts:?}",
            open.parts
        );
    }
    if after.segments.len() < before.segments.len() {
        assert!(after.ended || after.duration() >= three_targets, "SPEC 12");
    }
    hint_came_true(before, after);
}

fn same_segment(old: &Segment, new: &Segment, stale: bool) {
    assert!(
        old.parts == new.parts || (new.parts.is_empty() && stale),
        "SPEC 6, 26: {old:?} {new:?}"
    );
    let bare = |segment: &Segment| Segment {
        parts: Vec::new(),
        ..segment.clone()
    };
    assert_eq!(bare(old), bare(new), "SPEC 6");
}

/// SPEC 70.
fn hint_came_true(before: &Playlist, after: &Playlist) {
    let newest = |playlist: &Playlist| playlist.parts().last().map(|(_, _, part)| part.uri.clone());
    let last = newest(before);
    if newest(after) == last {
        return;
    }
    let mut uris = after.parts().map(|(_, _, part)| &part.uri);
    let added = match last {
        Some(last) => uris.skip_while(|uri| **uri != last).nth(1),
        None => uris.next(),
    };
    assert_eq!(added.map(String::as_str), before.hinted());
}

/// SPEC 58: no less than the skip boundary is kept, and no more than a segment longer.
fn skips_what_it_may(update: &Playlist) {
    let boundary = 6 * 100_000 * update.target_duration_s;
    assert!(update.skipped == 0 || update.duration() >= boundary);
    let first = update.segments.first().map_or(0, |segment| segment.duration);
    let rounding = update.segments.len() as E5;
    assert!(update.ended || update.duration() - first <= boundary + rounding);
}

/// What a client makes of its copy and an update (8216bis 6.3.7).
fn merged(copy: &Playlist, update: &Playlist) -> Playlist {
    let first = update.media_sequence;
    let skipped: Vec<Segment> = copy
        .segments
        .iter()
        .filter(|s| (first..first + update.skipped).contains(&s.msn))
        .cloned()
        .collect();
    assert_eq!(skipped.len() as u64, update.skipped);
    let discontinuities = skipped.iter().filter(|s| s.opening.discontinuity).count() as u64;
    let counted = |opening: &Opening| Opening {
        discontinuity_sequence: opening.discontinuity_sequence + discontinuities,
        ..opening.clone()
    };
    let kept = update.segments.iter().map(|s| Segment {
        opening: counted(&s.opening),
        ..s.clone()
    });
    let whole = Playlist {
        skipped: 0,
        segments: skipped.into_iter().chain(kept).collect(),
        open: update.open.as_ref().map(|open| Open {
            opening: counted(&open.opening),
            ..open.clone()
        }),
        ..update.clone()
    };
    bare(&whole, update.skipped)
}

/// Without the parts of the first `segments`: a copy may still have those that the full playlist dropped since.
fn bare(playlist: &Playlist, segments: u64) -> Playlist {
    let mut bare = playlist.clone();
    let first = usize::try_from(segments).unwrap();
    bare.segments[..first]
        .iter_mut()
        .for_each(|segment| segment.parts.clear());
    bare
}

/// Something that a playlist named, and for how long it must be there.
struct Listing {
    bytes: Option<Bytes>,
    /// Media time, counted from the first playlist's start, that the end must not have passed.
    until: E5,
}

impl Listing {
    fn check(&mut self, uri: &str, snapshot: &RenditionSnapshot, now: &Playlist) {
        match (lookup(snapshot, uri), &self.bytes) {
            (Lookup::Found(body), Some(bytes)) => assert_eq!(&joined(&body), bytes, "{uri} changed"),
            (Lookup::Found(body), None) => self.bytes = Some(joined(&body)),
            (other, _) => assert!(elapsed(now) > self.until, "{uri}: {other:?}"),
        }
    }
}

/// Media time at the end of a playlist, by its wall clock.
fn elapsed(playlist: &Playlist) -> E5 {
    let first = &playlist
        .segments
        .first()
        .map(|s| &s.opening)
        .or(playlist.open.as_ref().map(|o| &o.opening));
    first.unwrap().pdt_ms.unwrap() * 100 + playlist.duration() + playlist.open_duration()
}

fn remember(playlist: &Playlist, longest: E5, seen: &mut BTreeMap<String, Listing>) {
    let now = elapsed(playlist);
    let mut until = |uri: &str, later: E5| {
        let listing = seen.entry(uri.to_owned()).or_insert(Listing {
            bytes: None,
            until: 0,
        });
        listing.until = now + later;
    };
    for segment in playlist.segments.iter().filter(|segment| !segment.gap) {
        until(&segment.uri, segment.duration + longest);
        until(segment.opening.map.as_ref().unwrap(), segment.duration + longest);
    }
    let there = |part: &&Part| !part.gap;
    for part in playlist.parts().map(|(_, _, part)| part).filter(there) {
        until(&part.uri, 3 * 100_000 * playlist.target_duration_s);
    }
}
