//! Laws of the track, over random shows.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml's leave for tests does not reach a test file's functions"
)]

mod common;

use std::collections::BTreeMap;

use common::*;
use proptest::prelude::*;
use serde_json::Value;
use vitrine_metadata_track::{Planned, ShowEvent, ShowState};
use vitrine_packager::cmaf::emsg::{EventMessage, PartSpan};

fn events() -> impl Strategy<Value = Vec<(ShowEvent, i64)>> {
    let one = prop_oneof![
        (0u8..4).prop_map(|id| show(&format!("p{id}"))),
        (0u8..4, 0u32..5).prop_map(|(id, count)| stock(&format!("p{id}"), count)),
        (0u8..4).prop_map(|id| hide(&format!("p{id}"))),
        Just(event(r#"{"type":"product.reorder","order":["p1","p0"]}"#)),
        Just(event(r#"{"type":"show.clear"}"#)),
        Just(event(
            r#"{"type":"coupon.offer","coupon":{"code":"C","text":"T"}}"#
        )),
        Just(event(
            r#"{"type":"poll.open","poll":{"id":"q","question":"?","options":[{"id":"a","text":"A"},{"id":"b","text":"B"}]}}"#
        )),
        (0u32..9).prop_map(|count| event(&format!(
            r#"{{"type":"poll.tally","poll":{{"id":"q","votes":[{{"option":"b","count":{count}}}]}}}}"#
        ))),
        Just(event(r#"{"type":"poll.close","poll":{"id":"q"}}"#)),
        Just(event(
            r#"{"type":"custom","name":"com.example.x","body":[1,{"a":2.5}],"keep":true}"#
        )),
    ];
    prop::collection::vec((one, 0i64..10_000), 0..60)
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

fn all_planned(events: &[(ShowEvent, i64)]) -> Vec<Planned> {
    let numbered = (1..).zip(events);
    numbered
        .map(|(number, (event, millis))| planned(number, event.clone(), at(*millis)))
        .collect()
}

/// A show with these events, all of its parts written.
fn written(planned: &[Planned], parts: &[PartSpan]) -> (Show, Vec<EventMessage>) {
    let mut show = Show::new();
    for planned in planned {
        show.track.plan(planned.clone());
    }
    let messages = parts.iter().flat_map(|span| show.track.carry(span)).collect();
    (show, messages)
}

fn events_of(messages: &[EventMessage]) -> Vec<EventMessage> {
    messages
        .iter()
        .filter(|message| !is_state(message))
        .cloned()
        .collect()
}

/// The event in a message, as a player reads it.
fn event_of(message: &EventMessage) -> ShowEvent {
    let Value::Object(mut fields) = value(message) else {
        panic!("{}", json(message))
    };
    for field in ["v", "kind", "id", "seq", "time", "pdt", "hash", "late"] {
        fields.remove(field);
    }
    serde_json::from_value(Value::Object(fields)).unwrap()
}

fn state_of(message: &EventMessage) -> ShowState {
    let mut state = value(message);
    let fields = state.as_object_mut().unwrap();
    fields.retain(|name, _| !["v", "kind", "hash"].contains(&name.as_str()));
    serde_json::from_value(state).unwrap()
}

fn hash_of(message: &EventMessage) -> String {
    value(message)["hash"].as_str().unwrap().to_owned()
}

proptest! {
    #[test]
    fn the_state_is_the_fold_of_the_events_in_the_order_of_their_numbers(events in events(), parts in parts(), millis in 0i64..11_000) {
        let planned = all_planned(&events);
        let (mut show, _) = written(&planned, &parts);
        let by_id: BTreeMap<_, _> = planned.iter().map(|planned| (planned.id.clone(), &planned.event)).collect();
        let mut state = ShowState::default();
        for (seq, aired) in (1..).zip(show.track.take_aired()) {
            prop_assert_eq!(aired.seq, seq);
            if aired.placed.media_time.unwrap() <= ms(millis) {
                state = state.fold(by_id[&aired.id], seq);
            }
        }
        let found = show.track.state_at(at(millis).at);
        prop_assert_eq!(found.as_ref(), &state);
    }

    #[test]
    fn the_order_of_delivery_makes_no_difference(events in events(), parts in parts(), seed in any::<u64>()) {
        let planned = all_planned(&events);
        let mut shuffled = planned.clone();
        let mut random = seed | 1;
        for index in (1..shuffled.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(index, (random >> 33) as usize % (index + 1));
        }
        let (show, messages) = written(&planned, &parts);
        let (other, others) = written(&shuffled, &parts);
        prop_assert_eq!(messages, others);
        prop_assert_eq!(show.track.state_now().hash(), other.track.state_now().hash());
    }

    #[test]
    fn numbers_rise_by_one_and_times_never_fall(events in events(), parts in parts()) {
        let (_, messages) = written(&all_planned(&events), &parts);
        let carried = events_of(&messages);
        let numbers: Vec<u32> = (1..).take(events.len()).collect();
        prop_assert_eq!(ids(&carried), numbers);
        prop_assert!(carried.is_sorted_by_key(|message| message.presentation_time));
        let times: Vec<f64> = carried.iter().map(|message| value(message)["time"].as_f64().unwrap()).collect();
        prop_assert!(times.is_sorted());
    }

    #[test]
    fn every_event_is_in_exactly_one_part_however_renditions_cut(events in events(), video in parts(), rung in parts()) {
        let (mut show, messages) = written(&all_planned(&events), &video);
        let again: Vec<_> = rung.iter().flat_map(|span| show.track.carry(span)).collect();
        prop_assert_eq!(events_of(&again), events_of(&messages));
    }

    #[test]
    fn messages_lie_in_their_part_in_order_and_the_state_comes_first(events in events(), parts in parts()) {
        let mut show = Show::new();
        for planned in all_planned(&events) {
            show.track.plan(planned);
        }
        for span in &parts {
            let messages = show.track.carry(span);
            let inside = |message: &EventMessage| (span.start..span.end).contains(&message.presentation_time);
            prop_assert!(messages.iter().all(inside));
            prop_assert!(messages.is_sorted_by_key(|message| (message.presentation_time, message.id & !STATE)));
            prop_assert!(messages.iter().skip(1).all(|message| !is_state(message)));
        }
    }

    /// Whoever begins at any segment and goes on with its events is where everybody else is, and the hashes say so.
    #[test]
    fn a_player_that_joins_at_any_segment_has_the_state_of_all(events in events(), parts in parts()) {
        let (_, messages) = written(&all_planned(&events), &parts);
        let mut hashes: BTreeMap<u32, String> = BTreeMap::new();
        for (index, first) in messages.iter().enumerate().filter(|(_, message)| is_state(message)) {
            let mut state = state_of(first);
            prop_assert_eq!(hash_of(first), state.hash().to_string());
            for message in &messages[index + 1..] {
                if is_state(message) {
                    prop_assert_eq!(hash_of(message), state.hash().to_string());
                    continue;
                }
                state = state.fold(&event_of(message), message.id);
                let hash = state.hash().to_string();
                prop_assert_eq!(&hash_of(message), &hash);
                prop_assert_eq!(hashes.entry(message.id).or_insert_with(|| hash.clone()), &hash);
            }
        }
    }

    #[test]
    fn no_second_carries_more_than_its_share(count in 1usize..400, times in prop::collection::vec(0i64..2_000, 400)) {
        let mut show = Show::new();
        for millis in &times[..count] {
            show.plan(stock("a", 1), at(*millis));
        }
        let mut carried = Vec::new();
        for start in (0..12_000).step_by(333) {
            carried.extend(show.track.carry(&part(start, start + 333)));
        }
        prop_assert_eq!(carried.len(), count);
        let millis: Vec<i64> = carried.iter().map(|message| message.presentation_time.millis()).collect();
        for (index, end) in millis.iter().enumerate() {
            let within = millis[..=index].iter().filter(|at| *at > &(end - 1_000)).count();
            prop_assert!(within <= 100, "{within} within the second before {end}");
        }
    }
}
