//! The connections to one origin: HTTP/2, many requests on each, as many connections as that takes.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Empty;
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::UpstreamError;
use super::connect::{Connector, Sender};

/// Connections that are kept. Bounded by the fills under way: another one is opened only when all are full.
#[derive(Debug)]
pub struct Connections {
    connector: Connector,
    lines: Mutex<Vec<Line>>,
    /// One connects at a time; who waited for it finds the new connection.
    connecting: Semaphore,
    /// Attempts to connect that failed: who waited for one shares its failure, and does not try as long again.
    failed: AtomicUsize,
    /// Requests on one connection; more would wait behind those that the origin holds.
    streams: usize,
}

#[derive(Debug, Clone)]
struct Line {
    sender: Sender,
    requests: Arc<AtomicUsize>,
}

/// A request's place on a connection.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    /// None yet; at most `streams` requests on each.
    pub fn new(connector: Connector, streams: usize) -> Self {
        Self {
            connector,
            lines: Mutex::default(),
            connecting: Semaphore::new(1),
            failed: AtomicUsize::new(0),
            streams,
        }
    }

    /// The origin's URL.
    pub fn url(&self) -> &str {
        self.connector.url()
    }

    /// How many connections are open.
    pub fn count(&self) -> usize {
        self.lines().len()
    }

    /// Sends a request; waits for the answer's head for as long as it takes.
    pub async fn send(&self, request: Request<Empty<Bytes>>) -> Result<Response<OriginBody>, UpstreamError> {
        let (mut sender, place) = self.place().await?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|source| UpstreamError::Broken {
                origin: self.url().to_owned(),
                source,
            })?;
        Ok(answer.map(|incoming| OriginBody {
            incoming,
            _place: place,
        }))
    }

    async fn place(&self) -> Result<(Sender, Place), UpstreamError> {
        if let Some(found) = self.free_place() {
            return Ok(found);
        }
        let failed = self.failed.load(Ordering::Acquire);
        let _turn = self.connecting.acquire().await;
        if let Some(found) = self.free_place() {
            return Ok(found);
        }
        if self.failed.load(Ordering::Acquire) != failed {
            return Err(UpstreamError::Unreachable {
                origin: self.url().to_owned(),
            });
        }
        let sender = self.connector.connect().await.inspect_err(|_| {
            self.failed.fetch_add(1, Ordering::Release);
        })?;
        let line = Line {
            sender,
            requests: Arc::default(),
        };
        let place = line.place();
        let sender = line.sender.clone();
        self.lines().push(line);
        Ok((sender, place))
    }

    fn free_place(&self) -> Option<(Sender, Place)> {
        let mut lines = self.lines();
        lines.retain(|line| !line.sender.is_closed());
        // The first that has room: those opened for a rush fall idle, and are dropped below.
        let index = lines
            .iter()
            .position(|line| line.requests.load(Ordering::Relaxed) < self.streams)?;
        // One spare connection is kept beside the one in use.
        let mut idle = 0;
        let (line, place) = {
            let line = lines.get(index)?;
            (line.sender.clone(), line.place())
        };
        lines.retain(|line| {
            idle += usize::from(line.requests.load(Ordering::Relaxed) == 0);
            idle <= 1
        });
        Some((line, place))
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn place(&self) -> Place {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Place(self.requests.clone())
    }
}

/// The body of an origin's answer. Dropped before its end, the origin is told to stop.
#[derive(Debug)]
pub struct OriginBody {
    incoming: Incoming,
    _place: Place,
}

impl Body for OriginBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.incoming).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
