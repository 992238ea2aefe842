//! A server on a free port with one channel, for publishers that are real programs.
#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test file outside of #[test] functions

pub mod lossy;
pub mod mutants;
pub mod wire;

use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vitrine_ingest::rtmp::{RtmpSettings, SessionEnd, serve, serve_connection};
use vitrine_ingest::{Arrival, Door, EndReason, OnBusy, Publication, Reception, StreamKey};
use vitrine_packager::media::{Frame, TrackConfig};

/// The channel's key in these tests.
pub const KEY: &str = "a-key-with-12345";

/// What must come to pass does so within this time.
const PATIENCE: Duration = Duration::from_secs(90);

/// A reception with application `live` and channel `demo`, and where its publications go.
pub fn reception() -> (Reception, mpsc::Receiver<Publication>) {
    let (sender, publications) = mpsc::channel(4);
    let door = Door {
        channel: "demo".into(),
        keys: vec![StreamKey::new(KEY)],
        backup_keys: Vec::new(),
        on_busy: OnBusy::Refuse,
        publications: sender,
    };
    (Reception::new("live", vec![door]), publications)
}

/// What came of bytes sent to a session in memory.
pub struct Played {
    /// How the session ended.
    pub end: SessionEnd,
    /// What it said, as text.
    pub said: String,
    /// What it handed over.
    pub publication: Option<Publication>,
}

/// Sends `bytes` to a session; then leaves if `leave`, else stays silent.
pub async fn play(bytes: &[u8], leave: bool) -> Played {
    let (reception, mut publications) = reception();
    let (end, said) = run(&reception, bytes, leave).await;
    Played {
        end,
        said,
        publication: publications.try_recv().ok(),
    }
}

/// The same with a reception that has a history: what the session said.
pub async fn play_to(reception: &Reception, bytes: &[u8], leave: bool) -> String {
    run(reception, bytes, leave).await.1
}

async fn run(reception: &Reception, bytes: &[u8], leave: bool) -> (SessionEnd, String) {
    let (mut client, server) = duplex(1 << 20);
    client.write_all(bytes).await.unwrap();
    if leave {
        client.shutdown().await.unwrap();
    }
    let (_stop, stopped) = watch::channel(false);
    let peer = "127.0.0.1:9".parse().unwrap();
    let end = serve_connection(server, peer, reception, &RtmpSettings::default(), stopped).await;
    let mut said = Vec::new();
    client.read_to_end(&mut said).await.unwrap();
    (end, String::from_utf8_lossy(&said).into_owned())
}

/// A running server.
pub struct Server {
    /// Its port on loopback.
    pub port: u16,
    /// What channel `demo` is handed.
    pub publications: mpsc::Receiver<Publication>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server with application `live` and channel `demo`.
    pub async fn start(settings: RtmpSettings) -> Self {
        let (reception, publications) = reception();
        let reception = Arc::new(reception);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, reception, settings, async {
            let _ = stopped.await;
        }));
        Self {
            port,
            publications,
            stop: Some(stop),
            task,
        }
    }

    /// The URL to publish to.
    pub fn url(&self, app: &str, key: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{app}/{key}", self.port)
    }

    /// The next publication.
    pub async fn publication(&mut self) -> Publication {
        timeout(PATIENCE, self.publications.recv())
            .await
            .expect("a publication in time")
            .unwrap()
    }

    /// Stops the server and waits until it has.
    pub async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(PATIENCE, self.task)
            .await
            .expect("the server stops")
            .unwrap();
    }
}

/// Runs `ffmpeg` with these arguments to its end.
pub async fn ffmpeg(arguments: &[&str], url: &str) -> Output {
    let child = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "info"])
        .args(arguments)
        .args(["-f", "flv", url])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    timeout(PATIENCE, child)
        .await
        .expect("ffmpeg ends in time")
        .unwrap()
}

/// What ffmpeg said.
pub fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// ffmpeg arguments for a test picture.
pub const PICTURE: [&str; 4] = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"];
/// ffmpeg arguments for a test tone.
pub const TONE: [&str; 4] = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"];
/// OBS-like settings with B-frames.
pub const H264: [&str; 12] = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "2",
    "-g",
    "60",
    "-b:v",
    "400k",
    "-pix_fmt",
    "yuv420p",
];
/// AAC-LC.
pub const AAC: [&str; 4] = ["-c:a", "aac", "-b:a", "96k"];

/// All of a publication: its tracks, its frames and why it ended.
pub struct Taken {
    /// As handed over.
    pub tracks: Vec<TrackConfig>,
    /// In the order received.
    pub frames: Vec<Frame>,
    /// `None`: the queue closed without a word.
    pub end: Option<EndReason>,
}

/// Takes everything that comes.
pub async fn take_all(mut publication: Publication) -> Taken {
    let mut taken = Taken {
        tracks: std::mem::take(&mut publication.tracks),
        frames: Vec::new(),
        end: None,
    };
    while let Some(arrival) = publication.arrivals.recv().await {
        match arrival {
            Arrival::Frame(frame) => taken.frames.push(frame),
            Arrival::Reconfigured(config) => taken.tracks.push(config),
            Arrival::Ended(reason) => taken.end = Some(reason),
        }
    }
    taken
}
