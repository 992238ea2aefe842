//! What edge and origin count themselves, before and after.

use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use super::library::{Library, Object};
use super::link::{Link, Server};
use super::viewer::Seen;
use crate::harness::sum_of;

/// The last objects of a swarm come within this time: no part is longer.
const REST: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// Requests that reached the origin, beside the objects that the viewers wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// By the edge's own count: requests upstream for media, and different media objects that viewers asked for.
    pub media: Option<(u64, u64)>,
    /// The same of blocking playlists.
    pub blocking: Option<(u64, u64)>,
    /// By the origin's count: all requests but the witness's.
    pub origin: Option<u64>,
    /// By the edge's count: all requests for objects that reached it.
    pub edge: Option<u64>,
}

/// A look at the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Look {
    media: Option<f64>,
    blocking: Option<f64>,
    origin: Option<f64>,
    edge: Option<f64>,
}

/// Reads `/metrics` of the edge, if `url` is one's, and of the origin.
pub(super) async fn read(url: &Url, origin: Option<&Arc<Server>>) -> Look {
    let mut look = Look::default();
    if let Some(text) = metrics(Server::of(url, false).ok().map(Arc::new).as_ref()).await
        && text.contains("vitrine_edge_")
    {
        let upstream = |kind: &str| {
            Some(sum_of(
                &text,
                "vitrine_edge_upstream_requests_total",
                &format!("kind=\"{kind}\""),
            ))
        };
        look.media = upstream("media");
        look.blocking = upstream("blocking-playlist");
        let served = |label: &str| {
            sum_of(
                &text,
                "vitrine_edge_requests_total",
                &format!("served=\"{label}\""),
            )
        };
        look.edge = Some(["hit", "joined", "miss"].map(served).iter().sum());
    }
    if let Some(text) = metrics(origin).await {
        look.origin = Some(sum_of(&text, "vitrine_playback_requests_total", ""));
    }
    look
}

/// The same once the edge fetches nothing any more: what the last viewers asked for is counted when it has come.
pub(super) async fn read_at_rest(url: &Url, origin: Option<&Arc<Server>>) -> Look {
    let edge = Server::of(url, false).ok().map(Arc::new);
    let deadline = Instant::now() + REST;
    while let Some(text) = metrics(edge.as_ref()).await
        && sum_of(&text, "vitrine_edge_fills", "") > 0.0
        && Instant::now() < deadline
    {
        tokio::time::sleep(LOOK).await;
    }
    read(url, origin).await
}

async fn metrics(server: Option<&Arc<Server>>) -> Option<String> {
    let reply = Link::new(server?.clone()).playlist("/metrics").await.ok()?;
    Some(String::from_utf8_lossy(&reply.body.unpacked().ok()?).into_owned())
}

impl Counted {
    pub(super) fn between(before: &Look, after: &Look, library: &Library, witnessed: &[Seen]) -> Self {
        let delta = |before: Option<f64>, after: Option<f64>| Some((after? - before?).max(0.0) as u64);
        let objects = |requests: Option<u64>, object| Some((requests?, library.asked(object) as u64));
        let own: u64 = witnessed.iter().map(|seen| seen.requests).sum();
        Self {
            media: objects(delta(before.media, after.media), Object::Media),
            blocking: objects(delta(before.blocking, after.blocking), Object::BlockingPlaylist),
            origin: delta(before.origin, after.origin).map(|requests| requests.saturating_sub(own)),
            edge: delta(before.edge, after.edge),
        }
    }
}
