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
/// The lead's IDR and a rung's are the same source frame if their times are no further apart. Rounding, and a lead with
/// fewer frames, put them on neighbouring lines; two IDRs at which segments begin are always further apart.
const SAME_IDR_MS: i64 = 100;

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
    /// If the next planned part is its segment's first: presentation time of the IDR there.
    opening: Option<i64>,
    /// Where the segment began that is being cut: nothing of it is shown before (SPEC 137).
    segment_start: i64,
}

#[derive(Debug, Clone, Copy)]
struct PlannedPart {
    start: i64,
    end: i64,
    /// If it is its segment's first: presentation time of the IDR that the segment begins with.
    opening: Option<i64>,
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
            opening: None,
            segment_start: i64::MIN,
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
            let (start, end) = match cut {
                Cut::Segment { shows, .. } => {
                    self.opening = Some(self.ticks(*shows));
                    continue;
                }
                Cut::Part(part) => (part.start, part.end),
                Cut::Gap { start, end } => (*start, *end),
            };
            self.plan.push_back(PlannedPart {
                start: self.ticks(start),
                end: self.ticks(end),
                opening: self.opening.take(),
            });
        }
        self.advance(cuts);
    }

    /// Cuts everything that is planned, with gaps for what is missing: the encoder is away, the show is over, or no
    /// more samples come.
    pub fn drain(&mut self, cuts: &mut Vec<Cut>) {
        self.advance(cuts);
        while let Some(part) = self.plan.front().copied() {
            let begins = match part.opening {
                Some(idr) => self.begins_with(idr),
                None => self.state == RungState::Media,
            };
            if begins && self.owned(part) > 0 {
                self.cut_media(part, cuts);
            } else {
                self.cut_gap(part, cuts);
            }
            self.plan.pop_front();
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
        let Some(idr) = part.opening else {
            return match self.state {
                RungState::Media => self.judge_media(part, lag),
                RungState::Returning | RungState::Shed => Verdict::Gap,
            };
        };
        if self.state == RungState::Shed {
            return Verdict::Gap;
        }
        self.forget(|shown, _| shown < idr);
        let patience = match self.state {
            RungState::Returning => self.patience.min(self.millis(RETURN_WAIT_MS)),
            _ => self.patience,
        };
        if self.begins_with(idr) {
            self.judge_media(part, lag)
        } else if self.pending.is_empty() && lag <= patience {
            Verdict::Wait
        } else {
            Verdict::Gap
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
        if (follows || reaches) && !self.may_hold_next_idr(part, owned) {
            Verdict::Media
        } else if lag > self.patience {
            Verdict::Gap
        } else {
            Verdict::Wait
        }
    }

    /// Whether an IDR near the part's end may yet prove to begin the next segment: the lead has not come to it.
    fn may_hold_next_idr(&self, part: PlannedPart, owned: usize) -> bool {
        let near_end = part.end - self.millis(SAME_IDR_MS);
        let inside = self.pending.iter().take(owned);
        self.plan.len() == 1
            && inside
                .skip(usize::from(part.opening.is_some()))
                .any(|sample| sample.is_idr && self.ticks(sample.pts) >= near_end)
    }

    /// Pending samples that are decoded inside the part; a quarter frame is jitter.
    fn owned(&self, part: PlannedPart) -> usize {
        let next = self.plan.get(1).and_then(|next| next.opening);
        let inside = |sample: &&Sample| {
            let begins_next = next.is_some_and(|idr| self.is_idr_at(sample, idr));
            sample.dts.ticks < part.end - self.nominal(sample) / 4 && !begins_next
        };
        self.pending.iter().take_while(inside).count()
    }

    fn begins_with(&self, idr: i64) -> bool {
        self.pending
            .front()
            .is_some_and(|first| self.is_idr_at(first, idr))
    }

    fn is_idr_at(&self, sample: &Sample, idr: i64) -> bool {
        sample.is_idr && (self.ticks(sample.pts) - idr).abs() <= self.millis(SAME_IDR_MS)
    }

    /// Leaves out the oldest samples, which belong to gaps: those whose presentation time `is_old` says so of. It is
    /// also told how long the sample lasts. An IDR may be another line's, so it stays for a little longer.
    fn forget(&mut self, is_old: impl Fn(i64, i64) -> bool) {
        let leeway = self.millis(SAME_IDR_MS);
        while let Some(first) = self.pending.front() {
            let shown = self.ticks(first.pts) + if first.is_idr { leeway } else { 0 };
            if !is_old(shown, self.nominal(first)) {
                return;
            }
            self.pending.pop_front();
        }
    }

    fn cut_gap(&mut self, part: PlannedPart, cuts: &mut Vec<Cut>) {
        if self.state == RungState::Media {
            self.state = RungState::Returning;
        }
        self.begin_if_first(part, cuts);
        self.forget(|shown, nominal| shown < part.end - nominal / 4);
        cuts.push(Cut::Gap {
            start: self.at(part.start),
            end: self.at(part.end),
        });
    }

    fn cut_media(&mut self, part: PlannedPart, cuts: &mut Vec<Cut>) {
        self.state = RungState::Media;
        self.begin_if_first(part, cuts);
        let samples = self.take_samples(part);
        cuts.push(Cut::Part(CutPart {
            start: self.at(part.start),
            end: self.at(part.end),
            samples,
        }));
    }

    fn begin_if_first(&mut self, part: PlannedPart, cuts: &mut Vec<Cut>) {
        if part.opening.is_some() {
            self.segment_start = part.start;
        }
        cuts.extend(part.opening.map(|idr| Cut::Segment {
            at: self.at(part.start),
            shows: self.at(idr),
        }));
    }

    /// The part's own samples. Where a hole leaves it none, the next one is decoded early, as in the lead: an IDR is
    /// copied and shown early, since its own segment needs it too; another frame is shown in time.
    fn take_samples(&mut self, part: PlannedPart) -> Vec<PlacedSample> {
        let owned = self.owned(part);
        let samples: Vec<Sample> = self.pending.drain(..owned).collect();
        if !samples.is_empty() {
            return self.place(part, samples);
        }
        match self.pending.front() {
            Some(idr) if idr.is_idr => vec![PlacedSample {
                duration_ticks: u32::try_from(part.end - part.start).unwrap_or(0),
                composition_ticks: 0,
                is_idr: true,
                received: None,
                data: idr.data.clone(),
            }],
            _ => {
                let early = self.pending.pop_front();
                self.place(part, early.into_iter().collect())
            }
        }
    }

    /// The first begins where the part does; decode times rise; the last lasts until the part's end.
    fn place(&self, part: PlannedPart, samples: Vec<Sample>) -> Vec<PlacedSample> {
        let mut starts: Vec<i64> = Vec::with_capacity(samples.len() + 1);
        for sample in &samples {
            starts.push(match starts.last() {
                Some(last) => sample.dts.ticks.max(last + 1),
                None => part.start,
            });
        }
        let nexts = starts.iter().skip(1).copied().chain([part.end]);
        let times = starts.iter().copied().zip(nexts);
        let place = |(sample, (start, next)): (Sample, (i64, i64))| PlacedSample {
            duration_ticks: u32::try_from(next - start).unwrap_or(0),
            composition_ticks: i32::try_from(self.ticks(sample.pts).max(self.segment_start) - start)
                .unwrap_or(0),
            is_idr: sample.is_idr,
            received: sample.received,
            data: sample.data,
        };
        samples.into_iter().zip(times).map(place).collect()
    }

    fn nominal(&self, sample: &Sample) -> i64 {
        self.ticks(sample.nominal_duration).max(1)
    }

    fn millis(&self, millis: i64) -> i64 {
        self.ticks(MediaTime::from_millis(millis))
    }

    fn ticks(&self, time: MediaTime) -> i64 {
        time.rescale(self.timescale).ticks
    }

    fn at(&self, ticks: i64) -> MediaTime {
        MediaTime::new(ticks, self.timescale)
    }
}
