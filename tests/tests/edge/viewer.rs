//! Viewers: many at once, and one who reads by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use vitrine_tests::client::{Answer, Client, ClientError};
use vitrine_tests::harness::{Edge, until};

/// What must come to pass does so within this time.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The path of a rendition.
pub const VIDEO: &str = "/live/demo/s1/video-720p";

/// Bytes that differ from place to place.
pub fn noise(len: usize) -> Bytes {
    let mut state = 1_u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

/// Viewers on connections of their own, half of them by HTTP/2.
pub struct Crowd {
    viewers: JoinSet<Result<Answer, ClientError>>,
    begun: Arc<AtomicUsize>,
}

impl Crowd {
    /// The viewer of each number asks for the URL that `url` says.
    pub fn ask(
        count: usize,
        fields: &'static [(&'static str, &'static str)],
        url: impl Fn(usize) -> String,
    ) -> Self {
        let client = |number| match number % 2 {
            0 => Client::http1(),
            _ => Client::h2c(),
        };
        Self::by(client, count, fields, url)
    }

    /// The same, all by HTTP/1.1: caches in front of an edge do not speak HTTP/2 in the clear.
    pub fn http1(count: usize, url: impl Fn(usize) -> String) -> Self {
        Self::by(|_| Client::http1(), count, &[], url)
    }

    fn by(
        client: impl Fn(usize) -> Client,
        count: usize,
        fields: &'static [(&'static str, &'static str)],
        url: impl Fn(usize) -> String,
    ) -> Self {
        let (mut viewers, begun) = (JoinSet::new(), Arc::default());
        for number in 0..count {
            let (client, url) = (client(number).counting(&begun), url(number));
            viewers.spawn(async move { client.get_with(&url, fields).await });
        }
        Self { viewers, begun }
    }

    /// Waits until each of them has the first bytes of the answer's body.
    pub async fn has_begun(&self) {
        until("the viewers see its beginning", PATIENCE, async || {
            (self.begun.load(Ordering::Relaxed) == self.viewers.len()).then_some(())
        })
        .await;
    }

    pub async fn results(self) -> Vec<Result<Answer, ClientError>> {
        self.viewers.join_all().await
    }

    pub async fn answers(self) -> Vec<Answer> {
        self.results().await.into_iter().map(Result::unwrap).collect()
    }
}

/// Waits until so many requests wait at the edge.
pub async fn waiting(edge: &Edge, count: usize) {
    until("all viewers wait", PATIENCE, async || {
        let waiting = edge.metric("vitrine_edge_waiting_viewers", "").await;
        (waiting as usize == count).then_some(())
    })
    .await;
}

/// A viewer by HTTP/1.1 who reads when told to.
pub struct Hand {
    stream: TcpStream,
    /// What was read beyond what was wanted.
    ahead: Vec<u8>,
    in_body: bool,
}

impl Hand {
    /// Asks for a path; a small receive buffer makes the edge notice soon that nobody reads.
    pub async fn ask(edge: &Edge, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        let mut stream = socket.connect(edge.address().parse().unwrap()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self {
            stream,
            ahead: Vec::new(),
            in_body: false,
        }
    }

    /// The next so many bytes of the body; fewer, if the connection ends before.
    pub async fn body(&mut self, wanted: usize) -> Vec<u8> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            if !self.in_body
                && let Some(end) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n")
            {
                self.ahead.drain(..end + 4);
                self.in_body = true;
            }
            if self.in_body && self.ahead.len() >= wanted {
                return self.ahead.drain(..wanted).collect();
            }
            match timeout(PATIENCE, self.stream.read(&mut buffer)).await.unwrap() {
                Ok(0) | Err(_) => return std::mem::take(&mut self.ahead),
                Ok(len) => self.ahead.extend_from_slice(&buffer[..len]),
            }
        }
    }

    /// Whether the edge closes the connection; what it sends before is read and dropped.
    pub async fn is_closed(&mut self) -> bool {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match timeout(PATIENCE, self.stream.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => return true,
                Ok(Ok(_)) => {}
                Err(_) => return false,
            }
        }
    }
}
