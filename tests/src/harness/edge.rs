//! The real edge, with a configuration of the test's.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;

use super::setup::{binary, out_folder};
use super::{Port, Process, until};
use crate::client::Client;

const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// An edge that is about to be started.
#[derive(Debug, Clone)]
pub struct EdgeSetup {
    name: String,
    tables: Vec<String>,
    sections: BTreeMap<&'static str, Vec<String>>,
}

/// A running edge. Dropped, it is killed.
#[derive(Debug)]
pub struct Edge {
    process: Process,
    setup: EdgeSetup,
    folder: PathBuf,
    port: Port,
    address: String,
    client: Client,
}

impl EdgeSetup {
    /// Adds an origin: `http://127.0.0.1:8080`.
    #[must_use]
    pub fn origin(self, url: &str) -> Self {
        self.table("origin", &[&format!("url = \"{url}\"")])
    }

    /// Adds a table to an array of tables: `("origin", &["url = …", "channels = …"])`.
    #[must_use]
    pub fn table(mut self, name: &str, lines: &[&str]) -> Self {
        self.tables.push(format!("[[{name}]]\n{}", lines.join("\n")));
        self
    }

    /// Adds a line of TOML to a section: `("cache", "memory_mib = 16")`.
    #[must_use]
    pub fn line(mut self, section: &'static str, line: &str) -> Self {
        self.sections.entry(section).or_default().push(line.to_owned());
        self
    }

    /// Starts the edge on a free port and waits until it listens.
    pub async fn start(self) -> Edge {
        let folder = out_folder(&self.name);
        self.start_at(Port::free(), folder).await
    }

    async fn start_at(self, port: Port, folder: PathBuf) -> Edge {
        let config = folder.join("vitrine-edge.toml");
        let address = port.address();
        std::fs::write(&config, self.toml(&address))
            .unwrap_or_else(|error| panic!("{}: {error}", config.display()));
        let mut command = Command::new(binary("vitrine-edge", "VITRINE_EDGE_BIN"));
        command.arg("--config").arg(&config);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VITRINE_EDGE_")) {
            command.env_remove(name);
        }
        let mut process = Process::start(&mut command, &folder.join("vitrine-edge.log"));
        let what = format!("the edge listens: see {}", folder.display());
        until(&what, START_PATIENCE, async || {
            if process.exited().is_some() {
                panic!("vitrine-edge does not start: {}", process.log());
            }
            // Said once it listens.
            process
                .log()
                .contains(&format!("//{address}/metrics"))
                .then_some(())
        })
        .await;
        Edge {
            process,
            setup: self,
            folder,
            port,
            address,
            client: Client::http1(),
        }
    }

    fn toml(&self, address: &str) -> String {
        let mut sections = self.sections.clone();
        let listen = format!("listen = \"{address}\"");
        sections.entry("http").or_default().push(listen);
        let mut toml = String::new();
        for (section, lines) in sections {
            let _ = writeln!(toml, "[{section}]\n{}", lines.join("\n"));
        }
        for table in &self.tables {
            let _ = writeln!(toml, "{table}");
        }
        toml
    }
}

impl Edge {
    /// An edge whose logs go to `tests/out/NAME/`; no two tests may use one name.
    pub fn named(name: &str) -> EdgeSetup {
        EdgeSetup {
            name: name.to_owned(),
            tables: Vec::new(),
            sections: BTreeMap::new(),
        }
    }

    /// Address and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The URL of a channel's multivariant playlist.
    pub fn playlist(&self, channel: &str) -> String {
        self.url(&format!("/live/{channel}/index.m3u8"))
    }

    /// An HTTP/1.1 client that shares its connections with the harness.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where its logs are, and what a test leaves.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The sum of a metric over those of its labels that contain `label`; 0 if it was never counted.
    pub async fn metric(&self, name: &str, label: &str) -> f64 {
        let answer = self
            .client
            .get(&self.url("/metrics"))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        sum_of(&answer.text(), name, label)
    }

    /// Its resident memory in KiB, as the system counts it.
    pub fn resident_kib(&self) -> u64 {
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|value| value.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or_default()
    }

    /// The most memory that it ever had resident, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Processor time that it used so far, in seconds; the system counts in hundredths.
    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.pid())
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it (SIGKILL), and starts it anew on the same port with an empty cache.
    pub async fn restart(self) -> Self {
        let Self {
            process,
            setup,
            folder,
            port,
            ..
        } = self;
        drop(process);
        setup.start_at(port, folder).await
    }

    /// Stops it as a system does (SIGTERM), and waits for its end.
    pub async fn stop(mut self) -> ExitStatus {
        self.process.signal(Signal::TERM);
        self.process.ended(STOP_PATIENCE).await
    }
}

/// Processor time that a process used so far, in seconds; the system counts in hundredths.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Behind the name, which may have blanks in it: utime and stime are the 14th and 15th field.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

/// The sum of a metric in Prometheus's text, over those of its labels that contain `label`.
pub fn sum_of(text: &str, name: &str, label: &str) -> f64 {
    text.lines()
        .filter_map(|line| {
            let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
            let own = labels.is_empty() || labels.starts_with('{');
            (own && labels.contains(label)).then(|| value.parse::<f64>().ok())?
        })
        .sum()
}
