//! The real server, with a configuration of the test's.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::Value;

use super::setup::{ChannelSetup, Ports, VitrineSetup};
use super::{Process, until};
use crate::client::{Answer, Client};
use crate::conformance::findings::Findings;
use crate::conformance::multivariant;
use crate::conformance::playlist::{MediaPlaylist, Segment};

const LIVE_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub struct Vitrine {
    process: Process,
    ports: Ports,
    channels: Vec<ChannelSetup>,
    folder: PathBuf,
    logs: AtomicUsize,
    client: Client,
}

impl Vitrine {
    /// A server whose logs go to `tests/out/NAME/`; no two tests may use one name.
    pub fn named(name: &str) -> VitrineSetup {
        VitrineSetup::named(name)
    }

    pub(super) fn new(process: Process, ports: Ports, channels: Vec<ChannelSetup>, folder: &Path) -> Self {
        Self {
            process,
            ports,
            channels,
            folder: folder.to_owned(),
            logs: AtomicUsize::new(0),
            client: Client::http1(),
        }
    }

    /// Address and port of its HTTP server.
    pub fn http(&self) -> String {
        self.ports.http.address()
    }

    /// Address and port for encoders.
    pub fn rtmp(&self) -> String {
        self.ports.rtmp.address()
    }

    /// The URL for encoders that call by SRT, without further options; panics if the test configured none.
    pub fn srt(&self) -> String {
        format!("srt://127.0.0.1:{}?mode=caller&pkt_size=1316", self.srt_port())
    }

    /// The UDP port for them.
    pub fn srt_port(&self) -> u16 {
        let port = self.ports.srt;
        port.unwrap_or_else(|| panic!("the test configured no SRT"))
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

    /// Waits until a show is on for long enough that a player finds behind the live edge what it wants to hold back, and a segment
    /// more: those who come in a show's first seconds have a buffer as short as the show is, whatever serves them.
    pub async fn settled(&self, channel: &str) {
        self.live(channel).await;
        let read = multivariant(&self.client, &self.playlist(channel), &mut Findings::default()).await;
        let renditions = read.unwrap_or_else(|error| panic!("{error}")).renditions;
        for rendition in renditions {
            until(
                "the show is as long as players hold back",
                LIVE_PATIENCE,
                async || {
                    let answer = self.client.get(rendition.url.as_str()).await.ok()?;
                    let playlist = MediaPlaylist::parse(&answer.text(), &mut Findings::default());
                    let held_back = playlist.server_control.as_ref()?.seconds("PART-HOLD-BACK")?;
                    let whole: Duration = playlist.whole().iter().map(Segment::length).sum();
                    let segment = Duration::from_secs(playlist.target_duration_s);
                    (whole > held_back + segment).then_some(())
                },
            )
            .await;
        }
    }

    /// Waits until every playlist of a channel lists what was captured at that time, in Unix milliseconds.
    pub async fn lists(&self, channel: &str, at_ms: i64) {
        let read = multivariant(&self.client, &self.playlist(channel), &mut Findings::default()).await;
        for rendition in read.unwrap_or_else(|error| panic!("{error}")).renditions {
            let what = format!("{} lists {at_ms} ms", rendition.name);
            until(&what, LIVE_PATIENCE, async || {
                let answer = self.client.get(rendition.url.as_str()).await.ok()?;
                let playlist = MediaPlaylist::parse(&answer.text(), &mut Findings::default());
                (playlist.end_us()? > at_ms * 1000).then_some(())
            })
            .await;
        }
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
        self.metric_where(name, "").await
    }

    /// The sum of a metric over those of its labels that contain `label`: `rendition="video-720p"`.
    pub async fn metric_where(&self, name: &str, label: &str) -> f64 {
        let answer = self
            .client
            .get(&self.url("/metrics"))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        answer
            .text()
            .lines()
            .filter_map(|line| {
                let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
                let own = labels.is_empty() || labels.starts_with('{');
                (own && labels.contains(label)).then(|| value.parse::<f64>().ok())?
            })
            .sum()
    }

    /// Its resident memory in KiB, as the system counts it.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|value| value.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or_default()
    }

    /// Its exit status, if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.process.exited()
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
