//! The track as the origin uses it: events planned, parts asked for.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml's leave for tests does not reach a test file's functions"
)]

mod common;

use common::*;
use vitrine_metadata_track::{
    Clock, EventError, MAX_SCHEDULED, Order, Planned, ShowTime, Track, message_schema,
};
use vitrine_packager::cmaf::emsg::PartSpan;
use vitrine_packager::media::{MediaTime, Timescale};

#[test]
fn the_payloads_are_the_contract() {
    let mut show_ = Show::new();
    show_.plan(show("sku-1"), at(400));
    show_.plan(stock("sku-1", 3), at(1_900));
    let schema = jsonschema::validator_for(&message_schema()).unwrap();
    let mut lines = Vec::new();
    for span in [opening(0, 2_000), opening(2_000, 4_000), opening(4_000, 6_000)] {
        for message in show_.track.carry(&span) {
            assert_eq!(message.scheme_id_uri, vitrine_metadata_track::carriage::SCHEME);
            assert_eq!(message.value, vitrine_metadata_track::carriage::VALUE);
            assert!(
                schema.is_valid(&value(&message)),
                "the schema does not know {}",
                json(&message)
            );
            let at = message.presentation_time.millis();
            lines.push(format!("{:#010x} at {at} ms: {}", message.id, json(&message)));
        }
        if span.start == ms(0) {
            show_.plan(hide("sku-1"), at(1_950));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_part_carries_the_events_from_its_start_to_before_its_end() {
    let mut show_ = Show::new();
    for millis in [667, 333, 666, 333] {
        show_.plan(show("a"), at(millis));
    }
    let table = [
        (opening(0, 333), vec![], vec![]),
        (part(333, 667), vec![1, 2, 3], vec!["e2", "e4", "e3"]),
        (part(667, 1000), vec![4], vec!["e1"]),
        (opening(1000, 1333), vec![STATE | 4], vec![]),
    ];
    for (span, numbers, events) in &table {
        let messages = show_.track.carry(span);
        assert_eq!(
            (ids(&messages), names(&messages)),
            (numbers.clone(), to_strings(events)),
            "{span:?}"
        );
        assert_eq!(
            show_.track.carry(span),
            messages,
            "a second rendition gets the same"
        );
    }
    // Rungs that lag behind ask for parts of other lengths, later.
    assert_eq!(ids(&show_.track.carry(&opening(333, 700))), [1, 2, 3, 4]);
    assert_eq!(ids(&show_.track.messages(&opening(667, 700))), [STATE | 3, 4]);
}

fn to_strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_empty_state_is_repeated_once_there_was_an_event() {
    let mut show_ = Show::new();
    assert!(show_.track.carry(&opening(0, 1_000)).is_empty());
    show_.plan(show("a"), at(1_010));
    show_.plan(hide("a"), at(1_020));
    show_.track.carry(&opening(1_000, 2_000));
    let messages = show_.track.carry(&opening(2_000, 3_000));
    let hash = show_.track.state_now().hash();
    assert_eq!(
        json(&messages[0]),
        format!(r#"{{"v":2,"kind":"state","hash":"{hash}","seq":2,"products":[]}}"#)
    );
}

#[test]
fn an_event_too_late_for_its_part_goes_into_the_next_and_both_say_so() {
    let table = [
        // (asked at ms, names no time, stands at ms, late)
        (998, false, 1_000, true),
        (1_000, false, 1_000, false),
        (0, false, 1_000, true),
        (1_200, false, 1_200, false),
        (900, true, 1_000, false),
        (400, true, 1_000, true),
    ];
    for (millis, is_soon, stands, late) in table {
        let mut show_ = Show::new();
        show_.track.carry(&opening(0, 1_000));
        let asked = if is_soon { soon(millis) } else { at(millis) };
        let placed = show_.plan(show("a"), asked);
        assert_eq!(placed.media_time, Some(ms(stands)), "{millis}");
        assert_eq!(placed.pdt, ANCHOR.plus_millis(stands), "{millis}");
        assert_eq!(placed.late, late, "{millis}");
        let messages = show_.track.carry(&part(1_000, 1_333));
        assert_eq!(messages[0].presentation_time, ms(stands), "{millis}");
        assert_eq!(value(&messages[0]).get("late").is_some(), late, "{millis}");
        let aired = show_.track.take_aired();
        assert_eq!((aired.len(), aired[0].placed), (1, placed), "{millis}");
    }
}

#[test]
fn an_instant_that_is_a_frames_is_not_late_for_it() {
    // Frames of 30 fps on 90 kHz: the third stands at 66.666 ms, which no clock of microseconds hits.
    let frame = MediaTime::new(2 * 3_000, Timescale::VIDEO);
    let mut show_ = Show::new();
    let video = |start: i64, end: i64| PartSpan {
        start: MediaTime::new(start * 3_000, Timescale::VIDEO),
        end: MediaTime::new(end * 3_000, Timescale::VIDEO),
        opens_segment: false,
    };
    show_.track.carry(&video(0, 2));
    let asked = vitrine_metadata_track::Asked {
        at: Clock::new(ANCHOR).show(frame),
        soon: false,
    };
    let placed = show_.plan(show("a"), asked);
    assert!(!placed.late);
    let messages = show_.track.carry(&video(2, 4));
    assert_eq!(messages[0].presentation_time.ticks, frame.ticks);
}

#[test]
fn planned_events_can_be_changed_and_taken_back_until_they_are_on_air() {
    let mut show_ = Show::new();
    show_.plan(show("a"), at(100));
    show_.plan(show("b"), at(5_000));
    show_.plan(show("c"), at(6_000));
    show_.track.carry(&part(0, 333));
    assert_eq!(show_.track.take("e1"), None, "on air");
    assert!(
        show_.track.replan(planned(1, hide("a"), at(7_000))).is_none(),
        "on air"
    );
    let earlier = Planned {
        order: Order(2, 0),
        ..planned(2, show("z"), at(400))
    };
    assert_eq!(show_.track.replan(earlier).unwrap().media_time, Some(ms(400)));
    assert_eq!(show_.track.take("e3").unwrap().id.as_ref(), "e3");
    let waiting: Vec<_> = show_
        .track
        .pending()
        .map(|planned| planned.id.to_string())
        .collect();
    assert_eq!(waiting, ["e2"]);
    assert_eq!(names(&show_.track.carry(&part(333, 10_000))), ["e2"]);
    assert_eq!(show_.track.state_now().products.len(), 2);
}

#[test]
fn an_event_is_judged_by_the_state_at_its_own_time() {
    let mut show_ = Show::new();
    show_.plan(show("a"), at(5_000));
    let admit = |show_: &Show, event, millis| admit(&show_.track, &event, at(millis), &[]);
    assert!(matches!(
        admit(&show_, hide("a"), 4_999),
        Err(EventError::NotOnAir { .. })
    ));
    assert_eq!(admit(&show_, hide("a"), 5_000), Ok(()));
    show_.plan(hide("a"), at(6_000));
    assert_eq!(admit(&show_, stock("a", 1), 5_500), Ok(()));
    assert!(matches!(
        admit(&show_, stock("a", 1), 6_000),
        Err(EventError::NotOnAir { .. })
    ));
    // What is taken and not planned yet counts too.
    let coming = [planned(9, show("b"), at(5_500))];
    assert_eq!(
        common::admit(&show_.track, &hide("b"), at(5_600), &coming),
        Ok(())
    );
    assert!(common::admit(&show_.track, &hide("b"), at(5_400), &coming).is_err());
    // What is changed does not stand in its own way.
    let later = [planned(2, hide("a"), at(7_000))];
    assert!(show_.track.admit(&later, &[], None).is_err());
    assert_eq!(show_.track.admit(&later, &[], Some("e2")), Ok(()));
    // A batch is judged in the order of its times, and says which of its events is at fault.
    let batch = [
        planned(9, hide("c"), at(5_700)),
        planned(10, show("c"), at(5_600)),
        planned(11, stock("c", 1), at(5_800)),
    ];
    assert_eq!(show_.track.admit(&batch[..2], &[], None), Ok(()));
    assert!(matches!(
        show_.track.admit(&batch, &[], None),
        Err((2, EventError::NotOnAir { .. }))
    ));
}

#[test]
fn an_event_that_does_not_fit_when_its_time_comes_changes_nothing_and_is_told() {
    let mut show_ = Show::new();
    show_.plan(show("a"), at(100));
    show_.plan(stock("a", 3), at(200));
    show_.track.take("e1");
    let messages = show_.track.carry(&opening(0, 1_000));
    assert_eq!(names(&messages), ["e2"]);
    assert_eq!(show_.track.state_now().products.len(), 0);
    assert_eq!(show_.track.state_now().seq, 1);
    assert!(show_.track.take_aired()[0].without_effect);
}

#[test]
fn a_second_takes_100_events_and_then_says_when_there_is_room() {
    let mut show_ = Show::new();
    show_.plan(show("a"), at(100));
    for n in 0..99 {
        assert_eq!(admit(&show_.track, &stock("a", n), at(200), &[]), Ok(()));
        show_.plan(stock("a", n), at(200));
    }
    show_.track.carry(&part(0, 333));
    let refused = |millis| admit(&show_.track, &stock("a", 99), soon(millis), &[]);
    assert_eq!(
        refused(500).unwrap_err(),
        EventError::TooMany {
            limit: "100 events",
            retry_after_ms: 600
        }
    );
    assert_eq!(refused(1_100), Ok(()));
}

#[test]
fn a_second_takes_32_kilobytes_before_and_behind() {
    let mut show_ = Show::new();
    let address = format!("/{}", "a".repeat(2_000));
    let large = event(&format!(
        r#"{{"type":"product.show","product":{{"id":"a","name":"A","price":{{"amount":1,"currency":"EUR"}},"url":"{address}","image":"{address}"}}}}"#
    ));
    for n in 0..7 {
        show_.plan(large.clone(), at(5_000 + n));
    }
    for millis in [4_100, 5_900] {
        let error = admit(&show_.track, &large, at(millis), &[]).unwrap_err();
        assert!(
            matches!(
                error,
                EventError::TooMany {
                    limit: "32 KB of events",
                    ..
                }
            ),
            "{error:?}"
        );
    }
    for millis in [4_000, 6_100] {
        assert_eq!(admit(&show_.track, &large, at(millis), &[]), Ok(()));
    }
}

#[test]
fn what_is_scheduled_is_bounded() {
    let mut show_ = Show::new();
    for n in 0..MAX_SCHEDULED {
        show_.plan(show("a"), at(10_000 + 1_000 * n as i64));
    }
    let error = admit(&show_.track, &show("a"), at(5), &[]).unwrap_err();
    assert_eq!(error, EventError::TooManyScheduled { limit: MAX_SCHEDULED });
}

#[test]
fn events_of_a_gap_go_on_air_behind_it_marked_late_and_no_second_is_overfull() {
    let mut show_ = Show::new();
    show_.track.carry(&opening(0, 1_000));
    for n in 0..300 {
        show_.plan(show(&format!("p{}", n % 20)), soon(1_000 + n));
    }
    // The encoder was away for a minute.
    show_.track.written_to(ms(61_000));
    let mut seen = Vec::new();
    let mut at_second = Vec::new();
    for second in 61..66 {
        let messages = show_.track.carry(&part(second * 1_000, (second + 1) * 1_000));
        assert!(messages.iter().all(|message| value(message)["late"] == true));
        at_second.push(messages.len());
        seen.extend(names(&messages));
    }
    let expected: Vec<_> = (1..=300).map(|n| format!("e{n}")).collect();
    assert_eq!(seen, expected, "in their order, none lost");
    assert!(at_second.iter().all(|count| *count <= 100), "{at_second:?}");
    assert_eq!(at_second.iter().sum::<usize>(), 300);
}

#[test]
fn the_state_of_any_time_is_known_and_what_is_planned_counts_ahead() {
    let mut show_ = Show::new();
    show_.plan(show("a"), at(500));
    show_.plan(stock("a", 5), at(1_500));
    show_.plan(hide("a"), at(9_000));
    show_.track.carry(&opening(0, 2_000));
    let state = |millis| show_.track.state_at(at(millis).at);
    let stock_at = |millis| state(millis).featured_product().and_then(|product| product.stock);
    assert_eq!(state(-1).seq, 0);
    assert_eq!(state(499).seq, 0);
    assert_eq!(stock_at(500), Some(12));
    assert_eq!(stock_at(1_499), Some(12));
    assert_eq!(stock_at(1_500), Some(5));
    assert_eq!(stock_at(8_999), Some(5));
    assert_eq!((state(9_000).seq, stock_at(9_000)), (3, None));
    assert_eq!(show_.track.state_now().seq, 2);
}

#[test]
fn a_session_that_goes_on_with_the_show_goes_on_with_state_and_numbers() {
    let mut show_ = Show::new();
    show_.plan(show("a"), at(500));
    show_.plan(stock("a", 5), at(9_000));
    show_.track.carry(&opening(0, 1_000));
    show_.track.end_session();
    assert_eq!(show_.track.state_now().seq, 1);
    show_.track.begin_session(ANCHOR.plus_millis(8_000));
    // Media time zero is 8 s later now.
    let messages = show_.track.carry(&opening(0, 2_000));
    assert_eq!(ids(&messages), [STATE | 1, 2]);
    assert_eq!(messages[1].presentation_time, ms(1_000));
}

#[test]
fn after_a_restart_what_was_on_air_is_state_and_what_was_not_goes_on_air() {
    let events = [
        planned(1, show("a"), at(500)),
        planned(2, stock("a", 5), at(900)),
        planned(3, stock("a", 4), at(950)),
        planned(4, hide("a"), at(60_000)),
    ];
    let mut track = Track::default();
    for event in events {
        track.plan(event);
    }
    assert!(track.restore("e1", 1));
    assert!(track.restore("e2", 2));
    assert!(!track.restore("e2", 2), "once");
    track.begin_session(ANCHOR.plus_millis(5_000));
    let messages = track.carry(&opening(0, 1_000));
    assert_eq!(ids(&messages), [STATE | 2, 3]);
    assert_eq!(value(&messages[1])["late"], true);
    assert_eq!(messages[1].presentation_time, ms(0));
    assert_eq!(track.pending().count(), 1);
}

#[test]
fn what_went_on_air_elsewhere_is_in_the_state_without_a_message() {
    for on_air in [false, true] {
        let mut track = Track::default();
        if on_air {
            track.begin_session(ANCHOR);
            track.carry(&opening(0, 1_000));
        }
        track.plan(planned(1, show("a"), at(-5_000)));
        track.plan(planned(2, stock("a", 5), at(500)));
        track.plan(planned(3, stock("a", 6), at(3_500)));
        track.absorb(at(3_000).at);
        let absorbed = track.take_aired();
        assert_eq!(
            absorbed.iter().map(|aired| aired.seq).collect::<Vec<_>>(),
            [1, 2],
            "on air: {on_air}"
        );
        if !on_air {
            track.begin_session(ANCHOR);
        }
        assert!(
            names(&track.carry(&part(1_000, 2_000))).is_empty(),
            "on air: {on_air}"
        );
        let messages = track.carry(&opening(3_000, 4_000));
        assert_eq!(ids(&messages), [STATE | 2, 3], "on air: {on_air}");
    }
}

#[test]
fn a_new_show_begins_with_nothing_and_says_what_it_missed() {
    let mut show_ = Show::new();
    show_.plan(show("a"), at(500));
    show_.plan(show("b"), at(20_000));
    show_.plan(show("c"), at(90_000));
    show_.track.carry(&opening(0, 1_000));
    show_.track.end_session();
    let missed = show_.track.begin_show(ShowTime::from(ANCHOR).plus_millis(60_000));
    assert_eq!(missed, ["e2".into()]);
    assert_eq!(
        show_.track.state_now().as_ref(),
        &vitrine_metadata_track::ShowState::default()
    );
    show_.track.begin_session(ANCHOR.plus_millis(60_000));
    assert_eq!(ids(&show_.track.carry(&opening(30_000, 31_000))), [1]);
}

#[test]
fn a_long_show_stays_bounded_and_right() {
    let mut show_ = Show::new();
    show_.plan(show("a"), at(0));
    let count = 20_000;
    for n in 1..count {
        show_.plan(stock("a", n), at(i64::from(n) * 100));
        show_
            .track
            .carry(&part(i64::from(n) * 100 - 50, i64::from(n) * 100 + 50));
        show_.track.take_aired();
    }
    assert_eq!(show_.track.state_now().seq, count);
    assert_eq!(
        show_.track.state_at(at(0).at).seq,
        count - 16_384,
        "older ones are folded away"
    );
    let last = i64::from(count - 1) * 100;
    assert_eq!(
        ids(&show_.track.messages(&opening(last, last + 50))),
        [STATE | (count - 1), count]
    );
}

#[test]
fn rounding_to_a_tracks_ticks_never_carries_a_message_out_of_its_part() {
    let audio = Timescale::new(44_100).unwrap();
    let mut show_ = Show::new();
    // Just before tick 1000 of 44.1 kHz (22.6757 ms), and nearer to it than to 999.
    let asked = vitrine_metadata_track::Asked {
        at: ShowTime(ShowTime::from(ANCHOR).0 + 22_675),
        soon: false,
    };
    show_.plan(show("a"), asked);
    let span = PartSpan {
        start: MediaTime::new(0, audio),
        end: MediaTime::new(1_000, audio),
        opens_segment: false,
    };
    let messages = show_.track.carry(&span);
    assert_eq!(messages[0].presentation_time.ticks, 999);
    assert_eq!(messages[0].presentation_time.timescale, audio);
}
