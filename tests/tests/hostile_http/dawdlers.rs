//! Clients that take all the time in the world.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vitrine_tests::harness::{Vitrine, Witness};

use crate::Stage;
use crate::raw;

/// Connections of each kind.
const EACH: usize = 40;

/// What is sent at first, and what the server says before it closes.
const KINDS: [(&str, &str, &[u16]); 7] = [
    ("nothing", "", &[]),
    ("a letter", "G", &[]),
    ("a letter that HTTP/2 begins with too", "P", &[]),
    ("half of HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\n", &[]),
    ("half a head", "GET /healthz HTTP/1.1\r\nX: 1\r\n", &[]),
    (
        "a request, and then nothing",
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        &[200],
    ),
    (
        "half a body",
        "POST /v1/channels/show/events HTTP/1.1\r\nAuthorization: Bearer token-of-show\r\nContent-Length: 90\r\n\r\n{",
        &[408],
    ),
];

/// Sends a byte of a head from time to time; how many went until the server closed.
async fn drip(address: String) -> usize {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "GET /healthz HTTP/1.1\r\n"
        .bytes()
        .chain(std::iter::repeat_n(b'a', 1000));
    let mut sent = 0;
    for byte in head {
        if stream.write_all(&[byte]).await.is_err() {
            return sent;
        }
        sent += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_dawdle_lose_their_place() {
    let stage = Stage::set(Vitrine::named("hostile-dawdlers").max_connections(EACH * 9)).await;
    let address = stage.vitrine.http();
    let witness = Witness::of(&stage.vitrine, "show").await;
    let started = Instant::now();
    let mut dawdlers = JoinSet::new();
    for (what, bytes, statuses) in KINDS {
        for _ in 0..EACH {
            let address = address.clone();
            dawdlers.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(bytes.as_bytes()).await.unwrap();
                // An answer's silence is not the end here: read until the server closes.
                let mut said = raw::read(&mut stream).await;
                while !said.closed {
                    let more = raw::read(&mut stream).await;
                    said.closed = more.closed;
                    said.statuses.extend(more.statuses);
                }
                assert_eq!(said.statuses, statuses, "{what}: {}", said.text);
            });
        }
    }
    let dripping = drip(address);
    let (sent, ()) = tokio::join!(dripping, async {
        while let Some(done) = dawdlers.join_next().await {
            done.unwrap();
        }
    });
    assert!(
        sent < 500,
        "a head of {sent} bytes was taken, one after the other"
    );
    println!(
        "all {} dawdlers were closed after {:?}",
        KINDS.len() * EACH,
        started.elapsed()
    );
    witness.undisturbed().await;
    stage.strike().await;
}
