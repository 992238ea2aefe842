//! Floods of HTTP/2 frames.

use std::time::Duration;

use vitrine_tests::client::Client;
use vitrine_tests::harness::{Vitrine, Witness, until};

use crate::Stage;
use vitrine_tests::harness::h2::{
    CANCEL, CONTINUATION, Connection, DATA, END_HEADERS, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, frame,
    get, request,
};

/// The server's memory may grow by so much under a flood, in KiB; without a bound it would be far more.
const GROWTH_KIB: u64 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(30);

/// Stream ids that a client may open.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_frames_end_their_own_connection_only() {
    let stage = Stage::set(Vitrine::named("hostile-floods")).await;
    let (vitrine, address) = (&stage.vitrine, stage.vitrine.http());
    let witness = Witness::of(vitrine, "show").await;
    let before = vitrine.resident_kib();
    let waiting_path = format!("{}?_HLS_msn=1", stage.playlist);

    // CVE-2023-44487: requests that are cancelled as soon as they are sent.
    let rapid_reset: Vec<u8> = streams(5_000)
        .flat_map(|stream| {
            [
                request(stream, &waiting_path),
                frame(RST_STREAM, 0, stream, &CANCEL),
            ]
            .concat()
        })
        .collect();
    // CVE-2024-27316: a head that does not end.
    let continuation: Vec<u8> = std::iter::once(frame(HEADERS, 0, 1, &get("/healthz")))
        .chain((0..2_000).map(|_| frame(CONTINUATION, 0, 1, &[0; 4_096])))
        .flatten()
        .collect();
    let nonsense = [
        frame(DATA, 0, 1, b"data on a stream that nobody opened"),
        frame(HEADERS, END_HEADERS, 1, &[0xff; 100]),
        frame(RST_STREAM, 0, 0, &CANCEL),
        frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
        frame(PING, 0, 0, b"short"),
        frame(CONTINUATION, END_HEADERS, 7, &[0x82]),
    ];
    for _ in 0..5 {
        for (what, flood) in [("rapid reset", &rapid_reset), ("continuation", &continuation)] {
            let mut connection = Connection::open(&address).await;
            connection.send(flood).await;
            let frames = connection.closed().await;
            // The goodbye may be lost when the server closes while bytes are on their way.
            println!(
                "{what}: {} frames, a goodbye: {}",
                frames.len(),
                frames.contains(&GOAWAY)
            );
        }
    }
    for bytes in nonsense {
        let mut connection = Connection::open(&address).await;
        connection.send(&bytes).await;
        let frames = connection.closed().await;
        assert!(frames.contains(&GOAWAY), "{bytes:?}: {frames:?}");
    }
    // Answered one by one, however many come.
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[])] {
        let mut connection = Connection::open(&address).await;
        let flood = frame(kind, 0, 0, payload).repeat(20_000);
        connection.send(&flood).await;
        connection.read_some().await;
    }
    let after = vitrine.resident_kib();
    println!("memory: {before} KiB before, {after} KiB after");
    assert!(
        after < before + GROWTH_KIB,
        "memory grew from {before} to {after} KiB"
    );
    until("nobody waits but the witness", PATIENCE, async || {
        (vitrine.metric("vitrine_waiting_viewers").await <= 8.0).then_some(())
    })
    .await;
    let answer = Client::h2c().get(&vitrine.playlist("show")).await.unwrap();
    assert!(answer.status.is_success());
    witness.undisturbed().await;
    stage.strike().await;
}
