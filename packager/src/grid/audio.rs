//! AAC frames on the sample grid.

use bytes::Bytes;

use super::{Origin, silence};
use crate::codec::AudioFacts;
use crate::media::{Frame, MediaTime, Sample, Timescale, WallTime};

/// Stamps may be this many frames off the grid at once before silence is put in or a frame is left out.
const JUMP_FRAMES: i64 = 2;
/// So many frames in a row must be over half a frame off before the grid is corrected by one frame.
const DRIFT_RUN: u32 = 48;
/// The longest hole that is filled with silence, in seconds; a longer one is a break of the timeline, not a hole.
const LONGEST_FILL_S: i64 = 10;

/// Places one publication's audio frames in media time: each begins exactly where the last one ended.
///
/// What the encoder did not send (it began late, or lost a frame) is filled with silence, so that the track has
/// neither gap nor overlap; what came before the timeline's start, or doubled, is left out.
#[derive(Debug, Clone)]
pub struct AudioGrid {
    timescale: Timescale,
    frame_ticks: i64,
    silence: Option<Bytes>,
    origin: Origin,
    /// Media time at which this publication's audio begins.
    start_ticks: i64,
    next_ticks: Option<i64>,
    drift_run: u32,
    /// The first frame begins at the start, within half a frame of its stamp.
    goes_on: bool,
}

impl AudioGrid {
    /// A grid that begins at `start`, with the encoder's clock standing at `origin`.
    pub fn new(facts: &AudioFacts, origin: Origin, start: MediaTime) -> Self {
        let timescale = Timescale::new(facts.sample_rate_hz).unwrap_or(Timescale::VIDEO);
        Self {
            timescale,
            frame_ticks: i64::from(facts.frame_samples),
            silence: silence::frame(facts.channels),
            origin,
            start_ticks: start.rescale(timescale).ticks,
            next_ticks: None,
            drift_run: 0,
            goes_on: false,
        }
    }

    /// One that takes the place of another, which ended at `start`: it has neither gap nor overlap with that.
    pub fn going_on(facts: &AudioFacts, origin: Origin, start: MediaTime) -> Self {
        Self {
            goes_on: true,
            // The first frame is corrected at once.
            drift_run: DRIFT_RUN - 1,
            ..Self::new(facts, origin, start)
        }
    }

    /// The samples that a frame adds, in order: silence for what is missing before it, then itself.
    pub fn place(&mut self, frame: &Frame, mut sink: impl FnMut(Sample)) {
        let stamp = self.origin.media_time(frame.pts_ms, self.timescale).ticks;
        let next = match self.next_ticks {
            Some(next) => next,
            None => match self.first(stamp) {
                Some(first) => first,
                None => return,
            },
        };
        let correction = self.correction(stamp - next);
        if correction < 0 {
            self.next_ticks = Some(next);
            return;
        }
        let mut at = next;
        for _ in 0..correction {
            let silence = self.silence.clone().unwrap_or_else(|| frame.data.clone());
            sink(self.sample(at, silence, None));
            at += self.frame_ticks;
        }
        sink(self.sample(at, frame.data.clone(), Some(frame.received)));
        self.next_ticks = Some(at + self.frame_ticks);
    }

    /// A frame's length past the first tick after `start`.
    pub fn frame_after(&self, start: MediaTime) -> MediaTime {
        let ticks = start.rescale(self.timescale).ticks + 1 + self.frame_ticks;
        MediaTime::new(ticks, self.timescale)
    }

    /// Silence up to `until`, for a track that fell behind when its encoder went away.
    pub fn fill_until(&mut self, until: MediaTime, mut sink: impl FnMut(Sample)) {
        let until = until.rescale(self.timescale).ticks;
        let (Some(mut at), Some(silence)) =
            (self.next_ticks.or(Some(self.start_ticks)), self.silence.clone())
        else {
            return;
        };
        while at < until {
            sink(self.sample(at, silence.clone(), None));
            at += self.frame_ticks;
        }
        self.next_ticks = Some(at);
    }

    /// The place of the first frame, on a line whose first is within a frame after the start.
    fn first(&mut self, stamp: i64) -> Option<i64> {
        let late = stamp - self.start_ticks;
        let at = if self.goes_on {
            0
        } else {
            late.max(0) % self.frame_ticks
        };
        (late > -self.frame_ticks / 2).then_some(self.start_ticks + at)
    }

    /// How many frames are missing before this one; negative: this one is too many.
    fn correction(&mut self, off: i64) -> i64 {
        let longest_fill = LONGEST_FILL_S * i64::from(self.timescale.get());
        if off.abs() >= JUMP_FRAMES * self.frame_ticks {
            self.drift_run = 0;
            let nearest = (off + off.signum() * self.frame_ticks / 2) / self.frame_ticks;
            return if off > longest_fill { 0 } else { nearest };
        }
        if off.abs() * 2 <= self.frame_ticks {
            self.drift_run = 0;
            return 0;
        }
        self.drift_run += 1;
        if self.drift_run < DRIFT_RUN {
            return 0;
        }
        self.drift_run = 0;
        off.signum()
    }

    fn sample(&self, at: i64, data: Bytes, received: Option<WallTime>) -> Sample {
        let time = MediaTime::new(at, self.timescale);
        let nominal_duration = MediaTime::new(self.frame_ticks, self.timescale);
        Sample {
            dts: time,
            pts: time,
            nominal_duration,
            is_idr: true,
            received,
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{TrackKind, WallTime};
    use proptest::prelude::*;

    const FACTS: AudioFacts = AudioFacts {
        sample_rate_hz: 48_000,
        channels: 2,
        frame_samples: 1024,
    };

    fn grid() -> AudioGrid {
        let zero = MediaTime::from_millis(0);
        AudioGrid::new(
            &FACTS,
            Origin {
                encoder_ms: 1000,
                media: zero,
            },
            zero,
        )
    }

    fn place(grid: &mut AudioGrid, ms: i64) -> Vec<(i64, bool)> {
        let data = Bytes::from_static(b"sound");
        let frame = Frame {
            track: TrackKind::Audio,
            dts_ms: ms,
            pts_ms: ms,
            is_idr: true,
            data,
            received: WallTime(0),
        };
        let mut out = Vec::new();
        grid.place(&frame, |sample| {
            out.push((sample.dts.ticks, sample.data == b"sound"[..]))
        });
        out
    }

    #[test]
    fn rounded_stamps_give_frames_end_to_end() {
        let mut grid = grid();
        for i in 0..500 {
            let stamp = 1000 + (f64::from(i) * 1024.0 / 48.0).round() as i64;
            assert_eq!(place(&mut grid, stamp), [(i64::from(i) * 1024, true)]);
        }
    }

    #[test]
    fn frames_before_the_start_are_left_out() {
        let mut grid = grid();
        assert_eq!(place(&mut grid, 900), []);
        assert_eq!(place(&mut grid, 1005), [(240, true)]);
    }

    #[test]
    fn a_late_beginning_and_a_hole_are_filled_with_silence() {
        let mut grid = grid();
        let late = place(&mut grid, 1100);
        assert_eq!(late.len(), 5);
        assert_eq!(late.last(), Some(&(4800, true)));
        assert!(late[..4].iter().all(|(_, sound)| !sound));
        let after_hole = place(&mut grid, 1100 + 10 * 64 / 3);
        assert_eq!(after_hole.len(), 10);
    }

    #[test]
    fn a_surround_track_that_fell_behind_is_filled_too() {
        let zero = MediaTime::from_millis(0);
        let facts = AudioFacts { channels: 6, ..FACTS };
        let origin = Origin {
            encoder_ms: 0,
            media: zero,
        };
        let mut filled = Vec::new();
        AudioGrid::new(&facts, origin, zero)
            .fill_until(MediaTime::from_millis(100), |sample| filled.push(sample));
        assert_eq!(filled.len(), 5);
    }

    #[test]
    fn a_frame_too_many_is_left_out() {
        let mut grid = grid();
        for i in 0..10 {
            place(&mut grid, 1000 + i * 64 / 3);
        }
        assert_eq!(place(&mut grid, 1000 + 100), []);
    }

    #[test]
    fn one_lost_frame_is_made_good_within_a_second() {
        let mut grid = grid();
        let stamps = (0..100).filter(|i| *i != 20).map(|i| 1000 + i * 64 / 3);
        let total: usize = stamps.map(|stamp| place(&mut grid, stamp).len()).sum();
        assert_eq!(total, 100);
    }

    proptest! {
        #[test]
        fn the_track_has_neither_gap_nor_overlap(gaps in proptest::collection::vec(-30_i64..120, 1..300)) {
            let mut grid = grid();
            let mut stamp = 1000;
            let mut next = None;
            for gap in gaps {
                stamp += gap;
                for (ticks, _) in place(&mut grid, stamp) {
                    prop_assert!(next.is_none_or(|next| next == ticks));
                    next = Some(ticks + 1024);
                }
            }
        }
    }
}
