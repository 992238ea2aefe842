//! The encoder goes away in the middle of a show: gaps, a discontinuity and the same session, or the end.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

use std::time::Duration;

use http::StatusCode;
use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::playlist::MediaPlaylist;
use vitrine_tests::conformance::{self, Report};
use vitrine_tests::harness::{Publisher, Source, Vitrine, Witness, until};

const PATIENCE: Duration = Duration::from_secs(60);

fn small_picture() -> Source {
    Source::picture().size(320, 180).bitrate_kbps(300)
}

/// The media playlists of a channel, as they are now, by URL.
async fn playlists(vitrine: &Vitrine, channel: &str) -> Vec<(String, MediaPlaylist)> {
    let mut findings = Findings::default();
    let url = vitrine.playlist(channel);
    let read = conformance::multivariant(vitrine.client(), &url, &mut findings)
        .await
        .unwrap();
    let mut playlists = Vec::new();
    for rendition in read.renditions {
        let answer = vitrine.client().get(rendition.url.as_str()).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", rendition.url);
        let playlist = MediaPlaylist::parse(&answer.text(), &mut findings);
        playlists.push((rendition.url.into(), playlist));
    }
    assert_eq!(findings.count(), 0, "{:?}", findings.violations());
    playlists
}

async fn status_is(vitrine: &Vitrine, channel: &str, wanted: &str) {
    until(&format!("the channel is {wanted}"), PATIENCE, async || {
        let status = vitrine.status(channel).await;
        (status["status"] == wanted).then_some(())
    })
    .await;
}

/// Segments of gap and of media that each playlist lists, and where its discontinuities are.
fn outline(playlist: &MediaPlaylist) -> (Vec<u64>, Vec<u64>) {
    let msns = |of: &dyn Fn(&&vitrine_tests::conformance::playlist::Segment) -> bool| {
        playlist
            .segments
            .iter()
            .filter(of)
            .map(|segment| segment.msn)
            .collect()
    };
    (
        msns(&|segment| segment.gap),
        msns(&|segment| segment.discontinuity),
    )
}

fn assert_looked_at(report: &Report, rules: &[u16]) {
    for rule in rules {
        assert!(
            report.findings.times(*rule) > 0,
            "rule {rule} was never looked at\n{report}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returning_encoder_goes_on_with_the_same_session() {
    let vitrine = Vitrine::named("reconnect").reconnect_window_s(60).start().await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let witness = Witness::of(&vitrine, "demo").await;
    let before = playlists(&vitrine, "demo").await;
    // Two whole segments of this encoder, so that the break is in the middle of something.
    let seen = before[0].1.next().0 + 2;
    until("two segments more", PATIENCE, async || {
        (playlists(&vitrine, "demo").await[0].1.next().0 >= seen).then_some(())
    })
    .await;

    publisher.kill();
    status_is(&vitrine, "demo", "away").await;
    until("two segments of gap in each rendition", PATIENCE, async || {
        let now = playlists(&vitrine, "demo").await;
        now.iter()
            .all(|(_, playlist)| outline(playlist).0.len() >= 2)
            .then_some(())
    })
    .await;

    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    status_is(&vitrine, "demo", "live").await;
    let after = until("two segments behind the discontinuity", PATIENCE, async || {
        let now = playlists(&vitrine, "demo").await;
        let resumed = |playlist: &MediaPlaylist| {
            let break_at = outline(playlist).1.last().copied();
            break_at.is_some_and(|msn| playlist.next().0 > msn + 2)
        };
        now.iter().all(|(_, playlist)| resumed(playlist)).then_some(now)
    })
    .await;

    let urls = |playlists: &[(String, MediaPlaylist)]| -> Vec<String> {
        playlists.iter().map(|(url, _)| url.clone()).collect()
    };
    assert_eq!(urls(&before), urls(&after), "the session's URLs are the same");
    let outlines: Vec<_> = after.iter().map(|(_, playlist)| outline(playlist)).collect();
    assert_eq!(
        outlines[0], outlines[1],
        "gaps and discontinuities at the same points"
    );
    assert_eq!(outlines[0].1.len(), 1, "one discontinuity: {outlines:?}");

    let report = witness.report().await;
    println!("{report}");
    assert!(report.is_clean(), "{report}");
    assert_looked_at(&report, &[6, 11, 70, 71, 85, 86, 87]);
    for (name, figures) in &report.figures {
        assert!(figures.gaps > 2, "{name}: {figures}");
    }
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_that_returns_with_another_picture_gets_another_init_section() {
    let vitrine = Vitrine::named("reconnect-other").start().await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let witness = Witness::of(&vitrine, "demo").await;
    publisher.kill();
    status_is(&vitrine, "demo", "away").await;
    let publisher = Publisher::start(&small_picture().size(426, 240), &vitrine, "demo");
    status_is(&vitrine, "demo", "live").await;
    let after = until("a segment behind the discontinuity", PATIENCE, async || {
        let now = playlists(&vitrine, "demo").await;
        let resumed = |playlist: &MediaPlaylist| {
            let break_at = outline(playlist).1.last().copied();
            break_at.is_some_and(|msn| playlist.next().0 > msn + 1)
        };
        now.iter().all(|(_, playlist)| resumed(playlist)).then_some(now)
    })
    .await;
    // Video has two init sections, audio the same one throughout.
    let maps = |playlist: &MediaPlaylist| {
        let mut maps: Vec<_> = playlist
            .segments
            .iter()
            .filter_map(|segment| segment.map.clone())
            .collect();
        maps.dedup();
        maps.len()
    };
    let counts: Vec<_> = after.iter().map(|(_, playlist)| maps(playlist)).collect();
    assert_eq!(counts, [2, 1]);
    let report = witness.report().await;
    assert!(report.is_clean(), "{report}");
    assert_looked_at(&report, &[85, 86, 113]);
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_that_stays_away_ends_the_show_and_the_next_one_begins_another() {
    let vitrine = Vitrine::named("reconnect-ended")
        .reconnect_window_s(2)
        .start()
        .await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let witness = Witness::of(&vitrine, "demo").await;
    status_is(&vitrine, "demo", "live").await;
    publisher.kill();

    let report = witness.ended().await;
    println!("{report}");
    assert!(report.is_clean(), "{report}");
    assert_looked_at(&report, &[44, 71, 87, 90, 91]);
    status_is(&vitrine, "demo", "ended").await;
    let ended = playlists(&vitrine, "demo").await;
    for (url, playlist) in &ended {
        assert!(playlist.ended && playlist.hints.is_empty(), "{url}");
    }

    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    let fresh = until("another session", PATIENCE, async || {
        let now = playlists(&vitrine, "demo").await;
        (now[0].0 != ended[0].0).then_some(now)
    })
    .await;
    assert!(
        !fresh[0].1.ended && fresh[0].1.media_sequence == 0,
        "{:?}",
        fresh[0]
    );
    assert!(!fresh[0].1.segments[0].gap);
    // The ended show can still be watched.
    for (url, playlist) in &ended {
        for segment in playlist.segments.iter().filter(|segment| !segment.gap) {
            let media = url::Url::parse(url).unwrap().join(&segment.uri).unwrap();
            let answer = vitrine.client().get(media.as_str()).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK, "{media}");
        }
    }
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}
