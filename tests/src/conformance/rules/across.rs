//! What the renditions of a presentation owe each other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::conformance::findings::Findings;
use crate::conformance::playlist::{MediaPlaylist, Position};
use crate::conformance::rules::reports::Reports;

/// An AAC frame at 44.1 kHz is 23.2 ms long; PDT is printed in milliseconds.
const AAC_FRAME_US: i64 = 24_300;
/// PDT is printed in milliseconds.
const PRINTED_US: i64 = 1_000;
/// Bounded: segments remembered of each rendition. Full: the oldest is forgotten.
const REMEMBERED: usize = 4096;

/// What is compared of a segment.
#[derive(Debug, Clone, Copy)]
struct SegmentFacts {
    pdt_us: i64,
    discontinuity: u64,
}

#[derive(Debug)]
struct Rendition {
    is_video: bool,
    segments: BTreeMap<u64, SegmentFacts>,
}

/// Everything known of all renditions, by the URL of their playlists.
#[derive(Debug)]
pub struct Across {
    renditions: BTreeMap<String, Rendition>,
    constants: Option<MediaPlaylist>,
    reports: Reports,
    findings: Findings,
}

impl Default for Across {
    fn default() -> Self {
        Self {
            renditions: BTreeMap::new(),
            constants: None,
            reports: Reports::default(),
            findings: Findings::at("presentation"),
        }
    }
}

impl Across {
    /// Takes a version of the rendition at `url`; `reports` are its rendition reports with their URIs resolved.
    pub fn observe(
        &mut self,
        url: &str,
        is_video: bool,
        playlist: &MediaPlaylist,
        reports: &[(String, Position)],
    ) {
        self.constants(playlist);
        let rendition = self.renditions.entry(url.to_owned()).or_insert(Rendition {
            is_video,
            segments: BTreeMap::new(),
        });
        let fresh = rendition.remember(playlist);
        self.compare(url, &fresh);
        self.reports.observe(url, playlist, reports, &mut self.findings);
    }

    /// Rule 38, and that the targets are those of the presentation.
    fn constants(&mut self, playlist: &MediaPlaylist) {
        let known = self.constants.get_or_insert_with(|| playlist.clone());
        let same = known.server_control == playlist.server_control
            && known.target_duration_s == playlist.target_duration_s
            && known.part_target == playlist.part_target;
        self.findings.law(38, same, || {
            "SERVER-CONTROL, TARGETDURATION or PART-TARGET differs between renditions".to_owned()
        });
    }

    fn compare(&mut self, url: &str, fresh: &[u64]) {
        let Some(own) = self.renditions.get(url) else {
            return;
        };
        let others = self.renditions.iter().filter(|(other, _)| *other != url);
        for (other_url, other) in others {
            let tolerance_us = if own.is_video && other.is_video {
                PRINTED_US
            } else {
                AAC_FRAME_US
            };
            for msn in fresh {
                let (Some(a), Some(b)) = (own.segments.get(msn), other.segments.get(msn)) else {
                    continue;
                };
                let findings = &mut self.findings;
                findings.law(85, a.discontinuity == b.discontinuity, || {
                    format!(
                        "segment {msn} is in discontinuity {} of {url} and {} of {other_url}",
                        a.discontinuity, b.discontinuity
                    )
                });
                let apart_us = a.pdt_us - b.pdt_us;
                let spec = if own.is_video && other.is_video { 141 } else { 144 };
                findings.law(spec, apart_us.abs() <= tolerance_us, || {
                    format!("segment {msn} starts {apart_us} µs later in {url} than in {other_url}")
                });
            }
        }
    }

    /// What was found.
    pub fn finish(self) -> Findings {
        self.findings
    }
}

impl Rendition {
    /// Remembers what is new in `playlist`; returns the whole segments that are.
    fn remember(&mut self, playlist: &MediaPlaylist) -> Vec<u64> {
        let mut discontinuity = playlist.discontinuity_sequence.unwrap_or_default();
        let mut fresh = Vec::new();
        for segment in &playlist.segments {
            discontinuity += u64::from(segment.discontinuity);
            let Some(pdt_us) = segment.pdt_us else { continue };
            if segment.is_open() {
                continue;
            }
            if let Entry::Vacant(entry) = self.segments.entry(segment.msn) {
                entry.insert(SegmentFacts {
                    pdt_us,
                    discontinuity,
                });
                fresh.push(segment.msn);
            }
        }
        while self.segments.len() > REMEMBERED {
            self.segments.pop_first();
        }
        fresh
    }
}
