//! The renditions of a session together: aligned cuts, gaps and discontinuities for all, rendition reports.
//!
//! ```text
//! Frame ──► grid ──► Sample ──► cutter ──► Cut ──► chunk ──► Timeline ──► RenditionSnapshot
//!                   the lead's cuts ──► the other rungs' and the audio's cutters
//! ```
//!
//! One rendition leads: its frames decide where parts and segments are cut, and all others are cut there too.

mod away;
mod error;
mod rendition;
mod track;
mod variants;

pub use error::{PushError, ResumeError};
pub use rendition::{MessageSource, RenditionInfo};

use crate::captions::Captions;
use crate::cmaf::emsg::EventMessage;
use crate::cmaf::emsg::PartSpan;
use crate::grid::{Origin, PartGrid, RateClaims, RateEstimate, frame_ticks};
use crate::media::{Frame, FrameRate, MediaTime, RenditionId, Timescale, TrackKind, WallTime};
use crate::opening::{Renditions, video_rates};
use crate::request::Position;
use crate::segmenter::Cut;
use crate::snapshot::RenditionSnapshot;
use crate::startup::StartError;
use crate::timeline::TimelineSettings;
use rendition::Rendition;
use track::{Cutting, Parameters, Track, TrackPlan};

/// Audio this far behind the video has stopped: silence takes its place, so that viewers play on.
const AUDIO_LAG_LIMIT_S: f64 = 3.0;

/// Segments of the lead that are waited for until the rungs are in step with it.
const SEGMENTS_TO_CATCH_UP: usize = 3;

/// A rendition that changed, and what its readers see from now on.
#[derive(Debug)]
pub struct RenditionUpdate {
    /// Its name, as in its URL.
    pub name: String,
    /// The new snapshot.
    pub snapshot: RenditionSnapshot,
    /// For each part that is new in it and shows frames of the source: when the last to arrive of them was received. Bounded:
    /// 64. Full: further parts are not told of.
    pub received: Vec<WallTime>,
}

/// One session's renditions.
#[derive(Debug)]
pub struct Presentation {
    settings: TimelineSettings,
    parts: PartGrid,
    /// Length of every part of the lead but a segment's last.
    whole_part: MediaTime,
    /// By id.
    renditions: Vec<Rendition>,
    lead: usize,
    source: SourceClock,
    away: bool,
    multivariant_changed: bool,
    /// Of the lead; every rung has the same.
    captions: Captions,
}

/// Where the source's clock stands on the media timeline, and how far its frames have come.
#[derive(Debug, Clone, Copy)]
struct SourceClock {
    origin: Origin,
    /// The source video's rate; `None` without video.
    video: Option<RateEstimate>,
    /// What the source claimed when that rate was found.
    claims: RateClaims,
    /// Presentation minus decode stamp of its first IDR.
    reorder_ms: Option<i64>,
    /// Media time of the frame that is received next.
    edge: MediaTime,
}

impl Presentation {
    pub(crate) fn new(
        settings: TimelineSettings,
        parts: PartGrid,
        origin: Origin,
        video: Option<(RateEstimate, RateClaims)>,
        renditions: Renditions,
    ) -> Result<Self, StartError> {
        let (video, claims) = (video.map(|(rate, _)| rate), video.map(|(_, claims)| claims));
        let lead = usize::from(renditions.lead.0);
        let rates = video_rates(
            &renditions.all,
            renditions.lead,
            video.map(|estimate| estimate.rate),
        );
        let plan = TrackPlan {
            settings,
            parts,
            whole_part: whole_part(parts, parts.video_frames, rates.first().copied(), origin),
            origin,
            source_rate: video,
            leads: false,
            seam: None,
        };
        let mut all = Vec::with_capacity(renditions.all.len());
        for (index, config) in renditions.all.into_iter().enumerate() {
            let leads = index == lead;
            let track = Track::new(&config, &TrackPlan { leads, ..plan })?;
            all.push(Rendition::new(
                config.name,
                config.passed_through,
                track,
                settings,
            )?);
        }
        Ok(Self {
            settings,
            parts,
            whole_part: plan.whole_part,
            renditions: all,
            lead,
            source: SourceClock::new(origin, video, claims.unwrap_or_default()),
            away: false,
            multivariant_changed: false,
            captions: Captions::default(),
        })
    }

    /// The rendition that carries the source's own track of that kind.
    pub fn passed_through(&self, kind: TrackKind) -> Option<RenditionId> {
        let found = self
            .renditions
            .iter()
            .position(|rendition| rendition.passed_through && rendition.track.kind() == kind)?;
        u16::try_from(found).ok().map(RenditionId)
    }

    /// Notes that the source's next frame was received, before it comes out of the ladder: an event that names no time
    /// stands at the frame after it.
    pub fn source_frame(&mut self, frame: &Frame) {
        self.source.note(frame);
    }

    /// Takes the next frame of a rendition. Ignored while the encoder is away.
    pub fn push(
        &mut self,
        id: RenditionId,
        frame: &Frame,
        messages: &mut MessageSource<'_>,
    ) -> Result<(), PushError> {
        let index = usize::from(id.0);
        if self.away {
            return Ok(());
        }
        if index == self.lead {
            self.source.note(frame);
        }
        let carries = self.carries_messages(index);
        let Some(rendition) = self.renditions.get_mut(index) else {
            return Ok(());
        };
        if index == self.lead
            && let Parameters::Video(video) = &rendition.track.parameters
        {
            self.multivariant_changed |= self.captions.note(video.config.codec, &frame.data);
        }
        let mut cuts = Vec::new();
        rendition.track.push(frame, &mut cuts)?;
        self.multivariant_changed |=
            rendition.write(&cuts, &self.settings, &mut carried(carries, messages))?;
        if index == self.lead {
            self.follow_lead(&cuts, messages)?;
        }
        Ok(())
    }

    /// Cuts all others where the lead was cut.
    fn follow_lead(&mut self, lead_cuts: &[Cut], messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        let Some(decided_until) = self.lead_decided_until() else {
            return Ok(());
        };
        for index in (0..self.renditions.len()).filter(|index| *index != self.lead) {
            let carries = self.carries_messages(index);
            let Some(rendition) = self.renditions.get_mut(index) else {
                continue;
            };
            let mut cuts = Vec::new();
            match &mut rendition.track.cutting {
                Cutting::Lead(_) => {}
                Cutting::Rung(cutter) => cutter.follow(lead_cuts, &mut cuts),
                Cutting::Audio {
                    grid,
                    cutter,
                    missing,
                } => {
                    cutter.follow(lead_cuts, decided_until, &mut cuts);
                    *missing |= decided_until.seconds() - cutter.end().seconds() > AUDIO_LAG_LIMIT_S;
                    if *missing {
                        grid.fill_until(decided_until, |sample| cutter.push(sample, &mut cuts));
                    }
                }
            }
            self.multivariant_changed |=
                rendition.write(&cuts, &self.settings, &mut carried(carries, messages))?;
        }
        Ok(())
    }

    /// A rung brings no more media: gaps take their place, and new viewers are not led there.
    pub fn shed(&mut self, id: RenditionId, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        let Some(rendition) = self.renditions.get_mut(usize::from(id.0)) else {
            return Ok(());
        };
        let mut cuts = Vec::new();
        if let Cutting::Rung(cutter) = &mut rendition.track.cutting {
            cutter.shed(&mut cuts);
            rendition.write(&cuts, &self.settings, messages)?;
            self.multivariant_changed = true;
        }
        Ok(())
    }

    /// A rung that was shed brings media again: from an IDR at the beginning of one of the next segments on.
    pub fn restore(&mut self, id: RenditionId) {
        if let Some(rendition) = self.renditions.get_mut(usize::from(id.0))
            && let Cutting::Rung(cutter) = &mut rendition.track.cutting
        {
            cutter.restore();
        }
    }

    /// SPEC 163: messages ride in the video, and in the audio only when there is no video.
    fn carries_messages(&self, index: usize) -> bool {
        let kind = |index: usize| self.renditions.get(index).map(|rendition| rendition.track.kind());
        kind(index) == kind(self.lead)
    }

    fn lead_decided_until(&self) -> Option<MediaTime> {
        match &self.renditions.get(self.lead)?.track.cutting {
            Cutting::Lead(cutter) => Some(cutter.decided_until()),
            Cutting::Audio { cutter, .. } => Some(cutter.end()),
            Cutting::Rung(_) => None,
        }
    }

    /// Whether every rendition has a whole segment, and the rungs have caught up with the lead after the burst of the first
    /// group of pictures, so that players may be let in (SPEC 56, 77). A rung that does not catch up holds nobody back for long.
    pub fn is_live(&self) -> bool {
        let lead = self.renditions.get(self.lead).map(|lead| &lead.timeline);
        let is_patient = lead.is_some_and(|lead| lead.listed().nth(SEGMENTS_TO_CATCH_UP).is_none());
        let end_s = lead
            .and_then(|lead| lead.end_time())
            .map_or(0.0, MediaTime::seconds);
        let part_s = self.settings.part_target.seconds();
        self.renditions.iter().all(|rendition| {
            let behind_s = rendition.timeline.end_time().map(|end| end_s - end.seconds());
            let in_step = rendition.is_shed() || behind_s.is_some_and(|behind_s| behind_s < 1.5 * part_s);
            rendition.timeline.listed().next().is_some() && (in_step || !is_patient)
        })
    }

    /// Media time of the next frame to come: "now", for an event that the camera sees now.
    pub fn live_edge(&self) -> MediaTime {
        let end = self.end_time().unwrap_or(MediaTime::from_millis(0));
        let has_video = matches!(
            self.renditions.get(self.lead).map(|lead| &lead.track.cutting),
            Some(Cutting::Lead(_))
        );
        if self.away || !has_video {
            end
        } else {
            end.max(self.source.edge)
        }
    }

    /// Media time up to which parts are written in every rendition that carries messages: the furthest of them, since
    /// all others are cut at the same instants and must carry the same messages.
    pub fn written_until(&self) -> Option<MediaTime> {
        self.renditions
            .iter()
            .enumerate()
            .filter(|(index, _)| self.carries_messages(*index))
            .filter_map(|(_, rendition)| rendition.timeline.end_time())
            .max()
    }

    /// Media time at which the next part begins in the rendition that is furthest ahead.
    fn end_time(&self) -> Option<MediaTime> {
        self.renditions
            .iter()
            .filter_map(|rendition| rendition.timeline.end_time())
            .max()
    }

    /// PROGRAM-DATE-TIME of a media time.
    pub fn wall_time(&self, at: MediaTime) -> WallTime {
        self.settings.anchor.plus_millis(at.millis())
    }

    /// The constants that every timeline of the session shares.
    pub fn settings(&self) -> &TimelineSettings {
        &self.settings
    }

    /// New snapshots of the renditions that changed since the last call.
    pub fn take_updates(&mut self) -> Vec<RenditionUpdate> {
        let positions: Vec<(String, Position)> = self
            .renditions
            .iter()
            .filter_map(|rendition| Some((rendition.name.clone(), rendition.timeline.last_position()?)))
            .collect();
        let mut updates = Vec::new();
        for rendition in self.renditions.iter_mut().filter(|rendition| rendition.changed) {
            rendition.changed = false;
            let others: Vec<_> = positions
                .iter()
                .filter(|(name, _)| *name != rendition.name)
                .cloned()
                .collect();
            updates.push(RenditionUpdate {
                name: rendition.name.clone(),
                snapshot: rendition.timeline.snapshot(&others),
                received: std::mem::take(&mut rendition.received),
            });
        }
        updates
    }
}

/// Length of `frames` frames of a lead of `rate`, in the timescale of `origin`; PART-TARGET without video.
fn whole_part(parts: PartGrid, frames: u32, rate: Option<FrameRate>, origin: Origin) -> MediaTime {
    let timescale = origin.media.timescale;
    match rate {
        Some(rate) => MediaTime::new(i64::from(frames.max(1)) * frame_ticks(rate, timescale), timescale),
        None => parts.part_target,
    }
}

impl SourceClock {
    fn new(origin: Origin, video: Option<RateEstimate>, claims: RateClaims) -> Self {
        Self {
            origin,
            video,
            claims,
            reorder_ms: None,
            edge: origin.media,
        }
    }

    /// The edge is a frame after the newest one, on the grid of decode times, as the lead is cut.
    fn note(&mut self, frame: &Frame) {
        let Some(estimate) = self.video.filter(|_| frame.track == TrackKind::Video) else {
            return;
        };
        if self.reorder_ms.is_none() && frame.is_idr {
            self.reorder_ms = Some(frame.pts_ms - frame.dts_ms);
        }
        let Some(reorder_ms) = self.reorder_ms else { return };
        let timescale = self.timescale();
        let stamp = self
            .origin
            .media_time(frame.dts_ms.saturating_add(reorder_ms), timescale)
            .ticks;
        let tick = frame_ticks(estimate.rate, timescale);
        let start = self.origin.media.rescale(timescale).ticks;
        let next = if estimate.constant {
            start + ((stamp - start + tick / 2).div_euclid(tick) + 1) * tick
        } else {
            stamp + 1
        };
        self.edge = self.edge.max(MediaTime::new(next, timescale));
    }

    fn timescale(&self) -> Timescale {
        self.origin.media.timescale
    }
}

/// The messages for a rendition that carries them; none for another.
fn carried<'a>(
    carries: bool,
    messages: &'a mut MessageSource<'_>,
) -> impl FnMut(&PartSpan) -> Vec<EventMessage> + 'a {
    move |span| if carries { messages(span) } else { Vec::new() }
}
