//! What viewers see: the watch page and other players in headless Chromium (`tests/browser/`). Pictures of the page are
//! kept in `tests/out/browser-*/`.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use vitrine_tests::harness::{Publisher, Script, Source, Vitrine};

const PATIENCE: Duration = Duration::from_secs(120);

/// A browser decodes in software: more than two at a time are too much for a small machine.
async fn seat() -> Result<SemaphorePermit<'static>, AcquireError> {
    static SEATS: Semaphore = Semaphore::const_new(2);
    SEATS.acquire().await
}

fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Five events reach the page, each once, on its frame; a phone that joins later, when they have left the parts that it
/// begins with, has the card without having seen them.
#[tokio::test(flavor = "multi_thread")]
async fn events_reach_the_page_once_on_their_frame_and_a_late_viewer_has_the_card() {
    let _seat = seat().await.unwrap();
    let vitrine = Vitrine::named("browser-watch").start().await;
    let show = Source::picture().size(1280, 720).bitrate_kbps(2500);
    let publisher = Publisher::start(&show, &vitrine, "demo");
    vitrine.live("demo").await;
    let token = &vitrine.channel("demo").event_token;
    let pictures = vitrine.folder().display().to_string();
    let origin = vitrine.url("");
    let arguments = [
        origin.as_str(),
        "demo",
        token,
        "--late",
        "15",
        "--pictures",
        &pictures,
    ];
    let figures = Script::start(&vitrine, "watch.mjs", &arguments)
        .figures(PATIENCE)
        .await;
    println!("watch page: {figures}");
    assert_eq!(figures["events"]["count"], 5);
    assert!(
        played_only(&figures, &["720p", "480p", "360p", "240p"]),
        "{figures}"
    );
    for picture in ["watch.png", "watch-phone.png"] {
        let bytes = std::fs::read(vitrine.folder().join(picture)).unwrap();
        assert!(bytes.starts_with(b"\x89PNG"), "{picture}");
    }
    publisher.stop().await;
}

/// The encoder is killed and comes back; is killed and stays away; a new show begins: the page is never reloaded.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_plays_on_when_the_encoder_returns_and_says_when_the_show_has_ended() {
    let _seat = seat().await.unwrap();
    let vitrine = Vitrine::named("browser-reconnect")
        .reconnect_window_s(20)
        .start()
        .await;
    let show = Source::picture();
    let publisher = Publisher::start(&show, &vitrine, "demo");
    vitrine.live("demo").await;
    let pictures = vitrine.folder().display().to_string();
    let arguments = [&vitrine.url(""), "demo", "--pictures", &pictures];
    let mut script = Script::start(&vitrine, "reconnect.mjs", &arguments);
    script.says("playing", PATIENCE).await;
    publisher.kill();
    script.says("away", PATIENCE).await;
    let publisher = Publisher::start(&show, &vitrine, "demo");
    script.says("back", PATIENCE).await;
    publisher.kill();
    script.says("ended", PATIENCE).await;
    let publisher = Publisher::start(&show, &vitrine, "demo");
    let figures = script.figures(PATIENCE).await;
    println!("reconnect: {figures}");
    let notices = &figures["notices"];
    assert!(
        words(&notices["away"]).starts_with("Back in a moment"),
        "{notices}"
    );
    assert!(
        words(&notices["ended"]).starts_with("The show has ended"),
        "{notices}"
    );
    publisher.stop().await;
}

/// Whether a player met no error. That its buffer ran dry for a moment, or that a rung was left out for a while, is the machine's
/// affair.
fn unharmed(figures: &Value) -> bool {
    let errors = figures["errors"].as_array();
    errors.is_some_and(|errors| {
        let is_slowness = |error: &Value| {
            let of_slowness = ["bufferStalledError:", "fragGap:"];
            of_slowness.iter().any(|kind| words(error).starts_with(kind))
        };
        errors.iter().all(is_slowness)
    })
}

/// A merchandiser signs in, loads a catalogue, shows a product, sees it on the watch page, takes it back, schedules and cancels;
/// what is wrong is told at its field; all of it also on a phone.
#[tokio::test(flavor = "multi_thread")]
async fn the_studio_puts_on_air_takes_back_schedules_and_cancels() {
    let _seat = seat().await.unwrap();
    let vitrine = Vitrine::named("browser-studio").start().await;
    let publisher = Publisher::start(&Source::picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let token = &vitrine.channel("demo").event_token;
    let pictures = vitrine.folder().display().to_string();
    let origin = vitrine.url("");
    let arguments = [origin.as_str(), "demo", token, "--pictures", &pictures];
    let figures = Script::start(&vitrine, "studio.mjs", &arguments)
        .figures(PATIENCE)
        .await;
    println!("studio: {figures}");
    assert!(words(&figures["problem"]).contains("coupon.code"), "{figures}");
    // The preview is one.
    assert!(figures["viewers"].as_u64() >= Some(1), "{figures}");
    assert!(!vitrine.log().contains(token.as_str()), "the token is in the log");
    publisher.stop().await;
}

/// Whether all that was played are rungs of the ladder, and something was.
fn played_only(figures: &serde_json::Value, ladder: &[&str]) -> bool {
    figures["renditions"].as_array().is_some_and(|played| {
        !played.is_empty()
            && played
                .iter()
                .all(|one| one.as_str().is_some_and(|one| ladder.contains(&one)))
    })
}

/// Players that know nothing of Vitrine play its show from another origin, as a shop's own page would.
#[tokio::test(flavor = "multi_thread")]
async fn hls_js_and_shaka_player_play_as_they_come() {
    const SECONDS: u64 = 10;
    let _seat = seat().await.unwrap();
    let vitrine = Vitrine::named("browser-players").start().await;
    let publisher = Publisher::start(&Source::picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    for player in ["hls", "shaka"] {
        let picture = vitrine
            .folder()
            .join(format!("{player}.png"))
            .display()
            .to_string();
        let (url, seconds) = (vitrine.playlist("demo"), SECONDS.to_string());
        // Thirty a second; a busy machine takes longer.
        let frames = (15 * SECONDS).to_string();
        let arguments = [
            url.as_str(),
            &seconds,
            "--frames",
            &frames,
            "--player",
            player,
            "--screenshot",
            &picture,
        ];
        let figures = Script::start(&vitrine, "play.mjs", &arguments)
            .figures(PATIENCE)
            .await;
        println!("{player}: {figures}");
        assert!(unharmed(&figures), "{player}: {figures}");
        assert_eq!(figures["reloads"], 0, "{player}");
        assert!(played_only(&figures, &["360p", "240p"]), "{player}: {figures}");
        assert!(
            figures["latency_s"]["samples"].as_u64().unwrap() > SECONDS,
            "{player}: {figures}"
        );
    }
    publisher.stop().await;
}
