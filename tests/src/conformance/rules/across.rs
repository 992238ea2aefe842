//! What the renditions of a presentation owe each other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use crate::conformance::findings::Findings;
use crate::conformance::playlist::{MediaPlaylist, Position, Segment};

/// An AAC frame at 44.1 kHz is 23.2 ms long; PDT is printed in milliseconds.
const AAC_FRAME_US: i64 = 24_300;
/// PDT is printed in milliseconds.
const PRINTED_US: i64 = 1_000;
/// Bounded: segments and parts remembered of each rendition. Full: the oldest is forgotten.
const REMEMBERED: usize = 4096;
/// Bounded: reports that wait for the other playlist to come to that part. Full: the oldest is forgotten.
const PENDING: usize = 256;

/// What is compared of a segment.
#[derive(Debug, Clone, Copy)]
struct SegmentFacts {
    pdt_us: i64,
    discontinuity: u64,
    gap: bool,
}

#[derive(Debug)]
struct Rendition {
    is_video: bool,
    segments: BTreeMap<u64, SegmentFacts>,
    /// Where each part ends, by PDT.
    part_ends_us: BTreeMap<Position, i64>,
}

/// A report that says where another rendition is.
#[derive(Debug)]
struct Said {
    by: String,
    of: String,
    last: Position,
    /// Where the reporting rendition's own last part ends.
    own_end_us: i64,
    part_target: Duration,
}

/// Everything known of all renditions, by the URL of their playlists.
#[derive(Debug, Default)]
pub struct Across {
    renditions: BTreeMap<String, Rendition>,
    constants: Option<MediaPlaylist>,
    pending: Vec<Said>,
    /// What was found so far.
    pub findings: Findings,
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
            part_ends_us: BTreeMap::new(),
        });
        let fresh = rendition.remember(playlist);
        self.compare(url, &fresh);
        let own_end = self.renditions.get(url).and_then(Rendition::end_us);
        if let (Some(own_end_us), Some(part_target), false) = (own_end, playlist.part_target, playlist.ended)
        {
            let said = reports.iter().map(|(of, last)| Said {
                by: url.to_owned(),
                of: of.clone(),
                last: *last,
                own_end_us,
                part_target,
            });
            self.pending.extend(said);
        }
        self.settle();
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
                findings.law(87, a.gap == b.gap, || {
                    format!("segment {msn} is a gap in one of {url} and {other_url} only")
                });
                let apart_us = a.pdt_us - b.pdt_us;
                let spec = if own.is_video && other.is_video { 141 } else { 144 };
                findings.law(spec, apart_us.abs() <= tolerance_us, || {
                    format!("segment {msn} starts {apart_us} µs later in {url} than in {other_url}")
                });
            }
        }
    }

    /// Rules 74 and 77: a report is at most a part away from where its own playlist is.
    fn settle(&mut self) {
        let (renditions, findings) = (&self.renditions, &mut self.findings);
        self.pending.retain(|said| {
            let known = renditions.get(&said.of);
            let Some(end_us) = known.and_then(|other| other.part_ends_us.get(&said.last)) else {
                let Some(other) = known else { return true };
                if other.last() < Some(said.last) {
                    return true; // not come to yet
                }
                // What was listed no longer when the checker came cannot be told.
                findings.law(75, other.first() > Some(said.last), || {
                    format!(
                        "{} reports {} at {:?}, which never was",
                        said.by, said.of, said.last
                    )
                });
                return false;
            };
            let apart = Duration::from_micros(end_us.abs_diff(said.own_end_us));
            let allowed = said.part_target + Duration::from_micros(AAC_FRAME_US.unsigned_abs());
            findings.law(77, apart <= allowed, || {
                format!(
                    "{} reports {} at {:?}, which ends {apart:?} from its own last part",
                    said.by, said.of, said.last
                )
            });
            false
        });
        let excess = self.pending.len().saturating_sub(PENDING);
        self.pending.drain(..excess);
    }

    /// Rule 75: whose reports never came true.
    pub fn finish(mut self) -> Findings {
        let stuck = self.pending.len();
        self.findings.law(75, stuck < PENDING, || {
            format!("{stuck} rendition reports name parts that never came")
        });
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
            self.remember_parts(segment, pdt_us);
            // EXT-X-GAP may come with the segment's end.
            if segment.is_open() {
                continue;
            }
            if let Entry::Vacant(entry) = self.segments.entry(segment.msn) {
                entry.insert(SegmentFacts {
                    pdt_us,
                    discontinuity,
                    gap: segment.gap,
                });
                fresh.push(segment.msn);
            }
        }
        while self.segments.len() > REMEMBERED {
            self.segments.pop_first();
        }
        while self.part_ends_us.len() > REMEMBERED {
            self.part_ends_us.pop_first();
        }
        fresh
    }

    fn remember_parts(&mut self, segment: &Segment, pdt_us: i64) {
        let mut end = Duration::ZERO;
        for (index, part) in segment.parts.iter().enumerate() {
            end += part.duration;
            let end_us = pdt_us + i64::try_from(end.as_micros()).unwrap_or(i64::MAX);
            self.part_ends_us.insert((segment.msn, index as u64), end_us);
        }
    }

    fn last(&self) -> Option<Position> {
        self.part_ends_us.last_key_value().map(|(last, _)| *last)
    }

    fn first(&self) -> Option<Position> {
        self.part_ends_us.first_key_value().map(|(first, _)| *first)
    }

    fn end_us(&self) -> Option<i64> {
        self.part_ends_us.last_key_value().map(|(_, end)| *end)
    }
}
