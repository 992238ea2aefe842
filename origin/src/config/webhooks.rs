//! `[webhooks]`: a service that is told what becomes of publications.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, Secret};
use crate::outbound;
use crate::webhooks::Signer;

/// `[webhooks]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhooksConfig {
    /// Where notices are posted; none: nobody is told.
    pub url: Option<Secret>,
    /// What they are signed with; none: they are not.
    pub secret: Option<Secret>,
    /// An attempt without an answer for so long has failed.
    pub timeout_ms: u64,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            url: None,
            secret: None,
            timeout_ms: 5000,
        }
    }
}

impl WebhooksConfig {
    /// The key of its address.
    pub const URL: &str = "webhooks.url";

    /// How long an answer may take.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// What signs, if anything is to.
    pub fn signer(&self) -> Result<Option<Signer>, ConfigError> {
        let signer = self.secret.as_ref().map(Signer::new).transpose();
        signer.map_err(|error| ConfigError::Invalid(format!("webhooks.secret {error}")))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.url
            && let Err(error) = outbound::address(Self::URL, url)
        {
            return ConfigError::invalid(error.to_string());
        }
        self.signer()?;
        if !(100..=30_000).contains(&self.timeout_ms) {
            return ConfigError::invalid("webhooks.timeout_ms must be 100 to 30000");
        }
        Ok(())
    }
}
