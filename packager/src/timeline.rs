//! The sliding window of one rendition: whole segments, the open one, and what is kept after it left the playlist.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::media::{MediaTime, WallTime};
use crate::playlist::RenderedPair;
use crate::playlist::iframe::IFramePlaylist;
use crate::playlist::media::MediaPlaylist;
use crate::playlist::tags::{self, Control};
use crate::request::Position;
use crate::snapshot::{MediaBody, RenditionSnapshot};

/// Apple's authoring rule 8.11: a live playlist lists at least six segments.
const FEWEST_LISTED: usize = 6;

/// A published part.
#[derive(Debug, Clone)]
pub struct Part {
    /// Counts the rendition's parts through the session.
    pub number: u64,
    /// Length in media time.
    pub duration: MediaTime,
    /// Its chunk; `None` if it stands for time in which the encoder was away.
    pub body: Option<MediaBody>,
}

/// A whole segment; never changes.
#[derive(Debug)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// Media time of its first sample.
    pub start: MediaTime,
    /// EXTINF.
    pub duration: MediaTime,
    /// Every part, in order; at least one.
    pub parts: Vec<Part>,
    /// Whether EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// Whether EXT-X-GAP applies to it: at least one of its parts is a gap.
    pub gap: bool,
    /// Number of its init section.
    pub init: u32,
    /// The chunks of its parts.
    pub body: MediaBody,
    /// Bytes from its beginning to the end of its first sample, if that is an IDR.
    pub i_frame_len: Option<u64>,
    pub(crate) lines: String,
    pub(crate) lines_with_parts: String,
}

impl Segment {
    /// Media time at which the next segment begins.
    pub fn end(&self) -> MediaTime {
        MediaTime::new(self.start.ticks + self.duration.ticks, self.start.timescale)
    }
}

/// The segment that parts are added to.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub msn: u64,
    pub start: MediaTime,
    pub parts: Vec<Part>,
    pub discontinuity: bool,
    pub gap: bool,
    pub init: u32,
    pub i_frame_len: Option<u64>,
    /// Its lines of the playlist so far.
    pub lines: String,
}

impl OpenSegment {
    pub(crate) fn end(&self) -> MediaTime {
        MediaTime::new(self.start.ticks + self.duration().ticks, self.start.timescale)
    }

    /// Length of its parts.
    pub(crate) fn duration(&self) -> MediaTime {
        let length = self.parts.iter().map(|part| part.duration.ticks).sum();
        MediaTime::new(length, self.start.timescale)
    }
}

/// What a session fixes for all of its timelines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimelineSettings {
    /// EXT-X-TARGETDURATION in seconds.
    pub target_duration_s: u32,
    /// EXT-X-PART-INF PART-TARGET.
    pub part_target: MediaTime,
    /// Seconds of media that the playlist lists.
    pub window_s: u32,
    /// PROGRAM-DATE-TIME of media time zero.
    pub anchor: WallTime,
}

/// One rendition's timeline.
#[derive(Debug)]
pub struct Timeline {
    settings: TimelineSettings,
    control: Control,
    inits: Arc<[MediaBody]>,
    /// Whole segments that may still be fetched, oldest first; the playlist lists those from `listed_from` on.
    segments: VecDeque<Arc<Segment>>,
    listed_from: usize,
    discontinuity_sequence: u64,
    open: Option<OpenSegment>,
    next_msn: u64,
    next_part: u64,
    ended: bool,
    /// `segments` as snapshots share it; made anew when a segment is completed.
    shared_segments: Arc<[Arc<Segment>]>,
    i_frames: IFrames,
}

/// The I-frame playlist of a timeline.
#[derive(Debug)]
enum IFrames {
    /// It has none: its rendition is not video.
    None,
    /// A segment came since it was rendered.
    Stale,
    Rendered(RenderedPair),
}

impl Timeline {
    /// An empty timeline.
    pub fn new(settings: TimelineSettings) -> Self {
        let TimelineSettings {
            target_duration_s,
            part_target,
            ..
        } = settings;
        Self {
            settings,
            control: Control {
                target_duration_s,
                part_target,
            },
            inits: Arc::default(),
            segments: VecDeque::new(),
            listed_from: 0,
            discontinuity_sequence: 0,
            open: None,
            next_msn: 0,
            next_part: 0,
            ended: false,
            shared_segments: Arc::default(),
            i_frames: IFrames::None,
        }
    }

    /// A timeline with an I-frame playlist beside its media playlist.
    #[must_use]
    pub fn with_i_frames(self) -> Self {
        Self {
            i_frames: IFrames::Stale,
            ..self
        }
    }

    /// Segments begun from now on need this init section.
    pub fn set_init(&mut self, init: Bytes) {
        let init = MediaBody::new([init]);
        if self.inits.last() != Some(&init) {
            self.inits = self.inits.iter().cloned().chain([init]).collect();
        }
    }

    /// Completes the open segment, which is returned, and begins the next at `start`.
    pub fn begin_segment(&mut self, start: MediaTime, discontinuity: bool) -> Option<Arc<Segment>> {
        let completed = self.complete_segment();
        let mut lines = String::with_capacity(512);
        tags::program_date_time(&mut lines, self.settings.anchor.plus_millis(start.millis()));
        let init = u32::try_from(self.inits.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let msn = self.next_msn;
        self.next_msn += 1;
        self.open = Some(OpenSegment {
            msn,
            start,
            parts: Vec::new(),
            discontinuity,
            gap: false,
            init,
            i_frame_len: None,
            lines,
        });
        completed
    }

    /// Whether the next part is its segment's first.
    pub fn opens_segment(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.parts.is_empty())
    }

    /// The open segment begins with an IDR, which ends so many bytes after the segment's beginning.
    pub fn set_i_frame_len(&mut self, bytes: u64) {
        if let Some(open) = &mut self.open {
            open.i_frame_len = Some(bytes);
        }
    }

    /// Adds a part of media to the open segment.
    pub fn add_part(&mut self, duration: MediaTime, independent: bool, body: Bytes) {
        self.add(duration, independent, Some(body));
    }

    /// Adds a part without media to the open segment.
    pub fn add_gap_part(&mut self, duration: MediaTime) {
        self.add(duration, false, None);
    }

    fn add(&mut self, duration: MediaTime, independent: bool, body: Option<Bytes>) {
        let Some(open) = &mut self.open else { return };
        let number = self.next_part;
        self.next_part += 1;
        let printed = tags::duration(duration, Some(self.settings.part_target));
        tags::part(&mut open.lines, number, &printed, independent, body.is_none());
        if body.is_none() && !std::mem::replace(&mut open.gap, true) {
            // 8216bis 6.2.1: EXT-X-GAP applies to a segment of which a part is a gap, and stands right behind the first.
            tags::gap(&mut open.lines);
        }
        open.parts.push(Part {
            number,
            duration,
            body: body.map(|chunk| MediaBody::new([chunk])),
        });
    }

    /// Makes a segment of the open one's parts, and lets old segments go.
    pub fn complete_segment(&mut self) -> Option<Arc<Segment>> {
        let open = self.open.take()?;
        if open.parts.is_empty() {
            // Nothing was published of it: its number is still free.
            self.next_msn = open.msn;
            return None;
        }
        let (end, duration) = (open.end(), open.duration());
        let printed = tags::duration(duration, None);
        let mut ending = String::new();
        tags::extinf(&mut ending, &printed, open.msn);
        let mut lines = String::with_capacity(128);
        tags::program_date_time(&mut lines, self.settings.anchor.plus_millis(open.start.millis()));
        if open.gap {
            tags::gap(&mut lines);
        }
        lines.push_str(&ending);
        let segment = Arc::new(Segment {
            msn: open.msn,
            start: open.start,
            duration,
            body: MediaBody::new(
                open.parts
                    .iter()
                    .filter_map(|part| part.body.as_ref()?.chunks.first().cloned()),
            ),
            parts: open.parts,
            discontinuity: open.discontinuity,
            gap: open.gap,
            init: open.init,
            i_frame_len: open.i_frame_len,
            lines,
            lines_with_parts: open.lines + &ending,
        });
        self.segments.push_back(segment.clone());
        self.slide(end);
        self.shared_segments = self.segments.iter().cloned().collect();
        self.i_frames.outdate();
        Some(segment)
    }

    /// 8216bis 6.2.2: the window slides by whole segments; a segment that left it stays fetchable for its own
    /// duration and that of the longest playlist that listed it.
    fn slide(&mut self, end: MediaTime) {
        let window_s = f64::from(self.settings.window_s);
        while self.segments.len() - self.listed_from > FEWEST_LISTED {
            let Some(oldest) = self.segments.get(self.listed_from) else {
                break;
            };
            if end.seconds() - oldest.end().seconds() < window_s {
                break;
            }
            self.discontinuity_sequence += u64::from(oldest.discontinuity);
            self.listed_from += 1;
        }
        let kept_s = 2.0 * (window_s + f64::from(2 * self.settings.target_duration_s));
        while self.listed_from > 0
            && self
                .segments
                .front()
                .is_some_and(|s| end.seconds() - s.end().seconds() > kept_s)
        {
            self.segments.pop_front();
            self.listed_from -= 1;
        }
    }

    /// Ends the playlist: no segment will follow.
    pub fn end(&mut self) {
        self.complete_segment();
        self.ended = true;
        self.i_frames.outdate();
    }

    /// The newest part's place, as rendition reports state it; `None` before the first part.
    pub fn last_position(&self) -> Option<Position> {
        let newest = |msn: u64, parts: &[Part]| {
            Some(Position {
                msn,
                part: Some(parts.len().checked_sub(1)? as u64),
            })
        };
        self.open
            .as_ref()
            .and_then(|open| newest(open.msn, &open.parts))
            .or_else(|| {
                self.segments
                    .back()
                    .and_then(|last| newest(last.msn, &last.parts))
            })
    }

    /// Media time at which the next part begins; `None` before the first segment.
    pub fn end_time(&self) -> Option<MediaTime> {
        self.open
            .as_ref()
            .map(OpenSegment::end)
            .or_else(|| self.segments.back().map(|last| last.end()))
    }

    /// Listed whole segments, oldest first.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.segments.iter().skip(self.listed_from).map(Arc::as_ref)
    }

    /// Media time at which the open segment began; `None` when there is none.
    pub fn open_start(&self) -> Option<MediaTime> {
        self.open.as_ref().map(|open| open.start)
    }

    /// Parts of the open segment; `None` when there is none.
    pub fn open_parts(&self) -> Option<usize> {
        self.open.as_ref().map(|open| open.parts.len())
    }

    /// What readers see from now on. Renders the playlists: called once for each change.
    pub fn snapshot(&mut self, reports: &[(String, Position)]) -> RenditionSnapshot {
        let playlist = MediaPlaylist {
            control: &self.control,
            discontinuity_sequence: self.discontinuity_sequence,
            segments: self.shared_segments.get(self.listed_from..).unwrap_or_default(),
            open: self.open.as_ref(),
            next_part: self.next_part,
            reports,
            ended: self.ended,
        };
        let media = RenderedPair::new(playlist.full(), playlist.delta());
        RenditionSnapshot {
            media,
            i_frames: self.render_i_frames(),
            part_target: self.settings.part_target,
            inits: self.inits.clone(),
            segments: self.shared_segments.clone(),
            open_msn: self.open_msn(),
            open_parts: self
                .open
                .as_ref()
                .map(|open| open.parts.clone())
                .unwrap_or_default(),
            next_part: self.next_part,
            ended: self.ended,
        }
    }

    fn render_i_frames(&mut self) -> Option<RenderedPair> {
        if matches!(self.i_frames, IFrames::Stale) {
            let playlist = IFramePlaylist {
                control: &self.control,
                discontinuity_sequence: self.discontinuity_sequence,
                segments: self.shared_segments.get(self.listed_from..).unwrap_or_default(),
                next_msn: self.open_msn(),
                ended: self.ended,
            };
            self.i_frames = IFrames::Rendered(RenderedPair::new(playlist.full(), playlist.delta()));
        }
        match &self.i_frames {
            IFrames::Rendered(pair) => Some(pair.clone()),
            IFrames::None | IFrames::Stale => None,
        }
    }

    fn open_msn(&self) -> u64 {
        self.open.as_ref().map_or(self.next_msn, |open| open.msn)
    }
}

impl IFrames {
    fn outdate(&mut self) {
        if !matches!(self, Self::None) {
            *self = Self::Stale;
        }
    }
}
