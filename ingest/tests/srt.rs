//! A real FFmpeg (libsrt) publishes by SRT: what comes out, over a bad way too, and who is turned away.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test file outside of #[test] functions

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::lossy::{Relay, Weather};
use common::mutants::Dice;
use common::{AAC, H264, KEY, PICTURE, TONE, Taken, reception, take_all};
use tokio::net::UdpSocket;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vitrine_ingest::srt::{Links, Passphrase, SrtSettings, serve};
use vitrine_ingest::{EndReason, Input, Publication};
use vitrine_packager::media::{TrackConfig, TrackKind};

const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    port: u16,
    publications: mpsc::Receiver<Publication>,
    links: Links,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(settings: SrtSettings) -> Self {
        let (reception, publications) = reception();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let links = Links::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(
            socket,
            Arc::new(reception),
            settings,
            links.clone(),
            async {
                let _ = stopped.await;
            },
        ));
        Self {
            port,
            publications,
            links,
            stop: Some(stop),
            task,
        }
    }

    async fn publication(&mut self) -> Publication {
        timeout(PATIENCE, self.publications.recv())
            .await
            .expect("a publication in time")
            .unwrap()
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(PATIENCE, self.task)
            .await
            .expect("the server stops")
            .unwrap();
    }
}

fn id(fields: &str) -> String {
    format!("#!::{fields}")
}

/// Publishes `seconds` of a test picture and tone in real time.
fn ffmpeg(port: u16, stream_id: &str, options: &str, seconds: &str) -> Child {
    let url = format!("srt://127.0.0.1:{port}?mode=caller&pkt_size=1316&linger=5&{options}");
    Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "info", "-re"])
        .args(PICTURE)
        .arg("-re")
        .args(TONE)
        .args(H264)
        .args(AAC)
        .args(["-t", seconds, "-f", "mpegts", "-srt_streamid", stream_id, &url])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Frames at the end that may be missing: libsrt closes a live connection without waiting for what it has not sent.
const TAIL: usize = 10;

/// Every frame of so many seconds, in order and with the stamps that FFmpeg gave.
fn assert_whole(taken: &Taken, seconds: usize) {
    let [TrackConfig::Video(_), TrackConfig::Audio(audio)] = &taken.tracks[..] else {
        panic!("{:?}", taken.tracks)
    };
    assert_eq!((audio.sample_rate_hz, audio.channels), (48_000, 1));
    let of = |kind| taken.frames.iter().filter(move |frame| frame.track == kind);
    let steps = |kind, count: usize| -> Vec<i64> {
        let stamps: Vec<i64> = of(kind).map(|frame| frame.dts_ms).take(count).collect();
        assert_eq!(stamps.len(), count, "{kind:?}: {stamps:?}");
        stamps.windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    let video = steps(TrackKind::Video, 30 * seconds - TAIL);
    assert!(video.iter().all(|step| (33..=34).contains(step)), "{video:?}");
    let audio = steps(TrackKind::Audio, 46 * seconds - 2 * TAIL);
    assert!(audio.iter().all(|step| (21..=22).contains(step)), "{audio:?}");
    assert!(of(TrackKind::Video).next().is_some_and(|frame| frame.is_idr));
    let idrs = of(TrackKind::Video).filter(|frame| frame.is_idr).count();
    assert_eq!(idrs, seconds.div_ceil(2));
    let mut shown: Vec<i64> = of(TrackKind::Video)
        .map(|frame| frame.pts_ms)
        .take(30 * seconds - TAIL)
        .collect();
    assert!(!shown.is_sorted(), "B-frames");
    shown.sort_unstable();
    shown.truncate(30 * seconds - TAIL - 4);
    assert!(
        shown
            .windows(2)
            .all(|pair| (33..=34).contains(&(pair[1] - pair[0])))
    );
    assert_eq!(taken.end, Some(EndReason::Unpublished));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_with_b_frames_arrives_whole_and_in_order() {
    let mut server = Server::start(SrtSettings::default()).await;
    let mut child = ffmpeg(server.port, &id(&format!("r=demo,m=publish,s={KEY}")), "", "3");
    let publication = server.publication().await;
    assert_eq!(
        (publication.channel.as_str(), publication.protocol),
        ("demo", "srt")
    );
    let stats = server.links.of("demo", Input::Primary).unwrap();
    assert_eq!(stats.latency_ms, 200);
    assert!(stats.packets > 10 && stats.lost == 0, "{stats:?}");
    assert_whole(&take_all(publication).await, 3);
    assert!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().success());
    assert!(server.links.read().is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_on_a_way_that_loses_and_swaps_packets() {
    let mut server = Server::start(SrtSettings::default()).await;
    let weather = Weather {
        loss: 50,
        swapped: 20,
    };
    let relay = Relay::start(server.port, weather).await;
    // On a machine that is busy with other tests, packets need longer than on the way.
    let _child = ffmpeg(relay.port, &format!("live/{KEY}"), "latency=1500000", "3");
    let publication = server.publication().await;
    assert_eq!(
        server.links.of("demo", Input::Primary).unwrap().latency_ms,
        1500,
        "the caller's wish"
    );
    let taking = tokio::spawn(take_all(publication));
    let mut stats = server.links.of("demo", Input::Primary);
    while !taking.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        stats = server.links.of("demo", Input::Primary).or(stats);
    }
    let stats = stats.unwrap();
    println!("{} packets lost on the way: {stats:?}", relay.lost());
    assert!(relay.lost() > 0 && stats.retransmitted > 0);
    assert_eq!((stats.lost, stats.stream_gaps), (0, 0));
    assert_whole(&taking.await.unwrap(), 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_loses_every_fifth_packet_degrades_and_never_wedges() {
    let mut server = Server::start(SrtSettings::default()).await;
    let weather = Weather {
        loss: 200,
        swapped: 50,
    };
    let relay = Relay::start(server.port, weather).await;
    let _child = ffmpeg(relay.port, KEY, "conntimeo=10000", "6");
    let publication = server.publication().await;
    let taken = take_all(publication).await;
    let video = taken
        .frames
        .iter()
        .filter(|frame| frame.track == TrackKind::Video);
    let count = video.count();
    println!(
        "{} packets lost on the way: {count} of 180 pictures",
        relay.lost()
    );
    // How many of them come in time, in pictures whose keyframe did, is the machine's affair too: it may be none.
    assert!(relay.lost() > 0);
    // The last word may be lost too.
    let ends = [EndReason::Unpublished, EndReason::ConnectionLost];
    assert!(
        taken.end.as_ref().is_some_and(|end| ends.contains(end)),
        "{:?}",
        taken.end
    );

    // A good way again: nothing is left of the bad one.
    let _child = ffmpeg(server.port, KEY, "latency=1500000", "3");
    assert_whole(&take_all(server.publication().await).await, 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_publications_arrive_with_keys_of_each_length() {
    let settings = SrtSettings {
        passphrase: Passphrase::new("correct horse battery"),
        ..SrtSettings::default()
    };
    let mut server = Server::start(settings).await;
    for length in [16, 24, 32] {
        // Keys that change each 64 packets: many times in three seconds.
        let options =
            format!("passphrase=correct horse battery&pbkeylen={length}&kmrefreshrate=64&kmpreannounce=16");
        let _child = ffmpeg(server.port, &id(&format!("m=publish,s={KEY}")), &options, "3");
        let publication = server.publication().await;
        let taken = take_all(publication).await;
        println!("keys of {length} bytes: {} frames", taken.frames.len());
        assert_whole(&taken, 3);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_on_one_port_do_not_disturb_each_other_and_wrong_ones_are_turned_away() {
    let mut server = Server::start(SrtSettings::default()).await;
    let _child = ffmpeg(server.port, KEY, "", "12");
    let publication = server.publication().await;
    let taking = tokio::spawn(take_all(publication));
    let wrong = [
        id("m=publish,s=wrong"),
        id(&format!("r=other,m=publish,s={KEY}")),
        id(&format!("m=request,s={KEY}")),
        // Busy.
        id(&format!("m=publish,s={KEY}")),
    ];
    let mut children: Vec<Child> = wrong
        .iter()
        .map(|stream_id| ffmpeg(server.port, stream_id, "", "3"))
        .collect();
    children.push(ffmpeg(server.port, KEY, "passphrase=not wanted here", "3"));
    for child in &mut children {
        let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
        assert!(!status.success());
    }
    assert!(!taking.is_finished(), "they came while the channel was busy");
    assert_whole(&taking.await.unwrap(), 12);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_of_strangers_disturb_nobody() {
    let mut server = Server::start(SrtSettings::default()).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.connect(("127.0.0.1", server.port)).await.unwrap();
    let _child = ffmpeg(server.port, KEY, "latency=1500000", "3");
    let publication = server.publication().await;
    let taking = tokio::spawn(take_all(publication));
    let mut dice = Dice(0x57A6_6E12);
    // A handshake's beginning, so that most of them are looked at.
    let mut head = vec![
        0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 5,
    ];
    head.resize(36, 0);
    for _ in 0..20_000 {
        let mut bytes = head.clone();
        let kind: [u8; 4] = [[0, 0, 0, 1], [0xFF; 4]][dice.roll(2)];
        bytes.extend(kind);
        bytes.extend((0..dice.roll(120)).map(|_| dice.roll(256) as u8));
        if dice.roll(4) == 0 {
            let at = dice.roll(24);
            bytes[at] = dice.roll(256) as u8;
        }
        let _ = stranger.send(&bytes).await;
        tokio::task::yield_now().await;
    }
    assert_whole(&taking.await.unwrap(), 3);
    server.stop().await;
}
