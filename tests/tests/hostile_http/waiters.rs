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
const PATIENCE: Duration = Duration::from_secs(20);

async fn waiting(vitrine: &Vitrine, wanted: usize) {
    until(&format!("{wanted} wait"), PATIENCE, async || {
        let waiting = vitrine.metric("vitrine_waiting_viewers").await;
        (waiting as usize == wanted).then_some(())
    })
    .await;
}

/// Path and query of the segment furthest ahead that may be asked for: seconds away.
async fn far_ahead(stage: &Stage) -> String {
    let url = stage.vitrine.url(&stage.playlist);
    let text = stage.vitrine.client().get(&url).await.unwrap().text();
    let playlist = MediaPlaylist::parse(&text, &mut Findings::default());
    let last = playlist.whole().last().unwrap().msn;
    format!("{}?_HLS_msn={}", stage.playlist, last + 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_leave_free_their_seat_and_one_too_many_is_told_so() {
    // Segments of five seconds: nobody who asks for the one after the next is answered while the test looks.
    let setup = Vitrine::named("hostile-waiters")
        .target_duration_s(5)
        .max_waiting(SEATS);
    let stage = Stage::set_with_keyframes(setup, 150).await;
    let vitrine = &stage.vitrine;
    for client in [Client::http1(), Client::h2c()] {
        let url = vitrine.url(&far_ahead(&stage).await);
        let mut viewers = JoinSet::new();
        for _ in 0..SEATS {
            let (client, url) = (client.clone(), url.clone());
            viewers.spawn(async move { client.get(&url).await });
        }
        waiting(vitrine, SEATS).await;
        let crowded = vitrine.client().get(&url).await.unwrap();
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
        waiting(vitrine, 0).await;
    }
    // Cancelled one by one on a connection that stays.
    let path = far_ahead(&stage).await;
    let mut connection = Connection::open(&vitrine.http()).await;
    let ids: Vec<u32> = (0..15).map(|number| 2 * number + 1).collect();
    for stream in &ids {
        connection.send(&request(*stream, &path)).await;
    }
    waiting(vitrine, ids.len()).await;
    for stream in &ids {
        connection.send(&frame(RST_STREAM, 0, *stream, &CANCEL)).await;
    }
    waiting(vitrine, 0).await;
    stage.strike().await;
}
