//! The real server, with a configuration of the test's.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::Value;

use super::{Process, until};
use crate::client::{Answer, Client};

/// A start is tried anew so often when somebody else took a port.
const PORT_TRIES: usize = 5;
const START_PATIENCE: Duration = Duration::from_secs(20);
const LIVE_PATIENCE: Duration = Duration::from_secs(30);
const STOP_PATIENCE: Duration = Duration::from_secs(20);

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

    /// Adds a line of TOML to its table.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }
}

/// A server that is about to be started.
#[derive(Debug, Clone)]
pub struct VitrineSetup {
    name: String,
    sections: BTreeMap<&'static str, Vec<String>>,
    channels: Vec<ChannelSetup>,
}

impl VitrineSetup {
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

    /// `None` if somebody else took a port in the meantime.
    async fn try_start(&self, folder: &Path) -> Option<Vitrine> {
        let (http_port, rtmp_port) = free_ports();
        let config = folder.join("vitrine.toml");
        std::fs::write(&config, self.toml(http_port, rtmp_port))
            .unwrap_or_else(|error| panic!("{}: {error}", config.display()));
        let mut command = Command::new(binary("vitrine", "VITRINE_BIN"));
        command.arg("--config").arg(&config);
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("VITRINE_") && name != "VITRINE_LOG")
        {
            command.env_remove(name);
        }
        let mut vitrine = Vitrine {
            process: Process::start(&mut command, &folder.join("vitrine.log")),
            http_port,
            rtmp_port,
            channels: self.channels.clone(),
            folder: folder.to_owned(),
            logs: AtomicUsize::new(0),
            client: Client::http1(),
        };
        let ready = vitrine.url("/readyz");
        let answers = until("the server answers", START_PATIENCE, async || {
            if vitrine.process.exited().is_some() {
                return Some(false);
            }
            let answer = vitrine.client.get(&ready).await.ok()?;
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

    fn toml(&self, http_port: u16, rtmp_port: u16) -> String {
        let mut sections = self.sections.clone();
        let listen = |port: u16| format!("listen = \"127.0.0.1:{port}\"");
        sections.entry("http").or_default().push(listen(http_port));
        sections.entry("rtmp").or_default().push(listen(rtmp_port));
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

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub struct Vitrine {
    process: Process,
    http_port: u16,
    rtmp_port: u16,
    channels: Vec<ChannelSetup>,
    folder: PathBuf,
    logs: AtomicUsize,
    client: Client,
}

impl Vitrine {
    /// A server whose logs go to `tests/out/NAME/`; no two tests may use one name.
    pub fn named(name: &str) -> VitrineSetup {
        VitrineSetup {
            name: name.to_owned(),
            sections: BTreeMap::new(),
            channels: Vec::new(),
        }
    }

    /// Address and port of its HTTP server.
    pub fn http(&self) -> String {
        format!("127.0.0.1:{}", self.http_port)
    }

    /// Address and port for encoders.
    pub fn rtmp(&self) -> String {
        format!("127.0.0.1:{}", self.rtmp_port)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http())
    }

    /// The URL of a channel's multivariant playlist.
    pub fn playlist(&self, channel: &str) -> String {
        self.url(&format!("/live/{channel}/index.m3u8"))
    }

    /// The URL to publish to, key included.
    pub fn publish_url(&self, channel: &str) -> String {
        format!("rtmp://{}/live/{}", self.rtmp(), self.channel(channel).stream_key)
    }

    /// A channel of its configuration; panics if there is none of that name.
    pub fn channel(&self, name: &str) -> &ChannelSetup {
        self.channels
            .iter()
            .find(|channel| channel.name == name)
            .unwrap_or_else(|| panic!("the test configured no channel {name}"))
    }

    /// An HTTP/1.1 client that shares its connections with the harness.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where its logs are, and what a test leaves.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file for the next log of that name.
    pub fn next_log(&self, name: &str) -> PathBuf {
        let number = self.logs.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{name}-{number}.log"))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until a channel can be watched; panics if it does not come to that.
    pub async fn live(&self, channel: &str) {
        let playlist = self.playlist(channel);
        let what = format!("channel {channel} is live: see {}", self.folder.display());
        until(&what, LIVE_PATIENCE, async || {
            let answer = self.client.get(&playlist).await.ok()?;
            (answer.status == StatusCode::OK).then_some(())
        })
        .await;
    }

    /// A channel's status, as the control API shows it.
    pub async fn status(&self, channel: &str) -> Value {
        let url = self.url(&format!("/v1/channels/{channel}"));
        self.client
            .get(&url)
            .await
            .map(|answer| answer.json())
            .unwrap_or_default()
    }

    /// Posts a show event by the channel's token.
    pub async fn post_event(&self, channel: &str, event: &Value) -> Answer {
        let url = self.url(&format!("/v1/channels/{channel}/events"));
        let token = format!("Bearer {}", self.channel(channel).event_token);
        let fields = [
            ("authorization", token.as_str()),
            ("content-type", "application/json"),
        ];
        let body = Bytes::from(event.to_string());
        self.client
            .ask(Method::POST, &url, &fields, body)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The sum of a metric over all of its labels; 0 if it was never counted.
    pub async fn metric(&self, name: &str) -> f64 {
        let answer = self
            .client
            .get(&self.url("/metrics"))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        answer
            .text()
            .lines()
            .filter_map(|line| {
                let rest = line.strip_prefix(name)?;
                let (labels, value) = rest.rsplit_once(' ')?;
                (labels.is_empty() || labels.starts_with('{')).then(|| value.parse::<f64>().ok())?
            })
            .sum()
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until it ends; panics if it does not within `patience`.
    pub async fn ended(&mut self, patience: Duration) -> ExitStatus {
        self.process.ended(patience).await
    }

    /// Stops it as a system does (SIGTERM), and waits for its end.
    pub async fn stop(mut self) -> ExitStatus {
        self.process.signal(Signal::TERM);
        self.process.ended(STOP_PATIENCE).await
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

fn out_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("out").join(name);
    // A former run's logs would be taken for this one's.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// Two ports that nobody listens on; the system does not give them out again soon.
fn free_ports() -> (u16, u16) {
    let taken = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0"));
    let [http, rtmp] = taken.map(|listener| {
        listener
            .and_then(|listener| listener.local_addr())
            .unwrap_or_else(|error| panic!("no free port on loopback: {error}"))
            .port()
    });
    (http, rtmp)
}
