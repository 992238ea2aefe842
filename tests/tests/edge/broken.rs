//! Connections that break and origins that are not there: nothing cut short ever looks whole.

use bytes::Bytes;
use http::StatusCode;
use vitrine_tests::client::ClientError;
use vitrine_tests::harness::{Edge, EdgeSetup, until};

use crate::origin::{Gate, Origin, Reply, Step};
use crate::viewer::{Crowd, Hand, PATIENCE, VIDEO, noise, waiting};

/// An edge that waits for the rest of a body as long as a test needs to look at its beginning.
fn patient(name: &str) -> EdgeSetup {
    Edge::named(name).line("upstream", "body_timeout_seconds = 60")
}

/// The first answer breaks off after `cut` bytes, once `seen` is open; the next ones are what `next` says.
async fn breaking(
    whole: Reply,
    body: &Bytes,
    cut: usize,
    seen: &Gate,
    next: impl Fn(u64) -> Reply + Send + Sync + Clone + 'static,
) -> Origin {
    let (body, seen) = (body.clone(), seen.clone());
    Origin::start(move |asked| {
        let reply = match (asked.count, asked.field("range")) {
            (1, _) => whole
                .clone()
                .without_body()
                .send(&body.slice(..cut))
                .step(Step::Wait(seen.clone()))
                .step(Step::Cut),
            (_, "") => whole.clone(),
            (_, range) => next(
                range
                    .trim_start_matches("bytes=")
                    .trim_end_matches('-')
                    .parse()
                    .unwrap(),
            ),
        };
        async move { reply }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_object_that_breaks_off_is_taken_up_where_it_was() {
    let (segment, seen) = (noise(2_000_000), Gate::shut());
    let (len, body) = (segment.len(), segment.clone());
    let rest = move |from: u64| {
        Reply::new(206)
            .field("content-range", &format!("bytes {from}-{}/{len}", len - 1))
            .send(&body.slice(from as usize..))
    };
    let origin = breaking(Reply::media(&segment), &segment, 700_000, &seen, rest).await;
    let edge = patient("edge-resumed").origin(&origin.url()).start().await;
    let path = format!("{VIDEO}/seg-3.m4s");
    let mut first = Hand::ask(&edge, &path).await;
    let viewers = Crowd::ask(10, &[], |_| edge.url(&path));
    // All that is sent before the break has come through: a stream that is reset loses what is still under way.
    assert!(first.body(700_000).await == segment[..700_000]);
    viewers.has_begun().await;
    seen.open();
    for answer in viewers.answers().await {
        assert!(answer.body == segment, "a viewer got other bytes");
    }
    let ranges: Vec<_> = origin
        .asked(&path)
        .iter()
        .map(|asked| asked.field("range").to_owned())
        .collect();
    assert_eq!(ranges, ["", "bytes=700000-"]);
    let kept = edge.client().get(&edge.url(&path)).await.unwrap();
    assert!(kept.body == segment, "what is kept is other bytes");
}

/// An answer to a request for the bytes from there on, of an object of that length.
type WrongRest = fn(usize, u64) -> Reply;

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_another_object_is_not_put_behind_the_first_half() {
    let segment = noise(2_000_000);
    let len = segment.len();
    let wrong_rests: [WrongRest; 4] = [
        |_, _| Reply::new(404),
        |len, from| Reply::new(206).field("content-range", &format!("bytes {}-{}/{len}", from + 1, len - 1)),
        |len, from| Reply::new(206).field("content-range", &format!("bytes {from}-{len}/{}", len + 1)),
        |len, from| {
            Reply::new(206)
                .field("content-range", &format!("bytes {from}-{}/{len}", len - 1))
                .field("etag", "\"other\"")
        },
    ];
    for (number, wrong_rest) in wrong_rests.into_iter().enumerate() {
        let seen = Gate::shut();
        let whole = Reply::media(&segment).field("etag", "\"this\"");
        let origin = breaking(whole, &segment, 700_000, &seen, move |from| {
            // As long as the rest should be: only what is said of it tells that it is another one.
            wrong_rest(len, from).send(&noise(len - from as usize))
        })
        .await;
        let edge = patient(&format!("edge-wrong-rest-{number}"))
            .origin(&origin.url())
            .start()
            .await;
        let path = format!("{VIDEO}/seg-3.m4s");
        let viewers = Crowd::ask(4, &[], |_| edge.url(&path));
        viewers.has_begun().await;
        seen.open();
        for result in viewers.results().await {
            assert!(
                matches!(result, Err(ClientError::Body { .. })),
                "rest {number}: {result:?}"
            );
        }
        // Nothing of it was kept.
        let next = edge.client().get(&edge.url(&path)).await.unwrap();
        assert_eq!(next.status, StatusCode::OK);
        assert!(next.body == segment, "rest {number}: other bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_change_is_cut_off_and_never_kept() {
    let (text, seen) = (noise(100_000), Gate::shut());
    let whole = Reply::new(200)
        .field("cache-control", "public, max-age=60")
        .field("content-length", &text.len().to_string())
        .send(&text);
    let origin = breaking(whole, &text, 30_000, &seen, |_| Reply::new(500)).await;
    let edge = patient("edge-cut-off").origin(&origin.url()).start().await;
    let path = "/watch/demo";
    let viewers = Crowd::ask(10, &[], |_| edge.url(path));
    viewers.has_begun().await;
    seen.open();
    for result in viewers.results().await {
        assert!(matches!(result, Err(ClientError::Body { .. })), "{result:?}");
    }
    assert_eq!(edge.metric("vitrine_edge_fills_broken_total", "").await, 1.0);
    let next = edge.client().get(&edge.url(path)).await.unwrap();
    assert!(next.body == text, "other bytes");
    assert_eq!(origin.count(path), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_while_a_part_is_held_is_not_noticed_by_viewers() {
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
    let edge = Edge::named("edge-held-cut").origin(&origin.url()).start().await;
    let path = format!("{VIDEO}/part-7.m4s");
    let viewers = Crowd::ask(20, &[], |_| edge.url(&path));
    waiting(&edge, 20).await;
    until("it is asked for", PATIENCE, async || {
        (origin.count(&path) == 1).then_some(())
    })
    .await;
    origin.cut_connections();
    until("it is asked for again", PATIENCE, async || {
        (origin.count(&path) == 2).then_some(())
    })
    .await;
    gate.open();
    for answer in viewers.answers().await {
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body, part);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_not_there_is_a_502_for_a_second_and_then_asked_again() {
    let origin = Origin::start(|_| async { Reply::media(&noise(10)) }).await;
    let port = origin.leave().await;
    let edge = Edge::named("edge-no-origin")
        .origin(&format!("http://{}", port.address()))
        .start()
        .await;
    let path = format!("{VIDEO}/seg-3.m4s");
    for answer in Crowd::ask(20, &[], |_| edge.url(&path)).answers().await {
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("cache-control"), "public, max-age=1");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.json()["status"], 502);
        let names_an_address = answer.text().contains("127.0.0.1");
        assert!(!names_an_address, "{}", answer.text());
    }
    let ready = async || edge.client().get(&edge.url("/readyz")).await.unwrap().status;
    until("the edge is not ready", PATIENCE, async || {
        (ready().await == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    let _origin = Origin::start_at(port, |_| async { Reply::media(&noise(10)) });
    until("the origin is found again", PATIENCE, async || {
        let answer = edge.client().get(&edge.url(&path)).await.unwrap();
        (answer.status == StatusCode::OK).then_some(())
    })
    .await;
    until("the edge is ready", PATIENCE, async || {
        (ready().await == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_object_outlives_its_origin_and_a_playlist_does_not() {
    let life = |cache_control: &'static str| {
        move |asked: crate::origin::Asked| async move {
            let media = asked.target.ends_with("m4s");
            let immutable = if media { ", immutable" } else { "" };
            Reply::text(200, &format!("{cache_control}{immutable}"), "text")
        }
    };
    let origin = Origin::start(life("max-age=1")).await;
    let edge = Edge::named("edge-stale").origin(&origin.url()).start().await;
    let (media, playlist) = (edge.url(&format!("{VIDEO}/seg-3.m4s")), edge.playlist("demo"));
    for url in [&media, &playlist] {
        assert_eq!(edge.client().get(url).await.unwrap().status, StatusCode::OK);
    }
    let _port = origin.leave().await;
    until("the playlist's life is over", PATIENCE, async || {
        let answer = edge.client().get(&playlist).await.unwrap();
        (answer.status == StatusCode::BAD_GATEWAY).then_some(())
    })
    .await;
    let answer = edge.client().get(&media).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text(), "text");
    assert!(edge.metric("vitrine_edge_stale_total", "").await >= 1.0);
}
