//! Encoders that may not publish, cannot, or stop in the middle: what FFmpeg is told, and a channel that notices nothing.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

use std::time::Duration;

use serde_json::Value;
use vitrine_tests::harness::{Audio, ChannelSetup, Publisher, Source, Vitrine, Witness, until};

/// An encoder that the machine holds up is not silent yet.
const SILENCE_S: u32 = 20;
/// A show ends so long after its encoder has gone.
const WINDOW_S: u32 = 2;
/// FFmpeg gives up, or goes on, within this time.
const PATIENCE: Duration = Duration::from_secs(60);

fn small_picture() -> Source {
    Source::picture().size(320, 180).bitrate_kbps(300)
}

/// A server with a live channel `show` and one, `mine`, for trouble.
async fn stage(name: &str, mine: ChannelSetup) -> (Vitrine, Publisher) {
    stage_with(name, mine, SILENCE_S, WINDOW_S).await
}

/// The same with other patience for silent encoders, and for those that are gone.
async fn stage_with(name: &str, mine: ChannelSetup, silence_s: u32, window_s: u32) -> (Vitrine, Publisher) {
    let vitrine = Vitrine::named(name)
        .channel(ChannelSetup::new("show"))
        .channel(mine)
        .silence_timeout_s(silence_s)
        .reconnect_window_s(window_s)
        .start()
        .await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "show");
    vitrine.live("show").await;
    (vitrine, publisher)
}

fn mine() -> ChannelSetup {
    ChannelSetup::new("mine")
}

async fn status_is(vitrine: &Vitrine, channel: &str, wanted: &str) -> Value {
    until(&format!("{channel} is {wanted}"), PATIENCE, async || {
        let status = vitrine.status(channel).await;
        (status["status"] == wanted).then_some(status)
    })
    .await
}

/// Publishes what is refused; FFmpeg must fail, having printed all of `words`.
async fn refused(vitrine: &Vitrine, source: &Source, url: &str, words: &[&str]) {
    let mut publisher = Publisher::start_at(source, vitrine, url, "refused");
    let status = publisher.ended(PATIENCE).await;
    let log = publisher.log();
    assert!(!status.success(), "{words:?}: FFmpeg was content: {log}");
    for word in words {
        assert!(log.contains(word), "{word:?} is not in {log}");
    }
    let own = vitrine.log();
    assert!(
        !own.contains("key-of-"),
        "a stream key in the server's log: {own}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_publish_is_told_why() {
    let (vitrine, publisher) = stage("encoders-refused", mine().ladder("\"passthrough\"")).await;
    let witness = Witness::of(&vitrine, "show").await;
    let (rtmp, mine) = (vitrine.rtmp(), vitrine.publish_url("mine"));
    let picture = small_picture();
    let wrong_key = format!("rtmp://{rtmp}/live/key-of-nobody");
    refused(&vitrine, &picture, &wrong_key, &["wrong stream key"]).await;
    let no_key = format!("rtmp://{rtmp}/live/");
    refused(&vitrine, &picture, &no_key, &["wrong stream key"]).await;
    let other_app = format!("rtmp://{rtmp}/stream/key-of-mine");
    refused(&vitrine, &picture, &other_app, &["no such application", "/live"]).await;
    let busy = vitrine.publish_url("show");
    refused(&vitrine, &picture, &busy, &["channel show is busy"]).await;

    let sorenson = small_picture().encoder("flv").b_frames(0);
    refused(
        &vitrine,
        &sorenson,
        &mine,
        &["video codec", "not supported", "H.264"],
    )
    .await;
    let mp3 = small_picture().with(&["-c:a", "libmp3lame"]);
    refused(&vitrine, &mp3, &mine, &["audio codec", "not supported", "AAC"]).await;
    // OBS's keyframe interval of 0 is x264's default: 250 frames, or 8.3 s.
    let long_gop = small_picture().gop_frames(250);
    let advice = ["keyframes", "Keyframe Interval"];
    refused(&vitrine, &long_gop, &mine, &advice).await;
    let status = vitrine.status("mine").await;
    let said = status["advice"][0].as_str().unwrap_or_default();
    assert!(said.contains("Keyframe Interval"), "{status}");
    assert_eq!(
        status["session"],
        Value::Null,
        "nothing of it was ever shown: {status}"
    );

    // The channel itself took no harm.
    let good = Publisher::start(&picture, &vitrine, "mine");
    vitrine.live("mine").await;
    let status = status_is(&vitrine, "mine", "live").await;
    let advice = status["advice"].to_string();
    assert!(
        !advice.contains("Keyframe"),
        "the former encoder's advice: {status}"
    );
    good.stop().await;
    witness.undisturbed().await;
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_left_as_it_was_installed_is_shown_and_advised() {
    let (vitrine, publisher) = stage("encoders-default", mine()).await;
    // A keyframe each 250 frames: with a ladder, the picture is encoded anew.
    let source = small_picture().gop_frames(250);
    let own = Publisher::start(&source, &vitrine, "mine");
    vitrine.live("mine").await;
    let witness = Witness::of(&vitrine, "mine").await;
    until("it is advised", PATIENCE, async || {
        let status = vitrine.status("mine").await;
        let advice = status["advice"].to_string();
        advice.contains("Keyframe Interval").then_some(())
    })
    .await;
    witness.undisturbed().await;
    own.stop().await;
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_encoder_is_dropped_and_its_channel_is_free_again() {
    // The session outlives the test's looking at it.
    let (vitrine, publisher) = stage_with("encoders-silent", mine(), 4, 60).await;
    let witness = Witness::of(&vitrine, "show").await;
    let mut frozen = Publisher::start(&small_picture(), &vitrine, "mine");
    vitrine.live("mine").await;
    frozen.freeze();
    let status = status_is(&vitrine, "mine", "away").await;
    // The connection is still there: only its media are missing.
    assert!(status["session"].is_string(), "{status}");
    let status = until("the encoder is dropped", PATIENCE, async || {
        let status = vitrine.status("mine").await;
        status["publication"].is_null().then_some(status)
    })
    .await;
    assert!(status["session"].is_string(), "{status}");
    frozen.thaw();
    let exit = frozen.ended(PATIENCE).await;
    assert!(!exit.success(), "FFmpeg did not notice: {}", frozen.log());
    assert!(
        vitrine.log().contains("no usable audio or video for 4 s"),
        "{}",
        vitrine.log()
    );
    // Another one may take its place at once.
    let next = Publisher::start(&small_picture(), &vitrine, "mine");
    status_is(&vitrine, "mine", "live").await;
    next.stop().await;
    witness.undisturbed().await;
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_changes_or_is_missing_is_no_harm_to_others() {
    let (vitrine, publisher) = stage("encoders-odd", mine()).await;
    let witness = Witness::of(&vitrine, "show").await;
    // Only a tone, only a picture, a mono tone at another rate: shows like any other.
    let mono = Audio {
        sample_rate_hz: 44_100,
        channels: 1,
        bitrate_kbps: 64,
    };
    for source in [
        Source::tone(),
        small_picture().audio(None),
        Source::tone().audio(Some(mono)),
    ] {
        let own = Publisher::start(&source, &vitrine, "mine");
        status_is(&vitrine, "mine", "live").await;
        own.stop().await;
        status_is(&vitrine, "mine", "ended").await;
    }
    witness.undisturbed().await;
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}
