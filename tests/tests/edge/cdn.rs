//! nginx and Varnish in front of the edge, by the shipped configurations. They are not installed with what the other
//! tests need: `make cdn` installs them and runs these.

use http::{Method, StatusCode};
use vitrine_tests::harness::{Cache, Cdn, Edge, until};

use crate::origin::{Gate, Origin, Reply};
use crate::viewer::{Crowd, PATIENCE, VIDEO, noise, waiting};

/// An origin whose held objects come when the gate opens, behind an edge, behind a cache.
struct Chain {
    origin: Origin,
    edge: Edge,
    cdn: Cdn,
    gate: Gate,
}

impl Chain {
    async fn start(name: &str, cache: Cache) -> Self {
        let gate = Gate::shut();
        let held = gate.clone();
        let origin = Origin::start(move |asked| {
            let held = held.clone();
            async move {
                let target = asked.target.as_str();
                if target.contains("held") {
                    held.passed().await;
                }
                match target {
                    _ if target.ends_with("m4s") => Reply::media(&noise(100_000)),
                    _ if target.contains("absent") => {
                        Reply::text(404, "public, max-age=1", &asked.count.to_string())
                    }
                    _ if target.contains("early") => {
                        Reply::text(400, "public, max-age=1", &asked.count.to_string())
                    }
                    _ if target.contains("busy") => Reply::text(503, "no-store", &asked.count.to_string()),
                    _ if target.contains('?') => Reply::text(200, "public, max-age=12", target),
                    _ => Reply::text(200, "public, max-age=1", &asked.count.to_string()),
                }
            }
        })
        .await;
        let name = format!("{name}-{}", cache.name());
        let edge = Edge::named(&name).origin(&origin.url()).start().await;
        let cdn = Cdn::start(&format!("{name}-cdn"), cache, edge.address()).await;
        Self {
            origin,
            edge,
            cdn,
            gate,
        }
    }
}

async fn a_crowd_is_one_request_at_the_origin(cache: Cache) {
    let chain = Chain::start("edge-cdn-crowd", cache).await;
    let path = "/live/held/s1/video-720p/part-7.m4s";
    let viewers = Crowd::http1(100, |number| chain.cdn.url(&format!("{path}?token={number}")));
    // nginx lets all of them wait at the edge, Varnish one.
    let at_edge = if cache == Cache::Nginx { 100 } else { 1 };
    waiting(&chain.edge, at_edge).await;
    chain.gate.open();
    for answer in viewers.answers().await {
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body, noise(100_000));
    }
    assert_eq!(chain.origin.count(path), 1);
    // From now on, it is the cache's.
    let asked = asked_of_edge(&chain).await;
    for answer in Crowd::http1(10, |number| chain.cdn.url(&format!("{path}?cmcd={number}")))
        .answers()
        .await
    {
        assert_eq!(answer.header("x-cache"), "HIT");
    }
    assert_eq!(asked_of_edge(&chain).await, asked);
}

async fn queries_are_cut_to_the_directives_in_one_order(cache: Cache) {
    let chain = Chain::start("edge-cdn-keys", cache).await;
    let canonical = format!("{VIDEO}/index.m3u8?_HLS_msn=5&_HLS_part=1&_HLS_skip=YES");
    for query in [
        "_HLS_msn=5&_HLS_part=1&_HLS_skip=YES",
        "_HLS_skip=YES&token=a&_HLS_part=1&_HLS_msn=5",
        "a=1&_HLS_msn=5&b=2&c&_HLS_part=1&x_HLS_msn=3&_HLS_skip=YES&z=%26",
    ] {
        let url = chain.cdn.url(&format!("{VIDEO}/index.m3u8?{query}"));
        let answer = chain.edge.client().get(&url).await.unwrap();
        assert_eq!(answer.text(), canonical, "{query}");
    }
    assert_eq!(chain.origin.count(&canonical), 1);
    // Other directives are other objects.
    for query in [
        "_HLS_msn=5",
        "_HLS_msn=5&_HLS_part=1",
        "_HLS_msn=6&_HLS_part=1&_HLS_skip=YES",
    ] {
        let target = format!("{VIDEO}/index.m3u8?{query}");
        let answer = chain.edge.client().get(&chain.cdn.url(&target)).await.unwrap();
        assert_eq!(answer.text(), target);
    }
    assert_eq!(asked_of_edge(&chain).await, 4.0);
}

/// How many objects the cache asked the edge for; its probes, and the tests' own look at metrics, are none.
async fn asked_of_edge(chain: &Chain) -> f64 {
    let mut asked = 0.0;
    for served in ["hit", "joined", "miss"] {
        asked += chain.edge.metric("vitrine_edge_requests_total", served).await;
    }
    asked
}

async fn lives_end_and_errors_live_for_a_second_at_most(cache: Cache) {
    let chain = Chain::start("edge-cdn-lives", cache).await;
    for (channel, status) in [("short", 200), ("absent", 404), ("early", 400), ("busy", 503)] {
        let url = chain.cdn.url(&format!("/live/{channel}/index.m3u8"));
        let ask = async || chain.edge.client().get(&url).await.unwrap();
        let first = ask().await;
        assert_eq!(first.status, status, "{channel}");
        until(&format!("the life of {channel} ends"), PATIENCE, async || {
            (ask().await.text() != first.text()).then_some(())
        })
        .await;
    }
}

async fn media_keeps_its_ranges_and_methods(cache: Cache) {
    let chain = Chain::start("edge-cdn-media", cache).await;
    let url = chain.cdn.url(&format!("{VIDEO}/seg-1.m4s"));
    let client = chain.edge.client();
    for _ in 0..2 {
        let range = client.get_with(&url, &[("range", "bytes=10-19")]).await.unwrap();
        assert_eq!(range.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(range.body, noise(100_000).slice(10..20));
        assert_eq!(range.header("access-control-allow-origin"), "");
    }
    let head = client.ask(Method::HEAD, &url, &[], "".into()).await.unwrap();
    assert_eq!(head.header("content-length"), "100000");
    let preflight = client.ask(Method::OPTIONS, &url, &[], "".into()).await.unwrap();
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(
        preflight.header("access-control-allow-methods"),
        "GET, HEAD, OPTIONS"
    );
    for (method, path, status) in [
        (Method::GET, "/metrics", 404),
        (Method::GET, "/readyz", 404),
        (Method::POST, "/v1/channels/demo/events", 405),
    ] {
        let answer = client
            .ask(method, &chain.cdn.url(path), &[], "".into())
            .await
            .unwrap();
        let refused = answer.status.as_u16();
        assert!(refused == status || refused == 404, "{path}: {refused}");
    }
}

macro_rules! through_both {
    ($($rule:ident),*) => {$(
        mod $rule {
            use super::Cache;

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs nginx: make cdn"]
            async fn nginx() {
                super::$rule(Cache::Nginx).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs varnish: make cdn"]
            async fn varnish() {
                super::$rule(Cache::Varnish).await;
            }
        }
    )*};
}

through_both!(
    a_crowd_is_one_request_at_the_origin,
    queries_are_cut_to_the_directives_in_one_order,
    lives_end_and_errors_live_for_a_second_at_most,
    media_keeps_its_ranges_and_methods
);
