//! Every viewer's request: kept, being fetched, or to be fetched.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{Method, StatusCode};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::access::{Access, Admitted, answers};
use crate::answer::{self, Answer, Served};
use crate::cors::Cors;
use crate::encoding;
use crate::fill::Follower;
use crate::filler::Filler;
use crate::flights::{Flights, Joined};
use crate::observe::Tally;
use crate::store::Store;
use crate::target::Target;

/// Everything that the edge answers.
pub struct Site {
    store: Store,
    flights: Arc<Flights>,
    filler: Filler,
    /// Bounded: requests that wait for an object. Full: one more is answered 503.
    seats: Arc<Semaphore>,
    gate: Arc<Gate>,
    tally: Tally,
    metrics: PrometheusHandle,
}

/// Who is let in, and how many.
#[derive(Debug)]
pub struct Gate {
    /// Tokens and rates.
    pub access: Access,
    /// Other sites' pages.
    pub cors: Cors,
    /// So many requests wait at one time.
    pub max_waiting: usize,
    /// For so many objects.
    pub max_fills: usize,
}

impl Site {
    /// Lets viewers in by `gate`.
    pub fn new(filler: Filler, gate: Gate, metrics: PrometheusHandle) -> Self {
        let flights = Arc::new(Flights::new(gate.max_fills));
        Self {
            store: filler.store.clone(),
            tally: Tally::new(flights.clone(), filler.store.clone()),
            flights,
            filler,
            seats: Arc::new(Semaphore::new(gate.max_waiting)),
            gate: Arc::new(gate),
            metrics,
        }
    }

    /// Answers a request; `peer` is the connection's other end.
    pub async fn serve(&self, request: &Parts, peer: IpAddr) -> Answer {
        let (mut answer, served) = self.route(request, peer).await;
        self.gate.cors.dress(&request.headers, &mut answer);
        self.tally.count(served);
        answer
    }

    async fn route(&self, request: &Parts, peer: IpAddr) -> (Answer, Served) {
        let here = |answer| (answer, Served::Here);
        match request.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return here(answer::preflight()),
            _ => {
                let detail = "only GET, HEAD and OPTIONS: the control API is the origin's";
                return here(answer::problem(StatusCode::METHOD_NOT_ALLOWED, detail, request));
            }
        }
        if let Some(answer) = self.own_page(request) {
            return here(answer);
        }
        match self.gate.access.admit(request, peer) {
            Ok(admitted) => self.admitted(admitted, request).await,
            Err(refused) => here(answers::refused(refused, request)),
        }
    }

    async fn admitted(&self, admitted: Admitted<'_>, request: &Parts) -> (Answer, Served) {
        if let Some(location) = &admitted.redirect {
            return (answers::redirect(location), Served::Here);
        }
        let gzip = encoding::accepts_gzip(&request.headers);
        let (mut answer, served) = match Target::parse(admitted.path, admitted.query, gzip) {
            Ok(target) => self.object(target, request).await,
            Err(refusal) => {
                let answer = answer::problem(refusal.status, &refusal.detail, request);
                (answer, Served::Here)
            }
        };
        if admitted.personal {
            answers::make_personal(&mut answer);
        }
        (answer, served)
    }

    fn own_page(&self, request: &Parts) -> Option<Answer> {
        let ready = || match self.filler.upstream.is_ready() {
            true => answer::text(StatusCode::OK, "ok\n".into()),
            false => answer::text(StatusCode::SERVICE_UNAVAILABLE, "no origin answers\n".into()),
        };
        let page = match request.uri.path() {
            "/healthz" => answer::text(StatusCode::OK, "ok\n".into()),
            "/readyz" => ready(),
            "/metrics" => {
                self.tally.refresh();
                answer::text(StatusCode::OK, self.metrics.render())
            }
            _ => return None,
        };
        Some(match request.method {
            Method::HEAD => answer::without_body(page),
            _ => page,
        })
    }

    async fn object(&self, target: Target, request: &Parts) -> (Answer, Served) {
        let now = Instant::now();
        let hit = |object| (answer::whole(&object, request, Served::Hit, now), Served::Hit);
        if let Some(object) = self.store.fresh(&target.key, now) {
            return hit(object);
        }
        let (follower, served) = match self
            .flights
            .join(&target.key, || self.store.fresh(&target.key, now))
        {
            Joined::Kept(object) => return hit(object),
            Joined::Follows(follower) => (follower, Served::Joined),
            Joined::Leads(follower, flight) => {
                tokio::spawn(self.filler.clone().run(flight, target));
                (follower, Served::Miss)
            }
            Joined::Full => {
                let detail = "too many objects are being fetched";
                let answer = answer::problem(StatusCode::SERVICE_UNAVAILABLE, detail, request);
                return (answer, Served::Here);
            }
        };
        (self.wait(follower, request, served).await, served)
    }

    async fn wait(&self, follower: Follower, request: &Parts, served: Served) -> Answer {
        let Ok(_seat) = self.seats.try_acquire() else {
            let detail = "too many viewers wait already";
            return answer::problem(StatusCode::SERVICE_UNAVAILABLE, detail, request);
        };
        self.tally.waiting.increment(1.0);
        let waiting = self.tally.waiting.clone();
        let _leave = OnDrop(move || waiting.decrement(1.0));
        match follower.begun().await {
            Ok(begun) => answer::of(begun, request, served),
            Err(broken) => answer::broken(broken, request),
        }
    }
}

/// Runs when dropped: a viewer who leaves while waiting is uncounted too.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
