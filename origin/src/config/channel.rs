//! `[[channel]]`: a channel, its keys and its renditions.

use std::time::Duration;

use serde::Deserialize;
use vitrine_ingest::ladder::{LadderChoice, LadderSettings, Plan};
use vitrine_ingest::{OnBusy, StreamKey};

use super::{ConfigError, Secret};
use crate::channel::FailoverSettings;

/// `[[channel]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// As in its URLs.
    pub name: String,
    /// Who may publish: keys, or their hashes.
    pub stream_keys: Vec<Secret>,
    /// The same for the backup encoder.
    #[serde(default)]
    pub backup_keys: Vec<Secret>,
    /// A publication without a frame for so long is not on air any more, if there is another.
    #[serde(default = "failover_after_ms")]
    pub failover_after_ms: u64,
    /// A primary encoder that sends for so long is on air again; 0: by hand only.
    #[serde(default = "failback_after_seconds")]
    pub failback_after_seconds: u64,
    /// A publication that is degraded is not on air any more either, if the other is sound.
    #[serde(default)]
    pub failover_when_degraded: bool,
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

fn failover_after_ms() -> u64 {
    700
}

fn failback_after_seconds() -> u64 {
    10
}

impl ChannelConfig {
    /// What there is without a configuration, on loopback only.
    pub fn demo() -> Self {
        let secret = || vec![Secret::from("demo".to_owned())];
        Self {
            name: "demo".into(),
            stream_keys: secret(),
            backup_keys: Vec::new(),
            failover_after_ms: failover_after_ms(),
            failback_after_seconds: failback_after_seconds(),
            failover_when_degraded: false,
            on_busy: OnBusy::default(),
            event_tokens: secret(),
            encoder_delay_seconds: 0.0,
            ladder: LadderChoice::Auto,
            audio_bitrates_kbps: Vec::new(),
        }
    }

    /// The primary encoder's keys, as the reception takes them.
    pub fn keys(&self) -> Result<Vec<StreamKey>, ConfigError> {
        self.read_keys("stream_keys", &self.stream_keys)
    }

    /// The backup encoder's.
    pub fn backup_keys(&self) -> Result<Vec<StreamKey>, ConfigError> {
        self.read_keys("backup_keys", &self.backup_keys)
    }

    fn read_keys(&self, place: &str, keys: &[Secret]) -> Result<Vec<StreamKey>, ConfigError> {
        let keys = keys.iter().map(|key| StreamKey::parse(key.expose()));
        keys.collect::<Result<_, _>>()
            .map_err(|error| ConfigError::Invalid(format!("channel {}: {place}: {error}", self.name)))
    }

    /// Whether any of its stream keys can be read in the configuration.
    pub fn has_plain_keys(&self) -> bool {
        self.stream_keys
            .iter()
            .chain(&self.backup_keys)
            .any(|key| !StreamKey::is_hashed(key.expose()))
    }

    /// As the channel's task takes it.
    pub fn failover(&self) -> FailoverSettings {
        let back_after = Duration::from_secs(self.failback_after_seconds);
        FailoverSettings {
            after: Duration::from_millis(self.failover_after_ms),
            back_after: (!back_after.is_zero()).then_some(back_after),
            when_degraded: self.failover_when_degraded,
        }
    }

    /// As the ladder takes it.
    pub fn ladder(&self) -> LadderSettings {
        LadderSettings {
            ladder: self.ladder.clone(),
            audio_bitrates_kbps: self.audio_bitrates_kbps.clone(),
        }
    }

    pub(super) fn check(&self, public: bool) -> Result<(), ConfigError> {
        let invalid = |problem: &str| Err(ConfigError::Invalid(format!("channel {}: {problem}", self.name)));
        let lawful = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.bytes().all(lawful) {
            return invalid("the name must be 1 to 40 of a-z, 0-9 and '-'");
        }
        if !(0.0..=30.0).contains(&self.encoder_delay_seconds) {
            return invalid("encoder_delay_seconds must be 0 to 30");
        }
        if !(200..=10_000).contains(&self.failover_after_ms) {
            return invalid("failover_after_ms must be 200 to 10000");
        }
        if self.failback_after_seconds > 3600 {
            return invalid("failback_after_seconds must be 0 to 3600");
        }
        if self.stream_keys.is_empty() {
            return invalid("stream_keys needs at least one key");
        }
        let secrets = || {
            let keys = self.stream_keys.iter().chain(&self.backup_keys);
            keys.chain(&self.event_tokens)
        };
        if secrets().any(|secret| secret.expose().is_empty()) {
            return invalid("keys and tokens must not be empty");
        }
        let (keys, backup) = (self.keys()?, self.backup_keys()?);
        if keys.iter().any(|key| backup.contains(key)) {
            return invalid(
                "a key is in stream_keys and in backup_keys: the two encoders need keys of their own",
            );
        }
        let demo = StreamKey::new("demo");
        let is_demo = |keys: &[StreamKey]| keys.contains(&demo);
        if public && (secrets().any(|secret| secret.expose() == "demo") || is_demo(&keys) || is_demo(&backup))
        {
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
