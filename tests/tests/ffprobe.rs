//! FFmpeg reads every segment without a warning, and misses no frame: frame rates, B-frames, tracks of every kind.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::process::Command;
use url::Url;
use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::multivariant;
use vitrine_tests::conformance::playlist::{MediaPlaylist, Segment};
use vitrine_tests::conformance::rules::multivariant::Rendition;
use vitrine_tests::harness::{Audio, ChannelSetup, Publisher, Source, Vitrine, until};

const SHOW_S: f64 = 8.0;
const PATIENCE: Duration = Duration::from_secs(60);

fn picture() -> Source {
    Source::picture().size(320, 180).bitrate_kbps(300).seconds(SHOW_S)
}

/// Channel, what is published on it, and the audio's packets a second.
fn shows() -> Vec<(&'static str, Source, Option<f64>)> {
    let mono = Audio {
        sample_rate_hz: 44_100,
        channels: 1,
        bitrate_kbps: 64,
    };
    let at_48_khz = Some(48_000.0 / 1024.0);
    vec![
        ("b-frames", picture().b_frames(3), at_48_khz),
        ("fps-25", picture().fps("25").gop_frames(50), at_48_khz),
        ("fps-29-97", picture().fps("30000/1001"), at_48_khz),
        ("fps-60", picture().fps("60").gop_frames(120), at_48_khz),
        ("mono-44-1", picture().audio(Some(mono)), Some(44_100.0 / 1024.0)),
        ("video-only", picture().audio(None), None),
        ("audio-only", Source::tone().seconds(SHOW_S), at_48_khz),
    ]
}

/// What FFmpeg prints when it reads `file`; it must have nothing to warn of.
async fn without_warning(program: &str, arguments: &[&str], file: &Path) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(program)
        .args(["-hide_banner", "-loglevel", "warning"])
        .args(["-i".as_ref(), file.as_os_str()])
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let warnings = String::from_utf8_lossy(&stderr);
    assert!(
        status.success() && warnings.is_empty(),
        "{program} {}: {status}: {warnings}",
        file.display()
    );
    String::from_utf8_lossy(&stdout).into_owned()
}

/// Decodes a file, and counts its packets.
async fn packets(file: &Path) -> u64 {
    without_warning("ffmpeg", &["-f", "null", "-"], file).await;
    let count = [
        "-count_packets",
        "-show_entries",
        "stream=nb_read_packets",
        "-of",
        "csv=p=0",
    ];
    let said = without_warning("ffprobe", &count, file).await;
    said.trim()
        .trim_matches(',')
        .parse()
        .unwrap_or_else(|_| panic!("{}: {said:?}", file.display()))
}

struct Fetched {
    init: Bytes,
    segments: Vec<(Segment, Bytes)>,
}

/// Everything of a rendition of an ended show.
async fn fetch(vitrine: &Vitrine, rendition: &Rendition) -> Fetched {
    let get = async |url: &Url| {
        let answer = vitrine.client().get(url.as_str()).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{url}");
        answer.body
    };
    let text = String::from_utf8(get(&rendition.url).await.to_vec()).unwrap();
    let playlist = MediaPlaylist::parse(&text, &mut Findings::default());
    assert!(playlist.ended && playlist.media_sequence == 0, "{text}");
    let media: Vec<Segment> = playlist
        .segments
        .into_iter()
        .filter(|segment| !segment.gap)
        .collect();
    let map = media[0].map.clone().unwrap();
    let init = get(&rendition.url.join(&map).unwrap()).await;
    let mut segments = Vec::new();
    for segment in media {
        let bytes = get(&rendition.url.join(&segment.uri).unwrap()).await;
        segments.push((segment, bytes));
    }
    Fetched { init, segments }
}

/// Each segment by itself, then all of them joined; the number of packets in all.
async fn read_all(folder: &Path, name: &str, fetched: &Fetched) -> u64 {
    let write = |file: &str, parts: &[&[u8]]| -> PathBuf {
        let path = folder.join(format!("{name}-{file}.mp4"));
        std::fs::write(&path, parts.concat()).unwrap();
        path
    };
    let mut sum = 0;
    for (segment, bytes) in &fetched.segments {
        let file = write(&segment.msn.to_string(), &[&fetched.init, bytes]);
        sum += packets(&file).await;
    }
    let mut joined: Vec<&[u8]> = vec![&fetched.init];
    joined.extend(fetched.segments.iter().map(|(_, bytes)| &bytes[..]));
    let all = packets(&write("all", &joined)).await;
    assert_eq!(all, sum, "{name}: the segments have other packets by themselves");
    all
}

/// Frames that FFmpeg says it has sent.
fn frames_sent(log: &str) -> Option<u64> {
    log.rsplit("frame=")
        .next()?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

async fn show(vitrine: &Vitrine, channel: &str, source: &Source, audio_rate: Option<f64>) {
    let mut publisher = Publisher::start(source, vitrine, channel);
    publisher.ended(PATIENCE).await;
    until(&format!("{channel} has ended"), PATIENCE, async || {
        let status = vitrine.status(channel).await;
        (status["status"] == "ended").then_some(())
    })
    .await;
    let url = vitrine.playlist(channel);
    let read = multivariant(vitrine.client(), &url, &mut Findings::default())
        .await
        .unwrap();
    for rendition in &read.renditions {
        let fetched = fetch(vitrine, rendition).await;
        let name = format!("{channel}-{}", rendition.name);
        let count = read_all(vitrine.folder(), &name, &fetched).await;
        println!("{name}: {} segments, {count} packets", fetched.segments.len());
        if rendition.is_video {
            let log = publisher.log();
            let sent = frames_sent(&log).unwrap_or_else(|| panic!("{log}"));
            assert_eq!(count, sent, "{name}: frames were lost or made");
        } else {
            let expected = audio_rate.unwrap() * SHOW_S;
            // The encoder's delay, and what is cut to the video's end.
            assert!(
                (count as f64 - expected).abs() <= 4.0,
                "{name}: {count} packets of {expected}"
            );
        }
    }
    assert_eq!(
        read.renditions.iter().any(|rendition| !rendition.is_video),
        audio_rate.is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_segment_is_read_without_a_warning() {
    let mut setup = Vitrine::named("ffprobe").reconnect_window_s(1);
    for (channel, ..) in shows() {
        setup = setup.channel(ChannelSetup::new(channel));
    }
    let vitrine = setup.start().await;
    let shows = shows();
    // Four at a time: seven encoders are too much for a small machine.
    for some in shows.chunks(4) {
        let running = some
            .iter()
            .map(|(channel, source, audio_rate)| show(&vitrine, channel, source, *audio_rate));
        futures_util::future::join_all(running).await;
    }
    assert!(vitrine.stop().await.success());
}
