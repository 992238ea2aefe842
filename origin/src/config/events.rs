//! `[events]`: how show events are timed and kept.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::ChannelConfig;
use crate::channel::ShowSettings;

/// `[events]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsConfig {
    /// Where they are kept; empty: in memory only; none: in `vitrine-data`, if that can be written.
    pub directory: Option<PathBuf>,
    /// A session that starts so soon after the one before goes on with its show.
    pub resume_window_seconds: u64,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            directory: None,
            resume_window_seconds: 300,
        }
    }
}

impl EventsConfig {
    /// As the channel's task takes them.
    pub fn settings(&self, channel: &ChannelConfig) -> ShowSettings {
        ShowSettings {
            encoder_delay: Duration::from_secs_f64(channel.encoder_delay_seconds),
            resume_window: Duration::from_secs(self.resume_window_seconds),
        }
    }
}
