//! How far a beep is off its flash, in what a viewer gets.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::Vitrine;

/// Segments that are decoded for one measurement.
const SEGMENTS: usize = 6;
/// A flash is a picture brighter than this, on a dark one.
const BRIGHT: f64 = 150.0;

/// What one measurement found.
#[derive(Debug, Clone, PartialEq)]
pub struct Offset {
    /// The rendition's playlist.
    pub rung: String,
    /// Seconds of the show.
    pub at_s: u64,
    /// Beeps that were found beside a flash.
    pub samples: usize,
    /// The largest beep minus flash, in milliseconds.
    pub worst_ms: f64,
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.rung.rsplit('/').nth(1).unwrap_or_default();
        write!(
            f,
            "{name} after {} s: beep at most {:.1} ms off its flash ({} samples)",
            self.at_s, self.worst_ms, self.samples
        )
    }
}

/// Decodes the newest segments of a video rendition and of the audio beside it. Panics where FFmpeg cannot be run.
pub async fn measure(vitrine: &Vitrine, rung: &str, at_s: u64) -> Offset {
    let (video, last) = fetch(vitrine, rung, None, at_s).await;
    let session = rung
        .rsplit_once("/video-")
        .map(|(session, _)| session)
        .unwrap_or_default();
    let (audio, _) = fetch(vitrine, &format!("{session}/audio-128k/index.m3u8"), last, at_s).await;
    let (flashes, beeps) = (flashes(&video), beeps(&audio));
    let off = |flash: &f64| {
        let nearest = beeps.iter().map(|beep| (beep - flash) * 1000.0);
        nearest
            .min_by(|a, b| a.abs().total_cmp(&b.abs()))
            .filter(|off| off.abs() < 500.0)
    };
    let offs: Vec<f64> = flashes.iter().filter_map(off).collect();
    let worst = offs.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
    Offset {
        rung: rung.to_owned(),
        at_s,
        samples: offs.len(),
        worst_ms: worst.unwrap_or(f64::INFINITY),
    }
}

/// Init section and the newest segments in one file, up to segment `until` if given; and the last segment's number.
async fn fetch(vitrine: &Vitrine, playlist: &str, until: Option<u64>, at_s: u64) -> (PathBuf, Option<u64>) {
    let get = async |path: &str| {
        let answer = vitrine.client().get(&vitrine.url(path)).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    };
    let folder = playlist
        .rsplit_once('/')
        .map(|(folder, _)| folder)
        .unwrap_or_default();
    let text = get(playlist).await.text();
    let number = |line: &str| {
        line.strip_prefix("seg-")?
            .strip_suffix(".m4s")?
            .parse::<u64>()
            .ok()
    };
    let listed: Vec<u64> = text
        .lines()
        .filter_map(number)
        .filter(|msn| until.is_none_or(|until| *msn <= until))
        .collect();
    let newest = listed
        .get(listed.len().saturating_sub(SEGMENTS)..)
        .unwrap_or_default();
    let mut bytes = get(&format!("{folder}/init-0.mp4")).await.body.to_vec();
    for msn in newest {
        bytes.extend_from_slice(&get(&format!("{folder}/seg-{msn}.m4s")).await.body);
    }
    let name = folder.rsplit('/').next().unwrap_or_default();
    let file = vitrine.folder().join(format!("sync-{name}-{at_s}.mp4"));
    std::fs::write(&file, bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    (file, newest.last().copied())
}

/// Presentation times in seconds at which the picture becomes bright.
fn flashes(file: &Path) -> Vec<f64> {
    let filter = "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-";
    let printed = ffmpeg(file, &["-vf", filter]);
    let (mut time, mut was_bright, mut found) = (0.0, true, Vec::new());
    for line in printed.lines() {
        if let Some((_, stamp)) = line.split_once("pts_time:") {
            time = stamp.trim().parse().unwrap_or(time);
        } else if let Some(average) = line.strip_prefix("lavfi.signalstats.YAVG=") {
            let is_bright = average.parse::<f64>().is_ok_and(|average| average > BRIGHT);
            if is_bright && !was_bright {
                found.push(time);
            }
            was_bright = is_bright;
        }
    }
    found
}

/// Presentation times in seconds at which silence ends.
fn beeps(file: &Path) -> Vec<f64> {
    let printed = ffmpeg(file, &["-af", "silencedetect=noise=-30dB:d=0.3"]);
    let ends = printed
        .lines()
        .filter_map(|line| line.split_once("silence_end: "));
    ends.filter_map(|(_, rest)| rest.split_whitespace().next()?.parse().ok())
        .collect()
}

fn ffmpeg(file: &Path, filter: &[&str]) -> String {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-copyts", "-i"])
        .arg(file)
        .args(filter)
        .args(["-f", "null", "-"])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("ffmpeg does not start: {error}"));
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}
