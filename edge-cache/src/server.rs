//! The HTTP server: HTTP/1.1 and HTTP/2 on one port, by TLS when there is a certificate.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::serve::Site;
use crate::stall::{Progress, Stall, WatchedBody, WatchedStream};

/// A client must finish its TLS handshake within this time, then send its first request, and each request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing is asked for is kept for so long: longer than load balancers keep theirs (60 s), which would
/// else send a request into one that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Streams of one HTTP/2 connection: a player needs about four for each rendition, a CDN more.
const STREAMS: u32 = 250;
/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;
/// Bytes that the system keeps for a viewer beyond what is on its way to them: without a bound it takes megabytes of every answer
/// to the slowest, and a thousand of those would use up the memory that it has for all connections.
const UNSENT_BYTES: u32 = 128 << 10;
/// How long answers may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// After a failed accept (most often: no file descriptors left).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{path}: {source}: give a PEM file")]
    Pem {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: tokio_rustls::rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not fit each other, or are of no use.
    #[error("http.tls_cert and http.tls_key: {0}")]
    Certificate(#[from] tokio_rustls::rustls::Error),
}

/// Reads certificate and key; HTTP/2 is offered before HTTP/1.1.
pub fn tls(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let pem = |path: &Path| {
        let path = path.display().to_string();
        move |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(pem(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(pem(key))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What viewers may take up.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections at one time. Full: one more is closed at once.
    pub connections: usize,
    /// A viewer who takes nothing of an answer for so long is dropped.
    pub send_timeout: Duration,
}

/// Serves `site` until `shutdown` turns true; then lets answers in progress finish for some seconds.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    site: Site,
    limits: ServerLimits,
    mut shutdown: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    // Shared: each request has it for itself.
    let site = Arc::new(site);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting an HTTP connection failed");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::debug!("connection closed: http.max_connections are open");
            continue;
        };
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
        let (tls, watcher) = (tls.clone(), graceful.watcher());
        let viewer = Viewer {
            site: site.clone(),
            address: peer.ip(),
            send_timeout: limits.send_timeout,
        };
        tokio::spawn(async move {
            let _place = place;
            match tls {
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                        converse(stream, viewer, watcher).await;
                    }
                }
                None => converse::<TcpStream>(stream, viewer, watcher).await,
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::debug!("connections were cut when the server stopped");
    }
}

/// Whom a connection is with.
struct Viewer {
    site: Arc<Site>,
    address: IpAddr,
    send_timeout: Duration,
}

async fn converse<S>(stream: S, viewer: Viewer, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Viewer {
        site,
        address,
        send_timeout,
    } = viewer;
    let progress = Progress::new();
    let asked = Arc::new(AtomicBool::new(false));
    let (first, watched) = (asked.clone(), progress.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        first.store(true, Ordering::Relaxed);
        let (site, asked) = (site.clone(), watched.asks(request.version()));
        async move {
            let (head, _) = request.into_parts();
            let answer = site.serve(&head, address).await;
            Ok::<_, Infallible>(answer.map(|body| WatchedBody::new(body, asked)))
        }
    });
    let stream = TokioIo::new(WatchedStream::new(stream, progress.clone()));
    let builder = builder();
    let connection = builder.serve_connection(stream, service).into_owned();
    // hyper's own timeout begins once it is known which HTTP is spoken: who says nothing, or half of HTTP/2's
    // preface, would keep a place for ever.
    let silent = async {
        tokio::time::sleep(HEAD_TIMEOUT).await;
        if asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = watcher.watch(connection) => ended,
        () = silent => return,
        stall = progress.stalled(send_timeout, HEAD_TIMEOUT) => {
            if stall == Stall::Untaken {
                metrics::counter!("vitrine_edge_stalled_viewers_total").increment(1);
            }
            return;
        }
    };
    // Clients leave in the middle of things; that is no news.
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // hyper's runs while a connection is idle, too; heads that do not end are seen by `Progress`.
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES as u32)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}
