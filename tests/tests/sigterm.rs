//! The server is told to stop while viewers wait (SPEC 55).

use std::time::Duration;

use http::StatusCode;
use rustix::process::Signal;
use vitrine_tests::client::Client;
use vitrine_tests::harness::{ChannelSetup, Publisher, Source, Vitrine, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// The media playlists that a multivariant playlist names, absolute.
fn media_playlists(vitrine: &Vitrine, channel: &str, multivariant: &str) -> Vec<String> {
    multivariant
        .split(['"', '\n'])
        .filter(|text| text.ends_with("index.m3u8"))
        .map(|uri| vitrine.url(&format!("/live/{channel}/{uri}")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_viewers_get_the_end_of_the_show_and_the_server_stops_cleanly() {
    // Segments of six seconds: the one after the next does not come while the test looks.
    let mut vitrine = Vitrine::named("sigterm")
        .target_duration_s(6)
        .channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
        .start()
        .await;
    let source = Source::picture().size(320, 180).gop_frames(180);
    let mut publisher = Publisher::start(&source, &vitrine, "demo");
    vitrine.live("demo").await;
    let multivariant = vitrine
        .client()
        .get(&vitrine.playlist("demo"))
        .await
        .unwrap()
        .text();
    let playlists = media_playlists(&vitrine, "demo", &multivariant);
    assert_eq!(playlists.len(), 2, "{multivariant}");

    let mut waiting = tokio::task::JoinSet::new();
    for playlist in &playlists {
        for client in [Client::http1(), Client::h2c()] {
            // One segment further than the next: it will not come before the end.
            let listed = client.get(playlist).await.unwrap().text();
            let msn = 1 + listed.matches("#EXTINF").count();
            for query in ["", "&_HLS_skip=YES"] {
                let url = format!("{playlist}?_HLS_msn={msn}{query}");
                let client = client.clone();
                waiting.spawn(async move { (client.get(&url).await, url) });
            }
        }
    }
    until("all eight wait", PATIENCE, async || {
        (vitrine.metric("vitrine_waiting_viewers").await == 8.0).then_some(())
    })
    .await;

    vitrine.signal(Signal::TERM);
    while let Some(answered) = waiting.join_next().await {
        let (answer, url) = answered.unwrap();
        let answer = answer.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{url}: {}", answer.text());
        let text = answer.text();
        assert!(text.ends_with("#EXT-X-ENDLIST\n"), "{url}: {text}");
        assert!(
            !text.contains("PRELOAD-HINT") && !text.contains("EXT-X-SKIP"),
            "{url}: {text}"
        );
    }
    let status = vitrine.ended(PATIENCE).await;
    assert!(status.success(), "{status}: {}", vitrine.log());
    // Its connection was closed: FFmpeg notices at its next write.
    publisher.ended(PATIENCE).await;
}
