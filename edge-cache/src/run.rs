//! The program put together: origins, cache, viewers' server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Config;
use crate::filler::{FillSettings, Filler};
use crate::serve::Site;
use crate::server::{self, ServerLimits, TlsError};
use crate::store::Store;
use crate::upstream::connect::OriginError;
use crate::upstream::{Origin, Upstream};

/// Why the program stops before it began.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The port cannot be had.
    #[error("http.listen = {address}: {source}: choose another port, or stop what uses it")]
    Bind {
        /// Address and port.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS is configured and cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An origin cannot be used.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The metrics cannot be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Runs until `shutdown` turns true, then lets answers in progress finish for some seconds.
pub async fn run(config: Config, shutdown: watch::Receiver<bool>) -> Result<(), RunError> {
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let http = &config.http;
    let tls = match (&http.tls_cert, &http.tls_key) {
        (Some(cert), Some(key)) => Some(server::tls(cert, key)?),
        _ => None,
    };
    let origins = config
        .origins
        .iter()
        .map(|origin| Origin::new(origin, &config.upstream).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()?;
    let address = http.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| RunError::Bind { address, source })?;
    for origin in &origins {
        tokio::spawn(origin.clone().watch_health(shutdown.clone()));
    }
    let filler = Filler {
        upstream: Arc::new(Upstream::new(origins, &config.upstream)),
        store: Store::new(config.cache.memory_bytes()),
        settings: Arc::new(FillSettings {
            max_object_bytes: config.cache.max_object_bytes(),
            body_timeout: config.upstream.body_timeout(),
            immutable_stale: Duration::from_secs(config.cache.stale_if_error_seconds),
            status_life: Duration::from_secs(config.cache.status_seconds),
        }),
    };
    let site = Site::new(filler, http.max_waiting, config.upstream.max_fills, metrics);
    let limits = ServerLimits {
        connections: http.max_connections,
        send_timeout: Duration::from_secs(http.send_timeout_seconds),
    };
    server::serve(listener, tls, site, limits, shutdown).await;
    Ok(())
}
