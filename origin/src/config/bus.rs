//! `[bus]`: several origins of one show.

use serde::Deserialize;

use super::ConfigError;

/// `[bus]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    /// Addresses of NATS servers with JetStream, with commas between; none: this is the only origin.
    pub nats: Option<String>,
    /// This origin's name, like no other's.
    pub node: Option<String>,
}

impl BusConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.nats.is_some() != self.node.is_some() {
            return ConfigError::invalid(
                "bus.nats and bus.node go together: give each origin a name of its own",
            );
        }
        Ok(())
    }
}
