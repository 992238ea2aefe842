//! I-frame playlists (8216bis 4.4.3.6), for scrubbing: the IDR that each segment begins with, as a byte range of it.
//!
//! One I-frame a segment, so an I-frame playlist has the media sequence numbers of its media playlist. A range begins with
//! the segment's first byte, so that the `moof` is in it (Apple's authoring rule 6.11), and ends with the IDR's last: no
//! media is stored twice. There are no parts (4.4.4.9); a reload may block until a segment is there.

use std::sync::Arc;

use super::media::further_than;
use super::tags::{self, Control};
use crate::timeline::Segment;

/// A rendition's I-frames as their playlist shows them.
pub(crate) struct IFramePlaylist<'a> {
    pub control: &'a Control,
    pub discontinuity_sequence: u64,
    /// Whole segments, oldest first.
    pub segments: &'a [Arc<Segment>],
    /// Number of the segment that comes next.
    pub next_msn: u64,
    pub ended: bool,
}

impl IFramePlaylist<'_> {
    /// The full playlist.
    pub(crate) fn full(&self) -> String {
        self.render(0)
    }

    /// The playlist with everything skipped that may be, as of the media playlist, and its first segment; `None` when that is nothing.
    pub(crate) fn delta(&self) -> Option<(String, u64)> {
        let boundary = f64::from(self.control.skip_boundary_s());
        let skipped = further_than(self.segments, boundary, 0.0);
        let first = self.segments.get(skipped)?;
        (skipped > 0 && !self.ended).then(|| (self.render(skipped), first.msn))
    }

    fn render(&self, skipped: usize) -> String {
        let mut out = String::with_capacity(512 + 160 * (self.segments.len() - skipped));
        tags::head(&mut out, self.control);
        tags::i_frames_only(&mut out);
        tags::server_control(&mut out, self.control);
        let media_sequence = self.segments.first().map_or(self.next_msn, |first| first.msn);
        tags::sequences(&mut out, media_sequence, self.discontinuity_sequence);
        if skipped > 0 {
            tags::skip(&mut out, skipped);
        }
        let mut init = None;
        for segment in self.segments.iter().skip(skipped) {
            if segment.discontinuity {
                tags::discontinuity(&mut out);
            }
            if init != Some(segment.init) {
                tags::map(&mut out, segment.init);
                init = Some(segment.init);
            }
            // A segment without an I-frame to show is as good as a gap.
            match segment.i_frame_len.filter(|_| !segment.gap) {
                Some(len) => tags::byterange(&mut out, len),
                None if segment.gap => {}
                None => tags::gap(&mut out),
            }
            out.push_str(&segment.lines);
        }
        if self.ended {
            tags::endlist(&mut out);
        }
        out
    }
}
