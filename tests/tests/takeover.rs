//! An encoder comes back while its own lost connection still holds the channel.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions
use std::time::Duration;

use vitrine_tests::harness::{ChannelSetup, Publisher, Source, Vitrine, Witness, until};

const PATIENCE: Duration = Duration::from_secs(60);

async fn start(name: &str, on_busy: &str) -> Vitrine {
    let channel = ChannelSetup::new("demo")
        .ladder("\"passthrough\"")
        .line(&format!("on_busy = \"{on_busy}\""));
    // Longer than the test: whoever is replaced here was not dropped for its silence.
    Vitrine::named(name)
        .silence_timeout_s(120)
        .channel(channel)
        .start()
        .await
}

async fn publication(vitrine: &Vitrine) -> Option<u64> {
    vitrine.status("demo").await["publication"]["id"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_dead_connection_makes_room_for_the_same_key() {
    let vitrine = start("takeover", "replace").await;
    let mut first = Publisher::start(&Source::picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let before = publication(&vitrine).await.unwrap();

    // As long as the first one sends, nobody takes its place.
    let mut early = Publisher::start(&Source::picture(), &vitrine, "demo");
    assert!(!early.ended(PATIENCE).await.success(), "{}", early.log());
    assert!(early.log().contains("is busy"), "{}", early.log());
    assert_eq!(publication(&vitrine).await, Some(before));

    first.freeze();
    // As an encoder that connects again does, until it is let in.
    let mut next = Publisher::start(&Source::picture(), &vitrine, "demo");
    until("the next one takes over", PATIENCE, async || {
        if next.exited().is_some() {
            next = Publisher::start(&Source::picture(), &vitrine, "demo");
        }
        publication(&vitrine).await.filter(|id| *id != before)
    })
    .await;
    vitrine.live("demo").await;
    assert!(vitrine.log().contains("took over"), "{}", vitrine.log());
    Witness::of(&vitrine, "demo").await.undisturbed().await;

    first.thaw();
    assert!(!first.ended(PATIENCE).await.success(), "{}", first.log());
    next.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_half_dead_connection_keeps_its_place() {
    let vitrine = start("takeover-refused", "refuse").await;
    let mut first = Publisher::start(&Source::picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let before = publication(&vitrine).await.unwrap();
    first.freeze();
    until("the channel notices", PATIENCE, async || {
        (vitrine.status("demo").await["status"] == "away").then_some(())
    })
    .await;
    let mut next = Publisher::start(&Source::picture(), &vitrine, "demo");
    assert!(!next.ended(PATIENCE).await.success(), "{}", next.log());
    assert_eq!(publication(&vitrine).await, Some(before));
    first.thaw();
    first.kill();
    assert!(vitrine.stop().await.success());
}
