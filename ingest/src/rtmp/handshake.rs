//! The handshake (RTMP 1.0, 5.2), simple and complex. `scuffle-rtmp` makes the answers; reading is ours, so that a
//! peer that leaves half-way is noticed.

use std::io;

use bytes::Bytes;
use scuffle_rtmp::error::RtmpError;
use scuffle_rtmp::handshake::{HandshakeServer, RTMP_HANDSHAKE_SIZE};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why no handshake came about.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The first byte is not that of RTMP: some other protocol, or a scanner.
    #[error("the peer speaks version {0} of something, not RTMP")]
    NotRtmp(u8),
    /// The connection broke or ended.
    #[error("the connection ended in the handshake: {0}")]
    Io(#[from] io::Error),
    /// What the peer sent cannot be answered.
    #[error("the handshake makes no sense: {0}")]
    Rejected(#[from] RtmpError),
}

/// Shakes hands. Reads exactly C0, C1 and C2, and nothing of what follows; the caller bounds the time.
pub async fn shake_hands<S>(stream: &mut S) -> Result<(), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut handshake = HandshakeServer::default();
    let mut answer = Vec::with_capacity(1 + 2 * RTMP_HANDSHAKE_SIZE);

    let mut c0_c1 = vec![0; 1 + RTMP_HANDSHAKE_SIZE];
    let (c0, c1) = c0_c1.split_at_mut(1);
    stream.read_exact(c0).await?;
    if c0 != [3] {
        return Err(HandshakeError::NotRtmp(c0.first().copied().unwrap_or_default()));
    }
    stream.read_exact(c1).await?;
    handshake.handshake(&mut io::Cursor::new(Bytes::from(c0_c1)), &mut answer)?;
    stream.write_all(&answer).await?;
    stream.flush().await?;

    // C2 repeats our own bytes; encoders differ in how, and nobody checks.
    let mut c2 = vec![0; RTMP_HANDSHAKE_SIZE];
    stream.read_exact(&mut c2).await?;
    Ok(())
}
