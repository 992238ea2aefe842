//! Playlists as their readers get them, each small enough to be read line by line against the draft.

mod common;

use common::{EPOCH, Encoder, Session, delta, delta_from, full, i_frames};
use vitrine_packager::startup::PackagingSettings;

/// Target duration 1 s, a third of a second a part, ten segments.
const SETTINGS: PackagingSettings = PackagingSettings {
    target_duration_s: 1,
    part_target_ms: 333,
    window_s: 10,
};

/// A show of `seconds` GOPs of a second and ten frames more: the open segment has a whole part.
fn show(seconds: usize) -> Session {
    let gops = [vec![30; seconds], vec![11]].concat();
    Session::of(SETTINGS, &Encoder::USUAL, Encoder::USUAL.publication(&gops, 0))
}

#[test]
fn a_live_playlist_lists_parts_of_the_last_three_target_durations() {
    let session = show(5);
    insta::assert_snapshot!(full(session.latest("video-720p")));
}

#[test]
fn the_audio_playlist_of_the_same_instant() {
    let session = show(5);
    insta::assert_snapshot!(full(session.latest("audio-128k")));
}

#[test]
fn a_delta_skips_what_ends_more_than_six_target_durations_before_the_end() {
    let session = show(12);
    insta::assert_snapshot!(delta(session.latest("video-720p")));
}

#[test]
fn a_client_who_was_away_for_longer_than_a_delta_reaches_is_told_all() {
    let session = show(12);
    let snapshot = session.latest("video-720p");
    let whole = full(snapshot);
    let text = delta(snapshot);
    let number = |tag: &str| -> u64 {
        let value = text.lines().find_map(|line| line.strip_prefix(tag));
        value.expect("the tag is there").parse().expect("a number")
    };
    let first = number("#EXT-X-MEDIA-SEQUENCE:") + number("#EXT-X-SKIP:SKIPPED-SEGMENTS=");
    assert_eq!(delta_from(snapshot, first), text, "it has all that is skipped");
    assert_eq!(delta_from(snapshot, first - 1), whole);
}

#[test]
fn an_i_frame_playlist_is_byte_ranges_of_the_segments() {
    let mut session = show(3);
    session.lose_encoder();
    session.wait(3400, 4900);
    insta::assert_snapshot!(i_frames(session.latest("video-720p")));
}

#[test]
fn while_the_encoder_is_away_gaps_keep_the_cadence() {
    let mut session = show(2);
    session.lose_encoder();
    // The gap began at 2.367 s: a whole segment of it and a part of the next are due.
    session.wait(2400, 3750);
    insta::assert_snapshot!(full(session.latest("video-720p")));
}

#[test]
fn a_returning_encoder_of_another_rate_needs_a_discontinuity_and_a_new_init_section() {
    let mut session = show(2);
    session.lose_encoder();
    session.wait(2400, 3000);
    let other = Encoder {
        rate: (60_000, 1001),
        begins_ms: 3000,
        ..Encoder::USUAL
    };
    session.resume(&other, &other.publication(&[60, 22], 0)).unwrap();
    insta::assert_snapshot!(full(session.latest("video-720p")));
}

#[test]
fn an_encoder_that_takes_anothers_place_at_once_leaves_no_gap() {
    // The media end at 2.367 s.
    for begins_ms in [500, 2367, 2400] {
        let mut session = show(2);
        session.lose_encoder();
        let other = Encoder {
            begins_ms,
            ..Encoder::USUAL
        };
        session.resume(&other, &other.publication(&[30, 22], 0)).unwrap();
        for rendition in ["video-720p", "audio-128k"] {
            let playlist = full(session.latest(rendition));
            assert!(!playlist.contains("GAP"), "{rendition}: {playlist}");
            assert_eq!(playlist.matches("EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
        }
    }
}

#[test]
fn an_ended_playlist_hints_at_nothing() {
    let mut session = show(2);
    session.end();
    insta::assert_snapshot!(full(session.latest("video-720p")));
    assert!(session.histories.values().all(|history| history.latest().ended()));
    assert_eq!(session.presentation.settings().anchor, EPOCH);
}

#[test]
fn a_frame_rate_that_the_stamps_disproved_is_not_believed_of_the_returning_encoder() {
    let liar = Encoder {
        claimed_rate: Some((24, 1)),
        ..Encoder::USUAL
    };
    let mut session = Session::of(SETTINGS, &liar, liar.publication(&[30, 30, 11], 0));
    session.lose_encoder();
    session.wait(2400, 3000);
    let returned = Encoder {
        begins_ms: 3000,
        ..liar
    };
    let frames = returned.publication(&[30, 30, 11], 0);
    session.resume(&returned, &frames).unwrap();
    let multivariant = session.presentation.take_multivariant("s").unwrap();
    let text = String::from_utf8(multivariant.plain.to_vec()).unwrap();
    assert!(text.contains(",FRAME-RATE=30.000,"), "{text}");
}
