//! nginx and Varnish in front of an edge, by the configurations of `docs/cdn/`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::setup::out_folder;
use super::{Port, Process, until};
use crate::client::Client;

const START_PATIENCE: Duration = Duration::from_secs(60);

/// Which program caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// nginx with `docs/cdn/nginx.conf`.
    Nginx,
    /// The same, but for `sendfile off`: each byte is copied to the socket, as it must be where TLS is spoken.
    NginxCopying,
    /// Varnish with `docs/cdn/varnish.vcl`, and the parameters that it names.
    Varnish,
}

impl Cache {
    /// What is added to the name of a test's folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::NginxCopying => "nginx-copying",
            Self::Varnish => "varnish",
        }
    }
}

/// A running cache. Dropped, it is stopped.
#[derive(Debug)]
pub struct Cdn {
    process: Process,
    /// What nginx keeps; gone after it.
    _memory: TempDir,
    port: Port,
}

impl Cdn {
    /// Starts the cache in front of `edge` (address and port); logs go to `tests/out/NAME/`.
    pub async fn start(name: &str, cache: Cache, edge: &str) -> Self {
        let folder = out_folder(name);
        let port = Port::free();
        let address = port.address();
        let memory = TempDir::new_in("/dev/shm").unwrap_or_else(|error| panic!("/dev/shm: {error}"));
        let mut command = match cache {
            Cache::Nginx => nginx(&folder, memory.path(), &address, edge, "sendfile on;"),
            Cache::NginxCopying => nginx(&folder, memory.path(), &address, edge, "sendfile off;"),
            Cache::Varnish => varnish(&folder, &address, edge),
        };
        let process = Process::start(&mut command, &folder.join("cdn.log"));
        let mut cdn = Self {
            process,
            _memory: memory,
            port,
        };
        let client = Client::http1();
        let url = cdn.url("/live/");
        until(
            &format!("{} answers: see {}", cache.name(), folder.display()),
            START_PATIENCE,
            async || {
                assert!(cdn.process.exited().is_none(), "{}", cdn.process.log());
                client.get(&url).await.ok()
            },
        )
        .await;
        cdn
    }

    /// Address and port.
    pub fn address(&self) -> String {
        self.port.address()
    }

    /// Its process id; it has children.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }
}

impl Drop for Cdn {
    fn drop(&mut self) {
        // Both have children that end with their parent, if it is asked to; killed, it leaves them behind.
        self.process.signal(rustix::process::Signal::TERM);
        for _ in 0..500 {
            if self.process.exited().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A file of `docs/cdn/`.
fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/cdn")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes a shipped configuration with a test's own places; each must be in it.
fn write(file: &Path, mut text: String, places: &[(&str, &str)]) {
    for (shipped, own) in places {
        assert!(text.contains(shipped), "{} has no {shipped}", file.display());
        text = text.replace(shipped, own);
    }
    fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

fn nginx(folder: &Path, memory: &Path, address: &str, edge: &str, sendfile: &str) -> Command {
    let file = folder.join("nginx.conf");
    let place = |name: &str| folder.join(name).display().to_string();
    let text = shipped("nginx.conf");
    let places = [
        ("sendfile on;", sendfile),
        ("127.0.0.1:8090", address),
        ("127.0.0.1:8081", edge),
        ("/run/nginx-vitrine.pid", &place("nginx.pid")),
        ("/var/log/nginx/vitrine.error.log", &place("nginx.error.log")),
        ("/dev/shm/vitrine", &memory.join("cache").display().to_string()),
    ];
    write(&file, text, &places);
    let mut command = Command::new("nginx");
    // As whoever runs the test: another user could not write into its folder.
    let user = if rustix::process::getuid().is_root() {
        "user root;"
    } else {
        ""
    };
    command
        .arg("-c")
        .arg(&file)
        .arg("-g")
        .arg(format!("daemon off; {user}"));
    command
}

fn varnish(folder: &Path, address: &str, edge: &str) -> Command {
    let file = folder.join("varnish.vcl");
    let text = shipped("varnish.vcl");
    let port = edge.rsplit(':').next().unwrap_or_default();
    let backend = format!(".port = \"{port}\"");
    // The parameters that the file's first comment names.
    let words: Vec<_> = text
        .lines()
        .take_while(|line| !line.starts_with("import"))
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect();
    let parameters = words
        .windows(2)
        .filter(|pair| pair[0] == "-p")
        .map(|pair| pair[1].clone());
    let mut command = Command::new("varnishd");
    command.args(["-F", "-a", address, "-s", "malloc,256m"]);
    command.arg("-f").arg(&file).arg("-n").arg(folder.join("varnish"));
    for parameter in parameters {
        command.arg("-p").arg(parameter);
    }
    write(&file, text, &[(".port = \"8081\"", &backend)]);
    command
}
