//! What is remembered of a frame while FFmpeg has it.

use std::collections::VecDeque;
use std::time::Instant;

use vitrine_packager::media::WallTime;

/// Bounded: frames inside a decoder, filters or an encoder. Full: the oldest is forgotten, and its picture with it.
const IN_FLIGHT: usize = 128;

/// A source frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    pub pts_ms: i64,
    /// Whether it is to be an IDR in the rungs.
    pub is_idr: bool,
    pub received: WallTime,
    /// When it came into the ladder.
    pub since: Instant,
}

/// Source frames on their way.
#[derive(Debug, Default)]
pub(super) struct Tags(VecDeque<Tag>);

impl Tags {
    /// A frame goes in.
    pub(super) fn remember(&mut self, tag: Tag) {
        self.0.push_back(tag);
        if self.0.len() > IN_FLIGHT {
            self.0.pop_front();
        }
    }

    /// The frame of that stamp comes out; frames come out in another order than they went in, so only this one is forgotten.
    pub(super) fn recall(&mut self, pts_ms: i64) -> Option<Tag> {
        let place = self.0.iter().position(|tag| tag.pts_ms == pts_ms)?;
        self.0.remove(place)
    }
}
