//! One rendition of a session: its track's cuts written as chunks onto its timeline.

use std::sync::Arc;

use bytes::Bytes;

use super::track::{Cutting, Track};
use crate::cmaf::BoxError;
use crate::cmaf::chunk::Chunk;
use crate::cmaf::emsg::{EventMessage, PartSpan};
use crate::media::{MediaTime, TrackKind, WallTime};
use crate::playlist::bandwidth::BandwidthMeter;
use crate::segmenter::{Cut, CutPart, RungState};
use crate::timeline::{Segment, Timeline, TimelineSettings};

/// Asked for the messages of each part of the renditions that carry them, as it is written.
pub type MessageSource<'a> = dyn FnMut(&PartSpan) -> Vec<EventMessage> + 'a;

/// A rendition, described for the channel's status.
#[derive(Debug, Clone, PartialEq)]
pub struct RenditionInfo {
    /// Its name, as in its URL.
    pub name: String,
    /// What it carries.
    pub kind: TrackKind,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Measured peak, bits per second; 0 before its first segment.
    pub bandwidth_bps: u64,
    /// Whether its frames are the source's own.
    pub passed_through: bool,
    /// Whether gaps stand in place of its media.
    pub shed: bool,
}

/// Parts whose arrivals are kept until readers see them.
const NEW_PARTS_LIMIT: usize = 64;

#[derive(Debug)]
pub(super) struct Rendition {
    pub name: String,
    pub passed_through: bool,
    pub track: Track,
    pub timeline: Timeline,
    pub meter: BandwidthMeter,
    /// Of the I-frame playlist.
    pub i_frame_meter: BandwidthMeter,
    /// Chunks written so far.
    chunks: u32,
    /// Whether the next segment begins after a break of the timeline.
    pub discontinuity: bool,
    pub changed: bool,
    /// Where its newest gap that the others do not have ends.
    last_gap: Option<MediaTime>,
    /// As the multivariant playlist has it.
    was_listed: bool,
    /// See [`RenditionUpdate::received`](super::RenditionUpdate::received).
    pub received: Vec<WallTime>,
}

impl Rendition {
    pub(super) fn new(
        name: String,
        passed_through: bool,
        track: Track,
        settings: TimelineSettings,
    ) -> Result<Self, BoxError> {
        let mut timeline = match track.kind() {
            TrackKind::Video => Timeline::new(settings).with_i_frames(),
            TrackKind::Audio => Timeline::new(settings),
        };
        timeline.set_init(track.init()?);
        Ok(Self {
            name,
            passed_through,
            track,
            timeline,
            meter: BandwidthMeter::new(settings.target_duration_s),
            i_frame_meter: BandwidthMeter::new(settings.target_duration_s),
            chunks: 0,
            discontinuity: false,
            changed: false,
            last_gap: None,
            was_listed: false,
            received: Vec::new(),
        })
    }

    /// Whether gaps stand in place of its media.
    pub(super) fn is_shed(&self) -> bool {
        match &self.track.cutting {
            Cutting::Rung(cutter) => cutter.state() != RungState::Media,
            _ => false,
        }
    }

    /// Whether new viewers may be led to it: its bandwidth is known, and as far back from the live edge as they may begin
    /// it has media wherever the others do. A rung that is shed is for its present viewers only, who leave it.
    pub(super) fn is_listed(&self, settings: &TimelineSettings) -> bool {
        let hold_back_s = f64::from(3 * settings.target_duration_s);
        let gap = self.last_gap.map(MediaTime::seconds);
        let end = self.timeline.end_time().map_or(0.0, MediaTime::seconds);
        self.meter.peak_bps() > 0 && !self.is_shed() && gap.is_none_or(|gap| end - gap >= hold_back_s)
    }

    /// From now on another encoder feeds it.
    pub(super) fn renew(&mut self, track: Track, init: Bytes, passed_through: bool) {
        self.track = track;
        self.passed_through = passed_through;
        self.timeline.set_init(init);
        self.complete_segment();
        self.discontinuity = true;
        self.last_gap = None;
    }

    /// Writes what was cut; `true` if the multivariant playlist has to be written anew: a segment was completed, or the
    /// rendition came or went.
    pub(super) fn write(
        &mut self,
        cuts: &[Cut],
        settings: &TimelineSettings,
        messages: &mut MessageSource<'_>,
    ) -> Result<bool, BoxError> {
        let mut completed = false;
        for cut in cuts {
            self.changed = true;
            match cut {
                Cut::Segment { at, .. } => completed |= self.begin_segment(*at),
                Cut::Part(part) => self.write_part(part, settings, messages)?,
                Cut::Gap { start, end } => {
                    let length = MediaTime::new(end.ticks - start.ticks, start.timescale);
                    self.timeline.add_gap_part(length);
                    self.last_gap = Some(*end);
                }
            }
        }
        let is_listed = self.is_listed(settings);
        Ok(completed | (std::mem::replace(&mut self.was_listed, is_listed) != is_listed))
    }

    fn begin_segment(&mut self, at: MediaTime) -> bool {
        let discontinuity = std::mem::take(&mut self.discontinuity);
        let segment = self.timeline.begin_segment(at, discontinuity);
        self.measure(segment)
    }

    fn write_part(
        &mut self,
        part: &CutPart,
        settings: &TimelineSettings,
        messages: &mut MessageSource<'_>,
    ) -> Result<(), BoxError> {
        let opens_segment = self.timeline.opens_segment();
        let span = PartSpan {
            start: part.start,
            end: part.end,
            opens_segment,
        };
        self.chunks = self.chunks.wrapping_add(1);
        let chunk = Chunk {
            sequence_number: self.chunks,
            opens_segment,
            decode_time: part.start,
            wall_time: settings.anchor.plus_millis(part.start.millis()),
            messages: &messages(&span),
            samples: &part.samples,
        };
        let chunk = chunk.encode()?;
        if opens_segment
            && self.track.kind() == TrackKind::Video
            && part.samples.first().is_some_and(|first| first.is_idr)
        {
            // The mdat ends the chunk, and the first sample begins it.
            let behind: usize = part.samples.iter().skip(1).map(|sample| sample.data.len()).sum();
            self.timeline
                .set_i_frame_len(chunk.len().saturating_sub(behind) as u64);
        }
        let duration = MediaTime::new(part.end.ticks - part.start.ticks, part.start.timescale);
        self.timeline.add_part(duration, part.is_independent(), chunk);
        let room = self.received.len() < NEW_PARTS_LIMIT;
        self.received.extend(part.received().filter(|_| room));
        Ok(())
    }

    pub(super) fn complete_segment(&mut self) {
        let segment = self.timeline.complete_segment();
        self.measure(segment);
    }

    fn measure(&mut self, segment: Option<Arc<Segment>>) -> bool {
        let Some(segment) = segment else { return false };
        if !segment.gap {
            let seconds = segment.duration.seconds();
            self.meter.add(segment.body.len, seconds);
            if let Some(bytes) = segment.i_frame_len {
                self.i_frame_meter.add(bytes, seconds);
            }
        }
        true
    }

    /// A gap part that ends at `until`.
    pub(super) fn add_gap(&mut self, until: MediaTime, opens_segment: bool) {
        let Some(end) = self.timeline.end_time() else {
            return;
        };
        if opens_segment {
            self.timeline.begin_segment(end, false);
        }
        let ticks = (until.rescale(end.timescale).ticks - end.ticks).max(1);
        self.timeline.add_gap_part(MediaTime::new(ticks, end.timescale));
        self.changed = true;
    }
}
