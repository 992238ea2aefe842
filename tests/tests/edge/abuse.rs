//! Clients that mean harm, against the edge: those who watch a show notice nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use vitrine_tests::client::Client;
use vitrine_tests::harness::h2::{
    CANCEL, CONTINUATION, Connection, HEADERS, PING, RST_STREAM, SETTINGS, frame, get, request,
};
use vitrine_tests::harness::{Edge, raise_open_files, until};

use crate::origin::{Origin, Reply};
use crate::viewer::{PATIENCE, VIDEO, noise};

/// How long the origin holds each part.
const PART: Duration = Duration::from_millis(200);
const PART_BYTES: usize = 20_000;
const SEGMENT_BYTES: usize = 4_000_000;
const VIEWERS: u64 = 20;
const SLOW: usize = 1000;
/// What harm may cost, in KiB: buffers of a thousand sockets, and the allocator's slack. Without bounds it would be far more.
const GROWTH_KIB: u64 = 96 << 10;

/// A viewer on the slowest of lines.
struct SlowReader {
    stream: TcpStream,
    taken: Vec<u8>,
}

impl SlowReader {
    async fn ask(edge: &Edge, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let mut stream = socket.connect(edge.address().parse().unwrap()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let taken = Vec::new();
        Self { stream, taken }
    }

    async fn take_a_kilobyte(&mut self) {
        let mut kilobyte = [0; 1000];
        let read = timeout(PATIENCE, self.stream.read_exact(&mut kilobyte)).await;
        read.unwrap().unwrap();
        self.taken.extend_from_slice(&kilobyte);
    }

    fn body(&self) -> &[u8] {
        let end = self.taken.windows(4).position(|window| window == b"\r\n\r\n");
        &self.taken[end.unwrap() + 4..]
    }
}

/// A show that goes on, and those who watch it.
struct Show {
    edge: Edge,
    _origin: Origin,
    parts: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    viewers: JoinSet<()>,
    before_kib: u64,
}

impl Show {
    async fn start(name: &str) -> Self {
        raise_open_files();
        let (part, segment) = (noise(PART_BYTES), noise(SEGMENT_BYTES));
        let origin = Origin::start(move |asked| {
            let (part, segment) = (part.clone(), segment.clone());
            async move {
                if asked.target.contains("seg-") {
                    return Reply::media(&segment);
                }
                tokio::time::sleep(PART).await;
                Reply::media(&part)
            }
        })
        .await;
        let edge = Edge::named(name).origin(&origin.url()).start().await;
        let (parts, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut viewers = JoinSet::new();
        for number in 0..VIEWERS {
            let client = if number % 2 == 0 {
                Client::http1()
            } else {
                Client::h2c()
            };
            let (parts, over, folder) = (parts.clone(), over.clone(), edge.url(VIDEO));
            viewers.spawn(async move {
                let expected = noise(PART_BYTES);
                for part in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = client.get(&format!("{folder}/part-{part}.m4s")).await.unwrap();
                    assert_eq!(answer.status, StatusCode::OK, "part {part} of viewer {number}");
                    assert!(
                        answer.body == expected,
                        "part {part} of viewer {number} is other bytes"
                    );
                    parts.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut show = Self {
            edge,
            _origin: origin,
            parts,
            over,
            viewers,
            before_kib: 0,
        };
        show.goes_on().await;
        show.before_kib = show.edge.resident_kib();
        show
    }

    /// Every viewer gets some more parts; a viewer who failed has ended.
    async fn goes_on(&mut self) {
        let before = self.parts.load(Ordering::Relaxed);
        until("the viewers get more parts", PATIENCE, async || {
            (self.parts.load(Ordering::Relaxed) >= before + 3 * VIEWERS).then_some(())
        })
        .await;
        if let Some(ended) = self.viewers.try_join_next() {
            ended.unwrap();
            panic!("a viewer's show ended");
        }
    }

    /// The show ends well, memory is what it should be, and nobody is left waiting.
    async fn ends(mut self) {
        self.goes_on().await;
        self.over.store(true, Ordering::Relaxed);
        while let Some(viewer) = self.viewers.join_next().await {
            viewer.unwrap();
        }
        until("nobody waits any more", PATIENCE, async || {
            let waiting = self.edge.metric("vitrine_edge_waiting_viewers", "").await;
            (waiting == 0.0).then_some(())
        })
        .await;
        let grown = self.edge.resident_kib().saturating_sub(self.before_kib);
        println!("{grown} KiB more than before");
        assert!(grown < GROWTH_KIB, "{grown} KiB more than before");
        let log = self.edge.log();
        assert!(!log.contains("panicked"), "{log}");
        assert!(self.edge.stop().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_readers_of_a_kilobyte_a_second_hold_up_nobody() {
    let mut show = Show::start("edge-abuse-slow").await;
    let mut readers = Vec::new();
    for _ in 0..SLOW {
        readers.push(SlowReader::ask(&show.edge, &format!("{VIDEO}/seg-1.m4s")).await);
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..5 {
        ticks.tick().await;
        for reader in &mut readers {
            reader.take_a_kilobyte().await;
        }
        show.goes_on().await;
    }
    let expected = noise(SEGMENT_BYTES);
    for reader in &readers {
        assert!(
            expected.starts_with(reader.body()),
            "a slow reader got other bytes"
        );
    }
    let served = show.edge.metric("vitrine_edge_requests_total", "").await;
    assert!(served >= SLOW as f64, "only {served} requests were served");
    drop(readers);
    show.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_reset_in_the_midst_of_things_leave_nothing() {
    let mut show = Show::start("edge-abuse-resets").await;
    for round in 0..10 {
        for number in 0..100 {
            let mut stream = TcpStream::connect(show.edge.address()).await.unwrap();
            // Closed, it is reset instead of ended.
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            let file = match number % 3 {
                0 => "part-999999.m4s".to_owned(),
                1 => "seg-1.m4s".to_owned(),
                _ => format!("part-{}.m4s", 1_000_000 + 100 * round + number),
            };
            let head = format!("GET {VIDEO}/{file} HTTP/1.1\r\nhost: edge\r\n\r\n");
            let sent = if number % 7 == 0 {
                &head[..head.len() / 2]
            } else {
                &head
            };
            stream.write_all(sent.as_bytes()).await.unwrap();
            if number % 2 == 0 {
                let _ = timeout(Duration::from_millis(5), stream.read(&mut [0; 1000])).await;
            }
        }
        show.goes_on().await;
    }
    show.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_without_end_are_refused() {
    let mut show = Show::start("edge-abuse-heads").await;
    let address = show.edge.address().to_owned();
    let mut floods = JoinSet::new();
    for number in 0..100 {
        let address = address.clone();
        floods.spawn(async move {
            // Else the system would take four mebibytes for the edge, if that is held up.
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_send_buffer_size(64 << 10).unwrap();
            let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
            let start = format!("GET {VIDEO}/seg-1.m4s HTTP/1.1\r\nhost: edge\r\n");
            let line = match number % 2 {
                // Many fields, or one without end.
                0 => format!("x-{number}: {}\r\n", "a".repeat(100)),
                _ => "a".repeat(1000),
            };
            let mut sent = 0;
            let mut next = start;
            while sent < 4 << 20 {
                match timeout(PATIENCE, stream.write_all(next.as_bytes())).await {
                    Ok(Ok(())) => sent += next.len(),
                    Ok(Err(_)) => return sent,
                    Err(_) => panic!("the edge neither reads nor closes"),
                }
                next.clone_from(&line);
            }
            sent
        });
    }
    while let Some(sent) = floods.join_next().await {
        // What the sockets buffer beside what the edge reads.
        assert!(sent.unwrap() < 4 << 20, "a head of 4 MiB was taken");
    }
    show.goes_on().await;
    // A head that is too long as a whole, in HTTP/2: its own stream ends, or its connection.
    let long = "a".repeat(60_000);
    let answer = Client::h2c()
        .get_with(&show.edge.url(VIDEO), &[("x-long", &long)])
        .await;
    assert!(
        answer.as_ref().is_err()
            || answer
                .as_ref()
                .is_ok_and(|answer| answer.status.is_client_error()),
        "{answer:?}"
    );
    show.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_http2_frames_end_their_own_connection_only() {
    let mut show = Show::start("edge-abuse-h2").await;
    let address = show.edge.address().to_owned();
    let streams = || (0..5000_u32).map(|number| 2 * number + 1);
    // CVE-2023-44487: requests that are cancelled as soon as they are sent.
    let rapid_reset: Vec<u8> = streams()
        .flat_map(|stream| {
            let path = format!("{VIDEO}/part-{}.m4s", 2_000_000 + stream);
            [request(stream, &path), frame(RST_STREAM, 0, stream, &CANCEL)].concat()
        })
        .collect();
    // CVE-2024-27316: a head that does not end.
    let continuation: Vec<u8> = std::iter::once(frame(HEADERS, 0, 1, &get("/healthz")))
        .chain((0..2000).map(|_| frame(CONTINUATION, 0, 1, &[0; 4096])))
        .flatten()
        .collect();
    for _ in 0..5 {
        for flood in [&rapid_reset, &continuation] {
            let mut connection = Connection::open(&address).await;
            connection.send(flood).await;
            // Panics if the edge keeps the connection.
            connection.closed().await;
        }
        show.goes_on().await;
    }
    // Answered one by one, however many come.
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[])] {
        let mut connection = Connection::open(&address).await;
        connection.send(&frame(kind, 0, 0, payload).repeat(20_000)).await;
        connection.read_some().await;
    }
    show.ends().await;
}
