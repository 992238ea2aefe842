//! The configuration: one TOML file and `VITRINE_EDGE_*` variables, the variables winning.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use crate::access::AccessConfig;

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
    /// A value is out of its range, or the values do not go together.
    #[error("{0}")]
    Invalid(String),
}

/// Everything that can be configured; `vitrine-edge.toml` explains each key.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Viewers.
    pub http: HttpConfig,
    /// How origins are asked.
    pub upstream: UpstreamConfig,
    /// What is kept.
    pub cache: CacheConfig,
    /// Who may watch.
    pub access: AccessConfig,
    /// The origins, in the order of preference; without any, one on loopback.
    #[serde(rename = "origin")]
    pub origins: Vec<OriginConfig>,
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
    /// A viewer who takes nothing of an answer for so long is dropped.
    pub send_timeout_seconds: u64,
}

/// `[upstream]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamConfig {
    /// How long an origin may hold a request.
    pub answer_timeout_seconds: u64,
    /// How long a body may stand still.
    pub body_timeout_seconds: u64,
    /// How long connecting may take.
    pub connect_timeout_ms: u64,
    /// How often an origin's health is looked at.
    pub check_interval_ms: u64,
    /// How long that may take.
    pub check_timeout_ms: u64,
    /// So many failures in a row make an origin down.
    pub down_after: u32,
    /// In which order origins are asked.
    pub order: OriginOrder,
    /// Two origins are asked when the first is silent for so long; 0: never.
    pub hedge_after_ms: u64,
    /// Requests on one connection.
    pub streams_per_connection: usize,
    /// Objects that are fetched at one time.
    pub max_fills: usize,
}

/// `upstream.order`
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum OriginOrder {
    /// The first that has it; the next ones are for when it is down.
    Listed,
    /// Each has everything: every object has one of them for itself.
    Shared,
}

/// `[cache]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// What objects may occupy, overhead included.
    pub memory_mib: u64,
    /// The longest object.
    pub max_object_mib: u64,
    /// How long an immutable object is better than an error.
    pub stale_if_error_seconds: u64,
    /// How long a channel's status is kept.
    pub status_seconds: u64,
}

/// `[[origin]]`
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct OriginConfig {
    /// `http://HOST:PORT` or `https://HOST:PORT`.
    pub url: String,
    /// The channels it has; none are named: all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// PEM file of the authority that signed its certificate, in place of the system's.
    #[serde(default)]
    pub tls_ca: Option<PathBuf>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            tls_cert: None,
            tls_key: None,
            max_connections: 20_000,
            max_waiting: 20_000,
            send_timeout_seconds: 20,
        }
    }
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            answer_timeout_seconds: 40,
            body_timeout_seconds: 10,
            connect_timeout_ms: 1000,
            check_interval_ms: 1000,
            check_timeout_ms: 1000,
            down_after: 2,
            order: OriginOrder::Listed,
            hedge_after_ms: 0,
            streams_per_connection: 100,
            max_fills: 4096,
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            memory_mib: 256,
            max_object_mib: 64,
            stale_if_error_seconds: 60,
            status_seconds: 1,
        }
    }
}

impl OriginConfig {
    /// An origin with every channel.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            channels: Vec::new(),
            tls_ca: None,
        }
    }
}

impl UpstreamConfig {
    /// How long an origin may hold a request.
    pub fn answer_timeout(&self) -> Duration {
        Duration::from_secs(self.answer_timeout_seconds)
    }

    /// How long a body may stand still.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds)
    }

    /// How long connecting may take.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// How often an origin's health is looked at.
    pub fn check_interval(&self) -> Duration {
        Duration::from_millis(self.check_interval_ms)
    }

    /// How long that may take.
    pub fn check_timeout(&self) -> Duration {
        Duration::from_millis(self.check_timeout_ms)
    }

    /// Two origins are asked when the first is silent for so long.
    pub fn hedge_after(&self) -> Option<Duration> {
        (self.hedge_after_ms > 0).then(|| Duration::from_millis(self.hedge_after_ms))
    }
}

impl CacheConfig {
    /// What objects may occupy, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_mib << 20
    }

    /// The longest object, in bytes.
    pub fn max_object_bytes(&self) -> u64 {
        self.max_object_mib << 20
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
        fn read<T: std::str::FromStr>(name: &'static str, value: String) -> Result<T, ConfigError>
        where
            T::Err: std::fmt::Display,
        {
            value.parse().map_err(|problem: T::Err| ConfigError::Variable {
                name,
                problem: problem.to_string(),
                value,
            })
        }
        if let Some(value) = variable("VITRINE_EDGE_LISTEN") {
            self.http.listen = read("VITRINE_EDGE_LISTEN", value)?;
        }
        if let Some(value) = variable("VITRINE_EDGE_MEMORY_MIB") {
            self.cache.memory_mib = read("VITRINE_EDGE_MEMORY_MIB", value)?;
        }
        if let Some(value) = variable("VITRINE_EDGE_ORIGINS") {
            self.origins = value.split(',').map(str::trim).map(OriginConfig::at).collect();
        }
        let path = |name| variable(name).map(PathBuf::from);
        self.http.tls_cert = path("VITRINE_EDGE_TLS_CERT").or(self.http.tls_cert.take());
        self.http.tls_key = path("VITRINE_EDGE_TLS_KEY").or(self.http.tls_key.take());
        Ok(())
    }

    fn check(&mut self) -> Result<(), ConfigError> {
        if self.origins.is_empty() {
            self.origins.push(OriginConfig::at("http://127.0.0.1:8080"));
        }
        if self.http.tls_cert.is_some() != self.http.tls_key.is_some() {
            return Err(ConfigError::Invalid(
                "http.tls_cert and http.tls_key go together: give both or none".into(),
            ));
        }
        let (http, upstream, cache) = (&self.http, &self.upstream, &self.cache);
        let ranges = [
            ("http.max_connections", http.max_connections as u64, 1, 1_000_000),
            ("http.max_waiting", http.max_waiting as u64, 1, 1_000_000),
            ("http.send_timeout_seconds", http.send_timeout_seconds, 1, 3600),
            (
                "upstream.answer_timeout_seconds",
                upstream.answer_timeout_seconds,
                4,
                600,
            ),
            (
                "upstream.body_timeout_seconds",
                upstream.body_timeout_seconds,
                1,
                600,
            ),
            (
                "upstream.connect_timeout_ms",
                upstream.connect_timeout_ms,
                10,
                60_000,
            ),
            (
                "upstream.check_interval_ms",
                upstream.check_interval_ms,
                50,
                60_000,
            ),
            ("upstream.check_timeout_ms", upstream.check_timeout_ms, 50, 60_000),
            ("upstream.down_after", upstream.down_after.into(), 1, 100),
            ("upstream.hedge_after_ms", upstream.hedge_after_ms, 0, 60_000),
            (
                "upstream.streams_per_connection",
                upstream.streams_per_connection as u64,
                1,
                10_000,
            ),
            ("upstream.max_fills", upstream.max_fills as u64, 16, 1_000_000),
            ("cache.memory_mib", cache.memory_mib, 8, 1 << 24),
            ("cache.max_object_mib", cache.max_object_mib, 1, 2048),
            (
                "cache.stale_if_error_seconds",
                cache.stale_if_error_seconds,
                0,
                86_400,
            ),
            ("cache.status_seconds", cache.status_seconds, 0, 60),
        ];
        for (key, value, least, most) in ranges.into_iter().chain(self.access.ranges()) {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::Invalid(format!(
                    "{key} = {value}: must be {least} to {most}"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let mut config = Config::parse(Path::new("e.toml"), text)?;
        config.check()?;
        Ok(config)
    }

    #[test]
    fn mistakes_are_named_with_their_line_and_remedy() {
        let table = [
            (
                "[http]\nlisten = \"127.0.0.1:1\"\nport = 2",
                "e.toml:3: unknown field `port`",
            ),
            ("[http]\nlisten = \"nowhere\"", "e.toml:2:"),
            ("[cache]\nmemory_mib = \"much\"", "e.toml:2: invalid type"),
            ("[cache]\nmemory_mib = 1", "cache.memory_mib = 1: must be 8 to"),
            ("[upstream]\nmax_fills = 0", "must be 16 to"),
            (
                "[upstream]\norder = \"random\"",
                "e.toml:2: unknown variant `random`",
            ),
            ("[[origin]]\nchannels = []", "missing field `url`"),
            ("[http]\ntls_cert = \"a.pem\"", "go together"),
            ("[access]\nstream_idle_seconds = 0", "must be 1 to"),
            ("[access]\ntrusted_proxies = [\"10.0.0.300\"]", "e.toml:2:"),
        ];
        for (text, expected) in table {
            let message = load(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn variables_win_over_the_file_and_name_themselves_when_wrong() {
        let found = |name: &str| match name {
            "VITRINE_EDGE_ORIGINS" => Some("http://a:1, http://b:2".to_owned()),
            "VITRINE_EDGE_MEMORY_MIB" => Some("64".to_owned()),
            _ => None,
        };
        let config = Config::load(None, found).unwrap();
        assert_eq!(config.cache.memory_mib, 64);
        assert_eq!(
            config.origins,
            [OriginConfig::at("http://a:1"), OriginConfig::at("http://b:2")]
        );
        let wrong = |name: &str| (name == "VITRINE_EDGE_LISTEN").then(|| "8081".to_owned());
        let message = Config::load(None, wrong).unwrap_err().to_string();
        assert!(message.starts_with("VITRINE_EDGE_LISTEN=8081: "), "{message}");
    }

    #[test]
    fn the_manual_states_the_defaults() {
        let manual = include_str!("../../vitrine-edge.toml");
        assert_eq!(
            format!("{:?}", load(manual).unwrap()),
            format!("{:?}", load("").unwrap())
        );
    }
}
