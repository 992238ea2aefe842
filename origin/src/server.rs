//! The HTTP server: HTTP/1.1 and HTTP/2 on one port, by TLS when there is a certificate.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use metrics_exporter_prometheus::PrometheusHandle;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use crate::certificate::{self, TlsError};
use crate::control::{Control, openapi};
use crate::heads::{AskedBody, HeadStream, Heads};
use crate::playback::response::{self, Answer};
use crate::playback::serve::Playback;
use crate::web;

/// A client must finish its TLS handshake within this time, then send its first request, and each request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing is asked for is kept for so long: longer than load balancers keep theirs (60 s), which would
/// else send a request into one that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A client that takes none of its answer's bytes for so long is left.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams of one HTTP/2 connection: a player needs about four for each rendition.
const STREAMS: u32 = 250;
/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;
/// Bytes that the system keeps for a client beyond what is on its way to it: without a bound it takes megabytes of every answer to the
/// slowest, and a thousand of those would use up the memory that it has for all connections.
const UNSENT_BYTES: u32 = 128 << 10;
/// How long answers may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// After a failed accept (most often: no file descriptors left).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Everything that the server answers.
#[derive(Clone)]
pub struct Site {
    /// `/live/…`
    pub playback: Playback,
    /// `/v1/…`
    pub control: Control,
    /// `/metrics`
    pub metrics: PrometheusHandle,
}

impl Site {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        if path.starts_with("/live/") {
            return self.playback.serve(&head).await;
        }
        if path.starts_with("/v1/") {
            return response::finish(self.control.serve(&head, body).await, &head.method);
        }
        if !matches!(head.method, Method::GET | Method::HEAD) {
            let mut answer = response::error(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            let allow = http::HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(http::header::ALLOW, allow);
            return response::finish(answer, &head.method);
        }
        let answer = match path {
            "/" => web::index(self.control.names()),
            "/healthz" | "/readyz" => plain("ok\n".into()),
            "/metrics" => plain(self.metrics.render()),
            "/openapi.json" => {
                let mut answer = plain(openapi::document().to_string());
                let json = http::HeaderValue::from_static("application/json");
                answer.headers_mut().insert(http::header::CONTENT_TYPE, json);
                answer
            }
            "/schemas/events.json" | "/schemas/events/2.json" => {
                schema(&vitrine_metadata_track::event_schema())
            }
            "/schemas/messages.json" | "/schemas/messages/2.json" => {
                schema(&vitrine_metadata_track::message_schema())
            }
            _ => match path.strip_prefix("/assets/") {
                Some(asset) => web::asset(asset),
                None if path.starts_with("/watch/") => web::watch_page(),
                None if path.starts_with("/studio/") => web::studio_page(),
                None => response::error(StatusCode::NOT_FOUND, "no such page: see /"),
            },
        };
        response::finish(answer, &head.method)
    }
}

fn plain(text: String) -> Answer {
    let mut answer = Answer::new(response::SharedBody::whole(text.into()));
    let fields = [
        (
            http::header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (http::header::CACHE_CONTROL, "no-store"),
    ];
    answer
        .headers_mut()
        .extend(fields.map(|(name, value)| (name, http::HeaderValue::from_static(value))));
    answer
}

/// A JSON Schema: it changes with the program alone, so caches may keep it for some minutes.
fn schema(schema: &serde_json::Value) -> Answer {
    let mut answer = plain(schema.to_string());
    let fields = [
        (http::header::CONTENT_TYPE, "application/schema+json"),
        (http::header::CACHE_CONTROL, "public, max-age=300"),
    ];
    answer
        .headers_mut()
        .extend(fields.map(|(name, value)| (name, http::HeaderValue::from_static(value))));
    answer
}

/// Reads certificate and key; HTTP/2 is offered before HTTP/1.1.
pub fn tls(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let config = certificate::load(cert, key, &[b"h2", b"http/1.1"])?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves `site` until `shutdown` turns true; then lets answers in progress finish for some seconds.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    site: Site,
    max_connections: usize,
    mut shutdown: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(max_connections));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
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
        let (site, tls, watcher) = (site.clone(), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            match tls {
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                        converse(stream, site, watcher).await;
                    }
                }
                None => converse::<TcpStream>(stream, site, watcher).await,
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::debug!("connections were cut when the server stopped");
    }
}

async fn converse<S>(stream: S, site: Site, watcher: hyper_util::server::graceful::Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // hyper's runs while a connection is idle, too; heads that do not end are seen by `Heads`.
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES as u32)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    let asked = Arc::new(AtomicBool::new(false));
    let heads = Heads::new();
    let (first, watched) = (asked.clone(), heads.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        first.store(true, Ordering::Relaxed);
        let (site, asked) = (site.clone(), watched.asks(request.version()));
        async move {
            let answer = site.answer(request).await;
            Ok::<_, Infallible>(answer.map(|body| AskedBody::new(body, asked)))
        }
    });
    // A reader who takes nothing for so long would keep what it reads alive for ever.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let stream = HeadStream::new(Box::pin(stream), heads.clone());
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
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
        () = heads.overdue(HEAD_TIMEOUT) => return,
    };
    // Clients leave in the middle of things; that is no news.
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
