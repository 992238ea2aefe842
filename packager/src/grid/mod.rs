//! Millisecond stamps put back on the true grid of frames.
//!
//! ```text
//! Frame (encoder's ms clock) ──► VideoGrid | AudioGrid ──► Sample (exact ticks of the session's media time)
//! ```
//!
//! RTMP rounds every stamp to a millisecond, so a 29.97 fps frame lasts 33 or 34 of them. Used raw, `tfdt`
//! would wander and EXTINF would be wrong (SPEC 130, 140).

mod audio;
mod claims;
mod parts;
mod rate;
mod silence;
mod video;

pub use audio::AudioGrid;
pub(crate) use claims::RateClaims;
pub(crate) use parts::frame_ticks;
pub use parts::{AudioFill, AudioFrames, PartGrid};
pub use rate::{RateEstimate, timescale_for};
pub use video::VideoGrid;

use crate::media::{MediaTime, Timescale};

/// Where an encoder's clock stands on the session's media timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// A presentation stamp of the encoder's clock, in milliseconds.
    pub encoder_ms: i64,
    /// The media time of that stamp.
    pub media: MediaTime,
}

impl Origin {
    /// The media time of an encoder stamp, to the nearest tick of `timescale`.
    pub fn media_time(&self, encoder_ms: i64, timescale: Timescale) -> MediaTime {
        let since = MediaTime::from_millis(encoder_ms.saturating_sub(self.encoder_ms)).rescale(timescale);
        let base = self.media.rescale(timescale);
        MediaTime::new(base.ticks.saturating_add(since.ticks), timescale)
    }
}
