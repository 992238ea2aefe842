//! What the ladder adds to latency: from the arrival of the source's last frame in a part to the part's being readable.
//!
//! ```text
//! FFmpeg ──► Vitrine, nobody watching ──► its log: each part of each rendition ──► every sample, sorted
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::harness::{ChannelSetup, Publisher, Source, Vitrine};

/// A part's line in the log; nothing else is told at this level.
const LOG: &str = "info,vitrine_origin::channel::ready=trace";
const PART: &str = "part ready";

/// What was added to a rendition's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// B-frames between two others in the source.
    pub b_frames: u32,
    /// The rendition.
    pub rendition: String,
    /// How many parts there were.
    pub parts: usize,
    /// Half of them took no longer, in milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 took no longer, in milliseconds.
    pub p99_ms: u64,
    /// The longest.
    pub max_ms: u64,
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            b_frames,
            rendition,
            parts,
            p50_ms,
            p99_ms,
            max_ms,
        } = self;
        write!(
            f,
            "{rendition}, source with {b_frames} B-frames: last frame received to part readable p50 {p50_ms} ms, \
             p99 {p99_ms} ms, max {max_ms} ms ({parts} parts)"
        )
    }
}

/// Runs a ladder that nobody watches for `watched`.
pub(super) async fn measure(source: Source, ladder: &str, b_frames: u32, watched: Duration) -> Vec<Added> {
    let channel = ChannelSetup::new("demo").ladder(ladder);
    let vitrine = Vitrine::named(&format!("prove-ladder-added-{b_frames}"))
        .channel(channel)
        .log(LOG)
        .start()
        .await;
    let publisher = Publisher::start(&source.b_frames(b_frames), &vitrine, "demo");
    vitrine.live("demo").await;
    tokio::time::sleep(watched).await;
    let log = vitrine.log();
    publisher.stop().await;
    read(&log, b_frames)
}

fn read(log: &str, b_frames: u32) -> Vec<Added> {
    let mut renditions: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains(PART)) {
        let field = |name: &str| {
            let (_, rest) = line.split_once(&format!(" {name}="))?;
            rest.split_whitespace().next()
        };
        if let (Some(rendition), Some(Ok(ms))) = (field("rendition"), field("ms").map(str::parse)) {
            renditions
                .entry(rendition.trim_matches('"'))
                .or_default()
                .push(ms);
        }
    }
    let added = |(rendition, mut all): (&str, Vec<u64>)| {
        all.sort_unstable();
        let at = |percent: usize| {
            all.get((all.len() * percent / 100).min(all.len() - 1))
                .copied()
                .unwrap_or_default()
        };
        Added {
            b_frames,
            rendition: rendition.to_owned(),
            parts: all.len(),
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
        }
    };
    renditions.into_iter().map(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_log_counts() {
        let line = |rendition: &str, ms: u64| {
            format!(
                "2026-11-25T10:00:00.000000Z TRACE vitrine_origin::channel::ready: part ready channel=demo rendition=\"{rendition}\" ms={ms}\n"
            )
        };
        let mut log = "2026-11-25T10:00:00.000000Z  INFO vitrine_origin::channel::session: live\n".to_owned();
        (0..200).for_each(|ms| log.push_str(&line("video-360p", ms)));
        log.push_str(&line("video-480p", 7));
        let added = read(&log, 2);
        let figures: Vec<_> = added
            .iter()
            .map(|one| {
                (
                    one.rendition.as_str(),
                    one.parts,
                    one.p50_ms,
                    one.p99_ms,
                    one.max_ms,
                )
            })
            .collect();
        assert_eq!(
            figures,
            [("video-360p", 200, 100, 198, 199), ("video-480p", 1, 7, 7, 7)]
        );
    }
}
