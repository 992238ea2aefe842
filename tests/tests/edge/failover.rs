//! Several origins: who has it, who is down, who is frozen.

use http::StatusCode;
use rustix::process::Signal;
use vitrine_tests::harness::{Edge, EdgeSetup, until};

use crate::origin::{Gate, Origin, Reply};
use crate::viewer::{Crowd, PATIENCE, VIDEO, noise, waiting};

async fn says(text: &'static str) -> Origin {
    Origin::start(move |_| async move { Reply::text(200, "no-store", text) }).await
}

async fn has_not() -> Origin {
    Origin::start(|_| async { Reply::text(404, "public, max-age=1", "none") }).await
}

/// An edge that waits for the answers to its checks: an origin of a test that the machine holds up is not down.
fn patient(name: &str) -> EdgeSetup {
    Edge::named(name).line("upstream", "check_timeout_ms = 30000")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_origin_is_asked_and_the_next_one_when_it_is_gone() {
    let (first, second) = (says("first").await, says("second").await);
    let edge = patient("edge-failover")
        .origin(&first.url())
        .origin(&second.url())
        .line("upstream", "check_interval_ms = 100")
        .start()
        .await;
    let ask = async || edge.client().get(&edge.playlist("demo")).await.unwrap().text();
    assert_eq!(ask().await, "first");
    let address = first.address().to_owned();
    let port = first.leave().await;
    // At once: a refused connection is no answer, and the next origin is asked.
    assert_eq!(ask().await, "second");
    until("the first is known to be down", PATIENCE, async || {
        let up = edge.metric("vitrine_edge_origin_up", &address).await;
        (up == 0.0).then_some(())
    })
    .await;
    let _first = Origin::start_at(port, |_| async { Reply::text(200, "no-store", "first again") });
    until("the first is preferred again", PATIENCE, async || {
        (ask().await == "first again").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_origin_that_has_a_session_is_found_and_remembered() {
    let (first, second) = (has_not().await, says("second").await);
    let edge = patient("edge-home")
        .origin(&first.url())
        .origin(&second.url())
        .start()
        .await;
    let ask = async |path: &str| {
        let answer = edge.client().get(&edge.url(path)).await.unwrap();
        (answer.status.as_u16(), answer.text())
    };
    let part = |number: usize| format!("{VIDEO}/part-{number}.m4s");
    for number in 0..5 {
        assert_eq!(ask(&part(number)).await, (200, "second".to_owned()));
    }
    assert_eq!(
        first.targets(),
        [part(0)],
        "the first was asked more than once for the session"
    );
    // What nobody has is the first answer.
    let _port = second.leave().await;
    assert_eq!(ask("/live/other/index.m3u8").await, (404, "none".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_go_to_the_origins_that_have_them() {
    let (shop, bakery) = (says("shop").await, says("bakery").await);
    let edge = patient("edge-channels")
        .table(
            "origin",
            &[&format!("url = \"{}\"", shop.url()), "channels = [\"shop\"]"],
        )
        .table(
            "origin",
            &[
                &format!("url = \"{}\"", bakery.url()),
                "channels = [\"bakery\", \"cafe\"]",
            ],
        )
        .start()
        .await;
    for (channel, status, text) in [
        ("shop", 200, "shop"),
        ("bakery", 200, "bakery"),
        ("cafe", 200, "bakery"),
    ] {
        let answer = edge.client().get(&edge.playlist(channel)).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (status, text),
            "{channel}"
        );
    }
    let nobody = edge.client().get(&edge.playlist("florist")).await.unwrap();
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_that_share_shields_ask_one_of_them_for_each_object() {
    let origin = Origin::start(|_| async { Reply::media(&noise(100)) }).await;
    let shield = async |name: &str| patient(name).origin(&origin.url()).start().await;
    let shields = [
        shield("edge-shield-1").await,
        shield("edge-shield-2").await,
        shield("edge-shield-3").await,
    ];
    let edge = async |name: &str, shields: [&Edge; 3]| {
        let setup = patient(name).line("upstream", "order = \"shared\"");
        let setup = shields
            .iter()
            .fold(setup, |setup, shield| setup.origin(&shield.url("")));
        setup.start().await
    };
    let [first, second, third] = &shields;
    let edges = [
        edge("edge-shielded-1", [first, second, third]).await,
        edge("edge-shielded-2", [third, first, second]).await,
    ];
    // So many that each shield is sure to have a share, whatever the ports that it is drawn by.
    let parts: Vec<_> = (0..90)
        .map(|number| format!("{VIDEO}/part-{number}.m4s"))
        .collect();
    for edge in &edges {
        for answer in Crowd::ask(parts.len(), &[], |number| edge.url(&parts[number]))
            .answers()
            .await
        {
            assert_eq!(answer.status, StatusCode::OK);
        }
    }
    for part in &parts {
        assert_eq!(origin.count(part), 1, "{part}");
    }
    for shield in &shields {
        let asked = shield.metric("vitrine_edge_requests_total", "miss").await;
        assert!(asked > 0.0, "a shield has no share");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_a_frozen_origin_holds_go_to_the_next_one_and_its_late_answer_still_counts() {
    // The first is an edge of its own, so that it can be frozen as a process is: in front of one that holds for ever.
    let (gate, frozen, has_not) = (Gate::shut(), Gate::shut(), Gate::shut());
    let held = gate.clone();
    let behind = Origin::start(move |_| {
        let held = held.clone();
        async move {
            held.passed().await;
            Reply::text(200, "no-store", "first")
        }
    })
    .await;
    let mut first = Edge::named("edge-freezes").origin(&behind.url()).start().await;
    let (answers, told) = (frozen.clone(), has_not.clone());
    let second = Origin::start(move |asked| {
        let (answers, told) = (answers.clone(), told.clone());
        async move {
            // On a machine that is held up, the first may be taken for frozen before it is.
            answers.passed().await;
            match asked.target.contains("shared") {
                true => Reply::text(200, "no-store", "second"),
                false => {
                    told.open();
                    Reply::text(404, "no-store", "none")
                }
            }
        }
    })
    .await;
    let edge = Edge::named("edge-frozen")
        .origin(&first.url(""))
        .origin(&second.url())
        .line("upstream", "check_interval_ms = 100")
        .line("upstream", "check_timeout_ms = 500")
        .start()
        .await;
    let both = Crowd::ask(2, &[], |_| edge.url("/live/shared/s1/video/part-1.m4s"));
    let one = Crowd::ask(2, &[], |_| edge.url("/live/own/s1/video/part-1.m4s"));
    waiting(&edge, 4).await;
    waiting(&first, 2).await;
    first.signal(Signal::STOP);
    frozen.open();
    // The second has this one.
    for answer in both.answers().await {
        assert_eq!(answer.text(), "second");
    }
    // That one, it has not: its viewers wait for the frozen one.
    has_not.passed().await;
    waiting(&edge, 2).await;
    first.signal(Signal::CONT);
    gate.open();
    for answer in one.answers().await {
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "first"));
    }
}
