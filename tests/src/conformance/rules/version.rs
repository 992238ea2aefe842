//! What one version of a media playlist must be, by itself.

use std::time::Duration;

use crate::conformance::findings::Findings;
use crate::conformance::playlist::{MediaPlaylist, Segment};

/// Durations are printed with at least five decimals.
const PRINTED: Duration = Duration::from_micros(10);

/// Looks at a full playlist. `is_video`: its segments hold video; `others`: how many other media playlists there are.
pub fn check(playlist: &MediaPlaylist, is_video: bool, others: usize, findings: &mut Findings) {
    head(playlist, findings);
    control(playlist, findings);
    for segment in &playlist.segments {
        whole_segment(playlist, segment, is_video, findings);
        parts(playlist, segment, findings);
    }
    window(playlist, findings);
    recent_parts(playlist, findings);
    tail(playlist, others, findings);
}

fn head(playlist: &MediaPlaylist, findings: &mut Findings) {
    findings.law(7, playlist.target_duration_s >= 1, || {
        "TARGETDURATION is missing or 0".to_owned()
    });
    // 8: variables; 9: EXT-X-SKIP; 6: EXT-X-MAP without EXT-X-I-FRAMES-ONLY.
    let needed = if playlist.control_seconds("CAN-SKIP-UNTIL").is_some() {
        9
    } else {
        6
    };
    findings.law(15, (needed..=13).contains(&playlist.version), || {
        format!("EXT-X-VERSION {} where its tags need {needed}", playlist.version)
    });
    findings.law(17, playlist.independent_segments, || {
        "no EXT-X-INDEPENDENT-SEGMENTS".to_owned()
    });
    findings.law(86, playlist.discontinuity_sequence.is_some(), || {
        "no EXT-X-DISCONTINUITY-SEQUENCE".to_owned()
    });
    for tag in &playlist.other_tags {
        let (spec, wrong) = match tag.as_str() {
            "EXT-X-PLAYLIST-TYPE" => (13, !playlist.ended),
            "EXT-X-START" => (92, true),
            "EXT-X-STREAM-INF" | "EXT-X-MEDIA" => (4, true),
            _ => continue,
        };
        findings.law(spec, !wrong, || format!("{tag} in a live media playlist"));
    }
}

fn control(playlist: &MediaPlaylist, findings: &mut Findings) {
    let target = Duration::from_secs(playlist.target_duration_s);
    let has_parts = playlist.segments.iter().any(|segment| !segment.parts.is_empty());
    findings.law(18, playlist.part_target.is_some() || !has_parts, || {
        "EXT-X-PART without PART-TARGET".to_owned()
    });
    let Some(part_target) = playlist.part_target else {
        return;
    };
    // 31: whoever advertises parts lists them.
    findings.law(31, has_parts || playlist.ended, || {
        "EXT-X-PART-INF, and not one part".to_owned()
    });
    let at_least = |spec: u16, name: &str, least: Duration, required: bool, findings: &mut Findings| {
        let value = playlist.control_seconds(name);
        findings.law(spec, value.map_or(!required, |value| value >= least), || {
            format!("{name} is {value:?} where {least:?} is the least")
        });
    };
    at_least(34, "HOLD-BACK", target * 3, false, findings);
    at_least(35, "PART-HOLD-BACK", part_target * 3, true, findings);
    at_least(36, "CAN-SKIP-UNTIL", target * 6, false, findings);
    let control = playlist.server_control.as_ref();
    let blocks = control.is_some_and(|control| control.is_yes("CAN-BLOCK-RELOAD"));
    findings.law(38, blocks, || "no CAN-BLOCK-RELOAD=YES".to_owned());
    let skips_ranges = control.is_some_and(|control| control.is_yes("CAN-SKIP-DATERANGES"));
    let skips = playlist.control_seconds("CAN-SKIP-UNTIL").is_some();
    findings.law(36, skips || !skips_ranges, || {
        "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL".to_owned()
    });
}

fn whole_segment(playlist: &MediaPlaylist, segment: &Segment, is_video: bool, findings: &mut Findings) {
    let msn = segment.msn;
    findings.law(93, segment.map.is_some(), || {
        format!("segment {msn} has no EXT-X-MAP")
    });
    findings.law(79, segment.pdt_us.is_some(), || {
        format!("segment {msn} has no PROGRAM-DATE-TIME")
    });
    if let Some(first) = segment.parts.first() {
        findings.law(22, first.independent || first.gap || !is_video, || {
            format!("the first part of segment {msn} is not INDEPENDENT")
        });
    }
    if segment.is_open() {
        return;
    }
    let seconds = segment.duration.as_secs_f64();
    findings.law(8, seconds.round() <= playlist.target_duration_s as f64, || {
        format!("EXTINF {seconds} of segment {msn} rounds to more than TARGETDURATION")
    });
    if !segment.parts.is_empty() {
        // 8216bis 6.2.1: EXT-X-GAP applies to a segment of which a part is a gap, and to no other.
        let any_gap = segment.parts.iter().any(|part| part.gap);
        findings.law(87, any_gap == segment.gap, || {
            format!(
                "segment {msn}: EXT-X-GAP {}, gaps among its parts {any_gap}",
                segment.gap
            )
        });
        let sum: Duration = segment.parts.iter().map(|part| part.duration).sum();
        let slack = PRINTED * (segment.parts.len() as u32 + 1);
        findings.law(24, sum.abs_diff(segment.duration) <= slack, || {
            format!(
                "segment {msn}: EXTINF {:?}, its parts sum to {sum:?}",
                segment.duration
            )
        });
    }
}

fn parts(playlist: &MediaPlaylist, segment: &Segment, findings: &mut Findings) {
    let Some(target) = playlist.part_target else {
        return;
    };
    for (index, part) in segment.parts.iter().enumerate() {
        let (msn, duration) = (segment.msn, part.duration);
        findings.law(19, duration <= target, || {
            format!("part {msn}.{index} of {duration:?} is over PART-TARGET {target:?}")
        });
        // The last part of an open segment may turn out to be the segment's last.
        let Some(next) = segment.parts.get(index + 1) else {
            continue;
        };
        let exempt = part.independent || part.gap || next.gap;
        findings.law(20, exempt || duration >= target.mul_f64(0.85), || {
            format!("part {msn}.{index} of {duration:?} is under 85 % of {target:?}")
        });
    }
}

fn window(playlist: &MediaPlaylist, findings: &mut Findings) {
    if playlist.ended || playlist.media_sequence == 0 {
        return;
    }
    let (length, whole) = (playlist.length(), playlist.whole().len());
    let least = Duration::from_secs(3 * playlist.target_duration_s);
    findings.law(12, length >= least && whole >= 6, || {
        format!("the list shrank to {whole} segments, {length:?}")
    });
}

/// Rule 26: parts are listed for the last three target durations (and for the segment that this point lies in).
fn recent_parts(playlist: &MediaPlaylist, findings: &mut Findings) {
    let limit = Duration::from_secs(3 * playlist.target_duration_s) + PRINTED * 64;
    let mut after = Duration::ZERO;
    for segment in playlist.segments.iter().rev() {
        let stale = after > limit && !segment.parts.is_empty();
        findings.law(26, !stale, || {
            format!("segment {} lists parts {after:?} from the end", segment.msn)
        });
        after += segment.length();
    }
}

fn tail(playlist: &MediaPlaylist, others: usize, findings: &mut Findings) {
    if playlist.ended {
        findings.law(90, playlist.hints.is_empty(), || {
            "EXT-X-PRELOAD-HINT beside EXT-X-ENDLIST".to_owned()
        });
        findings.law(90, playlist.open().is_none(), || {
            "parts without their segment beside EXT-X-ENDLIST".to_owned()
        });
        return;
    }
    let of_type = |kind: &str| {
        playlist
            .hints
            .iter()
            .filter(|hint| hint.raw("TYPE") == Some(kind))
            .count()
    };
    let (parts, maps) = (of_type("PART"), of_type("MAP"));
    findings.law(67, parts == 1 && maps <= 1, || {
        format!("{parts} hints of a part, {maps} of a map")
    });
    let reports = &playlist.reports;
    findings.law(74, reports.len() == others, || {
        format!("{} rendition reports for {others} other playlists", reports.len())
    });
    for report in reports {
        let complete = report.last_msn.is_some() && report.last_part.is_some();
        findings.law(76, complete, || format!("incomplete report of {}", report.uri));
        let relative = !report.uri.is_empty() && !report.uri.contains("://");
        findings.law(75, relative, || format!("the report's URI is {:?}", report.uri));
        findings.law(78, !report.uri.contains('?'), || {
            format!("a query in the report's URI {:?}", report.uri)
        });
    }
}

/// Rule 47: how many parts a request may be ahead of the last one.
pub fn advance_part_limit(part_target: Duration) -> u64 {
    let seconds = part_target.as_secs_f64();
    if seconds < 1.0 {
        (3.0 / seconds).ceil() as u64
    } else {
        3
    }
}
