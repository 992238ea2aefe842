//! Viewers who wait, and who leave while they do.

use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;
use vitrine_tests::client::Client;
use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::playlist::MediaPlaylist;
use vitrine_tests::harness::{Vitrine, until};

use crate::Stage;
use vitrine_tests::harness::h2::{CANCEL, Connection, RST_STREAM, frame, request};

const SEATS: usize = 60;
const PATIENCE: Duration = Duration::from_secs(60);
/// The segment that is asked for comes some seconds later: a machine that is held up for as long must look once more.
const TRIES: usize = 10;

async fn nobody_waits(vitrine: &Vitrine) {
    until("nobody waits", PATIENCE, async || {
        (vitrine.metric("vitrine_waiting_viewers").await == 0.0).then_some(())
    })
    .await;
}

/// Waits until so many wait; `false` if the segment came before.
async fn all_wait(stage: &Stage, wanted: usize, path: &str) -> bool {
    until(&format!("{wanted} wait"), PATIENCE, async || {
        let waiting = stage.vitrine.metric("vitrine_waiting_viewers").await;
        match waiting as usize == wanted {
            true => Some(true),
            false => has_come(stage, path).await.then_some(false),
        }
    })
    .await
}

/// Whether the segment that a path of [`far_ahead`] asks for is listed.
async fn has_come(stage: &Stage, path: &str) -> bool {
    let asked = path.rsplit('=').next().unwrap().parse::<u64>().unwrap();
    last_whole(stage).await >= asked
}

async fn last_whole(stage: &Stage) -> u64 {
    let url = stage.vitrine.url(&stage.playlist);
    let text = stage.vitrine.client().get(&url).await.unwrap().text();
    let playlist = MediaPlaylist::parse(&text, &mut Findings::default());
    playlist.whole().last().unwrap().msn
}

/// Path and query of the segment furthest ahead that may be asked for: seconds away.
async fn far_ahead(stage: &Stage) -> String {
    format!("{}?_HLS_msn={}", stage.playlist, last_whole(stage).await + 2)
}

/// All seats are taken, and one more is told so; `false` if the segment came before that was seen.
async fn one_too_many_is_told_so(stage: &Stage, client: &Client) -> bool {
    let vitrine = &stage.vitrine;
    let path = far_ahead(stage).await;
    let url = vitrine.url(&path);
    let mut viewers = JoinSet::new();
    for _ in 0..SEATS {
        let (client, url) = (client.clone(), url.clone());
        viewers.spawn(async move { client.get(&url).await });
    }
    if !all_wait(stage, SEATS, &path).await {
        return false;
    }
    let crowded = vitrine.client().get(&url).await.unwrap();
    if has_come(stage, &path).await {
        return false;
    }
    assert_eq!(
        crowded.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        crowded.text()
    );
    assert_eq!(crowded.header("retry-after"), "1");
    assert_eq!(crowded.header("cache-control"), "no-store");
    // What needs no waiting is answered all the same.
    let plain = vitrine.client().get(&vitrine.url(&stage.playlist)).await.unwrap();
    assert_eq!(plain.status, StatusCode::OK);
    viewers.abort_all();
    nobody_waits(vitrine).await;
    true
}

/// Requests are cancelled one by one on a connection that stays; `false` if the segment came before.
async fn cancelled_one_by_one(stage: &Stage) -> bool {
    let path = far_ahead(stage).await;
    let mut connection = Connection::open(&stage.vitrine.http()).await;
    let ids: Vec<u32> = (0..15).map(|number| 2 * number + 1).collect();
    for stream in &ids {
        connection.send(&request(*stream, &path)).await;
    }
    if !all_wait(stage, ids.len(), &path).await {
        return false;
    }
    for stream in &ids {
        connection.send(&frame(RST_STREAM, 0, *stream, &CANCEL)).await;
    }
    nobody_waits(&stage.vitrine).await;
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_leave_free_their_seat_and_one_too_many_is_told_so() {
    // Segments of five seconds: nobody who asks for the one after the next is answered while the test looks.
    let setup = Vitrine::named("hostile-waiters")
        .target_duration_s(5)
        .max_waiting(SEATS);
    let stage = Stage::set_with_keyframes(setup, 150).await;
    for client in [Client::http1(), Client::h2c()] {
        let mut told = false;
        for _ in 0..TRIES {
            told = told || one_too_many_is_told_so(&stage, &client).await;
        }
        assert!(told, "the segment came too early each time");
    }
    let mut cancelled = false;
    for _ in 0..TRIES {
        cancelled = cancelled || cancelled_one_by_one(&stage).await;
    }
    assert!(cancelled, "the segment came too early each time");
    stage.strike().await;
}
