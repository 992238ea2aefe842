//! `[rtmp]` and `[rtmps]`: encoders by RTMP, as it is and in TLS.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// `[rtmp]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RtmpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// An encoder silent for so long is dropped.
    pub silence_timeout_seconds: u64,
}

/// `[rtmps]`
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct RtmpsConfig {
    /// Address and port; none: RTMPS is not served.
    pub listen: Option<SocketAddr>,
    /// Certificate chain, PEM; none: that of `[http]`.
    pub tls_cert: Option<PathBuf>,
    /// Private key, PEM; none: that of `[http]`.
    pub tls_key: Option<PathBuf>,
}

impl Default for RtmpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 1935)),
            silence_timeout_seconds: 10,
        }
    }
}
