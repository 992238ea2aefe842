//! Playlist delta updates (8216bis 6.2.5.1): merged with an older copy they are the full playlist.

use std::time::Duration;

use crate::conformance::findings::Findings;
use crate::conformance::playlist::{MediaPlaylist, Segment};

/// Looks at the answer `delta` to `_HLS_skip`, with the full playlist of the same instant and an older full one.
pub fn check(older: &MediaPlaylist, full: &MediaPlaylist, delta: &MediaPlaylist, findings: &mut Findings) {
    let Some(boundary) = full.control_seconds("CAN-SKIP-UNTIL") else {
        return;
    };
    let skippable = skippable(full, boundary);
    let Some(skipped) = delta.skipped else {
        findings.law(57, skippable == 0 || full.ended, || {
            format!("{skippable} segments may be skipped, and none was")
        });
        findings.law(57, delta == full, || {
            "an answer without EXT-X-SKIP is not the full playlist".to_owned()
        });
        return;
    };
    findings.law(44, !full.ended, || "a delta after EXT-X-ENDLIST".to_owned());
    findings.law(64, skipped > 0, || "SKIPPED-SEGMENTS=0".to_owned());
    findings.law(58, skipped <= skippable, || {
        format!("{skipped} segments skipped where {skippable} are beyond the skip boundary")
    });
    let kept: Duration = kept_whole(delta);
    findings.law(58, kept >= boundary, || {
        format!("only {kept:?} kept, under CAN-SKIP-UNTIL {boundary:?}")
    });
    let sequences = delta.media_sequence == full.media_sequence
        && delta.discontinuity_sequence == full.discontinuity_sequence;
    findings.law(59, sequences, || {
        "the sequences are not those of the full playlist".to_owned()
    });
    let head = delta.target_duration_s == full.target_duration_s
        && delta.part_target == full.part_target
        && delta.server_control == full.server_control;
    findings.law(
        61,
        head && delta.hints == full.hints && delta.reports == full.reports,
        || "server control, hints or reports are not those of the full playlist".to_owned(),
    );
    let mapped = delta.segments.first().is_none_or(|first| first.map.is_some());
    findings.law(62, mapped, || {
        "the first segment kept has no EXT-X-MAP of its own".to_owned()
    });
    merged(older, full, delta, findings);
}

/// What a player does: the skipped segments from its older copy, the rest from the delta.
fn merged(older: &MediaPlaylist, full: &MediaPlaylist, delta: &MediaPlaylist, findings: &mut Findings) {
    let first_kept = delta.media_sequence + delta.skipped.unwrap_or_default();
    let missing = (delta.media_sequence..first_kept)
        .find(|msn| !older.segments.iter().any(|segment| segment.msn == *msn));
    if missing.is_some() {
        // The older copy is from before those segments: no player could use this delta with it.
        return;
    }
    let old = older
        .segments
        .iter()
        .filter(|segment| (delta.media_sequence..first_kept).contains(&segment.msn));
    let merged: Vec<Segment> = old
        .chain(&delta.segments)
        .map(without_stale_parts(full))
        .collect();
    let expected: Vec<Segment> = full.segments.iter().map(without_stale_parts(full)).collect();
    findings.law(61, merged == expected, || {
        let differing = merged
            .iter()
            .zip(&expected)
            .find(|(merged, expected)| merged != expected);
        format!(
            "merged with an older copy it is not the full playlist: {} and {} segments, first difference {differing:?}",
            merged.len(),
            expected.len()
        )
    });
}

/// Parts of old segments may be gone from one copy and not yet from the other.
fn without_stale_parts(full: &MediaPlaylist) -> impl Fn(&Segment) -> Segment {
    move |segment| {
        let listed = full.segments.iter().find(|known| known.msn == segment.msn);
        let mut segment = segment.clone();
        if listed.is_some_and(|listed| listed.parts.is_empty()) {
            segment.parts.clear();
        }
        segment
    }
}

/// How many segments end further than the skip boundary before the last whole segment ends.
fn skippable(full: &MediaPlaylist, boundary: Duration) -> u64 {
    let mut after = Duration::ZERO;
    let mut kept = 0;
    for segment in full.whole().iter().rev() {
        if after > boundary {
            break;
        }
        after += segment.duration;
        kept += 1;
    }
    full.whole().len() as u64 - kept
}

fn kept_whole(delta: &MediaPlaylist) -> Duration {
    delta.whole().iter().map(|segment| segment.duration).sum()
}
