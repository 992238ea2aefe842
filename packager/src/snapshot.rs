//! What readers see of a rendition: an immutable snapshot, made after each part.

use std::sync::Arc;

use bytes::Bytes;

use crate::media::MediaTime;
use crate::playlist::{RenderedPair, RenderedPlaylist};
use crate::request::{Directives, MediaName, Position};
use crate::timeline::{Part, Segment};

/// 8216bis 6.2.5.2: a request may be at most two segments ahead of the last listed one.
const SEGMENTS_AHEAD: u64 = 2;

/// The bytes of a media resource: the same chunks that were published, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaBody {
    /// One for an init section or a part; one for each part of a segment.
    pub chunks: Arc<[Bytes]>,
    /// Sum of the chunks' lengths in bytes.
    pub len: u64,
}

impl MediaBody {
    /// The body that these chunks make.
    pub fn new(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let chunks: Arc<[Bytes]> = chunks.into_iter().collect();
        let len = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks, len }
    }
}

/// What a snapshot says of a media name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// Here it is.
    Found(MediaBody),
    /// The part that the playlist hints at: hold the request until the next snapshot (8216bis 6.2.6).
    Hinted,
    /// Listed as a gap, gone, or never heard of: 404.
    Unknown,
}

/// What a snapshot says of a playlist request (8216bis 6.2.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Answer with this.
    Ready(RenderedPlaylist),
    /// Not listed yet: ask the next snapshot.
    Wait,
    /// Further ahead than a client may ask: 400.
    TooFarAhead,
}

/// One rendition at one instant.
#[derive(Debug, Clone)]
pub struct RenditionSnapshot {
    pub(crate) media: RenderedPair,
    /// `None` if the rendition has no I-frame playlist.
    pub(crate) i_frames: Option<RenderedPair>,
    pub(crate) part_target: MediaTime,
    pub(crate) inits: Arc<[MediaBody]>,
    /// Whole segments that may be fetched, oldest first, without a hole in their numbers.
    pub(crate) segments: Arc<[Arc<Segment>]>,
    pub(crate) open_msn: u64,
    pub(crate) open_parts: Vec<Part>,
    pub(crate) next_part: u64,
    pub(crate) ended: bool,
}

impl RenditionSnapshot {
    /// The answer to a media playlist request at this instant.
    pub fn resolve(&self, directives: &Directives) -> Resolution {
        self.answer(&self.media, directives)
    }

    /// The answer to an I-frame playlist request; `None` if there is no such playlist. It lists whole segments only, so a
    /// request for a part waits for the segment.
    pub fn resolve_i_frames(&self, directives: &Directives) -> Option<Resolution> {
        let whole = |wanted: Position| Position { part: None, ..wanted };
        let directives = Directives {
            wait_for: directives.wait_for.map(whole),
            ..*directives
        };
        Some(self.answer(self.i_frames.as_ref()?, &directives))
    }

    fn answer(&self, playlist: &RenderedPair, directives: &Directives) -> Resolution {
        // 6.2.5.1, 6.2.5.2: after EXT-X-ENDLIST every directive is ignored.
        let ready = || {
            let delta = directives.skip.is_some() && !self.ended;
            let answer = if delta {
                playlist.update(directives.wait_for)
            } else {
                &playlist.full
            };
            Resolution::Ready(answer.clone())
        };
        match directives.wait_for {
            Some(wanted) if !self.ended => match self.stage(wanted) {
                Stage::Listed => ready(),
                Stage::Ahead => Resolution::Wait,
                Stage::TooFar => Resolution::TooFarAhead,
            },
            _ => ready(),
        }
    }

    fn stage(&self, wanted: Position) -> Stage {
        let Position { msn, part } = wanted;
        let open_parts = self.open_parts.len() as u64;
        // `open_msn` is one ahead of the last listed whole segment.
        if msn > self.open_msn.saturating_add(SEGMENTS_AHEAD - 1) {
            return Stage::TooFar;
        }
        let Some(part) = part else {
            return if msn < self.open_msn {
                Stage::Listed
            } else {
                Stage::Ahead
            };
        };
        if msn < self.open_msn {
            // 6.2.5.2: an index past the segment's last part means part 0 of the next segment.
            let inside = self
                .segment(msn)
                .is_none_or(|segment| part < segment.parts.len() as u64);
            let listed = inside || msn + 1 < self.open_msn || open_parts > 0;
            return if listed { Stage::Listed } else { Stage::Ahead };
        }
        let counted = if msn == self.open_msn { open_parts } else { 0 };
        if part < counted {
            Stage::Listed
        } else if part - counted >= self.advance_part_limit() {
            // The last listed part is one before `counted`, so this is beyond it by more than the limit.
            Stage::TooFar
        } else {
            Stage::Ahead
        }
    }

    /// 6.2.5.2: how many parts a request may be ahead.
    fn advance_part_limit(&self) -> u64 {
        let part_target = self.part_target.seconds();
        if part_target < 1.0 {
            (3.0 / part_target).ceil() as u64
        } else {
            3
        }
    }

    /// The bytes behind a media name at this instant.
    pub fn lookup(&self, name: MediaName) -> Lookup {
        let found = match name {
            MediaName::Init(number) => usize::try_from(number)
                .ok()
                .and_then(|number| self.inits.get(number))
                .cloned(),
            MediaName::Part(number) if number == self.next_part && !self.ended => return Lookup::Hinted,
            MediaName::Part(number) => self.part(number).and_then(|part| part.body.clone()),
            MediaName::Segment(msn) => self
                .segment(msn)
                .filter(|segment| !segment.gap)
                .map(|segment| segment.body.clone()),
        };
        found.map_or(Lookup::Unknown, Lookup::Found)
    }

    /// Whether the playlist ends with EXT-X-ENDLIST.
    pub fn ended(&self) -> bool {
        self.ended
    }

    fn segment(&self, msn: u64) -> Option<&Segment> {
        let first = self.segments.first()?.msn;
        let index = usize::try_from(msn.checked_sub(first)?).ok()?;
        self.segments.get(index).map(Arc::as_ref)
    }

    fn part(&self, number: u64) -> Option<&Part> {
        let within = |parts: &[Part]| -> Option<usize> {
            usize::try_from(number.checked_sub(parts.first()?.number)?).ok()
        };
        if let Some(part) = within(&self.open_parts).and_then(|index| self.open_parts.get(index)) {
            return Some(part);
        }
        let first_of = |segment: &Arc<Segment>| segment.parts.first().map_or(0, |part| part.number);
        let after = self
            .segments
            .partition_point(|segment| first_of(segment) <= number);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        within(&segment.parts).and_then(|index| segment.parts.get(index))
    }
}

enum Stage {
    Listed,
    Ahead,
    TooFar,
}
