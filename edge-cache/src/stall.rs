//! Viewers who take nothing of what they asked for: told from slow ones, and from those who wait for us.
//!
//! Two things are watched, without a timer for each write: the socket that takes no more bytes, and the body that is
//! not asked for its next piece (HTTP/2 windows that stay shut never show at the socket).

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
}

impl Progress {
    /// Of a new connection.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            untaken: AtomicUsize::new(0),
            blocked: AtomicBool::new(false),
            moved_ms: AtomicU64::new(0),
        })
    }

    /// Ends when the viewer has taken nothing for `timeout` of what is ready.
    pub async fn stalled(&self, timeout: Duration) {
        loop {
            tokio::time::sleep(timeout / 4).await;
            let ready = self.blocked.load(Ordering::Relaxed) || self.untaken.load(Ordering::Relaxed) > 0;
            let moved = Duration::from_millis(self.moved_ms.load(Ordering::Relaxed));
            if ready && self.began.elapsed().saturating_sub(moved) > timeout {
                return;
            }
        }
    }

    fn moved(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(now, Ordering::Relaxed);
    }
}

/// A body whose taking is watched.
pub struct WatchedBody {
    body: AnswerBody,
    progress: Arc<Progress>,
    untaken: bool,
}

impl WatchedBody {
    /// Watches a body on its way to the viewer of that connection.
    pub fn new(body: AnswerBody, progress: Arc<Progress>) -> Self {
        // The time runs from here: what was before was waiting for us.
        progress.moved();
        progress.untaken.fetch_add(1, Ordering::Relaxed);
        Self {
            body,
            progress,
            untaken: true,
        }
    }

    fn set_untaken(&mut self, untaken: bool) {
        if self.untaken != untaken {
            self.untaken = untaken;
            match untaken {
                true => self.progress.untaken.fetch_add(1, Ordering::Relaxed),
                false => self.progress.untaken.fetch_sub(1, Ordering::Relaxed),
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
        self.progress.moved();
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
        Pin::new(&mut self.stream).poll_read(context, buffer)
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

    async fn is_stalled(progress: &Progress) -> bool {
        // On simulated time: the sleeper ends at once when it should not have ended at all.
        tokio::time::timeout(TIMEOUT * 3, progress.stalled(TIMEOUT))
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_comes_for_is_a_stall() {
        let progress = Progress::new();
        let body = WatchedBody::new(AnswerBody::whole("text".into()), progress.clone());
        assert!(is_stalled(&progress).await);
        drop(body);
        assert!(!is_stalled(&progress).await);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_origin_is_none() {
        let progress = Progress::new();
        let fill = Arc::new(Fill::default());
        let following = AnswerBody::Following(FollowingBody::new(fill.follow(), 0, None));
        let mut body = WatchedBody::new(following, progress.clone());
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
            let slow = tokio::time::timeout(TIMEOUT / 2, progress.stalled(TIMEOUT));
            assert!(slow.await.is_err());
            viewer.read_u8().await.unwrap();
        }
        assert!(is_stalled(&progress).await);
        drop(viewer);
        writer.await.unwrap();
    }
}
