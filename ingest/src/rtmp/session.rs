//! One encoder's connection.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::RtmpSettings;
use crate::auth::Reception;

/// How a session went.
#[derive(Debug)]
pub struct SessionEnd {}

/// Serves one encoder on `stream` until it leaves, is refused, or `stopped` turns true.
pub async fn serve_connection<S>(
    _stream: S,
    _peer: SocketAddr,
    _reception: &Reception,
    _settings: &RtmpSettings,
    _stopped: watch::Receiver<bool>,
) -> SessionEnd
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    SessionEnd {}
}
