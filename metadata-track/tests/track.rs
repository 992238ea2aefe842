//! The track as the origin uses it: events posted, parts asked for.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml's leave for tests does not reach a test file's functions"
)]

use vitrine_metadata_track::carriage::{SCHEME, VALUE};
use vitrine_metadata_track::{EventError, GapSkip, Posted, ShowEvent, ShowState, Track, message_schema};
use vitrine_packager::cmaf::emsg::{EventMessage, PartSpan};
use vitrine_packager::media::{MediaTime, Timescale, WallTime};

/// 2026-11-24T14:36:27.654Z at media time 0.
const ANCHOR: WallTime = WallTime(1_795_530_987_654);

fn ms(millis: i64) -> MediaTime {
    MediaTime::from_millis(millis)
}

fn part(start: i64, end: i64) -> PartSpan {
    PartSpan {
        start: ms(start),
        end: ms(end),
        opens_segment: false,
    }
}

fn opening(start: i64, end: i64) -> PartSpan {
    PartSpan {
        opens_segment: true,
        ..part(start, end)
    }
}

fn show(id: &str) -> ShowEvent {
    let json = format!(
        r#"{{"type":"product.show","product":{{"id":"{id}","name":"Desk lamp","image":"/media/lamp.jpg",
        "price":{{"amount":4990,"currency":"EUR"}},"stock":12,"url":"https://shop.example/lamp"}}}}"#
    );
    ShowEvent::from_json(json.as_bytes()).unwrap()
}

fn stock(id: &str, stock: u32) -> ShowEvent {
    let json = format!(r#"{{"type":"product.update","product":{{"id":"{id}","stock":{stock}}}}}"#);
    ShowEvent::from_json(json.as_bytes()).unwrap()
}

fn hide(id: &str) -> ShowEvent {
    ShowEvent::from_json(format!(r#"{{"type":"product.hide","product":{{"id":"{id}"}}}}"#).as_bytes())
        .unwrap()
}

fn post(track: &mut Track, event: ShowEvent, at: i64) -> Result<Posted, EventError> {
    track.post(event, ms(at), ANCHOR.plus_millis(at))
}

/// The JSON in a message's tag: the text after the description of its only frame.
fn json(message: &EventMessage) -> &str {
    let description = b"vitrine\0";
    let at = message
        .payload
        .windows(description.len())
        .position(|window| window == description);
    std::str::from_utf8(&message.payload[at.unwrap() + description.len()..]).unwrap()
}

fn ids(messages: &[EventMessage]) -> Vec<u32> {
    messages.iter().map(|message| message.id).collect()
}

const STATE: u32 = 0x8000_0000;

#[test]
fn the_payloads_are_the_contract() {
    let mut track = Track::new("s1");
    post(&mut track, show("sku-1"), 400).unwrap();
    post(&mut track, stock("sku-1", 3), 1_900).unwrap();
    track.written_to(ms(2_000));
    post(&mut track, hide("sku-1"), 1_950).unwrap();
    let mut lines = Vec::new();
    let schema = jsonschema::validator_for(&message_schema()).unwrap();
    for span in [opening(0, 2_000), opening(2_000, 4_000), opening(4_000, 6_000)] {
        for message in track.messages(&span) {
            assert_eq!((message.scheme_id_uri, message.value), (SCHEME, VALUE));
            let payload: serde_json::Value = serde_json::from_str(json(&message)).unwrap();
            assert!(schema.is_valid(&payload), "the schema does not know {payload}");
            let at = message.presentation_time.millis();
            lines.push(format!("{:#010x} at {at} ms: {}", message.id, json(&message)));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_part_carries_the_events_from_its_start_to_before_its_end() {
    let mut track = Track::new("s1");
    for at in [333, 333, 666, 667] {
        post(&mut track, show("a"), at).unwrap();
    }
    let table = [
        (part(0, 333), vec![]),
        (part(333, 667), vec![1, 2, 3]),
        (part(667, 1000), vec![4]),
        (opening(0, 333), vec![]),
        (opening(333, 667), vec![1, 2, 3]),
        (opening(667, 1000), vec![STATE | 3, 4]),
        (opening(1000, 1333), vec![STATE | 4]),
    ];
    for (span, expected) in table {
        assert_eq!(ids(&track.messages(&span)), expected, "{span:?}");
        assert_eq!(track.messages(&span), track.messages(&span));
    }
}

#[test]
fn an_empty_state_is_repeated_once_there_was_an_event() {
    let mut track = Track::new("s1");
    assert!(track.messages(&opening(0, 1_000)).is_empty());
    post(&mut track, show("a"), 10).unwrap();
    post(&mut track, hide("a"), 20).unwrap();
    let messages = track.messages(&opening(1_000, 2_000));
    assert_eq!(
        json(&messages[0]),
        format!(
            r#"{{"v":2,"kind":"state","hash":"{}","seq":2,"products":[]}}"#,
            track.state_now().hash()
        )
    );
}

#[test]
fn an_event_never_stands_before_an_earlier_one() {
    let mut track = Track::new("s1");
    post(&mut track, show("a"), 500).unwrap();
    let posted = post(&mut track, hide("a"), 400).unwrap();
    assert_eq!(
        (posted.at, posted.pdt, posted.late),
        (ms(500), ANCHOR.plus_millis(500), false)
    );
}

#[test]
fn an_event_for_media_already_written_goes_behind_it_and_is_late() {
    let mut track = Track::new("s1");
    track.written_to(ms(1_000));
    track.written_to(ms(900));
    let posted = post(&mut track, show("a"), 999).unwrap();
    assert_eq!(
        (posted.at, posted.pdt, posted.late),
        (ms(1_000), ANCHOR.plus_millis(1_000), true)
    );
    let posted = post(&mut track, show("b"), 1_000).unwrap();
    assert_eq!(
        (posted.at, posted.late, posted.id.as_str()),
        (ms(1_000), false, "s1-2")
    );
    assert_eq!(ids(&track.messages(&part(1_000, 1_333))), [1, 2]);
}

#[test]
fn an_event_is_judged_by_the_state_at_its_own_time_and_a_refused_one_leaves_no_trace() {
    let mut track = Track::new("s1");
    post(&mut track, show("a"), 5_000).unwrap();
    // "b" is off at 1 s too, but the event will stand at 5 s, when "a" is on.
    let error = post(&mut track, hide("b"), 1_000).unwrap_err();
    assert!(matches!(error, EventError::NotOnAir { ref id, ref on_air, .. } if id == "b" && on_air == "a"));
    assert_eq!(post(&mut track, hide("a"), 5_000).unwrap().seq, 2);
}

#[test]
fn a_second_holds_32_events_and_then_says_when_there_is_room() {
    let mut track = Track::new("s1");
    post(&mut track, show("a"), 100).unwrap();
    for n in 0..31 {
        post(&mut track, stock("a", n), 200).unwrap();
    }
    let error = post(&mut track, stock("a", 99), 500).unwrap_err();
    assert_eq!(
        error,
        EventError::TooMany {
            limit: "32 events",
            retry_after_ms: 600
        }
    );
    post(&mut track, stock("a", 99), 1_100).unwrap();
}

#[test]
fn a_second_holds_12_kilobytes_of_events() {
    let mut track = Track::new("s1");
    let address = format!("/{}", "a".repeat(2_000));
    let json = format!(
        r#"{{"type":"product.show","product":{{"id":"a","name":"A","price":{{"amount":1,"currency":"EUR"}},"url":"{address}","image":"{address}"}}}}"#
    );
    let large = ShowEvent::from_json(json.as_bytes()).unwrap();
    post(&mut track, large.clone(), 0).unwrap();
    post(&mut track, large.clone(), 10).unwrap();
    let error = post(&mut track, large.clone(), 20).unwrap_err();
    assert!(
        matches!(
            error,
            EventError::TooMany {
                limit: "12 KB of events",
                retry_after_ms: 980
            }
        ),
        "{error:?}"
    );
    post(&mut track, large, 1_000).unwrap();
    let carried: usize = track
        .messages(&part(0, 999))
        .iter()
        .map(|message| message.payload.len())
        .sum();
    assert!(carried <= 12 * 1024);
}

#[test]
fn events_of_a_gap_go_on_air_behind_it_marked_late() {
    let mut track = Track::new("s1");
    post(&mut track, show("a"), 900).unwrap();
    post(&mut track, stock("a", 2), 2_500).unwrap();
    assert_eq!(
        track.skip_gap(ms(1_000), ms(3_000)),
        GapSkip {
            moved: 1,
            state_only: 0
        }
    );
    post(&mut track, stock("a", 1), 3_500).unwrap();
    // The gap turns out longer: what was moved to its first end moves on, in order.
    assert_eq!(
        track.skip_gap(ms(3_000), ms(4_000)),
        GapSkip {
            moved: 2,
            state_only: 0
        }
    );
    let messages = track.messages(&opening(4_000, 4_333));
    assert_eq!(ids(&messages), [STATE | 1, 2, 3]);
    for message in &messages[1..] {
        assert!(
            json(message).contains(r#""time":4.0,"pdt":"2026-11-24T14:36:31.654Z""#),
            "{}",
            json(message)
        );
        assert!(json(message).ends_with(r#""late":true}"#));
    }
    assert_eq!(post(&mut track, stock("a", 0), 3_900).unwrap().at, ms(4_000));
}

#[test]
fn an_event_for_the_gap_that_comes_after_it_goes_behind_it_too() {
    let mut track = Track::new("s1");
    assert_eq!(track.skip_gap(ms(1_000), ms(3_000)), GapSkip::default());
    let posted = post(&mut track, show("a"), 2_000).unwrap();
    assert_eq!((posted.at, posted.late), (ms(3_000), true));
}

#[test]
fn of_many_events_in_a_gap_the_last_are_carried_and_the_state_has_all() {
    let mut track = Track::new("s1");
    post(&mut track, show("a"), 0).unwrap();
    for n in 1..=40 {
        post(&mut track, stock("a", n), i64::from(n) * 1_000).unwrap();
    }
    let skip = track.skip_gap(ms(500), ms(60_000));
    assert_eq!(
        skip,
        GapSkip {
            moved: 16,
            state_only: 24
        }
    );
    let messages = track.messages(&opening(60_000, 60_333));
    assert_eq!(messages.len(), 17);
    assert_eq!(
        messages[0].id,
        STATE | 25,
        "the state before those that are carried"
    );
    assert_eq!(ids(&messages)[1..], (26..=41).collect::<Vec<_>>());
    assert_eq!(
        track.state_at(ms(60_000)).featured_product().unwrap().stock,
        Some(40)
    );
    post(&mut track, hide("a"), 60_000).unwrap();
}

#[test]
fn forgetting_keeps_the_state_and_the_numbers() {
    let mut track = Track::new("s1");
    post(&mut track, show("a"), 0).unwrap();
    post(&mut track, stock("a", 5), 1_000).unwrap();
    let before = track.messages(&opening(2_000, 3_000));
    track.forget_before(ms(2_000));
    assert_eq!(track.messages(&opening(2_000, 3_000)), before);
    assert_eq!(track.state_at(ms(0)).seq, 2, "the oldest state remembered");
    assert_eq!(post(&mut track, hide("a"), 2_000).unwrap().seq, 3);
}

#[test]
fn a_track_that_is_never_told_to_forget_stays_bounded_and_right() {
    let mut track = Track::new("s1");
    post(&mut track, show("a"), 0).unwrap();
    for n in 1..3_000u32 {
        post(&mut track, stock("a", n), i64::from(n) * 100).unwrap();
    }
    assert_eq!(track.state_now().seq, 3_000);
    assert_eq!(
        track.state_at(ms(0)).seq,
        3_000 - 1_024,
        "older ones are folded away"
    );
    assert_eq!(
        ids(&track.messages(&opening(299_900, 300_000))),
        [STATE | 2_999, 3_000]
    );
}

#[test]
fn rounding_to_a_tracks_ticks_never_carries_a_message_out_of_its_part() {
    let audio = Timescale::new(44_100).unwrap();
    let mut track = Track::new("s1");
    // Just before tick 1000 of 44.1 kHz (22.6757 ms), and nearer to it than to 999.
    let at = MediaTime::new(22_675, Timescale::new(1_000_000).unwrap());
    track.post(show("a"), at, ANCHOR).unwrap();
    let span = PartSpan {
        start: MediaTime::new(0, audio),
        end: MediaTime::new(1_000, audio),
        opens_segment: false,
    };
    let messages = track.messages(&span);
    assert_eq!(messages[0].presentation_time.ticks, 999);
    assert_eq!(messages[0].presentation_time.timescale, audio);
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Show(u8),
        Stock(u8, u32),
        Hide(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<(Step, i64)>> {
        let step = prop_oneof![
            (0u8..3).prop_map(Step::Show),
            (0u8..3, 0u32..5).prop_map(|(id, stock)| Step::Stock(id, stock)),
            (0u8..3).prop_map(Step::Hide),
        ];
        prop::collection::vec((step, 0i64..10_000), 0..60)
    }

    fn event(step: &Step) -> ShowEvent {
        match step {
            Step::Show(id) => show(&format!("p{id}")),
            Step::Stock(id, count) => stock(&format!("p{id}"), *count),
            Step::Hide(id) => hide(&format!("p{id}")),
        }
    }

    /// A track of these events, and what was taken, in order.
    fn filled(steps: &[(Step, i64)]) -> (Track, Vec<(ShowEvent, Posted)>) {
        let mut track = Track::new("s1");
        let taken = steps
            .iter()
            .filter_map(|(step, at)| Some((event(step), post(&mut track, event(step), *at).ok()?)))
            .collect();
        (track, taken)
    }

    /// Parts that cover [0, 11 s), cut anywhere; some open segments.
    fn parts() -> impl Strategy<Value = Vec<PartSpan>> {
        prop::collection::vec((1i64..700, any::<bool>()), 1..40).prop_map(|cuts| {
            let mut spans = Vec::new();
            let mut start = 0;
            for (length, opens_segment) in cuts {
                spans.push(PartSpan {
                    opens_segment,
                    ..part(start, start + length)
                });
                start += length;
            }
            spans.push(opening(start, start.max(11_000) + 1));
            spans
        })
    }

    fn is_state(message: &EventMessage) -> bool {
        message.id & STATE != 0
    }

    fn events_over(track: &Track, parts: &[PartSpan]) -> Vec<EventMessage> {
        let all = parts.iter().flat_map(|span| track.messages(span));
        all.filter(|message| !is_state(message)).collect()
    }

    proptest! {
        #[test]
        fn the_state_is_the_fold_of_the_events(steps in steps(), at in 0i64..11_000) {
            let (track, taken) = filled(&steps);
            let mut state = ShowState::default();
            for (event, posted) in taken.iter().filter(|(_, posted)| posted.at <= ms(at)) {
                state = state.after(event, posted.seq).unwrap();
            }
            prop_assert_eq!(track.state_at(ms(at)), &state);
        }

        #[test]
        fn numbers_rise_by_one_and_times_never_fall(steps in steps()) {
            let (_, taken) = filled(&steps);
            for (index, (_, posted)) in taken.iter().enumerate() {
                prop_assert_eq!(posted.seq as usize, index + 1);
            }
            prop_assert!(taken.is_sorted_by(|left, right| left.1.at <= right.1.at));
        }

        #[test]
        fn every_event_is_in_exactly_one_part_however_renditions_cut(steps in steps(), video in parts(), audio in parts()) {
            let (track, taken) = filled(&steps);
            let carried = events_over(&track, &video);
            let numbers: Vec<u32> = taken.iter().map(|(_, posted)| posted.seq).collect();
            prop_assert_eq!(ids(&carried), numbers);
            prop_assert_eq!(events_over(&track, &audio), carried);
        }

        #[test]
        fn messages_lie_in_their_part_in_order(steps in steps(), parts in parts()) {
            let (track, _) = filled(&steps);
            for span in &parts {
                let messages = track.messages(span);
                prop_assert!(messages.iter().all(|m| m.presentation_time >= span.start && m.presentation_time < span.end));
                prop_assert!(messages.is_sorted_by_key(|m| (m.presentation_time, m.id & !STATE)));
                prop_assert!(messages.iter().skip(1).all(|m| !is_state(m)));
            }
        }

        #[test]
        fn the_message_at_a_segments_start_is_the_state_there(steps in steps(), start in 0i64..11_000) {
            let (track, _) = filled(&steps);
            let state = track.state_at(ms(start - 1));
            match track.messages(&opening(start, start + 1)).first().filter(|m| is_state(m)) {
                Some(message) => {
                    let mut expected = serde_json::json!({"v": 2, "kind": "state", "hash": state.hash().to_string()});
                    let fields = serde_json::to_value(state).unwrap();
                    expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
                    let actual: serde_json::Value = serde_json::from_str(json(message)).unwrap();
                    prop_assert_eq!(actual, expected);
                    prop_assert_eq!(message.id, STATE | state.seq);
                }
                None => prop_assert_eq!(state.seq, 0),
            }
        }

        #[test]
        fn forgetting_changes_no_later_part(steps in steps(), horizon in 0i64..10_000) {
            let (track, _) = filled(&steps);
            let mut short = track.clone();
            short.forget_before(ms(horizon));
            let span = opening(horizon, 11_000);
            prop_assert_eq!(short.messages(&span), track.messages(&span));
        }
    }
}
