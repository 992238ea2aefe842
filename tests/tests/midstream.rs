//! An encoder that changes in the midst of its show, without leaving: the session goes on, every rendition in step, and players
//! play on. One show goes through one change after the other, each when the pages that watch it have got past the one before.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use vitrine_tests::conformance;
use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::playlist::{MediaPlaylist, Segment};
use vitrine_tests::harness::{
    Audio, ChannelSetup, Clip, ClipPublisher, Script, Source, Vitrine, Witness, until,
};

/// Only something that hangs takes so long: how fast this machine is must not matter.
const PATIENCE: Duration = Duration::from_secs(240);
/// A page stands still if it has media to play, and is at the same place in so many looks at it: fifty seconds, and more on a
/// machine on which a look takes its time.
const LOOKS_AT_REST: u64 = 200;
/// How far the playlists of renditions may be apart at any moment: with an encoder beside it, the machine's speed. It is printed.
const IN_STEP: u16 = 77;
/// A segment of silence is smaller than this, one of the tone larger than that.
const SILENCE_BYTES: usize = 4_000;
const TONE_BYTES: usize = 8_000;
/// The pages that watch: hls.js as it comes, and the watch page.
const PAGES: [&str; 2] = ["hls", "watch"];

/// Two browsers' pages are enough for a small machine: one show at a time.
async fn seat() -> SemaphorePermit<'static> {
    static SEATS: Semaphore = Semaphore::const_new(1);
    SEATS.acquire().await.unwrap()
}

/// A picture whose keyframes are as far apart as a clip is long, and so small that any machine shows it in real time.
fn picture() -> Source {
    Source::picture().size(192, 108).bitrate_kbps(100).gop_frames(48)
}

fn with_channels(source: Source, channels: u32) -> Source {
    source.audio(Some(Audio {
        channels,
        ..Audio::default()
    }))
}

/// A channel's media playlists at one moment, by URL.
type Playlists = Vec<(url::Url, MediaPlaylist)>;

/// A channel's show, a checker that follows it, and two pages that watch it.
struct Show {
    vitrine: Vitrine,
    publisher: ClipPublisher,
    witness: Witness,
    pages: Script,
    session: String,
}

impl Show {
    /// Publishes `clip` on a channel that has so many renditions then.
    async fn begin(vitrine: Vitrine, renditions: usize, clip: &Clip, later: &Clip) -> Self {
        let publisher = ClipPublisher::start(clip, later, &vitrine, "demo");
        // A rung that is behind at the start is left out until it has caught up.
        until("every rendition is advertised", PATIENCE, async || {
            let url = vitrine.playlist("demo");
            let read = conformance::multivariant(vitrine.client(), &url, &mut Findings::default()).await;
            (read.ok()?.renditions.len() == renditions).then_some(())
        })
        .await;
        let witness = Witness::of(&vitrine, "demo").await;
        let session = session(&vitrine).await;
        let (origin, pictures) = (vitrine.url(""), vitrine.folder().display().to_string());
        let arguments = [&origin, "demo", "--pictures", &pictures];
        let mut pages = Script::start(&vitrine, "midstream.mjs", &arguments);
        pages.says("playing", PATIENCE).await;
        Self {
            vitrine,
            publisher,
            witness,
            pages,
            session,
        }
    }

    async fn playlists(&self) -> Playlists {
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

    /// How many discontinuities there were, the same in every rendition.
    async fn breaks(&self) -> u64 {
        until("renditions break alike", PATIENCE, async || {
            let now = self.playlists().await;
            let first = breaks(&now.first()?.1);
            now.iter().all(|(_, one)| breaks(one) == first).then_some(first)
        })
        .await
    }

    /// Does something to the show that must be one discontinuity, at the same segment of every rendition; and the pages play what
    /// is behind it.
    async fn breaks_once(&mut self, what: &str, change: impl FnOnce(&ClipPublisher)) -> Playlists {
        let before = self.breaks().await;
        change(&self.publisher);
        let now = until(&format!("{what}: media behind it"), PATIENCE, async || {
            let now = self.playlists().await;
            let is_behind = |(_, playlist): &(url::Url, MediaPlaylist)| {
                breaks(playlist) > before
                    && broken_at(playlist).is_some_and(|msn| {
                        playlist
                            .whole()
                            .iter()
                            .any(|segment| segment.msn >= msn && !segment.gap)
                    })
            };
            now.iter().all(is_behind).then_some(now)
        })
        .await;
        let places: Vec<_> = now.iter().map(|(_, playlist)| broken_at(playlist)).collect();
        assert!(
            places.iter().all(|place| *place == places[0]),
            "{what}: rungs break at different segments: {places:?}"
        );
        assert_eq!(self.breaks().await, before + 1, "{what}: one discontinuity");
        self.pages_pass(what).await;
        now
    }

    /// Waits until the pages have played all that there is now.
    async fn pages_pass(&mut self, what: &str) {
        let (_, newest) = self.playlists().await.remove(0);
        let end = newest.whole().last().and_then(|last| {
            let length_us = i64::try_from(last.duration.as_micros()).ok()?;
            Some((last.pdt_us? + length_us) / 1000)
        });
        let end = end.unwrap() as f64;
        for (index, page) in PAGES.iter().enumerate() {
            let mut rest = Rest::default();
            until(&format!("{page} plays on: {what}"), PATIENCE, async || {
                let seen = self.pages.latest();
                let date = seen["dates"][index].as_f64();
                assert!(
                    rest.looks(&seen["looks"], date) < LOOKS_AT_REST,
                    "{page} stands still: {what}: {seen}"
                );
                (date? >= end).then_some(())
            })
            .await;
        }
        println!("the pages have passed: {what}");
    }

    /// The bytes of the whole segments of the audio from segment `msn` on.
    async fn audio_segments(&self, msn: u64) -> Vec<usize> {
        let playlists = self.playlists().await;
        let (url, playlist) = playlists
            .iter()
            .find(|(url, _)| url.path().contains("audio"))
            .unwrap();
        let mut sizes = Vec::new();
        let wanted = |segment: &&Segment| segment.msn >= msn && !segment.gap;
        for segment in playlist.whole().iter().filter(wanted) {
            let media = url.join(&segment.uri).unwrap();
            let answer = self.vitrine.client().get(media.as_str()).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK, "{media}");
            sizes.push(answer.body.len());
        }
        sizes
    }

    /// The number of the segment that comes next in the renditions that are furthest.
    async fn next_segment(&self) -> u64 {
        let playlists = self.playlists().await;
        playlists
            .iter()
            .map(|(_, playlist)| playlist.next().0)
            .max()
            .unwrap()
    }

    /// Does something to the show after which the audio's segments are of other sizes, with no discontinuity; and the pages play on.
    async fn audio_becomes(
        &mut self,
        what: &str,
        change: impl FnOnce(&ClipPublisher),
        is_so: impl Fn(usize) -> bool,
    ) {
        let (before, from) = (self.breaks().await, self.next_segment().await);
        let now = self.audio_segments(from.saturating_sub(1)).await;
        assert!(
            !now.iter().any(|size| is_so(*size)),
            "{what}: it is so before: {now:?}"
        );
        change(&self.publisher);
        until(what, PATIENCE, async || {
            let sizes = self.audio_segments(from).await;
            sizes.last().is_some_and(|size| is_so(*size)).then_some(())
        })
        .await;
        self.pages_pass(what).await;
        assert_eq!(self.breaks().await, before, "{what}: no discontinuity");
    }

    /// The same session to the end, no rule broken but [`IN_STEP`], and pages that were never loaded anew, and met nothing fatal;
    /// what they saw.
    async fn end(self) -> Value {
        assert_eq!(session(&self.vitrine).await, self.session, "the same session");
        let report = self.witness.report().await;
        println!("{report}");
        let violations = report.violations().iter();
        let broken = violations.filter(|violation| violation.spec != IN_STEP);
        assert_eq!(broken.count(), 0, "{report}");
        assert!(report.failures.is_empty(), "{report}");
        self.publisher.stop().await;
        let pages = self.pages.figures(PATIENCE).await;
        println!("pages: {pages}");
        for page in PAGES {
            let seen = &pages[page];
            assert_eq!(seen["reloads"], 0, "{page}: {seen}");
            assert_eq!(seen["loads"], 1, "{page}: {seen}");
            assert!(!seen["errors"].to_string().contains("(fatal)"), "{page}: {seen}");
        }
        assert!(self.vitrine.stop().await.success());
        pages
    }
}

/// How long a page has been at one place.
#[derive(Default)]
struct Rest {
    date: Option<f64>,
    since_look: Option<u64>,
}

impl Rest {
    /// How many looks there were since the one that found another media date.
    fn looks(&mut self, look: &Value, date: Option<f64>) -> u64 {
        let Some(look) = look.as_u64() else { return 0 };
        if date != self.date {
            (self.date, self.since_look) = (date, None);
        }
        look - *self.since_look.get_or_insert(look)
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

/// The last segment before which a discontinuity stands.
fn broken_at(playlist: &MediaPlaylist) -> Option<u64> {
    let mut from_the_end = playlist.segments.iter().rev();
    from_the_end
        .find(|segment| segment.discontinuity)
        .map(|segment| segment.msn)
}

/// Discontinuities, those of segments that are not listed any more included.
fn breaks(playlist: &MediaPlaylist) -> u64 {
    let listed = playlist.segments.iter().filter(|segment| segment.discontinuity);
    playlist.discontinuity_sequence.unwrap_or(0) + listed.count() as u64
}

/// Init sections of the listed segments.
fn maps(playlist: &MediaPlaylist) -> usize {
    let mut maps: Vec<_> = playlist
        .segments
        .iter()
        .filter_map(|segment| segment.map.as_ref())
        .collect();
    maps.dedup();
    maps.len()
}

/// How many init sections a kind of rendition has.
fn maps_of(playlists: &Playlists, kind: &str) -> usize {
    let mut of_kind = playlists.iter().filter(|(url, _)| url.path().contains(kind));
    of_kind.next().map(|(_, playlist)| maps(playlist)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_play_on_whatever_the_encoder_changes() {
    let _seat = seat().await;
    let channel = ChannelSetup::new("demo").ladder("[{ passthrough = true }, { height = 72 }]");
    let vitrine = Vitrine::named("midstream").channel(channel).start().await;
    let stereo = with_channels(picture(), 2);
    let slower = stereo.clone().fps("25").gop_frames(40);
    let sources = [
        picture().audio(None),
        with_channels(picture(), 1),
        stereo.clone(),
        stereo.clone().with(&["-profile:v", "main"]),
        slower.clone(),
        slower.clone().size(256, 144),
        slower.size(256, 144).audio(None),
        Source::tone(),
    ];
    let [silent, mono, stereo, profile, slower, larger, mute, tone] = Clip::record(vitrine.folder(), sources);
    // The source, an encoded rung, the audio.
    let mut show = Show::begin(vitrine, 3, &silent, &mono).await;

    let is_tone = |size| size > TONE_BYTES;
    show.audio_becomes(
        "audio that starts late",
        |encoder| encoder.change_to(&mono),
        is_tone,
    )
    .await;

    let now = show
        .breaks_once("mono to stereo", |encoder| encoder.change_to(&stereo))
        .await;
    assert_eq!((maps_of(&now, "audio"), maps_of(&now, "video-72p")), (2, 1));

    let now = show
        .breaks_once("a new SPS of the same size", |encoder| {
            encoder.change_to(&profile);
        })
        .await;
    assert_eq!((maps_of(&now, "video-108p"), maps_of(&now, "video-72p")), (2, 1));

    show.breaks_once("another frame rate", |encoder| encoder.change_to(&slower))
        .await;

    let before = maps_of(&show.playlists().await, "video-108p");
    let now = show
        .breaks_once("another size", |encoder| encoder.change_to(&larger))
        .await;
    assert_eq!(
        (maps_of(&now, "video-108p"), maps_of(&now, "video-72p")),
        (before + 1, 1)
    );

    let ahead = Duration::from_secs(10);
    show.breaks_once("stamps that leap", |encoder| encoder.leap(&larger, ahead))
        .await;

    let is_silence = |size| size < SILENCE_BYTES;
    show.audio_becomes(
        "audio that goes away",
        |encoder| encoder.change_to(&mute),
        is_silence,
    )
    .await;

    show.publisher.change_to(&tone);
    until("the picture is missed", PATIENCE, async || {
        (show.vitrine.status("demo").await["status"] == "away").then_some(())
    })
    .await;
    show.breaks_once(
        "video that stopped while audio went on, and comes back",
        |encoder| {
            encoder.change_to(&larger);
        },
    )
    .await;

    show.end().await;
}

/// Where there is nothing but the source, it is what the pages show.
#[tokio::test(flavor = "multi_thread")]
async fn pages_show_the_picture_in_its_other_size() {
    let _seat = seat().await;
    let channel = ChannelSetup::new("demo").ladder("\"passthrough\"");
    let vitrine = Vitrine::named("midstream-size").channel(channel).start().await;
    let sources = [picture(), picture().size(256, 144)];
    let [small, large] = Clip::record(vitrine.folder(), sources);
    let mut show = Show::begin(vitrine, 2, &small, &small).await;
    show.breaks_once("another size", |encoder| encoder.change_to(&large))
        .await;
    let pages = show.end().await;
    for page in PAGES {
        assert_eq!(
            pages[page]["sizes"],
            json!(["192x108", "256x144"]),
            "{page}: {pages}"
        );
    }
}
