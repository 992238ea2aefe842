//! The listener: accepts encoders within the limits, and takes leave of them all when it stops.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tracing::Instrument;

use super::RtmpSettings;
use super::session::serve_connection;
use crate::auth::Reception;

/// How long sessions may take to say goodbye when the server stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// After a failed accept (most often: no file descriptors left).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The certificate that RTMPS is spoken with; it may change.
pub type Certificates = watch::Receiver<Arc<ServerConfig>>;

/// Serves encoders on `listener` until `shutdown` resolves; then ends each publication with
/// [`EndReason::ShuttingDown`](crate::EndReason::ShuttingDown), closes its connection and returns.
pub async fn serve(
    listener: TcpListener,
    reception: Arc<Reception>,
    settings: RtmpSettings,
    shutdown: impl Future<Output = ()>,
) {
    serve_with(listener, None, reception, settings, shutdown).await;
}

/// The same by TLS (RTMPS). A connection keeps the certificate that it began with.
pub async fn serve_tls(
    listener: TcpListener,
    certificates: Certificates,
    reception: Arc<Reception>,
    settings: RtmpSettings,
    shutdown: impl Future<Output = ()>,
) {
    serve_with(listener, Some(certificates), reception, settings, shutdown).await;
}

async fn serve_with(
    listener: TcpListener,
    certificates: Option<Certificates>,
    reception: Arc<Reception>,
    settings: RtmpSettings,
    shutdown: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(false);
    let mut sessions = JoinSet::new();
    let mut guests = Guests::default();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(left) = sessions.join_next_with_id() => guests.leave(left),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if !guests.may_enter(peer.ip(), &settings) {
                        tracing::warn!(%peer, "connection closed: too many connections");
                        continue;
                    }
                    let tls = certificates.as_ref().map(|current| Arc::clone(&current.borrow()));
                    let session = serve_socket(stream, tls, peer, Arc::clone(&reception), settings.clone(), stopped.clone());
                    let span = tracing::info_span!(
                        "rtmp", %peer, channel = tracing::field::Empty, publication = tracing::field::Empty
                    );
                    guests.enter(peer.ip(), sessions.spawn(session.instrument(span)).id());
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting an RTMP connection failed");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let all_left = async { while sessions.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, all_left).await.is_err() {
        tracing::warn!("RTMP connections did not close in time and are cut off");
    }
}

async fn serve_socket(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    peer: SocketAddr,
    reception: Arc<Reception>,
    settings: RtmpSettings,
    stopped: watch::Receiver<bool>,
) {
    // Without it, each reply of the handshake waits for the peer's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let Some(tls) = tls else {
        serve_connection(stream, peer, &reception, &settings, stopped).await;
        return;
    };
    let accepting = TlsAcceptor::from(tls).accept(stream);
    match tokio::time::timeout(settings.setup, accepting).await {
        Ok(Ok(stream)) => {
            serve_connection(stream, peer, &reception, &settings, stopped).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "no TLS handshake"),
        Err(_) => tracing::debug!("no TLS handshake in time"),
    }
}

/// Who is connected: counts by address.
#[derive(Default)]
struct Guests {
    by_task: HashMap<tokio::task::Id, IpAddr>,
    by_address: HashMap<IpAddr, usize>,
}

impl Guests {
    fn may_enter(&self, address: IpAddr, settings: &RtmpSettings) -> bool {
        let of_address = self.by_address.get(&address).copied().unwrap_or(0);
        self.by_task.len() < settings.max_connections && of_address < settings.max_connections_per_address
    }

    fn enter(&mut self, address: IpAddr, task: tokio::task::Id) {
        self.by_task.insert(task, address);
        *self.by_address.entry(address).or_insert(0) += 1;
    }

    fn leave(&mut self, left: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let task = match left {
            Ok((task, ())) => task,
            // A panic would be a bug of ours: it ends that one session, and no other is disturbed.
            Err(failed) => {
                tracing::error!(error = %failed, "an RTMP session failed");
                failed.id()
            }
        };
        let Some(address) = self.by_task.remove(&task) else {
            return;
        };
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}
