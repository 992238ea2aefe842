//! Memory, seats and fills are bounded, whatever is asked.

use http::StatusCode;
use vitrine_tests::harness::{Edge, until};

use crate::origin::{Gate, Origin, Reply};
use crate::viewer::{Crowd, PATIENCE, VIDEO, noise, waiting};

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_within_its_bound_under_a_flood_of_distinct_urls() {
    const MEMORY_MIB: u64 = 32;
    // What a process has around its cache: allocator's slack, connections, what is under way.
    const AROUND_MIB: u64 = 48;
    let body = noise(400_000);
    let origin = Origin::start(move |_| {
        let reply = Reply::media(&body);
        async move { reply }
    })
    .await;
    let edge = Edge::named("edge-memory")
        .origin(&origin.url())
        .line("cache", &format!("memory_mib = {MEMORY_MIB}"))
        .start()
        .await;
    let before = edge.resident_kib();
    let mut most = 0;
    for round in 0..40 {
        let url = |number: usize| edge.url(&format!("{VIDEO}/seg-{}.m4s", round * 16 + number));
        for answer in Crowd::ask(16, &[], url).answers().await {
            assert_eq!(answer.status, StatusCode::OK);
        }
        let kept = edge.metric("vitrine_edge_cache_bytes", "").await as u64;
        assert!(kept <= MEMORY_MIB * MIB, "{kept} bytes are kept");
        most = most.max(kept);
    }
    assert!(most > MEMORY_MIB * MIB / 2, "only {most} bytes were ever kept");
    let grown = edge.resident_kib().saturating_sub(before) / 1024;
    println!("256 MB of objects through a cache of {MEMORY_MIB} MiB: {grown} MiB more resident");
    assert!(
        grown < MEMORY_MIB + AROUND_MIB,
        "{grown} MiB more for a cache of {MEMORY_MIB} MiB"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_waiting_viewer_too_many_is_told_so_and_the_others_are_served() {
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
    let edge = Edge::named("edge-seats")
        .origin(&origin.url())
        .line("http", "max_waiting = 20")
        .start()
        .await;
    let url = edge.url(&format!("{VIDEO}/part-7.m4s"));
    let seated = Crowd::ask(20, &[], |_| url.clone());
    waiting(&edge, 20).await;
    let refused = edge.client().get(&url).await.unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(refused.header("retry-after"), "1");
    gate.open();
    for answer in seated.answers().await {
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(edge.client().get(&url).await.unwrap().status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn fills_are_bounded_and_what_is_kept_is_served_all_the_same() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::start(move |asked| {
        let held = held.clone();
        async move {
            if !asked.target.contains("seg-0.m4s") {
                held.passed().await;
            }
            Reply::media(&noise(10))
        }
    })
    .await;
    let edge = Edge::named("edge-fills")
        .origin(&origin.url())
        .line("upstream", "max_fills = 16")
        .start()
        .await;
    let url = |number: usize| edge.url(&format!("{VIDEO}/seg-{number}.m4s"));
    assert_eq!(edge.client().get(&url(0)).await.unwrap().status, StatusCode::OK);
    let flood = Crowd::ask(16, &[], |number| url(number + 1));
    waiting(&edge, 16).await;
    assert_eq!(
        edge.client().get(&url(99)).await.unwrap().status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let kept = edge.client().get(&url(0)).await.unwrap();
    assert_eq!(kept.header("cache-status"), "vitrine-edge; hit");
    let joined = Crowd::ask(2, &[], |_| url(3));
    waiting(&edge, 18).await;
    gate.open();
    for answer in flood.answers().await.iter().chain(&joined.answers().await) {
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_held_requests_than_one_connection_takes_go_on_another() {
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
    let edge = Edge::named("edge-connections")
        .origin(&origin.url())
        .line("upstream", "streams_per_connection = 10")
        .line("upstream", "check_interval_ms = 100")
        .start()
        .await;
    let viewers = Crowd::ask(45, &[], |number| edge.url(&format!("{VIDEO}/part-{number}.m4s")));
    until("all of them are asked for", PATIENCE, async || {
        (origin.targets().len() == 45).then_some(())
    })
    .await;
    until("they are on five connections", PATIENCE, async || {
        let connections = edge.metric("vitrine_edge_origin_connections", "").await;
        (connections >= 5.0).then_some(())
    })
    .await;
    gate.open();
    for answer in viewers.answers().await {
        assert_eq!(answer.status, StatusCode::OK);
    }
    until("those for the rush are closed", PATIENCE, async || {
        let connections = edge.metric("vitrine_edge_origin_connections", "").await;
        (connections <= 2.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_longer_than_allowed_is_refused_before_any_of_it_is_shown() {
    let origin = Origin::start(|_| async { Reply::media(&noise(3 << 20)) }).await;
    let edge = Edge::named("edge-too-long")
        .origin(&origin.url())
        .line("cache", "max_object_mib = 2")
        .start()
        .await;
    let answer = edge
        .client()
        .get(&edge.url(&format!("{VIDEO}/seg-1.m4s")))
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.text().contains("longer than allowed"), "{}", answer.text());
}
