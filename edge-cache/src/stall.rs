//! Viewers who take nothing of what they asked for: told from slow ones, and from those who wait for us. And those who
//! begin a request and do not end it: told from connections that are kept for the next one.
//!
//! Three things are watched, without a timer for each write: the socket that takes no more bytes, the body that is
//! not asked for its next piece (HTTP/2 windows that stay shut never show at the socket), and, by HTTP/1.1, bytes that come
//! while nothing is asked for: the next head has begun.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::body::AnswerBody;
use crate::fill::BrokenOff;

/// A viewer is looked at at least so often.
const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// No head has begun.
const NONE: u64 = u64::MAX;

/// Why a connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stall {
    /// What is ready is not taken.
    Untaken,
    /// A head has begun, and does not end.
    Head,
}

/// What one connection's viewer takes.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    /// Bodies whose next piece the viewer has not come for.
    untaken: AtomicUsize,
    /// The socket takes no more for now.
    blocked: AtomicBool,
    /// When something was taken, in milliseconds since the beginning.
    moved_ms: AtomicU64,
    /// Requests that are being answered.
    asked: AtomicUsize,
    /// HTTP/2: bytes that come are not always a head's.
    multiplexed: AtomicBool,
    /// When a head began to come, in milliseconds since the beginning.
    head_ms: AtomicU64,
}

impl Progress {
    /// Of a new connection.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            untaken: AtomicUsize::new(0),
            blocked: AtomicBool::new(false),
            moved_ms: AtomicU64::new(0),
            asked: AtomicUsize::new(0),
            multiplexed: AtomicBool::new(false),
            head_ms: AtomicU64::new(NONE),
        })
    }

    /// A head has come; what is returned is dropped when its answer has gone.
    pub fn asks(self: &Arc<Self>, version: http::Version) -> Asked {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.head_ms.store(NONE, Ordering::Relaxed);
        if version == http::Version::HTTP_2 {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        Asked(self.clone())
    }

    /// Ends when the viewer has taken nothing for `timeout` of what is ready, or a head has been coming for `head_timeout`.
    pub async fn stalled(&self, timeout: Duration, head_timeout: Duration) -> Stall {
        loop {
            tokio::time::sleep((timeout / 4).min(LONGEST_LOOK)).await;
            let head = self.head_ms.load(Ordering::Relaxed);
            if head != NONE && self.elapsed_ms().saturating_sub(head) > millis(head_timeout) {
                return Stall::Head;
            }
            let ready = self.blocked.load(Ordering::Relaxed) || self.untaken.load(Ordering::Relaxed) > 0;
            let moved = Duration::from_millis(self.moved_ms.load(Ordering::Relaxed));
            if ready && self.began.elapsed().saturating_sub(moved) > timeout {
                return Stall::Untaken;
            }
        }
    }

    fn elapsed_ms(&self) -> u64 {
        millis(self.began.elapsed())
    }

    fn moved(&self) {
        self.moved_ms.store(self.elapsed_ms(), Ordering::Relaxed);
    }

    /// Bytes came.
    fn heard(&self) {
        let is_head = !self.multiplexed.load(Ordering::Relaxed)
            && self.asked.load(Ordering::Relaxed) == 0
            && self.head_ms.load(Ordering::Relaxed) == NONE;
        if is_head {
            self.head_ms.store(self.elapsed_ms(), Ordering::Relaxed);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Asked(Arc<Progress>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body whose taking is watched.
pub struct WatchedBody {
    body: AnswerBody,
    asked: Asked,
    untaken: bool,
}

impl WatchedBody {
    /// Watches a request's body on its way to the viewer.
    pub fn new(body: AnswerBody, asked: Asked) -> Self {
        // The time runs from here: what was before was waiting for us.
        asked.0.moved();
        asked.0.untaken.fetch_add(1, Ordering::Relaxed);
        Self {
            body,
            asked,
            untaken: true,
        }
    }

    fn set_untaken(&mut self, untaken: bool) {
        if self.untaken != untaken {
            self.untaken = untaken;
            match untaken {
                true => self.asked.0.untaken.fetch_add(1, Ordering::Relaxed),
                false => self.asked.0.untaken.fetch_sub(1, Ordering::Relaxed),
            };
        }
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.set_untaken(false);
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.asked.0.moved();
        // The viewer who waits for the origin's next piece is not to blame.
        self.set_untaken(polled.is_ready());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose socket is watched.
pub struct WatchedStream<S> {
    stream: S,
    progress: Arc<Progress>,
}

impl<S> WatchedStream<S> {
    /// Watches a stream.
    pub fn new(stream: S, progress: Arc<Progress>) -> Self {
        Self { stream, progress }
    }

    fn note<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.progress
            .blocked
            .store(polled.is_pending(), Ordering::Relaxed);
        if polled.is_ready() {
            self.progress.moved();
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.progress.heard();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(polled)
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
    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    use super::*;
    use crate::body::FollowingBody;
    use crate::fill::Fill;

    const TIMEOUT: Duration = Duration::from_secs(20);
    const HEAD: Duration = Duration::from_secs(10);

    async fn stall(progress: &Progress) -> Option<Stall> {
        // On simulated time: the sleeper ends at once when it should not have ended at all.
        let stalled = progress.stalled(TIMEOUT, HEAD);
        tokio::time::timeout(TIMEOUT * 3, stalled).await.ok()
    }

    async fn is_stalled(progress: &Progress) -> bool {
        stall(progress).await == Some(Stall::Untaken)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_is_a_stall_and_a_silent_connection_is_none() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        for (version, half_a_head) in [
            (http::Version::HTTP_11, Some(Stall::Head)),
            // It may be anything.
            (http::Version::HTTP_2, None),
        ] {
            let progress = Progress::new();
            let (stream, mut viewer) = tokio::io::duplex(100);
            let mut stream = WatchedStream::new(stream, progress.clone());
            let mut buffer = [0; 4];
            viewer.write_all(b"head").await.unwrap();
            stream.read_exact(&mut buffer).await.unwrap();
            let asked = progress.asks(version);
            // What comes while an answer is on its way is looked at when that has gone.
            viewer.write_all(b"head").await.unwrap();
            stream.read_exact(&mut buffer).await.unwrap();
            assert_eq!(stall(&progress).await, None, "{version:?}");
            drop(asked);
            assert_eq!(stall(&progress).await, None, "{version:?}: idle");
            viewer.write_all(b"half").await.unwrap();
            stream.read_exact(&mut buffer).await.unwrap();
            assert_eq!(stall(&progress).await, half_a_head, "{version:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_comes_for_is_a_stall() {
        let progress = Progress::new();
        let asked = progress.asks(http::Version::HTTP_11);
        let body = WatchedBody::new(AnswerBody::whole("text".into()), asked);
        assert!(is_stalled(&progress).await);
        drop(body);
        assert!(!is_stalled(&progress).await);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_origin_is_none() {
        let progress = Progress::new();
        let fill = Arc::new(Fill::default());
        let following = AnswerBody::Following(FollowingBody::new(fill.follow(), 0, None));
        let mut body = WatchedBody::new(following, progress.asks(http::Version::HTTP_11));
        assert!(body.frame().now_or_never().is_none());
        assert!(!is_stalled(&progress).await);
        fill.push("text".into());
        fill.break_off();
        assert!(body.frame().now_or_never().is_some());
        assert!(is_stalled(&progress).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_takes_nothing_is_a_stall_and_one_that_takes_a_little_is_not() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let progress = Progress::new();
        let (stream, mut viewer) = tokio::io::duplex(10);
        let mut stream = WatchedStream::new(stream, progress.clone());
        let writer = tokio::spawn(async move { while stream.write_all(&[0; 20]).await.is_ok() {} });
        for _ in 0..5 {
            let slow = tokio::time::timeout(TIMEOUT / 2, progress.stalled(TIMEOUT, HEAD));
            assert!(slow.await.is_err());
            viewer.read_u8().await.unwrap();
        }
        assert!(is_stalled(&progress).await);
        drop(viewer);
        writer.await.unwrap();
    }
}
