//! RTMP, plain and by TLS: one server, a session for each encoder.
//!
//! ```text
//! server (listener, limits) ─► session (one socket: time and back-pressure) ─► connection (the protocol, no I/O)
//!                                                                                handshake ► chunk ► amf0 ► command
//! ```

pub(crate) mod amf0;
mod chunk;
mod connection;
mod handshake;
mod server;
mod session;
mod status;
mod wire;

use std::time::Duration;

pub use handshake::HandshakeError;
pub use server::{Certificates, serve, serve_tls};
pub use session::{EndCause, SessionEnd, serve_connection};

/// Limits of an RTMP server. All of them protect the other channels from one encoder.
#[derive(Debug, Clone)]
pub struct RtmpSettings {
    /// From the connection to the accepted `publish`. Default 10 s.
    pub setup: Duration,
    /// An encoder that sends no audio or video for so long is dropped. Default 10 s.
    pub silence: Duration,
    /// A channel that takes no frame for so long loses its encoder. Default 10 s.
    pub stall: Duration,
    /// Connections at a time, publishing or not; one more is closed at once. Default 512.
    pub max_connections: usize,
    /// The same for one address. Default 32.
    pub max_connections_per_address: usize,
}

impl Default for RtmpSettings {
    fn default() -> Self {
        Self {
            setup: Duration::from_secs(10),
            silence: Duration::from_secs(10),
            stall: Duration::from_secs(10),
            max_connections: 512,
            max_connections_per_address: 32,
        }
    }
}
