//! Where parts and segments are cut.
//!
//! ```text
//! video samples ──► VideoCutter ──► Cut::Segment at IDRs, Cut::Part each PART-TARGET
//!                        │ the same boundaries
//! rungs' samples ──► RungCutter  ──► the very same cuts, or gaps in their place
//! audio samples ──► AudioCutter ──► Cut::Segment, Cut::Part within one AAC frame of the video's
//! ```
//!
//! Within a segment, parts end on multiples of one length counted from the segment's start, whatever the stamps:
//! a frame that comes after a hole is decoded earlier than it is shown, so that decode time has no gap, no part is
//! over PART-TARGET, and only a segment's last part is under 85 % of it (8216bis 4.4.4.9).

mod audio;
mod error;
mod rung;
mod video;

pub use audio::AudioCutter;
pub use error::{CutError, GopTooLong};
pub use rung::{RungCutter, RungState};
pub use video::VideoCutter;

use crate::cmaf::chunk::PlacedSample;
use crate::media::{MediaTime, WallTime};

/// What a cutter has decided, in order.
#[derive(Debug, Clone)]
pub enum Cut {
    /// A segment begins here; the one before it, if any, is complete.
    Segment {
        /// Decode time of its first sample.
        at: MediaTime,
        /// Presentation time of the IDR that it begins with: by it the rungs find theirs.
        shows: MediaTime,
    },
    /// A part of the current segment is complete.
    Part(CutPart),
    /// A part of the current segment stays without media.
    Gap {
        /// Decode time of its beginning.
        start: MediaTime,
        /// Decode time of whatever follows.
        end: MediaTime,
    },
}

/// A whole part, ready to be written.
#[derive(Debug, Clone)]
pub struct CutPart {
    /// Decode time of the first sample.
    pub start: MediaTime,
    /// Decode time of whatever follows.
    pub end: MediaTime,
    /// At least one; their durations add up to `end - start`.
    pub samples: Vec<PlacedSample>,
}

impl CutPart {
    /// Whether it holds a frame at which a decoder can start.
    pub fn is_independent(&self) -> bool {
        self.samples.iter().any(|sample| sample.is_idr)
    }

    /// When the last to arrive of the source's frames that it shows was received; `None` if it shows none.
    pub fn received(&self) -> Option<WallTime> {
        self.samples.iter().filter_map(|sample| sample.received).max()
    }
}
