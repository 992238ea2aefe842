//! The checker against the real server, with a real publisher and real events.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions
use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use vitrine_tests::client::Client;
use vitrine_tests::conformance::cmaf::messages::SeenMessage;
use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::{self, Report, blocking};
use vitrine_tests::harness::{Audio, ChannelSetup, Publisher, Source, Vitrine, VitrineSetup, Witness};

/// Of shows with a short window.
const SHORT_RUN: Duration = Duration::from_secs(10);
const RUN: Duration = Duration::from_secs(60);
/// Longer than the window, so that it slides, and than the skip boundary of six target durations.
const WINDOW_S: u32 = 24;
const PASSTHROUGH: &str = "\"passthrough\"";
/// Small, so that a machine that is busy with other tests too can keep up.
const LADDER: &str = "[{ passthrough = true }, { height = 240 }, { height = 180 }]";
const FRAME_S: f64 = 1.0 / 30.0;

/// Rules that a run with video, audio, B-frames and events has occasion to look at.
const RULES: [u16; 75] = [
    1, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 29, 31, 34, 35, 36, 38,
    40, 41, 42, 43, 45, 46, 47, 49, 54, 57, 58, 59, 61, 62, 63, 64, 67, 70, 71, 74, 75, 76, 77, 78, 79, 80,
    83, 85, 86, 93, 94, 96, 97, 101, 102, 103, 106, 107, 111, 113, 114, 116, 117, 118, 127, 128, 129,
];
const MEDIA_RULES: [u16; 22] = [
    130, 131, 132, 133, 134, 135, 136, 137, 140, 144, 148, 151, 152, 153, 154, 155, 156, 159, 160, 162, 163,
    165,
];

/// An event that was posted, as the server answered.
struct Posted {
    id: String,
    media_time_s: f64,
    pdt: String,
}

/// Posts an event each 1.3 s, so that they fall on all places of parts and segments, until then.
async fn merchandiser(vitrine: &Vitrine, until: Instant) -> Vec<Posted> {
    let lamp = json!({"id": "lamp-1", "name": "Стул «Уют»", "price": {"amount": 8900, "currency": "EUR"}, "stock": 12});
    let show = json!({"type": "product.show", "product": lamp});
    let mut posted = Vec::new();
    let mut event = show.clone();
    for round in 0.. {
        let answer = vitrine.post_event("demo", &event).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{event}: {}", answer.text());
        let said = answer.json();
        posted.push(Posted {
            id: said["id"].as_str().unwrap_or_default().to_owned(),
            media_time_s: said["media_time"].as_f64().unwrap_or_default(),
            pdt: said["pdt"].as_str().unwrap_or_default().to_owned(),
        });
        event = match round % 3 {
            0 => json!({"type": "product.update", "product": {"id": "lamp-1", "stock": 11}}),
            1 => json!({"type": "product.hide", "product": {"id": "lamp-1"}}),
            _ => show.clone(),
        };
        if Instant::now() > until {
            break;
        }
        sleep(Duration::from_millis(1300)).await;
    }
    posted
}

/// Every event is once in every one of these renditions, on the frame that the answer named; no other is.
fn compare_events(posted: &[Posted], seen: &[SeenMessage], renditions: &[&str]) {
    let mut rungs: BTreeMap<&str, Vec<&SeenMessage>> = BTreeMap::new();
    for message in seen {
        rungs.entry(&message.rendition).or_default().push(message);
    }
    assert_eq!(rungs.keys().copied().collect::<Vec<_>>(), renditions);
    for messages in rungs.values() {
        compare_rung(posted, messages);
    }
}

fn compare_rung(posted: &[Posted], seen: &[&SeenMessage]) {
    let mut events: BTreeMap<String, Vec<&SeenMessage>> = BTreeMap::new();
    for message in seen {
        let text: Value = serde_json::from_str(&message.text).unwrap();
        if text["kind"] == "event" {
            let id = text["id"].as_str().unwrap().to_owned();
            events.entry(id).or_default().push(message);
        }
    }
    for event in posted {
        let found = events.remove(&event.id).unwrap_or_default();
        let [message] = found[..] else {
            panic!("event {} came {} times", event.id, found.len());
        };
        let off = (message.media_time_s - event.media_time_s).abs();
        assert!(off <= FRAME_S, "event {} is {off} s off its media time", event.id);
        let pdt = chrono::DateTime::parse_from_rfc3339(&event.pdt).unwrap();
        let off_us = message.pdt_us.unwrap() - pdt.timestamp_micros();
        assert!(
            off_us.abs() <= 33_400,
            "event {} is {off_us} µs off its PDT",
            event.id
        );
    }
    assert!(events.is_empty(), "nobody posted {:?}", events.keys());
}

async fn ask_each_rendition(vitrine: &Vitrine) -> Findings {
    let mut findings = Findings::default();
    let playlist = vitrine.playlist("demo");
    let read = conformance::multivariant(vitrine.client(), &playlist, &mut findings)
        .await
        .unwrap();
    // The window must have slid for old sequence numbers to be old.
    sleep(Duration::from_secs(u64::from(WINDOW_S) + 6)).await;
    for (rendition, client) in read.renditions.iter().zip([Client::http1(), Client::h2c()]) {
        findings.merge(blocking::check(&client, &rendition.url).await.unwrap());
    }
    findings
}

fn assert_looked_at(report: &Report, rules: &[u16]) {
    let missing: Vec<&u16> = rules
        .iter()
        .filter(|spec| report.findings.times(**spec) == 0)
        .collect();
    assert!(missing.is_empty(), "never looked at: {missing:?}\n{report}");
}

/// Follows channel `demo` for `run`, while events are posted; what was seen, and what was posted.
async fn watch_with_events(vitrine: &Vitrine, run: Duration) -> (Report, Vec<Posted>) {
    let (stop, mut stopped) = watch::channel(false);
    let playlist = vitrine.playlist("demo");
    let checking = conformance::check(vitrine.client(), &playlist, async {
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    let showing = async {
        let posted = merchandiser(vitrine, Instant::now() + run).await;
        let last = chrono::DateTime::parse_from_rfc3339(&posted.last().unwrap().pdt).unwrap();
        vitrine.lists("demo", last.timestamp_millis() + 100).await;
        stop.send_replace(true);
        posted
    };
    let (report, posted) = tokio::join!(checking, showing);
    (report.unwrap(), posted)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_with_b_frames_and_events_breaks_no_rule() {
    let vitrine = Vitrine::named("conformance")
        .window_s(WINDOW_S)
        .channel(ChannelSetup::new("demo").ladder(PASSTHROUGH))
        .start()
        .await;
    let source = Source::picture().size(1280, 720).bitrate_kbps(2500);
    let publisher = Publisher::start(&source, &vitrine, "demo");
    vitrine.live("demo").await;
    let ((mut report, posted), asked) =
        tokio::join!(watch_with_events(&vitrine, RUN), ask_each_rendition(&vitrine));
    report.findings.merge(asked);
    println!("{report}");
    assert!(report.is_clean(), "{report}");
    assert_looked_at(&report, &[&RULES[..], &MEDIA_RULES].concat());
    assert!(posted.len() > 20, "{} events posted", posted.len());
    compare_events(&posted, &report.messages, &["video-720p"]);
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rung_of_a_ladder_keeps_the_rules() {
    let vitrine = Vitrine::named("conformance-ladder")
        .window_s(12)
        .channel(ChannelSetup::new("demo").ladder(LADDER))
        .start()
        .await;
    let publisher = Publisher::start(&Source::picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let (report, posted) = watch_with_events(&vitrine, SHORT_RUN).await;
    println!("{report}");
    // How close a rung keeps to the source is the machine's affair; a rung that cannot is left out.
    let shed = vitrine.metric("vitrine_rungs_shed_total").await;
    let broken: Vec<_> = report
        .violations()
        .iter()
        .filter(|violation| violation.spec != 77)
        .collect();
    assert!(broken.is_empty() && report.failures.is_empty(), "{report}");
    assert_looked_at(&report, &[25, 38, 74, 75, 77, 85, 114, 130, 141, 144]);
    if shed > 0.0 {
        println!("the machine is too busy: {shed} times a rung was left out");
    } else {
        let compared = report.findings.times(163);
        assert!(
            compared > 3,
            "the rungs' messages were compared {compared} times\n{report}"
        );
        compare_events(
            &posted,
            &report.messages,
            &["video-180p", "video-240p", "video-360p"],
        );
    }
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

/// Publishes each source on a channel of that name, and follows all of them by HTTP/2 for some seconds.
async fn follow_all(setup: VitrineSetup, shows: &[(&'static str, Source)]) {
    let named = shows.iter().map(|(name, _)| ChannelSetup::new(name));
    let vitrine = named.fold(setup, VitrineSetup::channel).start().await;
    let mut running = Vec::new();
    for (name, source) in shows {
        running.push(Publisher::start(source, &vitrine, name));
    }
    let mut witnesses = Vec::new();
    for (name, _) in shows {
        vitrine.live(name).await;
        witnesses.push((name, Witness::by(Client::h2c(), &vitrine, name).await));
    }
    sleep(SHORT_RUN).await;
    for (name, witness) in witnesses {
        let report = witness.undisturbed().await;
        println!("{name}\n{report}");
        for rule in [19, 20, 25, 130] {
            assert!(
                report.findings.times(rule) > 0,
                "{name}: rule {rule} was never looked at"
            );
        }
    }
    drop(running);
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_grids_and_tracks_break_no_rule() {
    let small = || Source::picture().size(320, 180).bitrate_kbps(300);
    let mono = Audio {
        sample_rate_hz: 44_100,
        channels: 1,
        bitrate_kbps: 64,
    };
    // Parts of a fifth of a second; the skip boundary and the window are reached within the run.
    let short_parts = Vitrine::named("conformance-grids")
        .part_target_s(0.2)
        .target_duration_s(1)
        .window_s(8);
    let of_a_second = |source: Source, frames: u32| source.gop_frames(frames);
    let shows = [
        (
            "fps-25-mono",
            of_a_second(small().fps("25").audio(Some(mono)), 25),
        ),
        ("fps-60-no-b", of_a_second(small().fps("60").b_frames(0), 60)),
        ("video-only", of_a_second(small().audio(None), 30)),
        ("audio-only", Source::tone()),
    ];
    follow_all(short_parts, &shows).await;
    let shortest_parts = Vitrine::named("conformance-shortest").part_target_s(0.1);
    follow_all(shortest_parts, &[("fps-29-97", small().fps("30000/1001"))]).await;
}
