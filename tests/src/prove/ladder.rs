//! The ladder for minutes: are all rungs cut at the same instants, do picture and sound stay together, can a player go up and
//! down all the time?
//!
//! ```text
//! FFmpeg: a flash and a beep each 2 s ──► Vitrine's ladder ─┬─► playlists, each second ──► instants of all cuts
//!                                                           ├─► segments, decoded by FFmpeg ──► flash against beep
//!                                                           └─► hls.js, forced up and down each 5 s ──► stalls, errors
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::added::{self, Added};
use super::sync::{self, Offset};
use crate::harness::{ChannelSetup, Publisher, Script, Source, Vitrine};

/// What the proof asks for.
const MOST_APART_MS: i64 = 1;
const MOST_OFF_MS: f64 = 20.0;
/// hls.js is forced to another rung so often, for so long.
const SWITCH_EACH_S: u64 = 5;
const SWITCHED_FOR_S: u64 = 120;
/// Of a source of 720 lines: itself, and two below it.
const LADDER: &str = "[{ passthrough = true }, { height = 480 }, { height = 360 }]";
/// What the ladder may add to a part, if it is not overloaded.
const MOST_ADDED_MS: u64 = 100;
/// So long it is measured for each kind of source.
const ADDED_FOR: Duration = Duration::from_secs(40);
const BROWSER_START: Duration = Duration::from_secs(90);

/// What came of it.
#[derive(Debug)]
pub struct LadderFigures {
    /// Segments that were compared, and the largest distance of their beginnings between two rungs, in milliseconds.
    pub segments: usize,
    /// See `segments`.
    pub apart_ms: i64,
    /// Largest offset between flash and beep of each rung and time.
    pub offsets: Vec<Offset>,
    /// Each rung's encode speed, times the show's.
    pub speeds: Vec<(String, f64)>,
    /// What the switching player saw.
    pub switching: Value,
    /// What was added to each rendition's parts, without a viewer, by sources without and with B-frames.
    pub added: Vec<Added>,
}

impl LadderFigures {
    /// What was missed; empty if nothing.
    pub fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        if self.segments == 0 || self.apart_ms > MOST_APART_MS {
            misses.push(format!("rungs' segments begin up to {} ms apart", self.apart_ms));
        }
        for offset in &self.offsets {
            if offset.samples == 0 || offset.worst_ms.abs() > MOST_OFF_MS {
                misses.push(format!("{offset}"));
            }
        }
        let videos = self
            .added
            .iter()
            .filter(|added| added.rendition.starts_with("video-"));
        for late in videos.filter(|added| added.p99_ms >= MOST_ADDED_MS) {
            misses.push(late.to_string());
        }
        for kind in ["stalls", "errors"] {
            if self.switching[kind]
                .as_array()
                .is_none_or(|list| !list.is_empty())
            {
                misses.push(format!("hls.js had {kind}: {}", self.switching[kind]));
            }
        }
        misses
    }
}

impl std::fmt::Display for LadderFigures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "  {} segments of each rung begin at most {} ms apart",
            self.segments, self.apart_ms
        )?;
        for (rung, speed) in &self.speeds {
            writeln!(f, "  {rung} is encoded {speed} times as fast as the show")?;
        }
        for offset in &self.offsets {
            writeln!(f, "  {offset}")?;
        }
        for added in &self.added {
            writeln!(f, "  {added}")?;
        }
        write!(
            f,
            "  hls.js: {} switches, stalls {}, errors {}, frames {}",
            self.switching["switches"],
            self.switching["stalls"],
            self.switching["errors"],
            self.switching["frames"]
        )
    }
}

/// Runs the ladder for `watched`; panics, as the harness does, if something does not start.
pub async fn run(watched: Duration) -> LadderFigures {
    let source = Source::flash_and_beep()
        .size(1280, 720)
        .preset("veryfast")
        .bitrate_kbps(2500);
    let mut added = Vec::new();
    for b_frames in [0, 2] {
        added.extend(added::measure(source.clone(), LADDER, b_frames, ADDED_FOR.min(watched)).await);
    }
    let channel = ChannelSetup::new("demo")
        .ladder(LADDER)
        .line("audio_bitrates_kbps = [128, 64]");
    let vitrine = Vitrine::named("prove-ladder").channel(channel).start().await;
    let publisher = Publisher::start(&source, &vitrine, "demo");
    vitrine.live("demo").await;
    let begun = Instant::now();
    let each = SWITCH_EACH_S.to_string();
    let switched = SWITCHED_FOR_S
        .min(watched.as_secs().saturating_sub(10).max(10))
        .to_string();
    let pictures = vitrine.folder().display().to_string();
    let playlist = vitrine.playlist("demo");
    let arguments = [
        playlist.as_str(),
        &switched,
        "--each",
        &each,
        "--pictures",
        &pictures,
    ];
    let script = Script::start(&vitrine, "switch.mjs", &arguments);

    let mut cuts = Cuts::default();
    let mut offsets = Vec::new();
    let minutes = [Duration::from_secs(60).min(watched / 2), watched];
    for until in minutes {
        while begun.elapsed() < until {
            cuts.read(&vitrine).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let seconds = begun.elapsed().as_secs();
        for rung in rungs(&vitrine).await {
            offsets.push(sync::measure(&vitrine, &rung, seconds).await);
        }
    }
    let speeds = speeds(&vitrine.status("demo").await);
    let switching = script.figures(BROWSER_START + watched).await;
    publisher.stop().await;
    LadderFigures {
        segments: cuts.complete(),
        apart_ms: cuts.apart_ms(),
        offsets,
        speeds,
        switching,
        added,
    }
}

/// Paths of the video renditions' playlists.
async fn rungs(vitrine: &Vitrine) -> Vec<String> {
    let multivariant = vitrine.client().get(&vitrine.playlist("demo")).await;
    let text = multivariant.map(|answer| answer.text()).unwrap_or_default();
    let uris = text
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains("video-"));
    uris.map(|uri| format!("/live/demo/{uri}")).collect()
}

fn speeds(status: &Value) -> Vec<(String, f64)> {
    let renditions = status["renditions"].as_array().cloned().unwrap_or_default();
    let speed = |rendition: &Value| {
        let name = rendition["name"].as_str()?.to_owned();
        Some((name, rendition["encode_speed"].as_f64()?))
    };
    renditions.iter().filter_map(speed).collect()
}

/// PROGRAM-DATE-TIME of each segment of each rung.
#[derive(Debug, Default)]
struct Cuts {
    rungs: usize,
    starts: BTreeMap<u64, BTreeMap<String, i64>>,
}

impl Cuts {
    async fn read(&mut self, vitrine: &Vitrine) {
        let rungs = rungs(vitrine).await;
        self.rungs = self.rungs.max(rungs.len());
        for rung in rungs {
            let Ok(answer) = vitrine.client().get(&vitrine.url(&rung)).await else {
                continue;
            };
            let mut start = None;
            for line in answer.text().lines() {
                if let Some(date) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
                    start = chrono::DateTime::parse_from_rfc3339(date).ok();
                }
                let msn = line
                    .strip_prefix("seg-")
                    .and_then(|rest| rest.strip_suffix(".m4s"));
                if let (Some(Ok(msn)), Some(start)) = (msn.map(str::parse), start) {
                    let name = Path::new(&rung).parent().map(|path| path.display().to_string());
                    let at = start.timestamp_millis();
                    self.starts
                        .entry(msn)
                        .or_default()
                        .insert(name.unwrap_or_default(), at);
                }
            }
        }
    }

    fn complete(&self) -> usize {
        self.starts
            .values()
            .filter(|starts| starts.len() == self.rungs)
            .count()
    }

    fn apart_ms(&self) -> i64 {
        let apart = |starts: &BTreeMap<String, i64>| {
            let (first, last) = (starts.values().min(), starts.values().max());
            last.zip(first).map_or(0, |(last, first)| last - first)
        };
        self.starts.values().map(apart).max().unwrap_or(i64::MAX)
    }
}
