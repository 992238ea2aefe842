//! The program put together: origins, cache, viewers' server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use crate::access::{Access, Cloudfront, CloudfrontError, Rotation, RotationError};
use crate::config::Config;
use crate::cors::{Cors, CorsError};
use crate::filler::{FillSettings, Filler};
use crate::serve::{Gate, Site};
use crate::server::{self, ServerLimits, TlsError};
use crate::store::Store;
use crate::upstream::connect::OriginError;
use crate::upstream::{Origin, Upstream};

/// Connections that wait to be accepted: a crowd comes at once when a show begins. The system may have a lower limit.
const BACKLOG: u32 = 8192;

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
    /// Tokens cannot be verified.
    #[error(transparent)]
    Keys(#[from] RotationError),
    /// Signatures cannot be verified.
    #[error(transparent)]
    Cloudfront(#[from] CloudfrontError),
    /// Sites cannot be told apart.
    #[error(transparent)]
    Cors(#[from] CorsError),
    /// The metrics cannot be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Runs until `shutdown` turns true, then lets answers in progress finish for some seconds. `announce` is told the address
/// once viewers can connect: port 0 of the configuration is any free one.
pub async fn run(
    config: Config,
    announce: impl FnOnce(&Config, SocketAddr),
    shutdown: watch::Receiver<bool>,
) -> Result<(), RunError> {
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
    let keys = Rotation::new(&config.access)?.map(Arc::new);
    let gate = Gate {
        access: Access::new(&config.access, keys.clone(), Cloudfront::load(&config.access)?),
        cors: Cors::new(&config.access.cors_origins)?,
        max_waiting: http.max_waiting,
        max_fills: config.upstream.max_fills,
    };
    let address = http.listen;
    let failed = |source| RunError::Bind { address, source };
    let listener = listen(address).map_err(failed)?;
    announce(&config, listener.local_addr().map_err(failed)?);
    for origin in &origins {
        tokio::spawn(origin.clone().watch_health(shutdown.clone()));
    }
    if let Some(keys) = keys {
        tokio::spawn(keys.keep_fresh(shutdown.clone()));
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
    let site = Site::new(filler, gate, metrics);
    let limits = ServerLimits {
        connections: http.max_connections,
        send_timeout: Duration::from_secs(http.send_timeout_seconds),
    };
    server::serve(listener, tls, site, limits, shutdown).await;
    Ok(())
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Started anew, it takes its port back at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
