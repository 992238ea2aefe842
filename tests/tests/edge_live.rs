//! The real origin behind the real edge: every object is asked for once, and viewers live through what befalls either.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::StatusCode;
use rustix::process::Signal;
use tokio::task::JoinSet;
use url::Url;
use vitrine_tests::client::{Answer, Client};
use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::multivariant;
use vitrine_tests::harness::{Edge, Publisher, Source, Vitrine, raise_open_files, until};

const PATIENCE: Duration = Duration::from_secs(60);
const VIEWERS: usize = 200;
const FREEZE: Duration = Duration::from_secs(5);

/// A live show behind an edge.
struct Show {
    vitrine: Vitrine,
    edge: Edge,
    _publisher: Publisher,
    /// The media playlists, at the edge.
    playlists: Vec<Url>,
}

impl Show {
    async fn start(name: &str) -> Self {
        raise_open_files();
        let vitrine = Vitrine::named(name).start().await;
        let source = Source::picture().size(320, 180).bitrate_kbps(300);
        let publisher = Publisher::start(&source, &vitrine, "demo");
        let edge = Edge::named(&format!("{name}-edge"))
            .origin(&vitrine.url(""))
            .line("upstream", "check_interval_ms = 200")
            .line("upstream", "check_timeout_ms = 500")
            .start()
            .await;
        vitrine.live("demo").await;
        let read = multivariant(edge.client(), &edge.playlist("demo"), &mut Findings::default())
            .await
            .unwrap();
        Self {
            vitrine,
            edge,
            _publisher: publisher,
            playlists: read
                .renditions
                .into_iter()
                .map(|rendition| rendition.url)
                .collect(),
        }
    }
}

/// The next part's place and the URI of its hint, by counting lines.
fn next_part(text: &str) -> (u64, u64, String) {
    let sequence: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"))
        .unwrap()
        .parse()
        .unwrap();
    let whole = text.matches("#EXTINF:").count() as u64;
    let open = text.rsplit("#EXTINF:").next().unwrap();
    let parts = open.matches("#EXT-X-PART:").count() as u64;
    let hint = text.split("TYPE=PART,URI=\"").nth(1).unwrap();
    (
        sequence + whole,
        parts,
        hint.split('"').next().unwrap().to_owned(),
    )
}

/// An origin that wakes up too late for a request says 503, and players ask again.
async fn get(client: &Client, url: &Url) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.get(url.as_str()).await.unwrap();
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return answer;
        }
        assert!(Instant::now() < deadline, "{url}: nothing but 503");
    }
}

/// Follows a playlist for so many versions: the blocking playlist and the hinted part of each, both held.
async fn watch(client: Client, playlist: Url, versions: usize, asked: Arc<Mutex<BTreeSet<String>>>) {
    let mut text = get(&client, &playlist).await.text();
    for _ in 0..versions {
        let (msn, part, hint) = next_part(&text);
        let part_url = playlist.join(&hint).unwrap();
        let mut reload = playlist.clone();
        reload.set_query(Some(&format!("_HLS_msn={msn}&_HLS_part={part}")));
        asked
            .lock()
            .unwrap()
            .extend([part_url.to_string(), reload.to_string()]);
        let (media, next) = tokio::join!(get(&client, &part_url), get(&client, &reload));
        assert_eq!(next.status, StatusCode::OK, "{reload}: {}", next.text());
        text = next.text();
        if media.status == StatusCode::OK {
            assert!(media.body.windows(4).any(|window| window == b"moof"), "no part");
        } else {
            // A hint that was given up: nothing was received in its time, and the playlist says so.
            let gap = format!("URI=\"{hint}\",GAP=YES");
            assert!(
                text.contains(&gap),
                "{part_url} is {}, and no gap: {text}",
                media.status
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_viewers_cost_the_origin_one_request_for_each_object() {
    let show = Show::start("edge-live-crowd").await;
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let count = async |kind: &str| {
        let label = format!("kind=\"{kind}\"");
        show.edge
            .metric("vitrine_edge_upstream_requests_total", &label)
            .await as usize
    };
    // Whatever the test itself asked so far is before this.
    let (media, blocking) = (count("media").await, count("blocking-playlist").await);
    let mut viewers = JoinSet::new();
    for number in 0..VIEWERS {
        let client = match number % 2 {
            0 => Client::http1(),
            _ => Client::h2c(),
        };
        for playlist in &show.playlists {
            viewers.spawn(watch(client.clone(), playlist.clone(), 12, asked.clone()));
        }
    }
    while let Some(viewer) = viewers.join_next().await {
        viewer.unwrap();
    }
    let asked = asked.lock().unwrap().clone();
    let parts = asked.iter().filter(|url| url.ends_with(".m4s")).count();
    let reloads = asked.len() - parts;
    assert!(parts > 20, "only {parts} parts were made");
    assert_eq!(count("media").await - media, parts);
    assert_eq!(count("blocking-playlist").await - blocking, reloads);
    // The origin's own count agrees: beside those there are plain playlists, that live for a second.
    let plain = count("playlist").await as f64;
    let total = show.vitrine.metric("vitrine_playback_requests_total").await;
    let direct = 1.0; // The harness's, until the channel was live; further ones found it not yet live.
    let found = show
        .vitrine
        .metric_where("vitrine_playback_requests_total", "status=\"200\"")
        .await;
    assert_eq!(found, (asked.len() as f64) + plain + direct, "{total} in all");
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_live_through_an_origin_that_freezes_for_five_seconds() {
    let mut show = Show::start("edge-live-frozen").await;
    let asked = Arc::default();
    let mut viewers = JoinSet::new();
    for playlist in &show.playlists {
        for _ in 0..10 {
            viewers.spawn(watch(Client::h2c(), playlist.clone(), 40, Arc::clone(&asked)));
        }
    }
    until("the viewers wait", PATIENCE, async || {
        let waiting = show.edge.metric("vitrine_edge_waiting_viewers", "").await;
        (waiting >= 20.0).then_some(())
    })
    .await;
    let frozen_at = Instant::now();
    show.vitrine.signal(Signal::STOP);
    until("the edge knows that the origin is down", PATIENCE, async || {
        let up = show.edge.metric("vitrine_edge_origin_up", "").await;
        (up == 0.0).then_some(())
    })
    .await;
    // The length of the freeze is the subject.
    tokio::time::sleep(FREEZE.saturating_sub(frozen_at.elapsed())).await;
    show.vitrine.signal(Signal::CONT);
    // Each playlist was a 200, and each part there or a gap: `watch` asserts that.
    while let Some(viewer) = viewers.join_next().await {
        viewer.unwrap();
    }
    until("the edge is ready again", PATIENCE, async || {
        let ready = show.edge.client().get(&show.edge.url("/readyz")).await.unwrap();
        (ready.status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_killed_and_started_again_serves_the_same_show() {
    let mut show = Show::start("edge-live-restart").await;
    let asked: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    for playlist in &show.playlists {
        watch(Client::http1(), playlist.clone(), 3, asked.clone()).await;
    }
    show.edge = show.edge.restart().await;
    // What was listed before is there, though the cache is empty; and the show goes on.
    let earlier = asked.lock().unwrap().clone();
    let mut found = 0;
    for url in earlier {
        let answer = show.edge.client().get(&url).await.unwrap();
        // A part that was given up is a gap at the origin too.
        let path = Url::parse(&url).unwrap().path().to_owned();
        let direct = show.vitrine.client().get(&show.vitrine.url(&path)).await.unwrap();
        assert_eq!(answer.status, direct.status, "{url}");
        found += usize::from(answer.status == StatusCode::OK);
    }
    assert!(found > 2 * show.playlists.len(), "only {found} are there");
    for playlist in &show.playlists {
        watch(Client::http1(), playlist.clone(), 3, asked.clone()).await;
    }
    assert!(show.edge.stop().await.success());
}
