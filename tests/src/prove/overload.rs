//! A machine that becomes too slow for its ladder: are rungs left out in order, do the source and the audio go on untouched, do
//! the viewers of those rungs move down, and is everything back when the load is gone?
//!
//! ```text
//! FFmpeg: black, then noise ──► Vitrine's ladder, x264's slowest preset ─┬─► its log: which rung went, which came back
//!  for a while, then black                                               ├─► checker: gaps of each rendition
//!                                                                        └─► hls.js in the highest encoded rung
//! ```
//!
//! The picture is the load: no machine encodes noise with that preset in real time, every one does black. So the proof is the same
//! on a small and on a busy machine.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::conformance::findings::Findings;
use crate::conformance::{self, Report};
use crate::harness::{ChannelSetup, Publisher, Script, Source, Vitrine, Witness, until};

/// The rungs, from the top. The source passes by; the lowest is never left out.
const LADDER: &str = "[{ passthrough = true }, \
    { height = 170, preset = \"placebo\", bitrate_kbps = 700 }, \
    { height = 150, preset = \"placebo\", bitrate_kbps = 500 }, \
    { height = 64, preset = \"ultrafast\", bitrate_kbps = 100 }]";
const SHEDDABLE: [&str; 2] = ["video-170p", "video-150p"];
const LOWEST: &str = "video-64p";
const WATCHED_HEIGHT: &str = "170";
/// The source, three rungs, the audio.
const RENDITIONS: usize = 5;
const FPS: &str = "30";
const GOP_FRAMES: u32 = 60;
/// The show's time at which noise begins, viewers being there, and how long it lasts.
const NOISE_FROM: Duration = Duration::from_secs(75);
const NOISE_LASTS: Duration = Duration::from_secs(20);
/// Until the first rung must have gone, and until all must be back: several times of ease, each perhaps doubled.
const SHED_WITHIN: Duration = Duration::from_secs(20);
const BACK_WITHIN: Duration = Duration::from_secs(240);
/// The show goes on for so long when all are back.
const GOES_ON: Duration = Duration::from_secs(10);
const READY_WITHIN: Duration = Duration::from_secs(60);
const BROWSER_START: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What came of it.
#[derive(Debug)]
pub struct OverloadFigures {
    /// What the server's log says, in its order.
    pub changes: Vec<Change>,
    /// From the noise's beginning to the first rung's end; `None`: no rung went.
    pub shed_after: Option<Duration>,
    /// From the noise's end until every rung was back; `None`: it did not come to that.
    pub back_after: Option<Duration>,
    /// Shed rungs that new viewers were led to all the same.
    pub advertised: Vec<String>,
    /// What the checker saw of every rendition.
    pub report: Report,
    /// What the viewer saw.
    pub viewer: Value,
}

/// A rung went, or came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub rung: String,
    /// It went.
    pub shed: bool,
}

impl OverloadFigures {
    /// What was missed; empty if nothing.
    pub fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        if self.shed_after.is_none() {
            misses.push("no rung was shed".to_owned());
        }
        if self.back_after.is_none() {
            misses.push("not all rungs came back".to_owned());
        }
        if !in_order(&self.changes) {
            misses.push(format!("rungs went in another order: {:?}", self.changes));
        }
        if !self.advertised.is_empty() {
            misses.push(format!("new viewers were led to {:?}", self.advertised));
        }
        for (name, figures) in &self.report.figures {
            if is_spared(name) && (figures.gaps > 0 || figures.segments == 0) {
                misses.push(format!("{name} has {} gaps", figures.gaps));
            }
        }
        if !self.report.is_clean() {
            misses.push(format!("rules were broken: {}", self.report));
        }
        let fatal = fatal_errors(&self.viewer);
        if fatal > 0 || self.viewer["reloads"] != 0 {
            misses.push(format!(
                "hls.js had {fatal} fatal errors: {}",
                self.viewer["errors"]
            ));
        }
        if self.viewer["renditions"]
            .as_array()
            .is_none_or(|seen| seen.len() < 2)
        {
            misses.push("the viewer did not move".to_owned());
        }
        misses
    }
}

impl fmt::Display for OverloadFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: Option<Duration>| {
            time.map_or("never".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
        };
        writeln!(
            f,
            "  first rung shed {} after the noise began",
            seconds(self.shed_after)
        )?;
        writeln!(f, "  all back {} after its end", seconds(self.back_after))?;
        let change = |change: &Change| format!("{}{}", if change.shed { "−" } else { "+" }, change.rung);
        let changes: Vec<String> = self.changes.iter().map(change).collect();
        writeln!(f, "  rungs: {}", changes.join(" "))?;
        for (name, figures) in &self.report.figures {
            writeln!(
                f,
                "  {name}: {} segments and {} parts of media, {} gaps",
                figures.segments, figures.parts, figures.gaps
            )?;
        }
        writeln!(f, "  checker: {} violations", self.report.findings.count())?;
        write!(
            f,
            "  hls.js: rungs {}, fatal errors {}, reloads {}, stalls {}, frames {}, errors {}",
            self.viewer["renditions"],
            fatal_errors(&self.viewer),
            self.viewer["reloads"],
            self.viewer["stalls"],
            self.viewer["frames"],
            self.viewer["errors"]
        )
    }
}

/// The source and the audio.
fn is_spared(rendition: &str) -> bool {
    !rendition.contains(LOWEST) && !SHEDDABLE.iter().any(|rung| rendition.contains(rung))
}

fn fatal_errors(viewer: &Value) -> usize {
    let errors = viewer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_fatal = |error: &&Value| error.as_str().is_some_and(|error| error.contains("(fatal)"));
    errors.iter().filter(is_fatal).count()
}

/// Whether only the highest rung that was there ever went, and only the last that went came back.
fn in_order(changes: &[Change]) -> bool {
    let mut gone = 0_usize;
    changes.iter().all(|change| {
        let place = if change.shed {
            Some(gone)
        } else {
            gone.checked_sub(1)
        };
        gone = place.map_or(0, |place| place + usize::from(change.shed));
        place.and_then(|place| SHEDDABLE.get(place)) == Some(&change.rung.as_str())
    })
}

/// Runs the proof; panics, as the harness does, if something does not start.
pub async fn run() -> OverloadFigures {
    let channel = ChannelSetup::new("demo").ladder(LADDER);
    let vitrine = Vitrine::named("prove-overload").channel(channel).start().await;
    let publisher = Publisher::start(&source(), &vitrine, "demo");
    let noise = Instant::now() + NOISE_FROM;
    until("every rendition is advertised", READY_WITHIN, async || {
        let url = vitrine.playlist("demo");
        let read = conformance::multivariant(vitrine.client(), &url, &mut Findings::default()).await;
        (read.ok()?.renditions.len() == RENDITIONS).then_some(())
    })
    .await;
    let witness = Witness::of(&vitrine, "demo").await;
    let origin = vitrine.url("");
    let mut script = Script::start(&vitrine, "overload.mjs", &[&origin, "demo", WATCHED_HEIGHT]);
    script.says("playing", BROWSER_START).await;
    assert!(
        Instant::now() < noise,
        "the player started too late for the noise"
    );

    tokio::time::sleep_until(noise.into()).await;
    let shed = wait(SHED_WITHIN, async || !gone(&vitrine).is_empty()).await;
    let shed_after = shed.then(|| noise.elapsed());
    let advertised = advertised(&vitrine).await;
    let relieved = noise + NOISE_LASTS;
    tokio::time::sleep_until(relieved.into()).await;
    println!("  {} rungs are out at the noise's end", gone(&vitrine).len());
    let back = wait(BACK_WITHIN, async || gone(&vitrine).is_empty()).await;
    let back_after = back.then(|| relieved.elapsed());
    tokio::time::sleep(GOES_ON).await;

    let report = witness.report().await;
    publisher.stop().await;
    let viewer = script.figures(BROWSER_START).await;
    OverloadFigures {
        changes: changes(&vitrine.log()),
        shed_after,
        back_after,
        advertised,
        report,
        viewer,
    }
}

/// Black, and for a while noise.
fn source() -> Source {
    let (from, until) = (NOISE_FROM.as_secs(), (NOISE_FROM + NOISE_LASTS).as_secs());
    let picture =
        format!("drawbox=t=fill:color=black,noise=alls=100:allf=t:enable='between(t,{from},{until})'");
    Source::picture()
        .size(320, 180)
        .fps(FPS)
        .gop_frames(GOP_FRAMES)
        .preset("ultrafast")
        .bitrate_kbps(3000)
        .with(&["-vf", &picture])
}

async fn wait(patience: Duration, mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if is_so().await {
            return true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    false
}

/// The rungs that are out now.
fn gone(vitrine: &Vitrine) -> Vec<String> {
    let mut gone = Vec::new();
    for Change { rung, shed } in changes(&vitrine.log()) {
        gone.retain(|out| *out != rung);
        if shed {
            gone.push(rung);
        }
    }
    gone
}

/// What a log says of rungs.
fn changes(log: &str) -> Vec<Change> {
    let change = |line: &str| {
        let shed = line.contains("rung shed");
        let (_, rest) = line.split_once("rendition=\"")?;
        let (rung, _) = rest.split_once('"')?;
        (shed || line.contains("rung restored")).then(|| Change {
            rung: rung.to_owned(),
            shed,
        })
    };
    log.lines().filter_map(change).collect()
}

/// Rungs that were out before and after the multivariant playlist was read, and are in it.
async fn advertised(vitrine: &Vitrine) -> Vec<String> {
    let before = gone(vitrine);
    // The notice and the playlist are a moment apart.
    tokio::time::sleep(LOOK_AGAIN).await;
    let answer = vitrine.client().get(&vitrine.playlist("demo")).await;
    let text = answer.map(|answer| answer.text()).unwrap_or_default();
    let after = gone(vitrine);
    let is_out = |rung: &String| after.contains(rung) && text.contains(rung.as_str());
    before.into_iter().filter(is_out).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
        WARN vitrine: rung shed: the ladder is 400 ms behind channel=\"demo\" rendition=\"video-170p\"\n\
        INFO vitrine: a rung of another kind rendition=\"video-64p\"\n\
        WARN vitrine: rung shed: the ladder is 500 ms behind channel=\"demo\" rendition=\"video-150p\"\n\
        INFO vitrine: rung restored channel=\"demo\" rendition=\"video-150p\"\n";

    #[test]
    fn a_log_tells_which_rung_went_and_came_back() {
        let seen = changes(LOG);
        let change = |rung: &str, shed| Change {
            rung: rung.to_owned(),
            shed,
        };
        assert_eq!(
            seen,
            [
                change("video-170p", true),
                change("video-150p", true),
                change("video-150p", false)
            ]
        );
        assert!(in_order(&seen));
        assert!(!in_order(&seen[1..]), "the second one first");
        let early = [change("video-170p", true), change("video-150p", false)];
        assert!(!in_order(&early), "back without having gone");
        assert!(!in_order(&[change("video-64p", true)]), "the lowest");
    }
}
