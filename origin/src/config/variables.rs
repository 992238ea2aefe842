//! `VITRINE_*` variables, which win over the file.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Config, ConfigError, Secret};

impl Config {
    /// Puts the values of the variables that `variable` finds in their places.
    pub(super) fn overlay(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
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
        if let Some(url) = variable("VITRINE_AUTHORISER_URL") {
            self.authoriser.url = Some(Secret::from(url));
        }
        if let Some(url) = variable("VITRINE_WEBHOOKS_URL") {
            self.webhooks.url = Some(Secret::from(url));
        }
        if let Some(secret) = variable("VITRINE_WEBHOOKS_SECRET") {
            self.webhooks.secret = Some(Secret::from(secret));
        }
        if let Some(passphrase) = variable("VITRINE_SRT_PASSPHRASE") {
            self.srt.passphrase = Some(Secret::from(passphrase));
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
}
