//! An encoder that changes in the midst of its show, without leaving: the session goes on, every rendition in step, and a player
//! plays on. FFmpeg publishes what the harness has spliced.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::playlist::{MediaPlaylist, Segment};
use vitrine_tests::conformance::{self, Report};
use vitrine_tests::harness::{
    Audio, ChannelSetup, Publisher, Script, Source, Vitrine, Witness, splice, until,
};

const PATIENCE: Duration = Duration::from_secs(60);
const BROWSER_PATIENCE: Duration = Duration::from_secs(180);
/// Long enough for viewers to have come when the first clip ends.
const BEFORE_S: f64 = 12.0;
const AFTER_S: f64 = 20.0;
/// The source, an encoded rung, the audio.
const RENDITIONS: usize = 3;
/// How far the playlists of renditions may be apart at any moment: with an encoder beside it, the machine's speed. It is printed.
const IN_STEP: u16 = 77;
/// A segment of silence is smaller than this, one of the tone larger than that.
const SILENCE_BYTES: usize = 6_000;
const TONE_BYTES: usize = 12_000;

fn small() -> Source {
    Source::picture().size(320, 180).bitrate_kbps(300)
}

/// A channel's show, a checker that follows it, and its session.
struct Show {
    vitrine: Vitrine,
    publisher: Publisher,
    witness: Witness,
    session: String,
}

impl Show {
    /// Publishes what `source` makes of a folder, on a channel with a ladder: the source and an encoded rung.
    async fn begin(name: &str, source: impl FnOnce(&Path) -> Source) -> Self {
        let channel = ChannelSetup::new("demo").ladder("[{ passthrough = true }, { height = 120 }]");
        let vitrine = Vitrine::named(name).channel(channel).start().await;
        let source = source(vitrine.folder());
        let publisher = Publisher::start(&source, &vitrine, "demo");
        // A rung that is behind at the start is left out until it has caught up.
        until("every rendition is advertised", PATIENCE, async || {
            let url = vitrine.playlist("demo");
            let read = conformance::multivariant(vitrine.client(), &url, &mut Findings::default()).await;
            (read.ok()?.renditions.len() == RENDITIONS).then_some(())
        })
        .await;
        let witness = Witness::of(&vitrine, "demo").await;
        let session = session(&vitrine).await;
        Self {
            vitrine,
            publisher,
            witness,
            session,
        }
    }

    /// The media playlists as they are now, by URL.
    async fn playlists(&self) -> Vec<(url::Url, MediaPlaylist)> {
        let mut findings = Findings::default();
        let client = self.vitrine.client();
        let read = conformance::multivariant(client, &self.vitrine.playlist("demo"), &mut findings)
            .await
            .unwrap();
        let mut playlists = Vec::new();
        for rendition in read.renditions {
            let answer = client.get(rendition.url.as_str()).await.unwrap();
            playlists.push((rendition.url, MediaPlaylist::parse(&answer.text(), &mut findings)));
        }
        assert_eq!(findings.count(), 0, "{:?}", findings.violations());
        playlists
    }

    /// Waits until `is_so` of every media playlist.
    async fn all(
        &self,
        what: &str,
        is_so: impl Fn(&MediaPlaylist) -> bool,
    ) -> Vec<(url::Url, MediaPlaylist)> {
        until(what, PATIENCE, async || {
            let now = self.playlists().await;
            now.iter().all(|(_, playlist)| is_so(playlist)).then_some(now)
        })
        .await
    }

    /// Waits until every rendition has a whole segment of media behind a discontinuity, the same one.
    async fn discontinued(&self) -> Vec<(url::Url, MediaPlaylist)> {
        let now = self
            .all("media behind a discontinuity", |playlist| {
                broken_at(playlist).is_some_and(|msn| {
                    let mut behind = playlist.segments.iter().filter(|segment| segment.msn >= msn);
                    behind.any(|segment| !segment.gap && !segment.uri.is_empty())
                })
            })
            .await;
        let places: Vec<_> = now.iter().map(|(_, playlist)| broken_at(playlist)).collect();
        assert!(
            places.iter().all(|place| *place == places[0]),
            "rungs break at different segments: {places:?}"
        );
        now
    }

    /// The bytes of the whole segments of the audio, in their order.
    async fn audio_segments(&self) -> Vec<usize> {
        let playlists = self.playlists().await;
        let (url, playlist) = playlists
            .iter()
            .find(|(url, _)| url.path().contains("audio"))
            .unwrap();
        let mut sizes = Vec::new();
        for segment in playlist.segments.iter().filter(|segment| is_whole(segment)) {
            let media = url.join(&segment.uri).unwrap();
            let answer = self.vitrine.client().get(media.as_str()).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK, "{media}");
            sizes.push(answer.body.len());
        }
        sizes
    }

    /// The same session to the end, and no rule broken but [`IN_STEP`].
    async fn end(self) -> Report {
        assert_eq!(session(&self.vitrine).await, self.session, "the same session");
        let report = self.witness.report().await;
        println!("{report}");
        let broken = report
            .violations()
            .iter()
            .filter(|violation| violation.spec != IN_STEP);
        assert_eq!(broken.count(), 0, "{report}");
        assert!(report.failures.is_empty(), "{report}");
        self.publisher.stop().await;
        assert!(self.vitrine.stop().await.success());
        report
    }
}

/// The session that a channel's status names: it is renewed once a second.
async fn session(vitrine: &Vitrine) -> String {
    until("a session", PATIENCE, async || {
        let status = vitrine.status("demo").await;
        status["session"].as_str().map(str::to_owned)
    })
    .await
}

fn is_whole(segment: &Segment) -> bool {
    !segment.gap && !segment.uri.is_empty()
}

/// The last segment before which a discontinuity stands.
fn broken_at(playlist: &MediaPlaylist) -> Option<u64> {
    let mut from_the_end = playlist.segments.iter().rev();
    from_the_end
        .find(|segment| segment.discontinuity)
        .map(|segment| segment.msn)
}

fn maps(playlist: &MediaPlaylist) -> usize {
    let mut maps: Vec<_> = playlist
        .segments
        .iter()
        .filter_map(|segment| segment.map.as_ref())
        .collect();
    maps.dedup();
    maps.len()
}

/// hls.js as it comes plays a channel with a changing show to its end, with no fatal error.
async fn played(vitrine: &Vitrine, arguments: &[&str]) -> Value {
    let picture = vitrine.folder().join("page.png").display().to_string();
    let url = vitrine.playlist("demo");
    let mut all = vec![url.as_str()];
    all.extend_from_slice(arguments);
    all.extend(["--player", "hls", "--screenshot", &picture]);
    let figures = Script::start(vitrine, "play.mjs", &all)
        .figures(BROWSER_PATIENCE)
        .await;
    println!("hls.js: {figures}");
    assert_eq!(figures["reloads"], 0, "{figures}");
    let errors = figures["errors"].to_string();
    assert!(!errors.contains("(fatal)"), "{errors}");
    figures
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_plays_on_when_the_picture_has_another_size() {
    let vitrine = Vitrine::named("midstream-size").start().await;
    let clips = [
        (Source::picture(), 25.0),
        (Source::picture().size(426, 240), 60.0),
    ];
    let source = splice(vitrine.folder(), &clips);
    let publisher = Publisher::start(&source, &vitrine, "demo");
    vitrine.live("demo").await;
    let begun = session(&vitrine).await;
    let figures = played(&vitrine, &["5", "--shows", "426x240"]).await;
    assert_eq!(session(&vitrine).await, begun, "the same session");
    let sizes = figures["sizes"].as_array().unwrap();
    assert_eq!(sizes.last(), Some(&json!("426x240")), "{figures}");
    publisher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_size_gets_another_init_section_behind_one_discontinuity() {
    let clips = [(small(), BEFORE_S), (small().size(426, 240), AFTER_S)];
    let show = Show::begin("midstream-init", |folder| splice(folder, &clips)).await;
    // The encoded rung and the audio are what they were.
    for (url, playlist) in show.discontinued().await {
        let expected = if url.path().contains("video-180p") { 2 } else { 1 };
        assert_eq!(maps(&playlist), expected, "{url}");
    }
    show.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_frame_rate_goes_on_behind_one_discontinuity() {
    let clips = [(small(), BEFORE_S), (small().fps("25").gop_frames(50), AFTER_S)];
    let show = Show::begin("midstream-rate", |folder| splice(folder, &clips)).await;
    show.discontinued().await;
    show.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mono_that_becomes_stereo_goes_on_behind_one_discontinuity() {
    let of = |channels| {
        small().audio(Some(Audio {
            channels,
            ..Audio::default()
        }))
    };
    let clips = [(of(1), BEFORE_S), (of(2), AFTER_S)];
    let show = Show::begin("midstream-stereo", |folder| splice(folder, &clips)).await;
    for (url, playlist) in show.discontinued().await {
        if url.path().contains("audio") {
            assert_eq!(maps(&playlist), 2, "{url}");
        }
    }
    show.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_that_starts_late_is_silence_until_then() {
    let clips = [(small().audio(None), BEFORE_S), (small(), AFTER_S)];
    let show = Show::begin("midstream-late-audio", |folder| splice(folder, &clips)).await;
    assert!(
        show.audio_segments()
            .await
            .iter()
            .all(|size| *size < SILENCE_BYTES)
    );
    until("the tone", PATIENCE, async || {
        let sizes = show.audio_segments().await;
        sizes.iter().any(|size| *size > TONE_BYTES).then_some(())
    })
    .await;
    without_a_break(show).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_that_stops_is_silence_from_then_on() {
    let clips = [(small(), BEFORE_S), (small().audio(None), AFTER_S)];
    let show = Show::begin("midstream-no-audio", |folder| splice(folder, &clips)).await;
    assert!(show.audio_segments().await.iter().all(|size| *size > TONE_BYTES));
    until("silence", PATIENCE, async || {
        let sizes = show.audio_segments().await;
        sizes
            .last()
            .is_some_and(|size| *size < SILENCE_BYTES)
            .then_some(())
    })
    .await;
    without_a_break(show).await;
}

/// Neither a gap nor a discontinuity in any rendition.
async fn without_a_break(show: Show) {
    for (url, playlist) in show.playlists().await {
        assert_eq!(broken_at(&playlist), None, "{url}");
    }
    for (name, figures) in show.end().await.figures {
        assert_eq!(figures.gaps, 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn video_that_stops_while_audio_goes_on_is_a_gap() {
    let clips = [(small(), BEFORE_S), (Source::tone(), 8.0), (small(), AFTER_S)];
    let show = Show::begin("midstream-no-video", |folder| splice(folder, &clips)).await;
    show.all("a segment of gap", |playlist| {
        playlist.segments.iter().any(|segment| segment.gap)
    })
    .await;
    show.discontinued().await;
    show.end().await;
}
