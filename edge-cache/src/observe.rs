//! What operators see: the metrics of `/metrics`.

use std::sync::Arc;

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use crate::answer::Served;
use crate::flights::Flights;
use crate::store::Store;

/// Counters of the hot path, looked up once.
#[derive(Clone)]
pub struct Tally {
    served: [Counter; 4],
    /// Requests that wait for an object.
    pub waiting: Gauge,
    flights: Arc<Flights>,
    store: Store,
}

impl Tally {
    /// Registers the metrics; the recorder must be installed by now.
    pub fn new(flights: Arc<Flights>, store: Store) -> Self {
        describe_counter!(
            "vitrine_edge_requests_total",
            "Viewers' requests, by where the answer came from"
        );
        describe_counter!(
            "vitrine_edge_upstream_requests_total",
            "Requests to origins; status none: no answer"
        );
        describe_counter!(
            "vitrine_edge_stale_total",
            "Objects shown beyond their life, as no origin answered"
        );
        describe_counter!(
            "vitrine_edge_resumes_total",
            "Bodies that broke off and were asked for once more"
        );
        describe_counter!(
            "vitrine_edge_fills_broken_total",
            "Objects that broke off, with viewers cut off"
        );
        describe_counter!(
            "vitrine_edge_fills_abandoned_total",
            "Objects that nobody waited for any more"
        );
        describe_counter!(
            "vitrine_edge_refused_total",
            "Requests refused for their token or their number, by reason"
        );
        describe_gauge!("vitrine_edge_waiting_viewers", "Requests that wait for an object");
        describe_gauge!("vitrine_edge_fills", "Objects being fetched");
        describe_gauge!("vitrine_edge_cache_objects", "Objects kept");
        describe_gauge!("vitrine_edge_cache_bytes", "Their bytes, overhead included");
        describe_gauge!("vitrine_edge_origin_up", "1: the origin answers");
        describe_gauge!("vitrine_edge_origin_connections", "Connections to the origin");
        let served = [Served::Hit, Served::Joined, Served::Miss, Served::Here]
            .map(|served| counter!("vitrine_edge_requests_total", "served" => served.label()));
        Self {
            served,
            waiting: gauge!("vitrine_edge_waiting_viewers"),
            flights,
            store,
        }
    }

    /// Counts an answer.
    pub fn count(&self, served: Served) {
        self.served[served as usize].increment(1);
    }

    /// Brings the gauges up to date.
    pub fn refresh(&self) {
        let (objects, bytes) = self.store.size();
        gauge!("vitrine_edge_fills").set(self.flights.count() as f64);
        gauge!("vitrine_edge_cache_objects").set(objects as f64);
        gauge!("vitrine_edge_cache_bytes").set(bytes as f64);
    }
}
