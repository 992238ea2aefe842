//! What may change from one version of a media playlist to the next (8216bis 6.2.1, 6.2.2).

use std::time::Duration;

use crate::conformance::findings::Findings;
use crate::conformance::playlist::{MediaPlaylist, Segment};

/// Looks at two full playlists of one rendition, `next` fetched after `before`.
pub fn check(before: &MediaPlaylist, next: &MediaPlaylist, findings: &mut Findings) {
    constants(before, next, findings);
    if before.ended {
        findings.law(6, next.ended && before.segments == next.segments, || {
            "a playlist changed after EXT-X-ENDLIST".to_owned()
        });
        return;
    }
    findings.law(11, next.media_sequence >= before.media_sequence, || {
        format!(
            "MEDIA-SEQUENCE fell from {} to {}",
            before.media_sequence, next.media_sequence
        )
    });
    findings.law(6, next.last() >= before.last(), || {
        format!("the list went back from {:?} to {:?}", before.last(), next.last())
    });
    removals(before, next, findings);
    for old in &before.segments {
        if old.msn < next.media_sequence {
            continue;
        }
        match next.segments.iter().find(|segment| segment.msn == old.msn) {
            Some(new) => segment(old, new, next, findings),
            None => findings.broken(6, format!("segment {} is gone from the middle", old.msn)),
        }
    }
    hint(before, next, findings);
}

fn constants(before: &MediaPlaylist, next: &MediaPlaylist, findings: &mut Findings) {
    let (old, new) = (before.target_duration_s, next.target_duration_s);
    findings.law(7, old == new, || {
        format!("TARGETDURATION changed from {old} to {new}")
    });
    let same = before.part_target == next.part_target && before.server_control == next.server_control;
    findings.law(21, same, || {
        "PART-TARGET or SERVER-CONTROL changed between reloads".to_owned()
    });
}

fn removals(before: &MediaPlaylist, next: &MediaPlaylist, findings: &mut Findings) {
    let removed = before
        .segments
        .iter()
        .take_while(|segment| segment.msn < next.media_sequence);
    let breaks = removed.filter(|segment| segment.discontinuity).count() as u64;
    let sequence = |playlist: &MediaPlaylist| playlist.discontinuity_sequence.unwrap_or_default();
    let (old, new) = (sequence(before), sequence(next));
    // Segments that came and went between the two versions are not known here.
    let known = before
        .segments
        .last()
        .is_some_and(|last| last.msn >= next.media_sequence);
    findings.law(86, if known { new == old + breaks } else { new >= old }, || {
        format!("DISCONTINUITY-SEQUENCE went from {old} to {new} while {breaks} discontinuities slid out")
    });
}

fn segment(old: &Segment, new: &Segment, next: &MediaPlaylist, findings: &mut Findings) {
    let msn = old.msn;
    let same_tags = old.pdt_us == new.pdt_us
        && old.discontinuity == new.discontinuity
        && old.map == new.map
        && (old.is_open() || old.gap == new.gap);
    findings.law(6, same_tags, || format!("tags of segment {msn} changed"));
    if !old.is_open() {
        let same = old.uri == new.uri && old.duration == new.duration;
        findings.law(6, same, || format!("segment {msn} changed its URI or EXTINF"));
    }
    if new.parts.is_empty() {
        let removable = !new.is_open() && far_from_end(next, msn);
        findings.law(26, removable || old.parts.is_empty() || next.ended, || {
            format!("the parts of segment {msn} went too early")
        });
        return;
    }
    let kept = new.parts.starts_with(&old.parts);
    let grew = new.parts.len() > old.parts.len();
    findings.law(6, kept && (old.is_open() || !grew), || {
        format!("listed parts of segment {msn} changed")
    });
}

/// Whether segment `msn` begins more than three target durations before the end.
fn far_from_end(playlist: &MediaPlaylist, msn: u64) -> bool {
    let from_there = playlist.segments.iter().filter(|segment| segment.msn > msn);
    let after: Duration = from_there.map(Segment::length).sum();
    after >= Duration::from_secs(3 * playlist.target_duration_s)
}

/// Rule 70: the part that was hinted at is the one that comes; while a gap begins it may be abandoned.
fn hint(before: &MediaPlaylist, next: &MediaPlaylist, findings: &mut Findings) {
    let (Some(hinted), (msn, index)) = (before.hinted_part(), before.next()) else {
        return;
    };
    let part_at = |msn: u64, index: u64| {
        let segment = next.segments.iter().find(|segment| segment.msn == msn)?;
        segment.parts.get(usize::try_from(index).ok()?)
    };
    // The open segment may have been closed without another part.
    if let Some(part) = part_at(msn, index).or_else(|| part_at(msn + 1, 0)) {
        findings.law(70, part.gap || part.uri == hinted, || {
            format!("{hinted} was hinted at, {} came", part.uri)
        });
    }
}
