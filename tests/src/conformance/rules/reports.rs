//! Rendition reports (8216bis 4.4.5.4), against where the reported playlists really were.
//!
//! No clock is asked: playlists that report each other say in what order they were made. A playlist of B that reports A
//! before part `a` was made before A listed `a`; so A's playlist that ends with `a` must report at least that B. One part
//! is allowed for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::conformance::findings::Findings;
use crate::conformance::playlist::{MediaPlaylist, Position};

/// Bounded: playlists that are remembered of each rendition, and those that wait to be judged. Full: the oldest is
/// forgotten.
const REMEMBERED: usize = 512;
/// Bounded: parts that are remembered of each rendition. Full: the oldest is forgotten.
const PARTS: usize = 4096;
/// How far renditions may be apart beyond a part: B-frames hold audio back behind the video that they delay, and audio
/// has a grid of its own.
const SKEW: Duration = Duration::from_millis(250);

/// What a playlist says of another rendition.
#[derive(Debug, Clone)]
struct Said {
    by: String,
    /// The last part of the playlist itself.
    own: Position,
    of: String,
    last: Position,
}

#[derive(Debug, Default)]
struct Rendition {
    /// Its own last part and what it reported of each other rendition, oldest first.
    said: VecDeque<(Position, BTreeMap<String, Position>)>,
    /// Where each part ends, by PDT, microseconds since 1970.
    part_ends_us: BTreeMap<Position, i64>,
}

/// Every rendition's reports, by the URLs of the playlists.
#[derive(Debug, Default)]
pub struct Reports {
    renditions: BTreeMap<String, Rendition>,
    /// Not to be judged yet.
    pending: VecDeque<Said>,
    part_target: Duration,
}

impl Reports {
    /// Takes a version of the playlist at `url`, and its reports with their URIs resolved.
    pub fn observe(
        &mut self,
        url: &str,
        playlist: &MediaPlaylist,
        reports: &[(String, Position)],
        findings: &mut Findings,
    ) {
        let rendition = self.renditions.entry(url.to_owned()).or_default();
        rendition.remember_parts(playlist);
        let (Some(own), Some(part_target), false) = (playlist.last(), playlist.part_target, playlist.ended)
        else {
            return;
        };
        self.part_target = part_target;
        rendition.said.push_back((own, reports.iter().cloned().collect()));
        if rendition.said.len() > REMEMBERED {
            rendition.said.pop_front();
        }
        let said = reports.iter().map(|(of, last)| Said {
            by: url.to_owned(),
            own,
            of: of.clone(),
            last: *last,
        });
        self.pending.extend(said);
        self.settle(findings);
    }

    /// Judges what can be judged by now.
    fn settle(&mut self, findings: &mut Findings) {
        for _ in 0..self.pending.len() {
            let Some(said) = self.pending.pop_front() else {
                break;
            };
            if !self.judge(&said, findings) {
                self.pending.push_back(said);
            }
        }
        let excess = self.pending.len().saturating_sub(REMEMBERED);
        self.pending.drain(..excess);
    }

    /// `false` if the reported playlist has not been seen at that point yet.
    fn judge(&self, said: &Said, findings: &mut Findings) -> bool {
        let Some(other) = self.renditions.get(&said.of) else {
            return false;
        };
        let of_us = |(own, reports): &(Position, BTreeMap<String, Position>)| {
            reports.get(&said.by).map(|us| (*own, *us))
        };
        let statements = || other.said.iter().filter_map(of_us);
        // Made when the reporting playlist had gone on: no older one can know of more.
        let Some(after) = statements()
            .filter(|(_, us)| *us > said.own)
            .map(|(own, _)| own)
            .min()
        else {
            return false;
        };
        let before = statements()
            .filter(|(_, us)| *us < said.own)
            .map(|(own, _)| own)
            .max();
        let (by, of, last) = (&said.by, &said.of, said.last);
        let fresh = before.is_none_or(|before| last >= before || is_next(last, before));
        findings.law(75, fresh && last <= after, || {
            format!(
                "{by} at {:?} reports {of} at {last:?}, which was between {before:?} and {after:?}",
                said.own
            )
        });
        self.place(said, other, findings);
        true
    }

    /// Rule 75: the part that is reported is one; rule 77: it ends about where the reporting playlist does.
    fn place(&self, said: &Said, other: &Rendition, findings: &mut Findings) {
        let (by, of, last) = (&said.by, &said.of, said.last);
        let first_known = other.part_ends_us.keys().next().copied();
        let Some(end_us) = other.part_ends_us.get(&last) else {
            // What was listed no longer when the checker came cannot be told.
            findings.law(75, first_known > Some(last), || {
                format!("{by} reports {of} at {last:?}, which never was")
            });
            return;
        };
        let own_end_us = self
            .renditions
            .get(by)
            .and_then(|own| own.part_ends_us.get(&said.own));
        if let Some(own_end_us) = own_end_us {
            let apart = Duration::from_micros(end_us.abs_diff(*own_end_us));
            findings.law(77, apart <= self.part_target + SKEW, || {
                format!("{by} at {:?} and {of} at {last:?} end {apart:?} apart", said.own)
            });
        }
    }
}

/// Whether `next` is the part behind `position`, as far as that can be told without the segments' lengths.
fn is_next(position: Position, next: Position) -> bool {
    let within = position.0 == next.0 && position.1 + 1 == next.1;
    within || (position.0 + 1 == next.0 && next.1 == 0)
}

impl Rendition {
    fn remember_parts(&mut self, playlist: &MediaPlaylist) {
        for segment in &playlist.segments {
            let Some(pdt_us) = segment.pdt_us else { continue };
            let mut end = Duration::ZERO;
            for (index, part) in segment.parts.iter().enumerate() {
                end += part.duration;
                let end_us = pdt_us + i64::try_from(end.as_micros()).unwrap_or(i64::MAX);
                self.part_ends_us.insert((segment.msn, index as u64), end_us);
            }
        }
        while self.part_ends_us.len() > PARTS {
            self.part_ends_us.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::conformance::playlist::{Part, Segment};

    /// A playlist with one open segment of parts of a second, up to part `last`.
    fn playlist(last: u64) -> MediaPlaylist {
        let part = |number: u64| Part {
            uri: format!("part-{number}.m4s"),
            duration: Duration::from_secs(1),
            independent: false,
            gap: false,
        };
        MediaPlaylist {
            part_target: Some(Duration::from_secs(1)),
            segments: vec![Segment {
                pdt_us: Some(0),
                parts: (0..=last).map(part).collect(),
                ..Segment::default()
            }],
            ..MediaPlaylist::default()
        }
    }

    #[test]
    fn reports_that_are_stale_ahead_or_of_nothing_are_found() {
        // Each statement: by whom, its own last part, the part of the other that it reports.
        type Statement = (&'static str, u64, u64);
        let table: [(&[Statement], &[u16]); 7] = [
            // In turns, and with one of them a part behind.
            (
                &[
                    ("a", 0, 0),
                    ("b", 0, 0),
                    ("a", 1, 0),
                    ("b", 1, 1),
                    ("a", 2, 1),
                    ("b", 2, 2),
                ],
                &[],
            ),
            (
                &[("b", 0, 0), ("a", 1, 0), ("b", 1, 1), ("a", 2, 1), ("b", 2, 2)],
                &[],
            ),
            // The other has gone on by two parts since; by one.
            (
                &[("b", 0, 0), ("b", 1, 0), ("b", 2, 0), ("a", 1, 0), ("b", 3, 2)],
                &[75],
            ),
            (
                &[("b", 0, 0), ("b", 1, 0), ("b", 2, 0), ("a", 1, 1), ("b", 3, 2)],
                &[],
            ),
            // The other is not there when this one has gone on already.
            (&[("b", 0, 0), ("a", 1, 3), ("b", 2, 2)], &[75]),
            // The other is far behind.
            (&[("a", 4, 0), ("b", 0, 4), ("b", 1, 5)], &[77]),
            // There is no such part.
            (&[("a", 1, 7), ("b", 1, 1), ("b", 2, 2)], &[75]),
        ];
        for (statements, specs) in table {
            let mut findings = Findings::default();
            let mut reports = Reports::default();
            for (by, own, last) in statements {
                let of = if *by == "a" { "b" } else { "a" };
                reports.observe(by, &playlist(*own), &[(of.to_owned(), (0, *last))], &mut findings);
            }
            let found: BTreeSet<u16> = findings
                .violations()
                .iter()
                .map(|violation| violation.spec)
                .collect();
            assert_eq!(
                found,
                specs.iter().copied().collect(),
                "{statements:?}: {:?}",
                findings.violations()
            );
            assert!(findings.times(75) > 0, "{statements:?}");
        }
    }
}
