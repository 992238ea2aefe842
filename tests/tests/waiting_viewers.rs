//! A thousand viewers wait for one rendition's next part: each gets each new playlist, and it is rendered once.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use tokio::task::JoinSet;
use url::Url;
use vitrine_tests::client::Client;
use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::follow::Samples;
use vitrine_tests::conformance::multivariant;
use vitrine_tests::conformance::playlist::Position;
use vitrine_tests::harness::{ChannelSetup, Publisher, Source, Vitrine, raise_open_files, until};

const VIEWERS: usize = 1000;
const VERSIONS: usize = 15;
const PATIENCE: Duration = Duration::from_secs(120);

/// The next part's place, by counting lines: a thousand viewers must not keep the machine busy with parsing.
fn next_position(text: &str) -> Position {
    let sequence: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"))
        .unwrap()
        .parse()
        .unwrap();
    let whole = text.matches("#EXTINF:").count() as u64;
    let open = text.rsplit("#EXTINF:").next().unwrap();
    (sequence + whole, open.matches("#EXT-X-PART:").count() as u64)
}

/// The number in the URI of the part that is hinted at: how many parts came before.
fn parts_so_far(text: &str) -> u64 {
    let hint = text.split("TYPE=PART,URI=\"part-").nth(1).unwrap();
    hint.split('.').next().unwrap().parse().unwrap()
}

/// An answer to a viewer.
struct Seen {
    version: Position,
    at: Instant,
    body: Bytes,
}

/// Reloads from `next` on until part `last` has come.
async fn viewer(client: Client, playlist: Url, mut next: Position, last: Arc<AtomicU64>) -> Vec<Seen> {
    let mut seen = Vec::new();
    loop {
        let mut url = playlist.clone();
        url.set_query(Some(&format!("_HLS_msn={}&_HLS_part={}", next.0, next.1)));
        let answer = client.get(url.as_str()).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let text = answer.text();
        let version = next_position(&text);
        assert!(version > next, "asked for {next:?}, told up to {version:?}");
        next = version;
        seen.push(Seen {
            version,
            at: answer.whole_at,
            body: answer.body,
        });
        if parts_so_far(&text) >= last.load(Ordering::Relaxed) {
            return seen;
        }
    }
}

/// Counts since the session began.
struct Counts {
    renders: u64,
    parts: u64,
    /// Whole ones.
    segments: u64,
}

/// How often the rendition's playlist was rendered, and what it has had, at one instant.
async fn counts(vitrine: &Vitrine, playlist: &Url, label: &str) -> Counts {
    let text = async || vitrine.client().get(playlist.as_str()).await.unwrap().text();
    until("counts between two versions", PATIENCE, async || {
        let before = text().await;
        let renders = vitrine
            .metric_where("vitrine_playlist_renders_total", label)
            .await as u64;
        (text().await == before).then(|| Counts {
            renders,
            parts: parts_so_far(&before),
            segments: next_position(&before).0,
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_get_each_playlist_and_it_is_rendered_once() {
    let files = raise_open_files();
    assert!(
        files > 2 * VIEWERS as u64,
        "only {files} files may be open: raise ulimit -n"
    );
    // Segments of four seconds, so that all can be there before the one that they gather for.
    let vitrine = Vitrine::named("waiting-viewers")
        .target_duration_s(4)
        .channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
        .start()
        .await;
    let source = Source::picture().size(320, 180).bitrate_kbps(300).gop_frames(120);
    let publisher = Publisher::start(&source, &vitrine, "demo");
    vitrine.live("demo").await;
    let read = multivariant(
        vitrine.client(),
        &vitrine.playlist("demo"),
        &mut Findings::default(),
    )
    .await
    .unwrap();
    let rendition = &read.renditions[0];
    let label = format!("rendition=\"{}\"", rendition.name);

    let memory_before = vitrine.resident_kib();
    let first = vitrine.client().get(rendition.url.as_str()).await.unwrap().text();
    // They gather for the segment after the next, and go on from there part by part, until all have waited together.
    let gathering = (next_position(&first).0 + 1, 0);
    let last = Arc::new(AtomicU64::new(u64::MAX));
    let before = counts(&vitrine, &rendition.url, &label).await;
    let mut viewers = JoinSet::new();
    for number in 0..VIEWERS {
        // Each has a connection of its own, in both versions of HTTP.
        let client = if number % 2 == 0 {
            Client::http1()
        } else {
            Client::h2c()
        };
        viewers.spawn(viewer(client, rendition.url.clone(), gathering, last.clone()));
    }
    let waiting = until("all of them wait", PATIENCE, async || {
        let waiting = vitrine.metric("vitrine_waiting_viewers").await as usize;
        (waiting == VIEWERS).then(|| vitrine.resident_kib())
    })
    .await;
    let now = vitrine.client().get(rendition.url.as_str()).await.unwrap().text();
    last.store(parts_so_far(&now) + VERSIONS as u64, Ordering::Relaxed);

    let mut versions: BTreeMap<Position, (Bytes, Vec<Instant>)> = BTreeMap::new();
    let mut answers = 0;
    while let Some(seen) = viewers.join_next().await {
        for Seen { version, at, body } in seen.unwrap() {
            answers += 1;
            let (known, times) = versions
                .entry(version)
                .or_insert_with(|| (body.clone(), Vec::new()));
            assert!(*known == body, "two playlists that both end at {version:?}");
            times.push(at);
        }
    }
    let after = counts(&vitrine, &rendition.url, &label).await;
    let (parts, segments) = (after.parts - before.parts, after.segments - before.segments);
    let renders = after.renders - before.renders;
    assert!(parts >= VERSIONS as u64 - 1, "{parts} parts in the whole test");
    // Each part makes a version, and each segment's end one if the next part is not there yet.
    assert!(
        (parts..=parts + segments).contains(&renders),
        "{renders} renders for {parts} parts and {segments} segments"
    );

    let mut spread = Samples::default();
    // Until all wait, some are still connecting.
    for (_, times) in versions.values().skip(2) {
        let first = times.iter().min().copied().unwrap();
        times.iter().for_each(|at| spread.add(*at - first));
    }
    println!(
        "{VIEWERS} viewers, {answers} answers, {} versions, {renders} renders",
        versions.len()
    );
    println!("behind the first viewer of each version: {spread}");
    println!(
        "{:.1} KiB of the server's memory for each waiting viewer",
        waiting.saturating_sub(memory_before) as f64 / VIEWERS as f64
    );
    // Nobody is left behind in the server.
    until("nobody waits", PATIENCE, async || {
        (vitrine.metric("vitrine_waiting_viewers").await == 0.0).then_some(())
    })
    .await;
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}
