//! How far a beep is off its flash, in what a viewer gets.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::conformance::cmaf::chunk::Chunk;
use crate::conformance::cmaf::init::InitSection;
use crate::conformance::findings::Findings;
use crate::harness::Vitrine;

/// Segments that are decoded for one measurement.
const SEGMENTS: usize = 6;
/// A flash is a picture brighter than this, on a dark one.
const BRIGHT: f64 = 150.0;

/// Segments in one file.
struct Fetched {
    file: PathBuf,
    /// Number of the last one.
    last: Option<u64>,
    /// Presentation time of the first picture, in seconds, as its boxes tell it.
    begins_s: Option<f64>,
}

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
    let video = fetch(vitrine, rung, None, at_s).await;
    let session = rung
        .rsplit_once("/video-")
        .map(|(session, _)| session)
        .unwrap_or_default();
    let audio = format!("{session}/audio-128k/index.m3u8");
    let audio = fetch(vitrine, &audio, video.last, at_s).await;
    let (flashes, beeps) = (flashes(&video), beeps(&audio.file));
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

/// Init section and the newest segments in one file, up to segment `until` if given.
async fn fetch(vitrine: &Vitrine, playlist: &str, until: Option<u64>, at_s: u64) -> Fetched {
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
    let mut findings = Findings::at("sync");
    let timescale =
        InitSection::read(&bytes, folder.contains("video-"), &mut findings).map(|init| init.timescale);
    let mut begins = None;
    for msn in newest {
        let segment = get(&format!("{folder}/seg-{msn}.m4s")).await.body;
        let first = || {
            Chunk::read_all(&segment, &mut findings)
                .first()?
                .earliest_presentation()
        };
        begins = begins.or_else(first);
        bytes.extend_from_slice(&segment);
    }
    let name = folder.rsplit('/').next().unwrap_or_default();
    let file = vitrine.folder().join(format!("sync-{name}-{at_s}.mp4"));
    std::fs::write(&file, bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Fetched {
        file,
        last: newest.last().copied(),
        begins_s: begins
            .zip(timescale)
            .map(|(ticks, timescale)| ticks as f64 / f64::from(timescale)),
    }
}

/// Presentation times in seconds at which the picture becomes bright.
///
/// Where composition offsets are negative, as CMAF has them (`cmf2`), FFmpeg moves all stamps up until none is: what it prints
/// is put back by the first picture's own time.
fn flashes(video: &Fetched) -> Vec<f64> {
    let filter = "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-";
    let printed = ffmpeg(&video.file, &["-vf", filter]);
    let (mut time, mut was_bright, mut found) = (0.0, true, Vec::new());
    let mut moved = None;
    for line in printed.lines() {
        if let Some((_, stamp)) = line.split_once("pts_time:") {
            let printed: f64 = stamp.trim().parse().unwrap_or(time);
            let moved = moved.get_or_insert(printed - video.begins_s.unwrap_or(printed));
            time = printed - *moved;
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
