//! `[packaging]`: parts, segments and windows.

use std::time::Duration;

use serde::Deserialize;
use vitrine_packager::startup::PackagingSettings;

use super::ConfigError;

/// `[packaging]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PackagingConfig {
    /// EXT-X-TARGETDURATION, and the longest keyframe interval.
    pub target_duration_seconds: u32,
    /// The wished part length.
    pub part_target_seconds: f64,
    /// What a playlist lists.
    pub window_seconds: u32,
    /// How long a session waits for its encoder.
    pub reconnect_window_seconds: u64,
}

impl Default for PackagingConfig {
    fn default() -> Self {
        Self {
            target_duration_seconds: 2,
            part_target_seconds: 0.333,
            window_seconds: 120,
            reconnect_window_seconds: 30,
        }
    }
}

impl PackagingConfig {
    /// As the packager takes it.
    pub fn settings(&self) -> PackagingSettings {
        PackagingSettings {
            target_duration_s: self.target_duration_seconds,
            part_target_ms: (self.part_target_seconds * 1000.0).round() as u32,
            window_s: self.window_seconds,
        }
    }

    /// As the channel's task takes it.
    pub fn reconnect_window(&self) -> Duration {
        Duration::from_secs(self.reconnect_window_seconds)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=10).contains(&self.target_duration_seconds) {
            return ConfigError::invalid("packaging.target_duration_seconds must be 1 to 10");
        }
        if !(0.1..=1.0).contains(&self.part_target_seconds) {
            return ConfigError::invalid("packaging.part_target_seconds must be 0.1 to 1.0");
        }
        if self.window_seconds < 6 * self.target_duration_seconds || self.window_seconds > 3600 {
            return ConfigError::invalid(
                "packaging.window_seconds must be at least six target durations, and at most 3600",
            );
        }
        Ok(())
    }
}
