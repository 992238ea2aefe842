//! Two encoders of one show: the second takes over when the first dies or stands still, and by hand; viewers see one show.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use vitrine_tests::conformance;
use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::playlist::MediaPlaylist;
use vitrine_tests::harness::{ChannelSetup, Posted, Publisher, Service, Source, Vitrine, Witness, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// A channel that stays on its backup until somebody says otherwise.
fn channel() -> ChannelSetup {
    ChannelSetup::new("demo")
        .ladder("\"passthrough\"")
        .line("backup_keys = [\"key-of-the-second\"]")
        .line("failback_after_seconds = 0")
        // A machine that holds up an encoder for a moment is no failure.
        .line("failover_after_ms = 1600")
}

fn second(vitrine: &Vitrine) -> Publisher {
    let url = format!("rtmp://{}/live/key-of-the-second", vitrine.rtmp());
    Publisher::start_at(&picture(), vitrine, &url, "second")
}

fn picture() -> Source {
    Source::picture().size(320, 180).bitrate_kbps(300)
}

/// Waits until that input is on air, and the other, if `ready`, can follow it at once.
async fn on_air(vitrine: &Vitrine, input: &str, ready: bool) {
    let what = format!("the {input} encoder is on air (another ready: {ready})");
    until(&what, PATIENCE, async || {
        let status = vitrine.status("demo").await;
        let is_ready = status["standby"]["ready"] == json!(true);
        (status["publication"]["input"] == input && is_ready == ready && status["status"] == "live")
            .then_some(())
    })
    .await;
}

async fn switch(vitrine: &Vitrine, to: &str) -> (StatusCode, Value) {
    let url = vitrine.url("/v1/channels/demo/input");
    let token = format!("Bearer {}", vitrine.channel("demo").event_token);
    let body = Bytes::from(json!({ "on_air": to }).to_string());
    let fields = [("authorization", token.as_str())];
    let answer = vitrine
        .client()
        .ask(Method::POST, &url, &fields, body)
        .await
        .unwrap();
    (answer.status, answer.json())
}

/// The gaps that each playlist lists, summed up, and its discontinuities.
async fn breaks(vitrine: &Vitrine) -> Vec<(Duration, usize)> {
    let mut findings = Findings::default();
    let read = conformance::multivariant(vitrine.client(), &vitrine.playlist("demo"), &mut findings)
        .await
        .unwrap();
    let mut breaks = Vec::new();
    for rendition in read.renditions {
        let answer = vitrine.client().get(rendition.url.as_str()).await.unwrap();
        let playlist = MediaPlaylist::parse(&answer.text(), &mut findings);
        let gaps = playlist.segments.iter().map(|segment| {
            let parts = segment
                .parts
                .iter()
                .filter(|part| part.gap)
                .map(|part| part.duration);
            if segment.gap {
                segment.length()
            } else {
                parts.sum()
            }
        });
        let discontinuities = playlist.segments.iter().filter(|segment| segment.discontinuity);
        breaks.push((gaps.sum(), discontinuities.count()));
    }
    breaks
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_encoder_takes_the_firsts_place_and_the_first_its_own_again() {
    // The first of all is to be told again.
    let service = Service::start(|posted| {
        let status = if posted.len() == 1 {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::NO_CONTENT
        };
        Some((status, String::new()))
    })
    .await;
    let vitrine = Vitrine::named("failover")
        .line("webhooks", &format!("url = \"{}\"", service.url()))
        .line("webhooks", "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"")
        .channel(channel())
        .start()
        .await;
    let first = Publisher::start(&picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let witness = Witness::of(&vitrine, "demo").await;
    let mut backup = second(&vitrine);
    on_air(&vitrine, "primary", true).await;
    let session = vitrine.status("demo").await["session"].clone();

    first.kill();
    on_air(&vitrine, "backup", false).await;
    let mut first = Publisher::start(&picture(), &vitrine, "demo");
    on_air(&vitrine, "backup", true).await;

    assert_eq!(switch(&vitrine, "backup").await.0, StatusCode::OK, "it is on air");
    let (status, answer) = switch(&vitrine, "primary").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(answer, json!({ "on_air": "backup", "switching_to": "primary" }));
    on_air(&vitrine, "primary", true).await;

    first.freeze();
    on_air(&vitrine, "backup", false).await;
    first.thaw();
    on_air(&vitrine, "backup", true).await;

    backup.freeze();
    on_air(&vitrine, "primary", false).await;
    backup.kill();
    until("nobody stands by", PATIENCE, async || {
        vitrine.status("demo").await["standby"].is_null().then_some(())
    })
    .await;
    let (status, problem) = switch(&vitrine, "backup").await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert_eq!(
        switch(&vitrine, "third").await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );

    let breaks = until("each switch is in every playlist", PATIENCE, async || {
        let breaks = breaks(&vitrine).await;
        breaks
            .iter()
            .all(|(_, discontinuities)| *discontinuities >= 4)
            .then_some(breaks)
    })
    .await;
    let report = witness.report().await;
    println!("{report}");
    println!("gaps and discontinuities: {breaks:?}");
    assert_eq!(
        vitrine.status("demo").await["session"],
        session,
        "one session throughout"
    );
    for (gaps, discontinuities) in &breaks {
        assert_eq!(*discontinuities, 4, "one for each switch");
        // At most one part for each.
        assert!(*gaps < 4 * Duration::from_millis(350), "{gaps:?}");
    }
    assert!(report.is_clean(), "{report}");
    first.stop().await;
    until("all is told", PATIENCE, async || {
        (told(&service).len() == TOLD.len()).then_some(())
    })
    .await;
    assert!(vitrine.stop().await.success());
    assert_told(&service);
}

/// What the webhooks tell.
const TOLD: [&str; 10] = [
    "publish primary",
    "publish backup",
    "unpublish primary",
    "failover backup",
    "publish primary",
    "failover primary",
    "failover backup",
    "failover primary",
    "unpublish backup",
    "unpublish primary",
];

/// What was told so far, in its order; what is told again, as its answer was too late, is known by its id.
fn told(service: &Service) -> Vec<Posted> {
    let mut posted = service.posted();
    posted.dedup_by_key(|posted| posted.fields["webhook-id"].clone());
    // How well media come in on a busy machine is not this test's subject.
    posted.retain(|posted| !matches!(posted.body["type"].as_str(), Some("degraded" | "recovered")));
    posted
}

fn assert_told(service: &Service) {
    let all = service.posted();
    let [first, again] = [&all[0], &all[1]];
    assert_eq!(again.fields["webhook-id"], first.fields["webhook-id"]);
    assert_eq!(again.body, first.body);
    let posted = told(service);
    let told: Vec<String> = posted
        .iter()
        .map(|posted| {
            let data = &posted.body["data"];
            let whom = data["input"].as_str().or_else(|| data["to"].as_str());
            format!("{} {}", posted.body["type"].as_str().unwrap(), whom.unwrap())
        })
        .collect();
    assert_eq!(told, TOLD);
    for posted in &posted {
        let field = |name: &str| posted.fields[name].to_str().unwrap().to_owned();
        assert!(field("webhook-id").starts_with("msg_"));
        assert!(field("webhook-signature").starts_with("v1,"));
        assert!(field("webhook-timestamp").parse::<i64>().unwrap() > 1_700_000_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_encoder_that_leaves_out_frames_gives_its_place_to_a_sound_one() {
    let service = Service::start(|_| Some((StatusCode::NO_CONTENT, String::new()))).await;
    let vitrine = Vitrine::named("failover-degraded")
        .line("webhooks", &format!("url = \"{}\"", service.url()))
        .line("webhooks", "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"")
        .channel(channel().line("failover_when_degraded = true"))
        .start()
        .await;
    // Without every third frame.
    let lame = picture()
        .gop_frames(30)
        .with(&["-vf", "select='mod(n,3)'", "-vsync", "vfr"]);
    let first = Publisher::start(&lame, &vitrine, "demo");
    vitrine.live("demo").await;
    let backup = second(&vitrine);
    on_air(&vitrine, "backup", true).await;

    let status = vitrine.status("demo").await;
    let (sound, degraded) = (&status["publication"]["health"], &status["standby"]["health"]);
    assert_eq!(degraded["condition"], "degraded", "{degraded}");
    assert!(degraded["missing_frames"].as_u64() > Some(0), "{degraded}");
    assert!(degraded["complaints"][0].is_string(), "{degraded}");
    assert!(sound["video_bitrate_bps"].as_u64() > Some(0), "{sound}");
    let label = "input=\"primary\"";
    assert!(
        vitrine
            .metric_where("vitrine_input_missing_frames_total", label)
            .await
            > 0.0
    );
    assert!((vitrine.metric_where("vitrine_input_degraded", label).await - 1.0).abs() < f64::EPSILON);
    until("the service is told", PATIENCE, async || {
        let posted = service.posted();
        let place = |what: &str, field: &str, input: &str| {
            posted
                .iter()
                .position(|posted| posted.body["type"] == what && posted.body["data"][field] == input)
        };
        let (degraded, failover) = (
            place("degraded", "input", "primary")?,
            place("failover", "to", "backup")?,
        );
        assert!(degraded < failover, "{posted:?}");
        Some(())
    })
    .await;
    first.stop().await;
    backup.stop().await;
    assert!(vitrine.stop().await.success());
}
