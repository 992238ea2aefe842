//! An encoder that goes away and comes back; the end of the show.

use bytes::Bytes;

use super::error::{PushError, ResumeError};
use super::rendition::{MessageSource, Rendition};
use super::track::{Cutting, Parameters, Track, TrackPlan};
use super::{Presentation, SourceClock, carried, whole_part};
use crate::codec::VideoFacts;
use crate::grid::{Origin, RateClaims, RateEstimate, timescale_for};
use crate::media::{Frame, FrameRate, MediaTime, RenditionId, Timescale, TrackConfig, WallTime};
use crate::opening::{RenditionConfig, video_rates};
use crate::startup::claims;

/// An encoder whose first frame was received so soon behind the end of the media goes on there: about a frame of video and one of audio.
const SEAM_S: f64 = 0.05;

/// A rendition's track as a returned encoder makes it.
struct Renewed {
    track: Track,
    init: Bytes,
    passed_through: bool,
}

impl Presentation {
    /// The encoder went away: what is open is closed, and [`fill_gap`](Self::fill_gap) keeps the cadence. All frames that
    /// were on their way through the ladder must have been pushed.
    ///
    /// # Errors
    /// A part that could not be written; the encoder is away all the same.
    pub fn encoder_lost(&mut self, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        if self.away {
            return Ok(());
        }
        let closed = self.close_open(messages);
        for rendition in &mut self.renditions {
            rendition.complete_segment();
            rendition.changed = true;
        }
        // The segments that were closed here count for BANDWIDTH like any other (SPEC 111).
        self.multivariant_changed = true;
        self.away = true;
        closed
    }

    /// Closes what is open in every rendition, at the lead's end.
    fn close_open(&mut self, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        let mut lead_cuts = Vec::new();
        if let Some(lead) = self.renditions.get_mut(self.lead) {
            match &mut lead.track.cutting {
                Cutting::Lead(cutter) => cutter.flush(&mut lead_cuts),
                Cutting::Audio { cutter, .. } => cutter.flush(&mut lead_cuts),
                Cutting::Rung(_) => {}
            }
            lead.write(&lead_cuts, &self.settings, messages)?;
        }
        if self.lead_decided_until().is_some() {
            self.follow_lead(&lead_cuts, messages)?;
            self.drain_followers(messages)?;
        }
        Ok(())
    }

    /// Brings every rendition to the lead's end: gaps where a rung has nothing, silence where the audio fell behind.
    fn drain_followers(&mut self, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        let Some(end) = self.lead_decided_until() else {
            return Ok(());
        };
        let last_segment = self
            .renditions
            .get(self.lead)
            .and_then(|lead| lead.timeline.open_start());
        for index in (0..self.renditions.len()).filter(|index| *index != self.lead) {
            let carries = self.carries_messages(index);
            let Some(rendition) = self.renditions.get_mut(index) else {
                continue;
            };
            let mut cuts = Vec::new();
            match &mut rendition.track.cutting {
                Cutting::Lead(_) => {}
                Cutting::Rung(cutter) => cutter.drain(&mut cuts),
                Cutting::Audio { grid, cutter, .. } => {
                    // However short the last segment is, audio has a frame in it, and so the segment too.
                    let until = last_segment.map_or(end, |start| end.max(grid.frame_after(start)));
                    cutter.follow(&[], until, &mut cuts);
                    grid.fill_until(until, |sample| cutter.push(sample, &mut cuts));
                    cutter.flush(&mut cuts);
                }
            }
            rendition.write(&cuts, &self.settings, &mut carried(carries, messages))?;
        }
        Ok(())
    }

    /// Adds the gap parts and segments (EXT-X-GAP) that are due by `now` (SPEC 27, 28, 87).
    pub fn fill_gap(&mut self, now: WallTime) {
        if self.away {
            let until = MediaTime::from_millis(now.millis_since(self.settings.anchor));
            self.extend_gap(until, false);
        }
    }

    /// Gap parts of whole length up to `until`; with `exactly`, a last one that ends there.
    ///
    /// The lead leads here too, and the others' gap parts and segments end where its do: audio overlaps its last video
    /// by up to a frame, and would else come to another number of segments (SPEC 126).
    fn extend_gap(&mut self, until: MediaTime, exactly: bool) {
        let part_s = self.whole_part.seconds();
        let parts_in_segment = (f64::from(self.settings.target_duration_s) / part_s + 1e-6)
            .floor()
            .max(1.0) as usize;
        loop {
            let lead = self.renditions.get(self.lead).map(|lead| &lead.timeline);
            let Some((lead, end)) = lead.and_then(|lead| Some((lead, lead.end_time()?))) else {
                return;
            };
            let timescale = end.timescale;
            let part_ticks = ((part_s * f64::from(timescale.get())).round() as i64).max(1);
            let due = until.rescale(timescale).ticks - end.ticks;
            if due <= 0 || (due < part_ticks && !exactly) {
                return;
            }
            let opens_segment = lead.open_parts().is_none_or(|parts| parts >= parts_in_segment);
            let part_end = MediaTime::new(end.ticks + part_ticks.min(due), timescale);
            for rendition in &mut self.renditions {
                rendition.add_gap(part_end, opens_segment);
            }
        }
    }

    /// The encoder is back, or another takes its place, `first` its first IDR: the timeline goes on where the wall clock stood when that was
    /// received, after a discontinuity of all renditions (SPEC 88); or just where it ended, if that is hardly before. A gap,
    /// however short, makes players wait. `source` are the encoder's tracks, `renditions` the session's
    /// renditions anew, in the order of their ids. Push the frames next, `first` among them.
    ///
    /// # Errors
    /// [`ResumeError`]; the session is then as before, and can only be ended.
    pub fn resume(
        &mut self,
        source: &[TrackConfig],
        renditions: &[RenditionConfig],
        first: &Frame,
    ) -> Result<MediaTime, ResumeError> {
        let (estimate, claims) = self.returning_rate(source)?;
        let source_rate = estimate.map(|estimate| estimate.rate);
        let wall = MediaTime::from_millis(first.received.millis_since(self.settings.anchor));
        // Else every rendition gets a gap, if only of a millisecond, so that all of them have the same segments.
        let after =
            |end: MediaTime| MediaTime::new(end.ticks + i64::from(end.timescale.get()) / 1000, end.timescale);
        let seam = self.seam(wall, source_rate.map(timescale_for));
        let at = seam.unwrap_or_else(|| self.end_time().map_or(wall, |end| after(end).max(wall)));
        let timescale = source_rate.map_or(at.timescale, timescale_for);
        let start = at.rescale(timescale);
        let origin = Origin {
            encoder_ms: first.pts_ms,
            media: start,
        };
        let plan = TrackPlan {
            settings: self.settings,
            parts: self.parts,
            whole_part: self.returning_part(renditions, source_rate, origin)?,
            origin,
            source_rate: estimate,
            leads: false,
            seam: None,
        };
        let renewed = self.renewed_tracks(renditions, plan, seam.is_some())?;
        if seam.is_none() {
            self.extend_gap(at, true);
        }
        for (rendition, renewed) in self.renditions.iter_mut().zip(renewed) {
            rendition.renew(renewed.track, renewed.init, renewed.passed_through);
        }
        self.whole_part = plan.whole_part;
        self.source = SourceClock::new(plan.origin, estimate, claims);
        self.away = false;
        self.multivariant_changed = true;
        Ok(at)
    }

    /// Where the lead's media ended, if the timeline can go on just there at `wall`: no gap has begun, all renditions ended together, and
    /// the lead goes on in `timescale`, which is its own.
    fn seam(&self, wall: MediaTime, timescale: Option<Timescale>) -> Option<MediaTime> {
        let lead = &self.renditions.get(self.lead)?.timeline;
        let end = lead.end_time()?;
        let soon = wall.seconds() - end.seconds() < SEAM_S;
        let lasts =
            lead.open_parts().is_none() && timescale.is_none_or(|timescale| timescale == end.timescale);
        let together = |rendition: &Rendition| {
            let own = rendition.timeline.end_time();
            own.is_some_and(|own| match &rendition.track.parameters {
                Parameters::Video(_) => own == end,
                // SPEC 144: to the next whole frame.
                Parameters::Audio(audio) => {
                    let frame_s =
                        f64::from(audio.facts.frame_samples) / f64::from(audio.facts.sample_rate_hz);
                    (0.0..=frame_s).contains(&(own.seconds() - end.seconds()))
                }
            })
        };
        (soon && lasts && self.renditions.iter().all(together)).then_some(end)
    }

    /// `seamless`: each goes on where its media ended.
    fn renewed_tracks(
        &self,
        renditions: &[RenditionConfig],
        plan: TrackPlan,
        seamless: bool,
    ) -> Result<Vec<Renewed>, ResumeError> {
        if renditions.len() != self.renditions.len() {
            return Err(ResumeError::OtherTracks);
        }
        let pairs = self.renditions.iter().zip(renditions).enumerate();
        pairs
            .map(|(index, (before, config))| {
                let leads = index == self.lead;
                let seam = before.timeline.end_time().filter(|_| seamless);
                self.renewed(before, config, &TrackPlan { leads, seam, ..plan })
            })
            .collect()
    }

    fn renewed(
        &self,
        before: &Rendition,
        config: &RenditionConfig,
        plan: &TrackPlan,
    ) -> Result<Renewed, ResumeError> {
        let track = Track::new(config, plan)?;
        let same = match (&before.track.parameters, &track.parameters) {
            (Parameters::Video(_), Parameters::Video(_)) => true,
            // The audio's timescale is its sample rate, and a constant of the session.
            (Parameters::Audio(before), Parameters::Audio(after)) => {
                before.facts.sample_rate_hz == after.facts.sample_rate_hz
            }
            _ => false,
        };
        if !same {
            return Err(ResumeError::OtherTracks);
        }
        Ok(Renewed {
            init: track.init()?,
            passed_through: config.passed_through,
            track,
        })
    }

    /// The frame rate of a source that came back: what it was, unless the source claims another than before. A claim that
    /// its stamps had disproved is no better now.
    fn returning_rate(
        &self,
        source: &[TrackConfig],
    ) -> Result<(Option<RateEstimate>, RateClaims), ResumeError> {
        let SourceClock {
            video: before,
            claims: claimed,
            ..
        } = self.source;
        let video = source.iter().find_map(|track| match track {
            TrackConfig::Video(config) => Some(config),
            TrackConfig::Audio(_) => None,
        });
        match (video, before) {
            (Some(config), Some(before)) => {
                let claims = claims(config, &VideoFacts::read(config)?);
                let news = claims.changed_since(claimed);
                let estimate = news.map_or(before, |rate| RateEstimate { rate, constant: true });
                Ok((Some(estimate), claims.or(claimed)))
            }
            (None, None) => Ok((None, claimed)),
            _ => Err(ResumeError::OtherTracks),
        }
    }

    /// Length of the lead's parts from now on.
    fn returning_part(
        &self,
        renditions: &[RenditionConfig],
        source: Option<FrameRate>,
        origin: Origin,
    ) -> Result<MediaTime, ResumeError> {
        let lead = RenditionId(u16::try_from(self.lead).unwrap_or(0));
        let rates = video_rates(renditions, lead, source);
        let Some((rate, others)) = rates.split_first() else {
            return Ok(whole_part(self.parts, 0, None, origin));
        };
        if !self.parts.takes(*rate) {
            return Err(ResumeError::OtherRate);
        }
        let frames = self.parts.video_frames_at(*rate, others);
        Ok(whole_part(self.parts, frames, Some(*rate), origin))
    }

    /// Ends the show: every playlist gets EXT-X-ENDLIST.
    pub fn end(&mut self, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        let flushed = self.encoder_lost(messages);
        for rendition in &mut self.renditions {
            rendition.complete_segment();
            rendition.timeline.end();
            rendition.changed = true;
        }
        flushed
    }
}
