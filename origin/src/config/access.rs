//! `[access]`: who may do what on the control API.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;

/// `[access]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessConfig {
    /// Tokens as digests, with their roles; read again when it changes.
    pub tokens_file: Option<PathBuf>,
    /// Where stream keys are kept that the control API creates.
    pub keys_file: Option<PathBuf>,
    /// Requests of one token on one channel.
    pub requests_per_second: NonZeroU32,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            tokens_file: None,
            keys_file: None,
            requests_per_second: const { NonZeroU32::new(100).unwrap() },
        }
    }
}
