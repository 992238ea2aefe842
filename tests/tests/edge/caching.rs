//! What is kept, for how long, under which name, and what of a request goes upstream.

use std::time::Duration;

use http::{Method, StatusCode};
use vitrine_tests::client::Client;
use vitrine_tests::harness::{Edge, until};

use crate::origin::{Origin, Reply};
use crate::viewer::{Crowd, PATIENCE, VIDEO, noise};

#[tokio::test(flavor = "multi_thread")]
async fn objects_live_as_long_as_the_origin_says() {
    let origin = Origin::start(|asked| async move {
        let count = asked.count.to_string();
        match asked.target.as_str() {
            "/live/short/index.m3u8" => Reply::text(200, "public, max-age=1", &count),
            "/live/long/index.m3u8" => Reply::text(200, "public, max-age=60", &count),
            "/live/aged/index.m3u8" => Reply::text(200, "public, max-age=60", &count).field("age", "60"),
            "/live/missing/index.m3u8" => Reply::text(404, "public, max-age=60", &count),
            "/live/private/index.m3u8" => Reply::text(200, "private, max-age=60", &count),
            "/live/never/index.m3u8" => Reply::text(503, "no-store", &count),
            _ => Reply::text(200, "", &count),
        }
    })
    .await;
    let edge = Edge::named("edge-lives").origin(&origin.url()).start().await;
    let ask = async |channel: &str| edge.client().get(&edge.playlist(channel)).await.unwrap();
    for (channel, status, kept) in [
        ("long", 200, true),
        ("missing", 404, true),
        ("aged", 200, false),
        ("private", 200, false),
        ("never", 503, false),
        ("unsaid", 200, false),
    ] {
        for count in 1..=3 {
            let answer = ask(channel).await;
            assert_eq!(answer.status, status, "{channel}");
            let expected = if kept { 1 } else { count };
            assert_eq!(answer.text(), expected.to_string(), "{channel}");
        }
    }
    assert_eq!(ask("short").await.text(), "1");
    until("a short life ends", PATIENCE, async || {
        (ask("short").await.text() == "2").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_viewer_goes_upstream() {
    let origin = Origin::start(|_| async { Reply::text(200, "public, max-age=60", "text") }).await;
    let edge = Edge::named("edge-private").origin(&origin.url()).start().await;
    let url = edge.url(&format!(
        "{VIDEO}/index.m3u8?token=secret&_HLS_msn=1&CMCD=sid%3D1"
    ));
    let fields = [
        ("cookie", "session=secret"),
        ("authorization", "Bearer secret"),
        ("x-forwarded-for", "192.0.2.1"),
        ("if-none-match", "\"a\""),
        ("range", "bytes=0-1"),
        ("cache-control", "no-cache"),
        ("accept-encoding", "br"),
    ];
    for client in [Client::http1(), Client::h2c()] {
        client.get_with(&url, &fields).await.unwrap();
    }
    let path = format!("{VIDEO}/index.m3u8?_HLS_msn=1");
    assert_eq!(origin.targets(), [path.as_str()]);
    let asked = origin.asked(&path);
    assert_eq!(asked.len(), 1);
    let mut names: Vec<_> = asked[0].fields.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept-encoding", "via"]);
    assert_eq!(asked[0].field("accept-encoding"), "identity");
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_heads_and_conditions_are_answered_from_the_whole_object() {
    let part = noise(1000);
    let body = part.clone();
    let origin = Origin::start(move |_| {
        let reply = Reply::media(&body).field("etag", "\"v1\"");
        async move { reply }
    })
    .await;
    let edge = Edge::named("edge-ranges").origin(&origin.url()).start().await;
    let path = format!("{VIDEO}/part-7.m4s");
    let url = edge.url(&path);
    // The first request is a range already.
    let range = edge
        .client()
        .get_with(&url, &[("range", "bytes=10-19")])
        .await
        .unwrap();
    assert_eq!(range.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(range.header("content-range"), "bytes 10-19/1000");
    assert_eq!(range.body, part.slice(10..20));
    let outside = edge
        .client()
        .get_with(&url, &[("range", "bytes=1000-")])
        .await
        .unwrap();
    assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
    let head = edge
        .client()
        .ask(Method::HEAD, &url, &[], "".into())
        .await
        .unwrap();
    assert_eq!(head.header("content-length"), "1000");
    assert!(head.body.is_empty());
    let unchanged = edge
        .client()
        .get_with(&url, &[("if-none-match", "\"v1\"")])
        .await
        .unwrap();
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert!(unchanged.body.is_empty());
    assert_eq!(origin.count(&path), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_urls_and_the_control_api_cost_the_origin_nothing() {
    let origin = Origin::start(|_| async { Reply::text(200, "public, max-age=60", "text") }).await;
    let edge = Edge::named("edge-invented").origin(&origin.url()).start().await;
    let table = [
        (Method::GET, "/v1/channels", 404),
        (Method::GET, "/v1/channels/demo/state", 404),
        (Method::POST, "/v1/channels/demo/events", 405),
        (Method::DELETE, "/live/demo/index.m3u8", 405),
        (Method::GET, "/live/demo/s1/video/part-01.m4s", 404),
        (Method::GET, "/live/demo/s1/video/index.m3u8?_HLS_part=1", 400),
        (Method::GET, "/live/demo/s1/video/index.m3u8?_HLS_msn=x", 400),
        (Method::GET, "/admin", 404),
        (Method::OPTIONS, "/live/demo/index.m3u8", 204),
        (Method::GET, "/healthz", 200),
        (Method::HEAD, "/metrics", 200),
    ];
    for (method, path, status) in table {
        let answer = edge
            .client()
            .ask(method.clone(), &edge.url(path), &[], "{}".into())
            .await
            .unwrap();
        assert_eq!(answer.status, status, "{method} {path}");
    }
    assert_eq!(origin.targets(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_status_is_asked_for_once_a_second_whatever_the_crowd() {
    let origin = Origin::start(|_| async { Reply::text(200, "no-store", "{\"status\":\"live\"}") }).await;
    let edge = Edge::named("edge-status").origin(&origin.url()).start().await;
    let path = "/v1/channels/demo";
    let began = std::time::Instant::now();
    for _ in 0..10 {
        for answer in Crowd::ask(10, &[], |_| edge.url(path)).answers().await {
            assert_eq!(answer.json()["status"], "live");
            // What is in front of the edge obeys the origin.
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
    // However slow this machine is: no more than one for each second begun.
    let most = began.elapsed().as_secs() as usize + 1;
    let count = origin.count(path);
    assert!(count <= most, "{count} requests in {:?}", began.elapsed());
    until("it is asked for again", PATIENCE, async || {
        edge.client().get(&edge.url(path)).await.unwrap();
        (origin.count(path) > count).then_some(())
    })
    .await;
    assert!(began.elapsed() >= Duration::from_secs(1));
}
