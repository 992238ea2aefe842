//! Every single playlist keeps the draft's rules by itself (SPEC sections 1.1 to 1.3, 1.6).

use proptest::prelude::*;
use vitrine_packager::startup::PackagingSettings;

use crate::common::playlist::{E5, Opening, Part, Playlist, e5};
use crate::script::any_show;
use crate::shows;

proptest! {
    #![proptest_config(shows())]

    #[test]
    fn every_playlist_is_lawful(script in any_show()) {
        for history in script.play().session.histories.values() {
            for playlist in history.playlists() {
                headers(&playlist, &script.settings);
                playlist.segments.iter().for_each(|segment| {
                    // SPEC 8; 25 parts of a segment may each be rounded by half a unit.
                    assert!((segment.duration + 50_000) / 100_000 <= playlist.target_duration_s, "{segment:?}");
                    if !segment.parts.is_empty() {
                        let sum: E5 = segment.parts.iter().map(|part| part.duration).sum();
                        assert!((sum - segment.duration).abs() <= segment.parts.len() as E5, "SPEC 25: {segment:?}");
                        parts(&segment.parts, true, playlist.part_target);
                        assert_eq!(segment.parts.iter().any(|part| part.gap), segment.gap, "8216bis 6.2.1: {segment:?}");
                    }
                    opening(&segment.opening);
                });
                if let Some(open) = &playlist.open {
                    opening(&open.opening);
                    parts(&open.parts, false, playlist.part_target);
                }
                live_edge(&playlist);
            }
        }
    }
}

fn headers(playlist: &Playlist, settings: &PackagingSettings) {
    assert_eq!(playlist.version, 9, "SPEC 15, 16");
    assert_eq!(playlist.target_duration_s, i64::from(settings.target_duration_s));
    let control = &playlist.server_control;
    let target_duration = playlist.target_duration_s * 100_000;
    assert_eq!(control["CAN-BLOCK-RELOAD"], "YES");
    assert!(e5(&control["HOLD-BACK"]) >= 3 * target_duration, "SPEC 34");
    assert!(
        e5(&control["PART-HOLD-BACK"]) >= 3 * playlist.part_target,
        "SPEC 35"
    );
    assert!(e5(&control["CAN-SKIP-UNTIL"]) >= 6 * target_duration, "SPEC 36");
}

fn opening(opening: &Opening) {
    assert!(opening.map.is_some(), "SPEC 93");
    assert!(opening.pdt_ms.is_some(), "SPEC 79, 81");
}

/// SPEC 19, 20: stricter than the draft, which leaves off INDEPENDENT parts, and so all of audio.
fn parts(parts: &[Part], whole: bool, part_target: E5) {
    for (i, part) in parts.iter().enumerate() {
        assert!(part.duration <= part_target, "SPEC 19: {part:?} in {part_target}");
        let last = i + 1 == parts.len();
        let filled = 100 * (part.duration + 1) >= 85 * part_target;
        assert!(
            filled || part.gap || last,
            "SPEC 20: {part:?} in {part_target}, whole: {whole}"
        );
    }
}

/// SPEC 67: one hint, at the very next part; none at the end (44, 90).
fn live_edge(playlist: &Playlist) {
    if playlist.ended {
        assert!(playlist.hints.is_empty() && playlist.open.is_none());
        return;
    }
    assert_eq!(playlist.hints.len(), 1);
    let Some((_, _, newest)) = playlist.parts().last() else {
        assert!(
            playlist.segments.is_empty(),
            "only a show that has not begun lists no part"
        );
        return;
    };
    let number = |uri: &str| -> u64 {
        uri.strip_prefix("part-")
            .unwrap()
            .strip_suffix(".m4s")
            .unwrap()
            .parse()
            .unwrap()
    };
    assert_eq!(number(playlist.hinted().unwrap()), number(&newest.uri) + 1);
}
