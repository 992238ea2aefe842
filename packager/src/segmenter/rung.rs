//! The other rungs of a ladder: cut exactly where the lead was cut.
//!
//! ```text
//! lead's cuts ──► planned parts ──┐
//! rung's samples ──► pending ─────┴─► the same parts and segments; gap parts where the rung has nothing
//! ```
//!
//! A rung's frames come later than the lead's by its encoder's delay, perhaps fewer of them, perhaps none for a while.
//! Its parts and segments are the lead's all the same, so that a viewer can change rungs at any of them (SPEC 141).

use std::collections::VecDeque;

use super::{Cut, CutPart};
use crate::cmaf::chunk::PlacedSample;
use crate::media::{MediaTime, Sample, Timescale};

/// Bounded: samples that wait for the lead to decide. Full: the newest is left out; a rung so far ahead of the lead
/// is of a lead that stands still, and whose absence ends the wait.
const PENDING_LIMIT: usize = 1024;
/// A rung that comes back has this much of the segment to bring its IDR; then the segment is a gap.
const RETURN_WAIT_MS: i64 = 1000;

/// Cuts one video rendition as another one was cut.
#[derive(Debug)]
pub struct RungCutter {
    timescale: Timescale,
    /// The lead's parts that are not cut here yet. Bounded by `patience`: beyond it, the oldest become gaps.
    plan: VecDeque<PlannedPart>,
    pending: VecDeque<Sample>,
    state: RungState,
    /// Ticks that a rung may lag behind the lead before it counts as stalled.
    patience: i64,
    /// Whether the next planned part is its segment's first.
    opens_next: bool,
}

#[derive(Debug, Clone, Copy)]
struct PlannedPart {
    start: i64,
    end: i64,
    opens_segment: bool,
    /// Whether the lead shows its next IDR early there, for want of frames.
    bridged: bool,
}

/// Whether a rung brings media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RungState {
    /// It does.
    Media,
    /// It does not, until its IDR stands at a segment's beginning.
    Returning,
    /// It does not, until it is told to return.
    Shed,
}

/// What the front of the plan becomes.
enum Verdict {
    /// It cannot be said yet.
    Wait,
    Media,
    Gap,
}

impl RungCutter {
    /// A cutter that lags behind the lead by at most `patience`; after it, gaps take the place of what is missing.
    pub fn new(timescale: Timescale, patience: MediaTime) -> Self {
        Self {
            timescale,
            plan: VecDeque::new(),
            pending: VecDeque::new(),
            state: RungState::Media,
            patience: patience.rescale(timescale).ticks,
            opens_next: false,
        }
    }

    /// Whether media are cut, or gaps.
    pub fn state(&self) -> RungState {
        self.state
    }

    /// No more samples come: what is there is cut, gaps follow.
    pub fn shed(&mut self, cuts: &mut Vec<Cut>) {
        self.drain(cuts);
        self.state = RungState::Shed;
    }

    /// Samples come again: from an IDR at one of the next segments' beginnings on, media are cut.
    pub fn restore(&mut self) {
        if self.state == RungState::Shed {
            self.state = RungState::Returning;
        }
    }

    /// Takes the next sample in decode order.
    pub fn push(&mut self, sample: Sample, cuts: &mut Vec<Cut>) {
        if self.state != RungState::Shed && self.pending.len() < PENDING_LIMIT {
            self.pending.push_back(sample);
            self.advance(cuts);
        }
    }

    /// Learns how the lead was cut.
    pub fn follow(&mut self, lead: &[Cut], cuts: &mut Vec<Cut>) {
        for cut in lead {
            let (start, end, bridged) = match cut {
                Cut::Segment { .. } | Cut::GapSegment { .. } => {
                    self.opens_next = true;
                    continue;
                }
                Cut::Part(part) => (
                    part.start,
                    part.end,
                    matches!(&part.samples[..], [one] if one.is_idr),
                ),
                Cut::Gap { start, end } => (*start, *end, false),
            };
            self.plan.push_back(PlannedPart {
                start: start.rescale(self.timescale).ticks,
                end: end.rescale(self.timescale).ticks,
                opens_segment: std::mem::take(&mut self.opens_next),
                bridged,
            });
        }
        self.advance(cuts);
    }

    /// Cuts everything that is planned, with gaps for what is missing: the encoder is away, the show is over, or no
    /// more samples come.
    pub fn drain(&mut self, cuts: &mut Vec<Cut>) {
        self.advance(cuts);
        while let Some(part) = self.plan.pop_front() {
            let has_media = self.state == RungState::Media && self.owned(part) > 0;
            let opens_lawfully = !part.opens_segment || self.begins_with_idr(part);
            if has_media && opens_lawfully {
                self.cut_media(part, cuts);
            } else {
                self.cut_gap(part, cuts);
            }
        }
        self.pending.clear();
    }

    fn advance(&mut self, cuts: &mut Vec<Cut>) {
        while let Some(part) = self.plan.front().copied() {
            match self.judge(part) {
                Verdict::Wait => return,
                Verdict::Media => self.cut_media(part, cuts),
                Verdict::Gap => self.cut_gap(part, cuts),
            }
            self.plan.pop_front();
        }
    }

    fn judge(&mut self, part: PlannedPart) -> Verdict {
        let lag = self.plan.back().map_or(0, |last| last.end - part.start);
        match self.state {
            RungState::Shed => Verdict::Gap,
            RungState::Returning if !part.opens_segment => Verdict::Gap,
            RungState::Returning => {
                self.forget_before(part.start);
                let patience = MediaTime::from_millis(RETURN_WAIT_MS)
                    .rescale(self.timescale)
                    .ticks;
                if self.begins_with_idr(part) {
                    self.judge_media(part, lag)
                } else if self.pending.is_empty() && lag <= patience.min(self.patience) {
                    Verdict::Wait
                } else {
                    Verdict::Gap
                }
            }
            RungState::Media
                if part.opens_segment && !self.pending.is_empty() && !self.begins_with_idr(part) =>
            {
                Verdict::Gap
            }
            RungState::Media => self.judge_media(part, lag),
        }
    }

    /// A part is whole when the sample after it is there, or its last one reaches its end.
    fn judge_media(&self, part: PlannedPart, lag: i64) -> Verdict {
        let owned = self.owned(part);
        let follows = self.pending.len() > owned;
        let reaches = owned
            .checked_sub(1)
            .and_then(|last| self.pending.get(last))
            .is_some_and(|last| {
                let nominal = self.nominal(last);
                last.dts.ticks + nominal + nominal / 4 >= part.end
            });
        if follows || reaches {
            Verdict::Media
        } else if lag > self.patience {
            Verdict::Gap
        } else {
            Verdict::Wait
        }
    }

    /// Pending samples that are decoded inside the part; a quarter frame is jitter.
    fn owned(&self, part: PlannedPart) -> usize {
        let inside = |sample: &&Sample| sample.dts.ticks < part.end - self.nominal(sample) / 4;
        self.pending.iter().take_while(inside).count()
    }

    fn begins_with_idr(&self, part: PlannedPart) -> bool {
        self.pending
            .front()
            .is_some_and(|first| first.is_idr && (first.dts.ticks < part.end || part.bridged))
    }

    /// Samples that belong to gaps are left out.
    fn forget_before(&mut self, start: i64) {
        while self
            .pending
            .front()
            .is_some_and(|first| first.dts.ticks < start - self.nominal(first) / 4)
        {
            self.pending.pop_front();
        }
    }

    fn cut_gap(&mut self, part: PlannedPart, cuts: &mut Vec<Cut>) {
        if self.state == RungState::Media {
            self.state = RungState::Returning;
        }
        if part.opens_segment {
            cuts.push(Cut::GapSegment {
                at: self.at(part.start),
            });
        }
        self.forget_before(part.end);
        cuts.push(Cut::Gap {
            start: self.at(part.start),
            end: self.at(part.end),
        });
    }

    fn cut_media(&mut self, part: PlannedPart, cuts: &mut Vec<Cut>) {
        self.state = RungState::Media;
        if part.opens_segment {
            cuts.push(Cut::Segment {
                at: self.at(part.start),
            });
        }
        let samples = self.take_samples(part);
        cuts.push(Cut::Part(CutPart {
            start: self.at(part.start),
            end: self.at(part.end),
            samples,
        }));
    }

    /// The part's own samples. Where a hole leaves it none, the next one is decoded early and shown in time, as in the
    /// lead; an IDR is only copied, since its own segment needs it too.
    fn take_samples(&mut self, part: PlannedPart) -> Vec<PlacedSample> {
        let owned = self.owned(part);
        let mut samples: Vec<Sample> = self.pending.drain(..owned).collect();
        if samples.is_empty() {
            let next = if self.pending.front().is_some_and(|next| next.is_idr) {
                self.pending.front().cloned()
            } else {
                self.pending.pop_front()
            };
            samples.extend(next);
        }
        // The first begins where the part does; decode times rise; the last lasts until the part's end.
        let mut starts = Vec::with_capacity(samples.len() + 1);
        for (index, sample) in samples.iter().enumerate() {
            let least = starts.last().map_or(part.start, |last: &i64| last + 1);
            starts.push(if index == 0 {
                part.start
            } else {
                sample.dts.ticks.max(least)
            });
        }
        starts.push(part.end);
        let place = |(sample, times): (Sample, &[i64])| {
            let (start, next) = match times {
                [start, next] => (*start, *next),
                _ => (part.start, part.end),
            };
            PlacedSample {
                duration_ticks: u32::try_from(next - start).unwrap_or(0),
                composition_ticks: i32::try_from(sample.pts.rescale(self.timescale).ticks - start)
                    .unwrap_or(0),
                is_idr: sample.is_idr,
                data: sample.data,
            }
        };
        samples.into_iter().zip(starts.windows(2)).map(place).collect()
    }

    fn nominal(&self, sample: &Sample) -> i64 {
        sample.nominal_duration.rescale(self.timescale).ticks.max(1)
    }

    fn at(&self, ticks: i64) -> MediaTime {
        MediaTime::new(ticks, self.timescale)
    }
}
