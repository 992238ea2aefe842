//! The configuration: one TOML file and `VITRINE_*` variables, the variables winning. A section a file.

mod access;
mod authoriser;
mod bus;
mod channel;
mod error;
mod events;
mod http;
mod packaging;
mod rtmp;
mod secret;
mod srt;
mod variables;
mod webhooks;

use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;

pub use self::http::HttpConfig;
pub use access::AccessConfig;
pub use authoriser::AuthoriserConfig;
pub use bus::BusConfig;
pub use channel::ChannelConfig;
pub use error::ConfigError;
pub use events::EventsConfig;
pub use packaging::PackagingConfig;
pub use rtmp::{RtmpConfig, RtmpsConfig};
pub use secret::Secret;
pub use srt::SrtConfig;
pub use webhooks::WebhooksConfig;

/// Everything that can be configured; `vitrine.toml` explains each key.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Playback, pages and control API.
    pub http: HttpConfig,
    /// Encoders by RTMP.
    pub rtmp: RtmpConfig,
    /// Encoders by RTMPS.
    pub rtmps: RtmpsConfig,
    /// Encoders by SRT.
    pub srt: SrtConfig,
    /// Who is asked about other keys.
    pub authoriser: AuthoriserConfig,
    /// Who is told what becomes of publications.
    pub webhooks: WebhooksConfig,
    /// Parts, segments and windows.
    pub packaging: PackagingConfig,
    /// Show events.
    pub events: EventsConfig,
    /// Who may do what on the control API.
    pub access: AccessConfig,
    /// Several origins of one show.
    pub bus: BusConfig,
    /// The channels; without any, the demo channel.
    #[serde(rename = "channel")]
    pub channels: Vec<ChannelConfig>,
}

impl Config {
    /// Reads the file, if one is given, then the variables that `variable` finds, and checks the whole.
    pub fn load(path: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut config = match path {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                    path: path.to_owned(),
                    source,
                })?;
                Self::parse(path, &text)?
            }
            None => Self::default(),
        };
        config.overlay(variable)?;
        config.check()?;
        Ok(config)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
            ConfigError::Parse {
                path: path.to_owned(),
                line,
                message: error.message().to_owned(),
            }
        })
    }

    /// Where RTMPS is served, with which certificate and key.
    pub fn rtmps(&self) -> Option<(SocketAddr, &Path, &Path)> {
        let RtmpsConfig {
            listen,
            tls_cert,
            tls_key,
        } = &self.rtmps;
        let cert = tls_cert.as_ref().or(self.http.tls_cert.as_ref())?;
        let key = tls_key.as_ref().or(self.http.tls_key.as_ref())?;
        Some(((*listen)?, cert, key))
    }

    /// Whether anything is served to other machines.
    pub fn is_public(&self) -> bool {
        [&self.http.listen, &self.rtmp.listen]
            .into_iter()
            .chain(&self.rtmps.listen)
            .chain(&self.srt.listen)
            .any(|address| !address.ip().is_loopback())
    }

    fn check(&mut self) -> Result<(), ConfigError> {
        let public = self.is_public();
        if self.channels.is_empty() {
            if public {
                return ConfigError::invalid(
                    "on an address that is not loopback, channels need keys: add a [[channel]] with name, stream_keys and event_tokens",
                );
            }
            self.channels.push(ChannelConfig::demo());
        }
        let mut names = std::collections::BTreeSet::new();
        for channel in &self.channels {
            channel.check(public)?;
            if !names.insert(&channel.name) {
                return ConfigError::invalid(format!("channel {}: there are two of that name", channel.name));
            }
        }
        self.srt.check()?;
        self.authoriser.check()?;
        self.webhooks.check()?;
        self.packaging.check()?;
        self.bus.check()?;
        if self.rtmps.tls_cert.is_some() != self.rtmps.tls_key.is_some()
            || (self.rtmps.listen.is_some() && self.rtmps().is_none())
        {
            return ConfigError::invalid(
                "rtmps.listen needs rtmps.tls_cert and rtmps.tls_key, or those of [http]",
            );
        }
        self.http.check()
    }
}

#[cfg(test)]
mod tests;
