//! `[authoriser]`: a service that is asked about stream keys that are not in the configuration.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, Secret};
use crate::outbound;

/// `[authoriser]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthoriserConfig {
    /// Where questions are posted; none: nobody is asked.
    pub url: Option<Secret>,
    /// No answer for so long is a no.
    pub timeout_ms: u64,
}

impl Default for AuthoriserConfig {
    fn default() -> Self {
        Self {
            url: None,
            timeout_ms: 2000,
        }
    }
}

impl AuthoriserConfig {
    /// The key of its address.
    pub const URL: &str = "authoriser.url";

    /// How long an answer may take.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.url
            && let Err(error) = outbound::address(Self::URL, url)
        {
            return ConfigError::invalid(error.to_string());
        }
        if !(100..=10_000).contains(&self.timeout_ms) {
            return ConfigError::invalid("authoriser.timeout_ms must be 100 to 10000");
        }
        Ok(())
    }
}
