//! Clients that take all the time in the world.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vitrine_tests::harness::{Vitrine, Witness};

use crate::Stage;
use crate::raw::{self, End};

/// Connections of each kind.
const EACH: usize = 40;

/// What is sent at first, and what the server says before it closes.
const KINDS: [(&str, &str, &[u16]); 6] = [
    ("nothing", "", &[]),
    ("a letter", "G", &[]),
    ("a letter that HTTP/2 begins with too", "P", &[]),
    ("half of HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\n", &[]),
    ("half a head", "GET /healthz HTTP/1.1\r\nX: 1\r\n", &[]),
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

/// The statuses of what is answered to a request on an open connection.
async fn asked(stream: &mut TcpStream) -> Vec<u16> {
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    // A connection that is closed by now has no answer.
    let _ = stream.write_all(request).await;
    raw::read(stream, End::Answers(1)).await.statuses
}

/// The statuses of all that comes until the server closes.
async fn until_closed(stream: &mut TcpStream) -> Vec<u16> {
    let said = raw::read(stream, End::Closed).await;
    assert!(said.closed, "the server keeps the connection: {}", said.text);
    said.statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_dawdle_lose_their_place() {
    let stage = Stage::set(Vitrine::named("hostile-dawdlers").max_connections(EACH * 9)).await;
    let address = stage.vitrine.http();
    let witness = Witness::of(&stage.vitrine, "show").await;
    let mut idle = TcpStream::connect(&address).await.unwrap();
    assert_eq!(asked(&mut idle).await, [200]);
    let started = Instant::now();
    let mut dawdlers = JoinSet::new();
    for (what, bytes, statuses) in KINDS {
        for _ in 0..EACH {
            let address = address.clone();
            dawdlers.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(bytes.as_bytes()).await.unwrap();
                assert_eq!(until_closed(&mut stream).await, statuses, "{what}");
            });
        }
    }
    for _ in 0..EACH {
        let address = address.clone();
        dawdlers.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(asked(&mut stream).await, [200]);
            stream.write_all(b"GET /healthz HT").await.unwrap();
            assert_eq!(until_closed(&mut stream).await, [0; 0], "half of a second head");
        });
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
        (KINDS.len() + 1) * EACH,
        started.elapsed()
    );
    // It has been silent for longer than any of them: a load balancer keeps it for its next request.
    assert_eq!(asked(&mut idle).await, [200], "an idle connection is kept");
    witness.undisturbed().await;
    stage.strike().await;
}
