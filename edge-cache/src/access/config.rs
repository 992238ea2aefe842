//! `[access]` of the configuration.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

use super::CloudfrontKey;

/// `[access]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessConfig {
    /// A JWK Set; with it or the URL, tokens are needed.
    pub jwks_file: Option<PathBuf>,
    /// Where a JWK Set is published.
    pub jwks_url: Option<String>,
    /// Keys of CloudFront's signed URLs and cookies; with one, either those or tokens are needed.
    #[serde(rename = "cloudfront_key")]
    pub cloudfront_keys: Vec<CloudfrontKey>,
    /// What viewers' URLs begin with, as it is signed: scheme and host.
    pub cloudfront_url: Option<String>,
    /// How often the JWK Sets are read again.
    pub jwks_refresh_seconds: u64,
    /// Requests of one token; 0: as many as it likes.
    pub requests_per_second_per_token: u32,
    /// Viewers with one token at one time, unless the token says it; 0: any number.
    pub streams_per_token: u32,
    /// A viewer who asked for nothing for so long is gone.
    pub stream_idle_seconds: u64,
    /// Requests of one address; 0: as many as it likes.
    pub requests_per_second_per_address: u32,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Sites whose pages may play; `*`: all.
    pub cors_origins: Vec<String>,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            jwks_file: None,
            jwks_url: None,
            cloudfront_keys: Vec::new(),
            cloudfront_url: None,
            jwks_refresh_seconds: 300,
            requests_per_second_per_token: 100,
            streams_per_token: 3,
            stream_idle_seconds: 15,
            requests_per_second_per_address: 0,
            trusted_proxies: Vec::new(),
            cors_origins: vec!["*".to_owned()],
        }
    }
}

impl AccessConfig {
    /// Each number with its key, its least and its most.
    pub fn ranges(&self) -> [(&'static str, u64, u64, u64); 5] {
        let rate = |per_second: u32| u64::from(per_second);
        [
            (
                "access.jwks_refresh_seconds",
                self.jwks_refresh_seconds,
                1,
                86_400,
            ),
            (
                "access.requests_per_second_per_token",
                rate(self.requests_per_second_per_token),
                0,
                1_000_000,
            ),
            ("access.streams_per_token", rate(self.streams_per_token), 0, 1000),
            ("access.stream_idle_seconds", self.stream_idle_seconds, 1, 3600),
            (
                "access.requests_per_second_per_address",
                rate(self.requests_per_second_per_address),
                0,
                1_000_000,
            ),
        ]
    }
}
