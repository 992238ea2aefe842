//! A service outside says who may publish, by RTMP and by SRT; when it is silent, nobody may.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use vitrine_tests::harness::{ChannelSetup, Posted, Publisher, Service, Source, Vitrine, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// Lets the key `guest` publish on `demo`, and `second` as its backup encoder; says nothing to `slow`, and no to all others.
fn answer(posted: &[Posted]) -> Option<(StatusCode, String)> {
    let key = posted.last().map(|posted| posted.body["key"].clone());
    match key.as_ref().and_then(|key| key.as_str()) {
        Some("guest") => Some((StatusCode::OK, json!({ "channel": "demo" }).to_string())),
        Some("second") => {
            let backup = json!({ "channel": "demo", "input": "backup" });
            Some((StatusCode::OK, backup.to_string()))
        }
        Some("slow") => None,
        _ => Some((StatusCode::FORBIDDEN, String::new())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_asked_and_its_silence_is_a_no() {
    let service = Service::start(answer).await;
    let vitrine = Vitrine::named("authoriser")
        .srt()
        .line("authoriser", &format!("url = \"{}\"", service.url()))
        .line("authoriser", "timeout_ms = 1000")
        .channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
        .start()
        .await;
    let source = Source::picture();
    let rtmp = |key: &str| format!("rtmp://{}/live/{key}", vitrine.rtmp());
    for wrong in ["stranger", "slow"] {
        let mut refused = Publisher::start_at(&source, &vitrine, &rtmp(wrong), wrong);
        assert!(!refused.ended(PATIENCE).await.success(), "{}", refused.log());
        assert!(refused.log().contains("wrong stream key"), "{}", refused.log());
    }
    until("its silence is told", PATIENCE, async || {
        vitrine.log().contains("authoriser does not answer").then_some(())
    })
    .await;
    // Encoders call again: a service that the machine holds up says nothing in time either.
    let guest = || Publisher::start_at(&source, &vitrine, &rtmp("guest"), "guest");
    let mut publisher = guest();
    until("the guest publishes", PATIENCE, async || {
        if publisher.exited().is_some() {
            publisher = guest();
        }
        (vitrine.status("demo").await["status"] == "live").then_some(())
    })
    .await;

    // By SRT, as the backup encoder.
    let url = vitrine.srt();
    let id = |key: &str| format!("#!::r=demo,m=publish,s={key}");
    let mut refused = Publisher::start_srt(&source, &vitrine, &url, &id("stranger"), "srt-stranger");
    assert!(!refused.ended(PATIENCE).await.success(), "{}", refused.log());
    let second = || Publisher::start_srt(&source, &vitrine, &url, &id("second"), "srt-second");
    let mut backup = second();
    until("the second encoder stands by", PATIENCE, async || {
        if backup.exited().is_some() {
            backup = second();
        }
        let status = vitrine.status("demo").await;
        let standby = &status["standby"];
        (standby["protocol"] == "srt" && standby["input"] == "backup").then_some(())
    })
    .await;
    publisher.stop().await;
    backup.stop().await;
    let log = vitrine.log();
    for secret in ["guest", "second", "stranger", "slow"] {
        assert!(!log.contains(secret), "a key is in the log: {log}");
    }
    assert!(vitrine.stop().await.success());

    let asked = service.posted();
    let by = |protocol: &str| {
        asked
            .iter()
            .filter(|posted| posted.body["protocol"] == protocol)
            .count()
    };
    assert!(by("rtmp") >= 3 && by("srt") >= 2, "{asked:?}");
    let here = |posted: &Posted| posted.body["address"] == "127.0.0.1" && posted.body["action"] == "publish";
    assert!(asked.iter().all(here), "{asked:?}");
    let named = |posted: &&Posted| posted.body["channel"] == "demo";
    assert_eq!(
        asked.iter().filter(named).count(),
        by("srt"),
        "SRT's stream ids name the channel: {asked:?}"
    );
}
