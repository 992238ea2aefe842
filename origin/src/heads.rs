//! Request heads that begin and do not end, told from connections that are kept for the next request.
//!
//! hyper's own timeout of a head runs while a connection is idle, too: short enough for a slow head, it closes connections that a
//! load balancer keeps for a minute, just when it sends a request into one. So it is watched here: by HTTP/1.1, bytes
//! that come while nothing is asked for are a head that has begun.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// No head has begun.
const NONE: u64 = u64::MAX;

/// The requests of one connection.
#[derive(Debug)]
pub struct Heads {
    opened: Instant,
    /// Requests that are being answered.
    asked: AtomicUsize,
    /// HTTP/2: bytes that come are not always a head's.
    multiplexed: AtomicBool,
    /// When a head began to come, in milliseconds since the connection was opened.
    began_ms: AtomicU64,
}

impl Heads {
    /// Of a new connection.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            asked: AtomicUsize::new(0),
            multiplexed: AtomicBool::new(false),
            began_ms: AtomicU64::new(NONE),
        })
    }

    /// A head has come; what is returned is dropped when its answer has gone.
    pub fn asks(self: &Arc<Self>, version: http::Version) -> Asked {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.began_ms.store(NONE, Ordering::Relaxed);
        if version == http::Version::HTTP_2 {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        Asked(self.clone())
    }

    /// Ends when a head has been coming for `timeout`; looks four times in that.
    pub async fn overdue(&self, timeout: Duration) {
        loop {
            tokio::time::sleep(timeout / 4).await;
            let began = self.began_ms.load(Ordering::Relaxed);
            if began != NONE && self.now_ms().saturating_sub(began) > millis(timeout) {
                return;
            }
        }
    }

    /// Bytes came.
    fn heard(&self) {
        let begins = !self.multiplexed.load(Ordering::Relaxed)
            && self.asked.load(Ordering::Relaxed) == 0
            && self.began_ms.load(Ordering::Relaxed) == NONE;
        if begins {
            self.began_ms.store(self.now_ms(), Ordering::Relaxed);
        }
    }

    fn now_ms(&self) -> u64 {
        millis(self.opened.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Asked(Arc<Heads>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer's body, with its request.
pub struct AskedBody<B> {
    body: B,
    _asked: Asked,
}

impl<B> AskedBody<B> {
    /// The body of the answer to that request.
    pub fn new(body: B, asked: Asked) -> Self {
        Self { body, _asked: asked }
    }
}

impl<B: Body + Unpin> Body for AskedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose heads are watched.
pub struct HeadStream<S> {
    stream: S,
    heads: Arc<Heads>,
}

impl<S> HeadStream<S> {
    /// Watches a stream.
    pub fn new(stream: S, heads: Arc<Heads>) -> Self {
        Self { stream, heads }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.heads.heard();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn is_overdue(heads: &Heads) -> bool {
        // On simulated time: the sleeper ends at once when it should not have ended at all.
        tokio::time::timeout(TIMEOUT * 20, heads.overdue(TIMEOUT))
            .await
            .is_ok()
    }

    async fn hear(stream: &mut HeadStream<tokio::io::DuplexStream>) {
        assert!(stream.read(&mut [0; 100]).await.unwrap() > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_is_overdue_and_a_silent_connection_is_not() {
        let heads = Heads::new();
        let (stream, mut client) = tokio::io::duplex(100);
        let mut stream = HeadStream::new(stream, heads.clone());
        assert!(!is_overdue(&heads).await, "nothing was said");

        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        hear(&mut stream).await;
        let asked = heads.asks(http::Version::HTTP_11);
        client.write_all(b"the body of a request").await.unwrap();
        hear(&mut stream).await;
        assert!(!is_overdue(&heads).await, "it is being answered");
        drop(asked);
        assert!(!is_overdue(&heads).await, "it is kept for the next request");

        client.write_all(b"GET / HT").await.unwrap();
        hear(&mut stream).await;
        assert!(is_overdue(&heads).await, "the next head does not end");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_by_http_2_may_be_anything() {
        let heads = Heads::new();
        let (stream, mut client) = tokio::io::duplex(100);
        let mut stream = HeadStream::new(stream, heads.clone());
        drop(heads.asks(http::Version::HTTP_2));
        client.write_all(b"a ping").await.unwrap();
        hear(&mut stream).await;
        assert!(!is_overdue(&heads).await);
    }
}
