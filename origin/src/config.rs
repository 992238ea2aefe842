//! The configuration: one TOML file and `VITRINE_*` variables, the variables winning.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use vitrine_ingest::ladder::{LadderChoice, LadderSettings, Plan};
use vitrine_ingest::srt::{Passphrase, SrtSettings};
use vitrine_ingest::{OnBusy, StreamKey};
use vitrine_packager::startup::PackagingSettings;

use crate::channel::ShowSettings;

/// Why the program does not start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}:{line}: {message}", path.display())]
    Parse {
        /// As it was given.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A variable cannot be read.
    #[error("{name}={value}: {problem}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        problem: String,
    },
    /// The values do not go together.
    #[error("{0}")]
    Invalid(String),
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for comparison.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

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

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Certificate chain, PEM; with it and the key, TLS is spoken.
    pub tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Connections at one time.
    pub max_connections: usize,
    /// Requests that wait at one time.
    pub max_waiting: usize,
}

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

/// `[events]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsConfig {
    /// Where they are kept; empty: in memory only; none: in `vitrine-data`, if that can be written.
    pub directory: Option<PathBuf>,
    /// A session that starts so soon after the one before goes on with its show.
    pub resume_window_seconds: u64,
}

/// `[bus]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    /// Addresses of NATS servers with JetStream, with commas between; none: this is the only origin.
    pub nats: Option<String>,
    /// This origin's name, like no other's.
    pub node: Option<String>,
}

/// `[access]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessConfig {
    /// Tokens as digests, with their roles; read again when it changes.
    pub tokens_file: Option<PathBuf>,
    /// Requests of one token on one channel.
    pub requests_per_second: NonZeroU32,
}

/// `[[channel]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// As in its URLs.
    pub name: String,
    /// Who may publish: keys, or their hashes.
    pub stream_keys: Vec<Secret>,
    /// When another encoder publishes already.
    #[serde(default)]
    pub on_busy: OnBusy,
    /// Who may post events.
    #[serde(default)]
    pub event_tokens: Vec<Secret>,
    /// From the camera to the moment at which a frame is received here.
    #[serde(default)]
    pub encoder_delay_seconds: f64,
    /// Its video renditions.
    #[serde(default)]
    pub ladder: LadderChoice,
    /// Kilobits a second of its audio renditions; none: as the source's audio allows.
    #[serde(default)]
    pub audio_bitrates_kbps: Vec<u32>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_cert: None,
            tls_key: None,
            max_connections: 20_000,
            max_waiting: 20_000,
        }
    }
}

impl Default for RtmpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 1935)),
            silence_timeout_seconds: 10,
        }
    }
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            tokens_file: None,
            requests_per_second: const { NonZeroU32::new(100).unwrap() },
        }
    }
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

    fn check(&self) -> Result<(), ConfigError> {
        let invalid = |text: &str| Err(ConfigError::Invalid(text.into()));
        if !(20..=8000).contains(&self.latency_ms) {
            return invalid("srt.latency_ms must be 20 to 8000");
        }
        let passphrase = self.passphrase.as_ref().map(|text| text.expose());
        if passphrase.is_some_and(|text| Passphrase::new(text).is_none()) {
            return invalid("srt.passphrase must have 10 to 79 bytes");
        }
        Ok(())
    }
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

    fn overlay(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        fn set<T: std::str::FromStr>(
            name: &'static str,
            value: Option<String>,
            target: &mut T,
        ) -> Result<(), ConfigError>
        where
            T::Err: std::fmt::Display,
        {
            if let Some(value) = value {
                *target = value.parse().map_err(|problem: T::Err| ConfigError::Variable {
                    name,
                    problem: problem.to_string(),
                    value,
                })?;
            }
            Ok(())
        }
        set(
            "VITRINE_HTTP_LISTEN",
            variable("VITRINE_HTTP_LISTEN"),
            &mut self.http.listen,
        )?;
        set(
            "VITRINE_RTMP_LISTEN",
            variable("VITRINE_RTMP_LISTEN"),
            &mut self.rtmp.listen,
        )?;
        if let Some(value) = variable("VITRINE_RTMPS_LISTEN") {
            let listen = self.rtmps.listen.insert(SocketAddr::from(([127, 0, 0, 1], 1936)));
            set("VITRINE_RTMPS_LISTEN", Some(value), listen)?;
        }
        if let Some(value) = variable("VITRINE_SRT_LISTEN") {
            let listen = self.srt.listen.insert(SocketAddr::from(([127, 0, 0, 1], 9000)));
            set("VITRINE_SRT_LISTEN", Some(value), listen)?;
        }
        if let Some(passphrase) = variable("VITRINE_SRT_PASSPHRASE") {
            self.srt.passphrase = Some(Secret(passphrase));
        }
        let packaging = &mut self.packaging;
        let name = "VITRINE_TARGET_DURATION_SECONDS";
        set(name, variable(name), &mut packaging.target_duration_seconds)?;
        let name = "VITRINE_PART_TARGET_SECONDS";
        set(name, variable(name), &mut packaging.part_target_seconds)?;
        let name = "VITRINE_WINDOW_SECONDS";
        set(name, variable(name), &mut packaging.window_seconds)?;
        let name = "VITRINE_RECONNECT_WINDOW_SECONDS";
        set(name, variable(name), &mut packaging.reconnect_window_seconds)?;
        self.events.directory = variable("VITRINE_EVENTS_DIRECTORY")
            .map(PathBuf::from)
            .or(self.events.directory.take());
        self.bus.nats = variable("VITRINE_BUS_NATS").or(self.bus.nats.take());
        self.bus.node = variable("VITRINE_BUS_NODE").or(self.bus.node.take());
        self.http.tls_cert = variable("VITRINE_TLS_CERT")
            .map(PathBuf::from)
            .or(self.http.tls_cert.take());
        self.http.tls_key = variable("VITRINE_TLS_KEY")
            .map(PathBuf::from)
            .or(self.http.tls_key.take());
        Ok(())
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
        let invalid = |text: String| Err(ConfigError::Invalid(text));
        let public = self.is_public();
        if self.channels.is_empty() {
            if public {
                return invalid(
                    "on an address that is not loopback, channels need keys: add a [[channel]] with name, stream_keys and event_tokens".into(),
                );
            }
            self.channels.push(ChannelConfig::demo());
        }
        let mut names = std::collections::BTreeSet::new();
        for channel in &self.channels {
            channel.check(public)?;
            if !names.insert(&channel.name) {
                return invalid(format!("channel {}: there are two of that name", channel.name));
            }
        }
        self.srt.check()?;
        let packaging = &self.packaging;
        if !(1..=10).contains(&packaging.target_duration_seconds) {
            return invalid("packaging.target_duration_seconds must be 1 to 10".into());
        }
        if !(0.1..=1.0).contains(&packaging.part_target_seconds) {
            return invalid("packaging.part_target_seconds must be 0.1 to 1.0".into());
        }
        if packaging.window_seconds < 6 * packaging.target_duration_seconds || packaging.window_seconds > 3600
        {
            return invalid(
                "packaging.window_seconds must be at least six target durations, and at most 3600".into(),
            );
        }
        if self.bus.nats.is_some() != self.bus.node.is_some() {
            return invalid("bus.nats and bus.node go together: give each origin a name of its own".into());
        }
        if self.rtmps.tls_cert.is_some() != self.rtmps.tls_key.is_some()
            || (self.rtmps.listen.is_some() && self.rtmps().is_none())
        {
            return invalid("rtmps.listen needs rtmps.tls_cert and rtmps.tls_key, or those of [http]".into());
        }
        if self.http.tls_cert.is_some() != self.http.tls_key.is_some() {
            return invalid("http.tls_cert and http.tls_key go together: give both or none".into());
        }
        Ok(())
    }
}

impl ChannelConfig {
    /// What there is without a configuration, on loopback only.
    pub fn demo() -> Self {
        let secret = || vec![Secret("demo".into())];
        Self {
            name: "demo".into(),
            stream_keys: secret(),
            on_busy: OnBusy::default(),
            event_tokens: secret(),
            encoder_delay_seconds: 0.0,
            ladder: LadderChoice::Auto,
            audio_bitrates_kbps: Vec::new(),
        }
    }

    /// As the reception takes them.
    pub fn keys(&self) -> Result<Vec<StreamKey>, ConfigError> {
        let keys = self.stream_keys.iter().map(|key| StreamKey::parse(key.expose()));
        keys.collect::<Result<_, _>>()
            .map_err(|error| ConfigError::Invalid(format!("channel {}: stream_keys: {error}", self.name)))
    }

    /// Whether any of its stream keys can be read in the configuration.
    pub fn has_plain_keys(&self) -> bool {
        self.stream_keys
            .iter()
            .any(|key| !StreamKey::is_hashed(key.expose()))
    }

    /// As the ladder takes it.
    pub fn ladder(&self) -> LadderSettings {
        LadderSettings {
            ladder: self.ladder.clone(),
            audio_bitrates_kbps: self.audio_bitrates_kbps.clone(),
        }
    }

    fn check(&self, public: bool) -> Result<(), ConfigError> {
        let invalid = |problem: &str| Err(ConfigError::Invalid(format!("channel {}: {problem}", self.name)));
        let lawful = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.bytes().all(lawful) {
            return invalid("the name must be 1 to 40 of a-z, 0-9 and '-'");
        }
        if !(0.0..=30.0).contains(&self.encoder_delay_seconds) {
            return invalid("encoder_delay_seconds must be 0 to 30");
        }
        if self.stream_keys.is_empty() {
            return invalid("stream_keys needs at least one key");
        }
        let secrets = || self.stream_keys.iter().chain(&self.event_tokens);
        if secrets().any(|secret| secret.0.is_empty()) {
            return invalid("keys and tokens must not be empty");
        }
        let keys = self.keys()?;
        if public && (secrets().any(|secret| secret.0 == "demo") || keys.contains(&StreamKey::new("demo"))) {
            return invalid("the key or token \"demo\" is for loopback only: choose a long random one");
        }
        if self
            .audio_bitrates_kbps
            .iter()
            .any(|kbps| !(16..=512).contains(kbps))
        {
            return invalid("audio_bitrates_kbps must each be 16 to 512");
        }
        if let Err(error) = Plan::check(&self.ladder()) {
            return invalid(&error.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
