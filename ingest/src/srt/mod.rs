//! SRT (draft-sharabayko-srt-01), as a listener that publications come to: live mode, HSv5, AES, timestamp based delivery.
//!
//! ```text
//! server (one UDP socket, callers told apart) ─► session (time, back-pressure) ─► link (retransmission, no I/O) ─► ts
//!    handshake ► cookies ► stream_id ► Reception                                   packet ► key_material ► buffer
//! ```
//!
//! Only what a receiver needs is here: callers that want to receive are turned away. The protocol is our own code, by the draft;
//! `docs/decisions/srt-crate.md` says why.

mod buffer;
mod cookies;
mod handshake;
mod key_material;
mod link;
mod packet;
mod rejection;
mod server;
mod session;
mod stats;
mod stream_id;
mod timing;

use std::time::Duration;

pub use key_material::Passphrase;
pub use server::serve;
pub use stats::{LinkMonitor, LinkStats, LinkTarget, Links};

/// Limits and choices of an SRT server.
#[derive(Debug, Clone)]
pub struct SrtSettings {
    /// The least latency: how long a packet may take, with all that it is sent again. A caller that wants more gets it.
    /// Default 200 ms.
    pub latency: Duration,
    /// Callers must encrypt with it; `None`: they must not encrypt.
    pub passphrase: Option<Passphrase>,
    /// An encoder that sends no audio or video for so long is dropped. Default 10 s.
    pub silence: Duration,
    /// A channel that takes no frame for so long loses its encoder. Default 10 s.
    pub stall: Duration,
    /// Connections at a time; one more is refused. Default 512.
    pub max_connections: usize,
    /// The same for one address. Default 32.
    pub max_connections_per_address: usize,
}

impl Default for SrtSettings {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(200),
            passphrase: None,
            silence: Duration::from_secs(10),
            stall: Duration::from_secs(10),
            max_connections: 512,
            max_connections_per_address: 32,
        }
    }
}
