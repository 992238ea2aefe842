//! A server's configuration, and its start.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use http::StatusCode;

use super::port::{Port, free_udp_port};
use super::{Process, Vitrine, until};

/// A start is tried anew so often when somebody else took SRT's port.
const PORT_TRIES: usize = 5;
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A channel of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSetup {
    /// As in its URLs.
    pub name: String,
    /// Its stream key.
    pub stream_key: String,
    /// Its event token.
    pub event_token: String,
    /// Further lines of its `[[channel]]` table.
    pub lines: Vec<String>,
}

impl ChannelSetup {
    /// A channel with a key and a token of its own.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stream_key: format!("key-of-{name}"),
            event_token: format!("token-of-{name}"),
            lines: Vec::new(),
        }
    }

    /// The ladder, in TOML: `"passthrough"`, or a list of rungs. Without it, what the machine's processors allow.
    #[must_use]
    pub fn ladder(self, toml: &str) -> Self {
        self.line(&format!("ladder = {toml}"))
    }

    /// Adds a line of TOML to its table.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }
}

/// The ports of a server.
#[derive(Debug)]
pub(super) struct Ports {
    pub http: Port,
    pub rtmp: Port,
    /// Of UDP; none: it does not speak SRT.
    pub srt: Option<u16>,
}

impl Ports {
    fn free(srt: bool) -> Self {
        Self {
            http: Port::free(),
            rtmp: Port::free(),
            srt: srt.then(free_udp_port),
        }
    }
}

/// A server that is about to be started.
#[derive(Debug, Clone)]
pub struct VitrineSetup {
    name: String,
    sections: BTreeMap<&'static str, Vec<String>>,
    channels: Vec<ChannelSetup>,
    srt: bool,
    log: Option<String>,
}

impl VitrineSetup {
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sections: BTreeMap::new(),
            channels: Vec::new(),
            srt: false,
            log: None,
        }
    }

    /// Encoders may publish by SRT too.
    #[must_use]
    pub fn srt(mut self) -> Self {
        self.srt = true;
        self
    }

    /// What it logs: a filter as `VITRINE_LOG` has it.
    #[must_use]
    pub fn log(self, filter: &str) -> Self {
        let log = Some(filter.to_owned());
        Self { log, ..self }
    }

    /// Adds a line of TOML to a section: `("http", "max_waiting = 5")`.
    #[must_use]
    pub fn line(mut self, section: &'static str, line: &str) -> Self {
        self.sections.entry(section).or_default().push(line.to_owned());
        self
    }

    /// The wished PART-TARGET in seconds.
    #[must_use]
    pub fn part_target_s(self, seconds: f64) -> Self {
        self.line("packaging", &format!("part_target_seconds = {seconds:?}"))
    }

    /// TARGETDURATION in seconds.
    #[must_use]
    pub fn target_duration_s(self, seconds: u32) -> Self {
        self.line("packaging", &format!("target_duration_seconds = {seconds}"))
    }

    /// What playlists list, in seconds.
    #[must_use]
    pub fn window_s(self, seconds: u32) -> Self {
        self.line("packaging", &format!("window_seconds = {seconds}"))
    }

    /// How long a session waits for its encoder, in seconds.
    #[must_use]
    pub fn reconnect_window_s(self, seconds: u32) -> Self {
        self.line("packaging", &format!("reconnect_window_seconds = {seconds}"))
    }

    /// An encoder silent for so many seconds is dropped.
    #[must_use]
    pub fn silence_timeout_s(self, seconds: u32) -> Self {
        self.line("rtmp", &format!("silence_timeout_seconds = {seconds}"))
    }

    /// Requests that wait at one time.
    #[must_use]
    pub fn max_waiting(self, count: usize) -> Self {
        self.line("http", &format!("max_waiting = {count}"))
    }

    /// Connections at one time.
    #[must_use]
    pub fn max_connections(self, count: usize) -> Self {
        self.line("http", &format!("max_connections = {count}"))
    }

    /// Adds a channel. Without any, there is `demo`.
    #[must_use]
    pub fn channel(mut self, channel: ChannelSetup) -> Self {
        self.channels.push(channel);
        self
    }

    /// Starts the server and waits until it answers.
    pub async fn start(mut self) -> Vitrine {
        if self.channels.is_empty() {
            self.channels.push(ChannelSetup::new("demo"));
        }
        let folder = out_folder(&self.name);
        for _ in 0..PORT_TRIES {
            if let Some(vitrine) = self.try_start(&folder).await {
                return vitrine;
            }
        }
        panic!("no port stays free: see {}", folder.display());
    }

    /// `None` if somebody else took SRT's port in the meantime.
    async fn try_start(&self, folder: &Path) -> Option<Vitrine> {
        let ports = Ports::free(self.srt);
        let config = folder.join("vitrine.toml");
        std::fs::write(&config, self.toml(&ports, folder))
            .unwrap_or_else(|error| panic!("{}: {error}", config.display()));
        let mut command = Command::new(binary("vitrine", "VITRINE_BIN"));
        command.arg("--config").arg(&config);
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("VITRINE_") && name != "VITRINE_LOG")
        {
            command.env_remove(name);
        }
        if let Some(filter) = &self.log {
            command.env("VITRINE_LOG", filter);
        }
        let process = Process::start(&mut command, &folder.join("vitrine.log"));
        let mut vitrine = Vitrine::new(process, ports, self.channels.clone(), folder);
        let ready = vitrine.url("/readyz");
        let answers = until("the server answers", START_PATIENCE, async || {
            if vitrine.exited().is_some() {
                return Some(false);
            }
            let answer = vitrine.client().get(&ready).await.ok()?;
            (answer.status == StatusCode::OK).then_some(true)
        });
        if answers.await {
            return Some(vitrine);
        }
        let log = vitrine.log();
        assert!(
            log.contains("choose another port"),
            "vitrine does not start: {log}"
        );
        None
    }

    fn toml(&self, ports: &Ports, folder: &Path) -> String {
        let mut sections = self.sections.clone();
        let events = sections.entry("events").or_default();
        if !events.iter().any(|line| line.starts_with("directory")) {
            events.push(format!("directory = {:?}", folder.join("events")));
        }
        let listens = [
            ("http", Some(ports.http.number())),
            ("rtmp", Some(ports.rtmp.number())),
            ("srt", ports.srt),
        ];
        for (section, port) in listens {
            if let Some(port) = port {
                let listen = format!("listen = \"127.0.0.1:{port}\"");
                sections.entry(section).or_default().push(listen);
            }
        }
        let mut toml = String::new();
        for (section, lines) in sections {
            let _ = writeln!(toml, "[{section}]\n{}", lines.join("\n"));
        }
        for channel in &self.channels {
            let ChannelSetup {
                name,
                stream_key,
                event_token,
                lines,
            } = channel;
            let _ = writeln!(
                toml,
                "[[channel]]\nname = \"{name}\"\nstream_keys = [\"{stream_key}\"]\nevent_tokens = [\"{event_token}\"]\n{}",
                lines.join("\n")
            );
        }
        toml
    }
}

/// A program of this workspace: what the variable says, or the one beside the test's own executable.
pub(super) fn binary(name: &str, variable: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let executable = std::env::current_exe().unwrap_or_default();
    let beside = executable
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    beside.unwrap_or_else(|| {
        panic!("there is no {name} beside {executable:?}: run cargo build --workspace, or set {variable}")
    })
}

pub(super) fn out_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("out").join(name);
    // A former run's logs would be taken for this one's.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}
