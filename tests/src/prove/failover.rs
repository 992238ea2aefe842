//! Two encoders of one show, the one on air killed again and again: what does a viewer see of it?
//!
//! ```text
//! FFmpeg, primary: kill -9, started again ─┐
//! FFmpeg, backup ──────────────────────────┴► Vitrine ─┬─► the watch page: a wall clock read from every frame on screen
//!                                                      └─► checker: every rule, all the time
//! ```
//!
//! Each kill is a switch to the backup, and each start of the primary, by policy, one back. Both pictures bear the same wall clock, so that
//! between two frames on screen it tells what was left out, and what was shown again.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::conformance::Report;
use crate::harness::{ChannelSetup, Publisher, Script, Source, Vitrine, Witness, clock, until};

const FPS: u32 = 30;
const SIZE: (u32, u32) = (640, 360);
const PART_TARGET: Duration = Duration::from_millis(333);
const BACKUP_KEY: &str = "key-of-the-second";
/// A kill, the primary's new start, its way back on air, and what a viewer sees of both take so long.
const KILL_EACH: Duration = Duration::from_secs(15);
/// What viewers see of a switch comes within this time; nothing else is done meanwhile.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// Before the first kill: what the machine does to a viewer of whom nothing is asked.
const CALM: Duration = Duration::from_secs(10);
/// Kills come at other places in the backup's group of pictures.
const PHASES: u32 = 7;
const PHASE: Duration = Duration::from_millis(290);
const PATIENCE: Duration = Duration::from_secs(40);
const BROWSER_START: Duration = Duration::from_secs(90);

/// What came of it.
#[derive(Debug)]
pub struct FailoverFigures {
    /// Before the first kill.
    pub calm: Break,
    /// After each kill.
    pub kills: Vec<Break>,
    /// After each return of the primary.
    pub returns: Vec<Break>,
    /// What the checker saw.
    pub report: Report,
    /// What the sampler saw.
    pub viewer: Value,
}

/// The worst that a viewer saw within a while, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Break {
    /// A frame was on screen so much longer than it should be.
    pub freeze_ms: i64,
    /// So much of the show was left out between two frames.
    pub gap_ms: i64,
    /// So much of it was shown again.
    pub again_ms: i64,
    /// How many frames it is of.
    pub frames: usize,
}

/// A frame on screen: when, and what its clock says, in Unix milliseconds.
type Shown = (i64, i64);

/// Kills the encoder on air for `lasting`, every 15 s; `ladder`: the picture is encoded. Panics, as the harness does, if something
/// does not start, or no other encoder takes over at all.
pub async fn run(lasting: Duration, ladder: bool) -> FailoverFigures {
    let kills = (lasting.as_secs() / KILL_EACH.as_secs()).max(1);
    let (name, rungs) = if ladder {
        (
            "prove-failover-ladder",
            "[{ height = 360, preset = \"ultrafast\" }]",
        )
    } else {
        ("prove-failover-passed", "\"passthrough\"")
    };
    let channel = ChannelSetup::new("demo")
        .ladder(rungs)
        .line(&format!("backup_keys = [\"{BACKUP_KEY}\"]"))
        .line("failback_after_seconds = 2");
    let vitrine = Vitrine::named(name)
        .part_target_s(PART_TARGET.as_secs_f64())
        .channel(channel)
        .start()
        .await;
    let mut primary = Publisher::start(&source(), &vitrine, "demo");
    vitrine.settled("demo").await;
    let url = format!("rtmp://{}/live/{BACKUP_KEY}", vitrine.rtmp());
    let backup = Publisher::start_at(&source(), &vitrine, &url, "backup");
    let witness = Witness::of(&vitrine, "demo").await;
    let mut script = Script::start(&vitrine, "failover.mjs", &[&vitrine.url(""), "demo"]);
    script.says("playing", BROWSER_START).await;
    let began = now_ms();
    tokio::time::sleep(CALM).await;

    let mut switches = Vec::new();
    for number in 0..u32::try_from(kills).unwrap_or(u32::MAX) {
        on_air(&vitrine, "primary", true).await;
        tokio::time::sleep(PHASE * (number % PHASES)).await;
        switches.push(now_ms());
        primary.kill();
        on_air(&vitrine, "backup", false).await;
        tokio::time::sleep(SEEN_WITHIN).await;
        primary = Publisher::start(&source(), &vitrine, "demo");
        on_air(&vitrine, "primary", true).await;
        switches.push(now_ms());
        tokio::time::sleep(SEEN_WITHIN).await;
    }
    let report = witness.report().await;
    let ended = now_ms();
    primary.stop().await;
    backup.stop().await;
    let viewer = script.figures(BROWSER_START).await;
    let shown = shown(&viewer);
    let until = switches.iter().skip(1).copied().chain([ended]);
    let breaks: Vec<Break> = switches
        .iter()
        .zip(until)
        .map(|(&from, until)| Break::between(&shown, from, until))
        .collect();
    FailoverFigures {
        calm: Break::between(&shown, began, switches.first().copied().unwrap_or(ended)),
        kills: breaks.iter().step_by(2).copied().collect(),
        returns: breaks.iter().skip(1).step_by(2).copied().collect(),
        report,
        viewer,
    }
}

fn source() -> Source {
    let (width, height) = SIZE;
    Source::picture()
        .size(width, height)
        .preset("ultrafast")
        .bitrate_kbps(1500)
        .with(&["-vf", &clock::overlay(width, FPS)])
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits until that input is on air, and the other, if `ready`, can follow it at once.
async fn on_air(vitrine: &Vitrine, input: &str, ready: bool) {
    let what = format!("the {input} encoder is on air (another ready: {ready})");
    until(&what, PATIENCE, async || {
        let status = vitrine.status("demo").await;
        let is_ready = status["standby"]["ready"] == Value::Bool(true);
        (status["publication"]["input"] == input && is_ready == ready && status["status"] == "live")
            .then_some(())
    })
    .await;
}

fn shown(viewer: &Value) -> Vec<Shown> {
    let frames = viewer["frames_seen"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let frame = |frame: &Value| Some((frame[0].as_i64()?, frame[1].as_i64()?));
    frames.iter().filter_map(frame).collect()
}

impl Break {
    /// Of the frames that came on screen from `from_ms` on and before `until_ms`, each against the one before it.
    fn between(shown: &[Shown], from_ms: i64, until_ms: i64) -> Self {
        let period_ms = i64::from(1000 / FPS);
        let mut worst = Self::default();
        for pair in shown.windows(2) {
            let &[(shown_before, clock_before), (shown, clock)] = pair else {
                continue;
            };
            if !(from_ms..until_ms).contains(&shown) {
                continue;
            }
            worst.frames += 1;
            worst.freeze_ms = worst.freeze_ms.max(shown - shown_before - period_ms);
            worst.gap_ms = worst.gap_ms.max(clock - clock_before - period_ms);
            worst.again_ms = worst.again_ms.max(clock_before - clock);
        }
        worst
    }
}

impl FailoverFigures {
    /// What was missed; empty if nothing.
    pub fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        let part_ms = i64::try_from(PART_TARGET.as_millis()).unwrap_or(i64::MAX);
        for (of, breaks) in [("kill", &self.kills), ("return", &self.returns)] {
            for (number, seen) in breaks.iter().enumerate() {
                if seen.frames == 0 {
                    misses.push(format!("no frame was seen after {of} {number}"));
                }
                if seen.freeze_ms > part_ms || seen.gap_ms > part_ms {
                    let Break {
                        freeze_ms, gap_ms, ..
                    } = seen;
                    misses.push(format!(
                        "{of} {number}: a freeze of {freeze_ms} and a gap of {gap_ms} ms, over one part"
                    ));
                }
            }
        }
        if self.viewer["reloads"] != 0 || self.viewer["loads"] != 1 {
            misses.push(format!(
                "{} reloads of the show, {} loads of the page",
                self.viewer["reloads"], self.viewer["loads"]
            ));
        }
        if !self.report.is_clean() {
            misses.push(format!("rules were broken: {}", self.report));
        }
        misses
    }
}

/// Half of them are at most the first, all at most the second.
fn half_and_all(mut values: Vec<i64>) -> (i64, i64) {
    values.sort_unstable();
    let half = values.get(values.len().saturating_sub(1) / 2).copied();
    (
        half.unwrap_or_default(),
        values.last().copied().unwrap_or_default(),
    )
}

impl fmt::Display for FailoverFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Break {
            freeze_ms, gap_ms, ..
        } = self.calm;
        writeln!(
            f,
            "  before the first kill: freeze {freeze_ms} ms, gap {gap_ms} ms at most"
        )?;
        for (of, breaks) in [("kills", &self.kills), ("returns", &self.returns)] {
            let figures = |of: fn(&Break) -> i64| {
                let (half, all) = half_and_all(breaks.iter().map(of).collect());
                format!("p50 {half:4}  max {all:4} ms")
            };
            writeln!(
                f,
                "  {:2} {of:7}  freeze {}   gap {}   shown again {}",
                breaks.len(),
                figures(|seen| seen.freeze_ms),
                figures(|seen| seen.gap_ms),
                figures(|seen| seen.again_ms)
            )?;
        }
        let of_each = |of: fn(&Break) -> i64| self.kills.iter().map(of).collect::<Vec<_>>();
        writeln!(f, "  freeze after each kill {:?}", of_each(|seen| seen.freeze_ms))?;
        writeln!(f, "  gap after each kill    {:?}", of_each(|seen| seen.gap_ms))?;
        writeln!(
            f,
            "  glass to glass {}  stalls {}  skips {}  reloads {}  clocks unreadable {}  errors {}",
            self.viewer["glass_to_glass_s"],
            self.viewer["stalls"],
            self.viewer["skips"],
            self.viewer["reloads"],
            self.viewer["unreadable"],
            self.viewer["errors"]
        )?;
        writeln!(f, "  checker: {} violations", self.report.findings.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames on time: shown a second after their clock, each 33 ms.
    fn steady(from_ms: i64, count: i64) -> Vec<Shown> {
        (0..count)
            .map(|number| from_ms + number * 33)
            .map(|at| (at + 1000, at))
            .collect()
    }

    #[test]
    fn a_break_is_told_by_kind_and_size() {
        let mut shown = steady(0, 30);
        let (last_shown, last_clock) = *shown.last().unwrap();
        let cases = [
            ("as if nothing was", (33, 33), Break::default()),
            (
                "a freeze, nothing left out",
                (233, 33),
                Break {
                    freeze_ms: 200,
                    ..Break::default()
                },
            ),
            (
                "a gap without a freeze",
                (33, 533),
                Break {
                    gap_ms: 500,
                    ..Break::default()
                },
            ),
            (
                "shown again",
                (33, -700),
                Break {
                    again_ms: 700,
                    ..Break::default()
                },
            ),
        ];
        for (name, (later, further), expected) in cases {
            shown.truncate(30);
            shown.push((last_shown + later, last_clock + further));
            let seen = Break::between(&shown, 0, 1_000_000);
            assert_eq!(
                seen,
                Break {
                    frames: 30,
                    ..expected
                },
                "{name}"
            );
        }
    }

    #[test]
    fn a_frame_belongs_to_the_time_at_which_it_came_on_screen() {
        let mut shown = steady(0, 10);
        shown.push((5_000, 330));
        assert_eq!(Break::between(&shown, 0, 5_000).freeze_ms, 0);
        assert_eq!(
            Break::between(&shown, 5_000, 6_000),
            Break {
                freeze_ms: 5_000 - 1_297 - 33,
                frames: 1,
                ..Break::default()
            }
        );
        assert_eq!(Break::between(&shown, 6_000, 7_000).frames, 0);
    }

    #[test]
    fn half_of_the_values_are_at_most_the_median() {
        assert_eq!(half_and_all(vec![5, 1, 9, 3]), (3, 9));
        assert_eq!(half_and_all(Vec::new()), (0, 0));
    }
}
