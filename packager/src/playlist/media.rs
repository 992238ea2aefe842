//! Media playlists: the whole of it, and its delta update (8216bis 6.2.5.1).

use std::sync::Arc;

use super::tags::{self, Control};
use crate::request::Position;
use crate::timeline::{OpenSegment, Segment};

/// A rendition as its playlist shows it.
pub(crate) struct MediaPlaylist<'a> {
    pub control: &'a Control,
    pub discontinuity_sequence: u64,
    /// Whole segments, oldest first.
    pub segments: &'a [Arc<Segment>],
    pub open: Option<&'a OpenSegment>,
    pub next_part: u64,
    /// Every other rendition's newest part.
    pub reports: &'a [(String, Position)],
    pub ended: bool,
}

impl MediaPlaylist<'_> {
    /// The full playlist.
    pub(crate) fn full(&self) -> String {
        self.render(0)
    }

    /// The playlist with everything skipped that may be, and its first segment; `None` when that is nothing (SPEC 64).
    pub(crate) fn delta(&self) -> Option<(String, u64)> {
        let skipped = self.skippable();
        let first = self.segments.get(skipped)?;
        (skipped > 0 && !self.ended).then(|| (self.render(skipped), first.msn))
    }

    /// Segments that end further than CAN-SKIP-UNTIL before the last whole segment does (SPEC 58).
    fn skippable(&self) -> usize {
        further_than(self.segments, f64::from(self.control.skip_boundary_s()), 0.0)
    }

    fn render(&self, skipped: usize) -> String {
        let mut out = String::with_capacity(1024 + 160 * (self.segments.len() - skipped));
        tags::head(&mut out, self.control);
        tags::server_control(&mut out, self.control);
        tags::part_inf(&mut out, self.control);
        let open_msn = self.open.map_or(0, |open| open.msn);
        let media_sequence = self.segments.first().map_or(open_msn, |first| first.msn);
        tags::sequences(&mut out, media_sequence, self.discontinuity_sequence);
        if skipped > 0 {
            tags::skip(&mut out, skipped);
        }
        self.render_segments(skipped, &mut out);
        if self.ended {
            tags::endlist(&mut out);
        } else {
            tags::preload_hint(&mut out, self.next_part);
            for (rendition, last) in self.reports {
                tags::rendition_report(&mut out, rendition, *last);
            }
        }
        out
    }

    fn render_segments(&self, skipped: usize, out: &mut String) {
        // EXT-X-MAP is said again for the first segment of a delta: players need not remember (SPEC 62).
        let mut init = None;
        let mut announce = |out: &mut String, discontinuity: bool, needed: u32| {
            if discontinuity {
                tags::discontinuity(out);
            }
            if init != Some(needed) {
                tags::map(out, needed);
                init = Some(needed);
            }
        };
        // SPEC 26: parts are listed for the last three target durations.
        let open_seconds = self.open.map_or(0.0, |open| open.duration().seconds());
        let parts_s = f64::from(3 * self.control.target_duration_s);
        let stale = further_than(self.segments, parts_s, open_seconds);
        for (index, segment) in self.segments.iter().enumerate().skip(skipped) {
            announce(out, segment.discontinuity, segment.init);
            let recent = index >= stale;
            out.push_str(if recent {
                &segment.lines_with_parts
            } else {
                &segment.lines
            });
        }
        if let Some(open) = self.open {
            announce(out, open.discontinuity, open.init);
            out.push_str(&open.lines);
        }
    }
}

/// How many segments, the oldest, have more than `seconds` of media behind them, `open_seconds` of them open.
///
/// Counted in the durations that readers see: media time has a hole of up to one AAC frame where an encoder returned.
pub(super) fn further_than(segments: &[Arc<Segment>], seconds: f64, open_seconds: f64) -> usize {
    let mut behind = open_seconds;
    let near = segments.iter().rev().take_while(|segment| {
        let near = behind <= seconds;
        behind += segment.duration.seconds();
        near
    });
    segments.len() - near.count()
}
