//! Requests that wait (SPEC 40-47, 51, 69-71).

use proptest::prelude::*;
use vitrine_packager::snapshot::{Lookup, Resolution};

use crate::common::playlist::Playlist;
use crate::common::{blocking, full, lookup};
use crate::script::any_show;
use crate::shows;

/// How long an answer takes, as stages that a request passes in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    TooFarAhead,
    Wait,
    Ready,
}

fn stage(resolution: &Resolution) -> Stage {
    match resolution {
        Resolution::TooFarAhead => Stage::TooFarAhead,
        Resolution::Wait => Stage::Wait,
        Resolution::Ready(_) => Stage::Ready,
    }
}

/// 6.2.5.2 by the letter, from what the playlist lists alone.
fn expected(playlist: &Playlist, msn: u64, part: Option<u64>) -> Stage {
    let last = playlist.last_msn().map_or(-1, i128::from);
    let listed = match part {
        None => i128::from(msn) <= last,
        // Part N of M, or anything later: an index past a segment's last part is part 0 of the next.
        Some(part) => {
            playlist.parts().any(|(m, index, _)| (m, index) >= (msn, part)) || i128::from(msn) < last
        }
    };
    if listed || playlist.ended {
        return Stage::Ready;
    }
    if i128::from(msn) <= last {
        // SPEC 42: part 0 of the next segment, whatever the index.
        return Stage::Wait;
    }
    // SPEC 47: 3 / PART-TARGET under a second, rounded up.
    let target = playlist.part_target;
    let limit = if target < 100_000 {
        (300_000 + target - 1) / target
    } else {
        3
    };
    let newest = playlist
        .parts()
        .last()
        .map(|(m, index, _)| (m, i128::from(index)));
    // Parts between the newest and the wanted one; where a segment is open, its parts to come are not counted.
    let ahead = part.map_or(0, |part| match newest {
        Some((m, index)) if m == msn => i128::from(part) - index,
        _ => i128::from(part) + 1,
    });
    if i128::from(msn) > last + 2 || ahead > i128::from(limit) {
        Stage::TooFarAhead
    } else {
        Stage::Wait
    }
}

proptest! {
    #![proptest_config(shows())]

    #[test]
    fn a_request_is_answered_when_what_it_waits_for_is_listed(script in any_show(), part in 0_u64..24) {
        for history in script.play().session.histories.values() {
            for (_, snapshot) in &history.versions {
                let playlist = Playlist::read(&full(snapshot));
                let live = playlist.last_msn().unwrap_or(playlist.media_sequence);
                for msn in live.saturating_sub(2)..live + 5 {
                    for part in [None, Some(part)] {
                        let got = blocking(snapshot, msn, part);
                        assert_eq!(stage(&got), expected(&playlist, msn, part), "{msn} {part:?} of {playlist:#?}");
                        if let Resolution::Ready(answer) = got {
                            assert_eq!(answer.plain, full(snapshot).as_bytes(), "SPEC 43: the whole current list");
                        }
                    }
                }
                // SPEC 43, 44: long gone, and further than any.
                assert_eq!(stage(&blocking(snapshot, 0, None)) == Stage::Ready, playlist.last_msn().is_some() || playlist.ended);
                let far = if playlist.ended { Stage::Ready } else { Stage::TooFarAhead };
                assert_eq!(stage(&blocking(snapshot, u64::MAX, Some(u64::MAX))), far);
            }
        }
    }

    /// A request that waits is never sent away later, and one that was answered never waits again.
    #[test]
    fn an_answer_only_comes_nearer(script in any_show(), part in prop::option::of(0_u64..24)) {
        for history in script.play().session.histories.values() {
            let last = history.playlists().last().and_then(Playlist::last_msn).unwrap();
            for msn in 0..=last + 3 {
                let stages = history.versions.iter().map(|(_, snapshot)| stage(&blocking(snapshot, msn, part)));
                let stages: Vec<Stage> = stages.collect();
                assert!(stages.is_sorted(), "{msn} {part:?}: {stages:?}");
            }
        }
    }

    /// SPEC 69-71: what is hinted at is held, and comes under that very name, or not at all: then it is refused at once.
    #[test]
    fn a_hinted_part_comes_under_its_name_or_is_refused(script in any_show()) {
        for history in script.play().session.histories.values() {
            for pair in history.versions.windows(2) {
                let [before, after] = [&pair[0].1, &pair[1].1];
                let playlist = Playlist::read(&full(before));
                let hinted = playlist.hinted().expect("only the last version has no hint").to_owned();
                assert_eq!(lookup(before, &hinted), Lookup::Hinted);
                let playlist = Playlist::read(&full(after));
                let listed = playlist.parts().map(|(_, _, part)| part).find(|part| part.uri == hinted);
                match (lookup(after, &hinted), listed) {
                    (Lookup::Hinted, None) => assert_eq!(playlist.hinted(), Some(hinted.as_str())),
                    (Lookup::Found(_), Some(part)) => assert!(!part.gap),
                    (Lookup::Unknown, Some(part)) => assert!(part.gap),
                    (Lookup::Unknown, None) => assert!(playlist.ended),
                    (lookup, listed) => panic!("{hinted}: {lookup:?} {listed:?}"),
                }
            }
        }
    }
}
