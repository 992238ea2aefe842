//! One object, one request, whatever the crowd.

use http::StatusCode;
use vitrine_tests::harness::{Edge, until};

use crate::origin::{Gate, Origin, Reply, Step};
use crate::viewer::{Crowd, Hand, PATIENCE, VIDEO, noise, waiting};

const VIEWERS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_held_part_is_asked_for_once_for_two_hundred_viewers() {
    let (part, gate) = (noise(150_000), Gate::shut());
    let (body, held) = (part.clone(), gate.clone());
    let origin = Origin::start(move |_| {
        let (body, held) = (body.clone(), held.clone());
        async move {
            held.passed().await;
            Reply::media(&body)
        }
    })
    .await;
    let edge = Edge::named("edge-held-part").origin(&origin.url()).start().await;
    let path = format!("{VIDEO}/part-7.m4s");

    let viewers = Crowd::ask(VIEWERS, &[], |number| edge.url(&format!("{path}?token={number}")));
    waiting(&edge, VIEWERS).await;
    gate.open();
    for answer in viewers.answers().await {
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body, part);
        // Fresh from the origin, as far as players are concerned (SPEC 101, 108).
        assert_eq!(answer.header("age"), "");
    }
    let late = edge.client().get(&edge.url(&path)).await.unwrap();
    assert_eq!(late.body, part);
    assert_eq!(late.header("cache-status"), "vitrine-edge; hit");
    assert!(late.header("age").parse::<u64>().is_ok(), "no Age on a hit");
    assert_eq!(origin.targets(), [path.as_str()]);
    assert_eq!(origin.count(&path), 1);
    assert_eq!(
        edge.metric("vitrine_edge_requests_total", "joined").await,
        VIEWERS as f64 - 1.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_playlist_is_asked_for_once_in_each_coding() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::start(move |asked| {
        let held = held.clone();
        async move {
            held.passed().await;
            let coding = asked.field("accept-encoding").to_owned();
            let reply = Reply::text(200, "public, max-age=12", &format!("playlist in {coding}"));
            match coding.as_str() {
                "gzip" => reply.field("content-encoding", "gzip"),
                _ => reply,
            }
            .field("vary", "Accept-Encoding")
        }
    })
    .await;
    let edge = Edge::named("edge-blocking-playlist")
        .origin(&origin.url())
        .start()
        .await;
    // Every spelling of one playlist.
    let spellings = [
        "_HLS_msn=5&_HLS_part=1",
        "_HLS_part=1&_HLS_msn=5",
        "token=x&_HLS_part=1&_HLS_msn=5",
        "_HLS_msn=05&_HLS_part=1&_HLS_msn=9",
    ];
    let url = |number: usize| {
        edge.url(&format!(
            "{VIDEO}/index.m3u8?{}",
            spellings[number % spellings.len()]
        ))
    };
    let gzip = Crowd::ask(VIEWERS / 2, &[("accept-encoding", "gzip, br")], url);
    let plain = Crowd::ask(VIEWERS / 2, &[], url);
    waiting(&edge, VIEWERS).await;
    gate.open();
    for (crowd, coding) in [(gzip, "gzip"), (plain, "identity")] {
        for answer in crowd.answers().await {
            assert_eq!(answer.text(), format!("playlist in {coding}"));
            let encoding = if coding == "gzip" { "gzip" } else { "" };
            assert_eq!(answer.header("content-encoding"), encoding);
            assert_eq!(answer.header("vary"), "Accept-Encoding");
        }
    }
    let canonical = format!("{VIDEO}/index.m3u8?_HLS_msn=5&_HLS_part=1");
    assert_eq!(origin.targets(), [canonical.as_str()]);
    let mut codings: Vec<_> = origin
        .asked(&canonical)
        .iter()
        .map(|asked| asked.field("accept-encoding").to_owned())
        .collect();
    codings.sort_unstable();
    assert_eq!(codings, ["gzip", "identity"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_reaches_every_viewer_while_it_comes() {
    let (segment, gate) = (noise(3_000_000), Gate::shut());
    let half = segment.len() / 2;
    let (body, held) = (segment.clone(), gate.clone());
    let origin = Origin::start(move |_| {
        let reply = Reply::media(&body).without_body();
        let reply = reply
            .send(&body.slice(..half))
            .step(Step::Wait(held.clone()))
            .send(&body.slice(half..));
        async move { reply }
    })
    .await;
    // Each waits for its turn to read.
    let edge = Edge::named("edge-large")
        .origin(&origin.url())
        .line("http", "send_timeout_seconds = 60")
        // The body stands still while all of them read.
        .line("upstream", "body_timeout_seconds = 60")
        .start()
        .await;
    let path = format!("{VIDEO}/seg-3.m4s");
    let mut viewers = Vec::new();
    for _ in 0..20 {
        viewers.push(Hand::ask(&edge, &path).await);
    }
    // The origin waits: what comes now has come through, and was not stored first.
    let mut first = Vec::new();
    for viewer in &mut viewers {
        first.push(viewer.body(half).await);
    }
    // One more joins in the middle.
    let late = Crowd::ask(2, &[], |_| edge.url(&path));
    gate.open();
    for (viewer, mut body) in viewers.iter_mut().zip(first) {
        assert_eq!(body.len(), half);
        body.extend(viewer.body(segment.len() - half).await);
        assert!(body == segment, "a viewer got other bytes");
    }
    for answer in late.answers().await {
        assert!(answer.body == segment, "a late viewer got other bytes");
    }
    assert_eq!(origin.count(&path), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_does_not_read_holds_up_nobody() {
    let segment = noise(24_000_000);
    let body = segment.clone();
    let origin = Origin::start(move |_| {
        let reply = Reply::media(&body);
        async move { reply }
    })
    .await;
    let edge = Edge::named("edge-slow-reader")
        .origin(&origin.url())
        // Long enough for those who read, however slow the machine.
        .line("http", "send_timeout_seconds = 10")
        .start()
        .await;
    let path = format!("{VIDEO}/seg-3.m4s");
    let mut idle = Hand::ask(&edge, &path).await;
    for answer in Crowd::ask(4, &[], |_| edge.url(&path)).answers().await {
        assert!(answer.body == segment, "a viewer got other bytes");
    }
    assert_eq!(origin.count(&path), 1);
    // And is dropped, in the end.
    until("the idle viewer is dropped", PATIENCE, async || {
        let dropped = edge.metric("vitrine_edge_stalled_viewers_total", "").await;
        (dropped == 1.0).then_some(())
    })
    .await;
    assert!(idle.is_closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_goes_on_when_its_first_viewer_leaves() {
    let (part, gate) = (noise(50_000), Gate::shut());
    let (body, held) = (part.clone(), gate.clone());
    let origin = Origin::start(move |_| {
        let (body, held) = (body.clone(), held.clone());
        async move {
            held.passed().await;
            Reply::media(&body)
        }
    })
    .await;
    let edge = Edge::named("edge-first-leaves")
        .origin(&origin.url())
        .start()
        .await;
    let path = format!("{VIDEO}/part-7.m4s");
    let first = Hand::ask(&edge, &path).await;
    waiting(&edge, 1).await;
    let others = Crowd::ask(2, &[], |_| edge.url(&path));
    waiting(&edge, 3).await;
    drop(first);
    waiting(&edge, 2).await;
    gate.open();
    for answer in others.answers().await {
        assert_eq!(answer.body, part);
    }
    assert_eq!(origin.count(&path), 1);
    assert_eq!(origin.given_up(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_is_given_up() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::start(move |_| {
        let held = held.clone();
        async move {
            held.passed().await;
            Reply::media(&noise(10))
        }
    })
    .await;
    let edge = Edge::named("edge-given-up").origin(&origin.url()).start().await;
    let path = format!("{VIDEO}/part-7.m4s");
    let viewer = Hand::ask(&edge, &path).await;
    until("it is asked for", PATIENCE, async || {
        (origin.count(&path) == 1).then_some(())
    })
    .await;
    drop(viewer);
    until("the origin is told", PATIENCE, async || {
        (origin.given_up() == 1).then_some(())
    })
    .await;
    until("it is counted", PATIENCE, async || {
        let abandoned = edge.metric("vitrine_edge_fills_abandoned_total", "").await;
        (abandoned == 1.0).then_some(())
    })
    .await;
    // Whoever comes now begins anew.
    let next = Crowd::ask(1, &[], |_| edge.url(&path));
    until("it is asked for anew", PATIENCE, async || {
        (origin.count(&path) == 2).then_some(())
    })
    .await;
    gate.open();
    assert_eq!(next.answers().await[0].status, StatusCode::OK);
}
