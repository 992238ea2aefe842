//! `[srt]`: encoders by SRT.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use vitrine_ingest::srt::{Passphrase, SrtSettings};

use super::{ConfigError, Secret};

/// `[srt]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SrtConfig {
    /// Address and port; none: SRT is not served.
    pub listen: Option<SocketAddr>,
    /// The least latency.
    pub latency_ms: u16,
    /// What callers must encrypt with.
    pub passphrase: Option<Secret>,
    /// An encoder silent for so long is dropped.
    pub silence_timeout_seconds: u64,
}

impl Default for SrtConfig {
    fn default() -> Self {
        Self {
            listen: None,
            latency_ms: 200,
            passphrase: None,
            silence_timeout_seconds: 10,
        }
    }
}

impl SrtConfig {
    /// As the server takes it.
    pub fn settings(&self) -> SrtSettings {
        SrtSettings {
            latency: Duration::from_millis(u64::from(self.latency_ms)),
            passphrase: self
                .passphrase
                .as_ref()
                .and_then(|text| Passphrase::new(text.expose())),
            silence: Duration::from_secs(self.silence_timeout_seconds),
            ..SrtSettings::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(20..=8000).contains(&self.latency_ms) {
            return ConfigError::invalid("srt.latency_ms must be 20 to 8000");
        }
        let passphrase = self.passphrase.as_ref().map(|text| text.expose());
        if passphrase.is_some_and(|text| Passphrase::new(text).is_none()) {
            return ConfigError::invalid("srt.passphrase must have 10 to 79 bytes");
        }
        Ok(())
    }
}
