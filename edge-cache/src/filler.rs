//! Fetches one object for everybody who waits for it.
//!
//! ```text
//! ask ─► head ─► pieces ─► whole ─► store, followers
//!  ▲      │        └─ broke off: the rest is asked for, if it is sure to be the same bytes; else followers are cut off
//!  └──────┘ broke off before anything was shown: asked anew
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::StatusCode;
use http_body_util::BodyExt;
use metrics::counter;

use crate::flights::Flight;
use crate::object::{Head, Object};
use crate::range;
use crate::store::Store;
use crate::target::{Kind, Target};
use crate::upstream::{Demand, OriginAnswer, OriginBody, Upstream, UpstreamError};

/// A body that broke off is taken up again so often.
const RESUMES: usize = 3;
/// What is read at once before followers are woken.
const BATCH: usize = 256 << 10;
/// Bytes are gathered in blocks of this size, or of the object's if that is less: what an origin claims is not believed.
const BLOCK: usize = 1 << 20;
/// A fill that nobody waits for any more goes on for so long: viewers come back.
const LINGER: Duration = Duration::from_secs(1);
/// The same, if it comes in and is worth keeping.
const FINISH: Duration = Duration::from_secs(60);

/// How objects are fetched and kept.
#[derive(Debug)]
pub struct FillSettings {
    /// A longer object is refused.
    pub max_object_bytes: u64,
    /// A body that stands still for so long has broken off.
    pub body_timeout: Duration,
    /// How long an immutable object is better than an error.
    pub immutable_stale: Duration,
    /// How long a channel's status is kept, whatever the origin says; zero: as it says.
    pub status_life: Duration,
}

/// Fetches objects; clones share everything.
#[derive(Debug, Clone)]
pub struct Filler {
    /// The origins.
    pub upstream: Arc<Upstream>,
    /// Where objects are kept.
    pub store: Store,
    /// How.
    pub settings: Arc<FillSettings>,
}

/// Why a fill ends without the origin's object.
#[derive(Debug, thiserror::Error)]
enum FillError {
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("an object of more than {max} bytes: raise cache.max_object_mib")]
    TooLong { max: u64 },
    /// Something was shown, and the rest cannot be had.
    #[error("the body broke off after {received} bytes")]
    BrokenOff { received: u64 },
    /// Nothing was shown, and the body broke off each time.
    #[error("the body broke off each time")]
    NeverWhole,
}

impl Filler {
    /// Fetches `target` and lands the flight; gives up when nobody waits and it is not worth keeping.
    pub async fn run(self, flight: Flight, target: Target) {
        let outcome = tokio::select! {
            outcome = self.fetch(&flight, &target) => outcome,
            () = forsaken(&flight) => {
                counter!("vitrine_edge_fills_abandoned_total").increment(1);
                return;
            }
        };
        match outcome {
            Ok(object) => self.land(flight, object),
            Err(FillError::BrokenOff { received }) => {
                counter!("vitrine_edge_fills_broken_total").increment(1);
                tracing::warn!(target = %target.key, received, "an object broke off; its viewers are cut off");
            }
            Err(error) => {
                let object = self.instead(&target, &error);
                self.land(flight, object);
            }
        }
    }

    fn land(&self, flight: Flight, object: Object) {
        if object.head.freshness.policy().is_kept() {
            self.store.insert(flight.key().clone(), object.clone());
        }
        flight.land(object);
    }

    /// What is shown instead of what could not be fetched.
    fn instead(&self, target: &Target, error: &FillError) -> Object {
        let now = Instant::now();
        if let Some(stale) = self.store.stale(&target.key, now) {
            counter!("vitrine_edge_stale_total").increment(1);
            return stale;
        }
        tracing::debug!(target = %target.key, %error, "not fetched");
        match error {
            FillError::Upstream(error) => Object::problem(error.status(), error.detail(), now),
            FillError::TooLong { .. } => Object::problem(
                StatusCode::BAD_GATEWAY,
                "the origin's answer is longer than allowed here",
                now,
            ),
            FillError::BrokenOff { .. } | FillError::NeverWhole => {
                Object::problem(StatusCode::BAD_GATEWAY, "the origin's answer broke off", now)
            }
        }
    }

    async fn fetch(&self, flight: &Flight, target: &Target) -> Result<Object, FillError> {
        let mut resumes = RESUMES;
        loop {
            let answer = self.upstream.ask(target, &Demand::default()).await?;
            let (parts, body) = answer.into_parts();
            let head = Head::new(parts, Instant::now(), self.settings.immutable_stale);
            let head = Arc::new(self.with_status_life(head, target));
            let mut gathering = Gathering::new(flight, head, self.settings.max_object_bytes)?;
            let mut body = Some(body);
            loop {
                let ended = match body.take() {
                    Some(body) => gathering.read(body, self.settings.body_timeout).await?,
                    None => false,
                };
                if ended {
                    return Ok(gathering.finish());
                }
                if resumes == 0 {
                    return Err(gathering.broken());
                }
                resumes -= 1;
                counter!("vitrine_edge_resumes_total").increment(1);
                if !gathering.shown {
                    break;
                }
                let demand = gathering.rest().ok_or_else(|| gathering.broken())?;
                let answer = self.upstream.ask(target, &demand).await;
                body = answer.ok().and_then(|answer| gathering.take_up(answer));
            }
        }
    }

    fn with_status_life(&self, mut head: Head, target: &Target) -> Head {
        if target.kind == Kind::Status
            && head.status == StatusCode::OK
            && !self.settings.status_life.is_zero()
        {
            head.live_for(self.settings.status_life);
        }
        head
    }
}

/// Waits until nobody has waited for some time; for longer, if the object is worth keeping.
async fn forsaken(flight: &Flight) {
    let fill = flight.fill();
    loop {
        fill.deserted().await;
        let finishing = fill.is_worth_keeping();
        tokio::time::sleep(if finishing { FINISH } else { LINGER }).await;
        if (finishing || !fill.is_worth_keeping()) && flight.abandon() {
            return;
        }
    }
}

/// An object as it comes in.
struct Gathering<'a> {
    flight: &'a Flight,
    head: Arc<Head>,
    block: BytesMut,
    /// Pieces that followers do not see yet: if the body breaks off now, it can be asked for anew.
    unseen: Vec<Bytes>,
    received: u64,
    max: u64,
    /// Bytes to pass over: they came before the body broke off.
    skip: u64,
    /// Whether followers saw the head.
    shown: bool,
}

impl<'a> Gathering<'a> {
    fn new(flight: &'a Flight, head: Arc<Head>, max: u64) -> Result<Self, FillError> {
        if head.length.is_some_and(|length| length > max) {
            return Err(FillError::TooLong { max });
        }
        Ok(Self {
            flight,
            head,
            block: BytesMut::new(),
            unseen: Vec::new(),
            received: 0,
            max,
            skip: 0,
            shown: false,
        })
    }

    /// Reads on; whether the body's end came. Followers are woken once for all that comes in one go: a part that the
    /// origin releases at line speed is passed on so (SPEC 69).
    async fn read(&mut self, mut body: OriginBody, timeout: Duration) -> Result<bool, FillError> {
        loop {
            let Ok(first) = tokio::time::timeout(timeout, body.frame()).await else {
                return Ok(false);
            };
            let mut next = Some(first);
            let mut batch = 0;
            let ended = loop {
                match next {
                    Some(Some(Ok(frame))) => {
                        let piece = frame.into_data().unwrap_or_default();
                        batch += piece.len();
                        self.gather(&piece)?;
                    }
                    Some(Some(Err(_))) => break Some(false),
                    Some(None) => break Some(self.is_whole()),
                    None => break None,
                }
                next = match batch {
                    ..BATCH => body.frame().now_or_never(),
                    _ => None,
                };
            };
            match ended {
                Some(whole) => return Ok(whole),
                None => self.show(),
            }
        }
    }

    fn gather(&mut self, piece: &[u8]) -> Result<(), FillError> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
        self.skip -= skipped as u64;
        let mut rest = &piece[skipped..];
        self.received += rest.len() as u64;
        if self.received > self.max {
            return Err(match self.shown {
                true => self.broken(),
                false => FillError::TooLong { max: self.max },
            });
        }
        while !rest.is_empty() {
            if self.block.len() == self.block.capacity() {
                self.release();
                self.block = BytesMut::with_capacity(self.block_size(rest.len()));
            }
            let room = (self.block.capacity() - self.block.len()).min(rest.len());
            let (now, later) = rest.split_at(room);
            self.block.extend_from_slice(now);
            rest = later;
        }
        Ok(())
    }

    /// Copied once into blocks of the right size, an object costs what it weighs: pieces of the connection's own buffers
    /// would keep those alive.
    fn block_size(&self, at_least: usize) -> usize {
        let to_come = self.head.length.map_or(0, |length| {
            let before = self.received.saturating_sub(at_least as u64);
            usize::try_from(length.saturating_sub(before)).unwrap_or(BLOCK)
        });
        to_come.max(at_least).min(BLOCK)
    }

    fn release(&mut self) {
        let piece = self.block.split().freeze();
        if !piece.is_empty() {
            self.unseen.push(piece);
        }
    }

    fn publish(&mut self) {
        self.release();
        for piece in self.unseen.drain(..) {
            self.flight.fill().push(piece);
        }
    }

    fn show(&mut self) {
        if self.received > 0 {
            self.publish();
            self.shown = true;
            self.flight.fill().grow(&self.head);
        }
    }

    fn is_whole(&self) -> bool {
        self.head.length.is_none_or(|length| length == self.received)
    }

    fn finish(mut self) -> Object {
        self.publish();
        Object::new(self.head, self.flight.fill().pieces())
    }

    fn broken(&self) -> FillError {
        match self.shown {
            true => FillError::BrokenOff {
                received: self.received,
            },
            false => FillError::NeverWhole,
        }
    }

    /// What to ask for to go on; none if the bytes might be others.
    fn rest(&self) -> Option<Demand> {
        let etag = self.head.strong_etag().cloned();
        let same_bytes = self.head.freshness.policy().immutable || etag.is_some();
        let resumable = same_bytes && self.head.length.is_some() && self.head.status == StatusCode::OK;
        resumable.then_some(Demand {
            from: Some(self.received),
            if_range: etag,
        })
    }

    /// The body of an answer that goes on where the other broke off; none if it does not.
    fn take_up(&mut self, answer: OriginAnswer) -> Option<OriginBody> {
        let (parts, body) = answer.into_parts();
        let field = |name| parts.headers.get(name);
        let etag = self.head.strong_etag();
        if etag.is_some() && field(http::header::ETAG) != etag {
            return None;
        }
        self.skip = match parts.status {
            StatusCode::PARTIAL_CONTENT => {
                let range = field(http::header::CONTENT_RANGE).and_then(range::content_range)?;
                (range.0 == self.received && Some(range.2) == self.head.length).then_some(0)?
            }
            // The whole once more.
            StatusCode::OK => self.received,
            _ => return None,
        };
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flights::{Flights, Joined};
    use crate::target::{Coding, ObjectKey};

    const MOMENT: Duration = Duration::from_millis(10);

    #[tokio::test(start_paused = true)]
    async fn a_viewer_who_comes_back_in_time_finds_the_fill_and_who_comes_later_does_not() {
        let flights = Arc::new(Flights::new(1));
        let key = ObjectKey {
            path_and_query: "/a".into(),
            coding: Coding::Identity,
        };
        let Joined::Leads(first, flight) = flights.join(&key, || None) else {
            panic!("the first leads");
        };
        let mut forsaken = std::pin::pin!(forsaken(&flight));
        drop(first);
        let early = tokio::time::timeout(LINGER - MOMENT, &mut forsaken).await;
        assert!(early.is_err(), "forsaken before its time");
        let Joined::Follows(back) = flights.join(&key, || None) else {
            panic!("the fill is still there");
        };
        let watched = tokio::time::timeout(FINISH, &mut forsaken).await;
        assert!(watched.is_err(), "forsaken while somebody waits");
        drop(back);
        let late = tokio::time::timeout(LINGER + MOMENT, &mut forsaken).await;
        assert!(late.is_ok(), "nobody waits, and it goes on");
        assert!(matches!(flights.join(&key, || None), Joined::Leads(..)));
    }
}
