//! One origin: its connections, its health, its channels.

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Request, Uri, Version};
use http_body_util::Empty;
use metrics::{counter, gauge};
use tokio::sync::watch;

use super::connect::{Connector, OriginError};
use super::connections::Connections;
use super::health::Health;
use super::{Demand, OriginAnswer, UpstreamError, accept_encoding};
use crate::config::{OriginConfig, UpstreamConfig};
use crate::target::{Coding, Target};

/// What an edge says of itself upstream (RFC 9110 7.6.3).
const VIA: HeaderValue = HeaderValue::from_static("2.0 vitrine-edge");
/// An origin that answers this with 2xx takes requests.
const READY_PATH: &str = "/readyz";

/// One origin.
#[derive(Debug)]
pub struct Origin {
    connections: Connections,
    health: Health,
    /// The channels it has; none are named: all.
    channels: Vec<String>,
    check_interval: Duration,
    check_timeout: Duration,
}

impl Origin {
    /// Of the configuration; nothing is connected yet.
    pub fn new(origin: &OriginConfig, upstream: &UpstreamConfig) -> Result<Self, OriginError> {
        let connector = Connector::new(&origin.url, origin.tls_ca.as_deref(), upstream.connect_timeout())?;
        Ok(Self {
            connections: Connections::new(connector, upstream.streams_per_connection),
            health: Health::new(upstream.down_after),
            channels: origin.channels.clone(),
            check_interval: upstream.check_interval(),
            check_timeout: upstream.check_timeout(),
        })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        self.connections.url()
    }

    /// Whether it is up.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Whether it has this channel, by the configuration.
    pub fn serves(&self, channel: &str) -> bool {
        self.channels.is_empty() || self.channels.iter().any(|name| name == channel)
    }

    /// Asks for a target's object, and waits for the answer's head.
    pub async fn ask(&self, target: &Target, demand: &Demand) -> Result<OriginAnswer, UpstreamError> {
        let mut request = self.request(&target.key.path_and_query, target.key.coding)?;
        if let Some(from) = demand.from
            && let Ok(range) = HeaderValue::try_from(format!("bytes={from}-"))
        {
            request.headers_mut().insert(header::RANGE, range);
        }
        if let Some(etag) = &demand.if_range {
            request.headers_mut().insert(header::IF_RANGE, etag.clone());
        }
        let result = self.connections.send(request).await;
        let status = match &result {
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(_) => "none".to_owned(),
        };
        counter!("vitrine_edge_upstream_requests_total",
            "origin" => self.url().to_owned(), "kind" => target.kind.label(), "status" => status)
        .increment(1);
        match &result {
            Ok(_) => self.report(true),
            Err(error) => {
                tracing::debug!(%error, target = %target.key, "no answer");
                self.report(false);
            }
        }
        result
    }

    fn request(&self, path: &str, coding: Coding) -> Result<Request<Empty<bytes::Bytes>>, UpstreamError> {
        // A target's path is of known characters, and the URL was read before: this does not fail.
        let uri = Uri::try_from(format!("{}{path}", self.url())).map_err(|_| UpstreamError::NobodyHasIt)?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_2;
        let fields = request.headers_mut();
        fields.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static(accept_encoding(coding)),
        );
        fields.insert(header::VIA, VIA);
        Ok(request)
    }

    /// Asks whether it is ready, again and again, until `shutdown` turns true.
    pub async fn watch_health(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        loop {
            let check = tokio::time::timeout(self.check_timeout, self.check()).await;
            self.report(check.unwrap_or(false));
            gauge!("vitrine_edge_origin_connections", "origin" => self.url().to_owned())
                .set(self.connections.count() as f64);
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(self.check_interval) => {}
            }
        }
    }

    async fn check(&self) -> bool {
        let Ok(request) = self.request(READY_PATH, Coding::Identity) else {
            return false;
        };
        let answer = self.connections.send(request).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    fn report(&self, success: bool) {
        let change = self.health.report(success);
        gauge!("vitrine_edge_origin_up", "origin" => self.url().to_owned())
            .set(f64::from(u8::from(self.health.is_up())));
        match change {
            Some(true) => tracing::info!(origin = self.url(), "the origin answers again"),
            Some(false) => tracing::warn!(origin = self.url(), "the origin does not answer"),
            None => {}
        }
    }
}
