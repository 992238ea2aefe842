//! Video frames on their grid.

use super::{Origin, RateEstimate, frame_ticks};
use crate::media::{Frame, FrameRate, MediaTime, Sample, Timescale};

/// A constant-rate grid is given up for plain milliseconds when frames run this many lines ahead of their stamps.
const LINES_AHEAD_LIMIT: i64 = 2;
/// Frames in a row that must all be off their lines, to the same side, before the lines are moved under them.
const DRIFT_RUN: i32 = 16;
/// So far off, or a quarter frame if that is less: with the audio's half frame, picture and sound stay within 20 ms.
const DRIFT_LIMIT_MS: i64 = 5;

/// Places one publication's video frames in media time.
///
/// Decode times are shifted by the encoder's reordering delay, so that an IDR's decode and presentation times
/// are equal, segments start where they are shown, and composition offsets are negative for B-frames (`cmf2`).
#[derive(Debug, Clone)]
pub struct VideoGrid {
    timescale: Timescale,
    /// From line to line.
    frame_ticks: i64,
    /// How long a frame lasts: several lines in a rung that has not all of the source's frames.
    nominal_ticks: i64,
    /// Where the encoder's clock stands: equal in every rendition.
    origin: Origin,
    /// Presentation minus decode stamp of the first IDR.
    reorder_ms: i64,
    /// Whether stamps are snapped to whole frames, or taken as they are.
    snapping: bool,
    /// The lines' distance from where the rate alone puts them: clocks drift, and the lines go with the stamps.
    phase_ticks: i64,
    /// Frames in a row behind (positive) or ahead of their lines.
    drift_run: i32,
    last_dts_ticks: Option<i64>,
    /// The last frame's line; apart from its decode time where the lines were moved.
    last_line: Option<i64>,
}

impl VideoGrid {
    /// A grid that counts in `timescale`, for a track of `rate` that begins with `first_idr`; the encoder's clock stands
    /// at `origin`. Its lines are the source's frames in every rung, so that equal frames have equal times in all.
    pub fn new(
        source: RateEstimate,
        rate: FrameRate,
        timescale: Timescale,
        origin: Origin,
        first_idr: &Frame,
    ) -> Self {
        Self {
            timescale,
            frame_ticks: frame_ticks(source.rate, timescale),
            nominal_ticks: frame_ticks(rate, timescale),
            origin,
            reorder_ms: first_idr.pts_ms - first_idr.dts_ms,
            snapping: source.constant,
            phase_ticks: 0,
            drift_run: 0,
            last_dts_ticks: None,
            last_line: None,
        }
    }

    /// One frame in this grid's timescale.
    pub fn frame_duration(&self) -> MediaTime {
        MediaTime::new(self.nominal_ticks, self.timescale)
    }

    /// Puts a frame on its line. Decode times rise strictly; a hole in the stamps stays a hole.
    pub fn place(&mut self, frame: &Frame) -> Sample {
        let stamp = self
            .origin
            .media_time(frame.dts_ms.saturating_add(self.reorder_ms), self.timescale)
            .ticks;
        let reorder = MediaTime::from_millis(frame.pts_ms - frame.dts_ms - self.reorder_ms)
            .rescale(self.timescale)
            .ticks;
        let (dts_ticks, pts_ticks) = if self.snapping {
            self.snap(stamp, reorder)
        } else {
            self.follow(stamp, reorder)
        };
        self.last_dts_ticks = Some(dts_ticks);
        Sample {
            dts: MediaTime::new(dts_ticks, self.timescale),
            pts: MediaTime::new(pts_ticks, self.timescale),
            nominal_duration: self.frame_duration(),
            is_idr: frame.is_idr,
            received: Some(frame.received),
            data: frame.data.clone(),
        }
    }

    fn snap(&mut self, stamp: i64, reorder: i64) -> (i64, i64) {
        let start = self.origin.media.rescale(self.timescale).ticks + self.phase_ticks;
        let frame_ticks = self.frame_ticks;
        let nearest = |ticks: i64| (ticks + frame_ticks / 2).div_euclid(frame_ticks) * frame_ticks;
        let line = start + nearest(stamp - start);
        let next = self.last_line.map_or(line, |last| last + frame_ticks);
        if next - line >= LINES_AHEAD_LIMIT * frame_ticks {
            // Frames come faster than the rate says: it was wrong. Milliseconds never drift.
            self.snapping = false;
            return self.follow(stamp, reorder);
        }
        let dts = line.max(next);
        self.last_line = Some(dts + self.drift(stamp - dts));
        (dts, dts + nearest(reorder))
    }

    /// How far the lines move after a frame that is `off` its own.
    fn drift(&mut self, off: i64) -> i64 {
        let limit = MediaTime::from_millis(DRIFT_LIMIT_MS)
            .rescale(self.timescale)
            .ticks;
        let side = i32::from(off > 0) - i32::from(off < 0);
        if off.abs() <= limit.min(self.frame_ticks / 4) {
            self.drift_run = 0;
        } else if self.drift_run.signum() == side {
            self.drift_run += side;
        } else {
            self.drift_run = side;
        }
        if self.drift_run.abs() < DRIFT_RUN {
            return 0;
        }
        self.drift_run = 0;
        self.phase_ticks += off;
        off
    }

    fn follow(&self, stamp: i64, reorder: i64) -> (i64, i64) {
        let least = self.last_dts_ticks.map_or(stamp, |last| last + 1);
        (stamp.max(least), stamp + reorder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::timescale_for;
    use crate::media::{TrackKind, WallTime};
    use bytes::Bytes;
    use proptest::prelude::*;

    fn frame(dts_ms: i64, pts_ms: i64) -> Frame {
        Frame {
            track: TrackKind::Video,
            dts_ms,
            pts_ms,
            is_idr: false,
            data: Bytes::new(),
            received: WallTime(0),
        }
    }

    fn first_grid(estimate: RateEstimate, first_idr: &Frame) -> VideoGrid {
        let timescale = timescale_for(estimate.rate);
        let origin = Origin {
            encoder_ms: first_idr.pts_ms,
            media: MediaTime::new(0, timescale),
        };
        VideoGrid::new(estimate, estimate.rate, timescale, origin, first_idr)
    }

    fn constant(numerator: u32, denominator: u32) -> RateEstimate {
        RateEstimate {
            rate: FrameRate::new(numerator, denominator).unwrap(),
            constant: true,
        }
    }

    #[test]
    fn rounded_stamps_return_to_exact_ticks() {
        let mut grid = first_grid(constant(30_000, 1001), &frame(5000, 5000));
        for i in 0..1000_i64 {
            let stamp = 5000 + (i as f64 * 1001.0 / 30.0).round() as i64;
            assert_eq!(grid.place(&frame(stamp, stamp)).dts.ticks, i * 3003);
        }
    }

    #[test]
    fn b_frames_are_shown_before_they_are_decoded() {
        // Decode order I P B B at 25 fps, two frames of reordering: the IDR is shown 80 ms after its decode stamp.
        let mut grid = first_grid(constant(25, 1), &frame(0, 80));
        let placed: Vec<_> = [(0, 80), (40, 200), (80, 120), (120, 160)]
            .map(|(dts, pts)| grid.place(&frame(dts, pts)))
            .iter()
            .map(|sample| (sample.dts.ticks / 3600, sample.pts.ticks / 3600))
            .collect();
        assert_eq!(placed, [(0, 0), (1, 3), (2, 1), (3, 2)]);
    }

    #[test]
    fn half_of_the_frames_stand_on_the_same_lines() {
        let (source, first) = (constant(60, 1), frame(0, 0));
        let origin = first_grid(source, &first).origin;
        let mut grid = VideoGrid::new(source, constant(30, 1).rate, Timescale::VIDEO, origin, &first);
        // The source's group of pictures has an odd number of frames.
        let placed = [0, 33, 67, 83, 117].map(|ms| grid.place(&frame(ms, ms)));
        assert_eq!(
            placed.each_ref().map(|sample| sample.dts.ticks / 1500),
            [0, 2, 4, 5, 7]
        );
        assert!(placed.iter().all(|sample| sample.nominal_duration.ticks == 3000));
    }

    #[test]
    fn a_hole_stays_a_hole() {
        let mut grid = first_grid(constant(30, 1), &frame(0, 0));
        let ticks: Vec<_> = [0, 33, 200, 233]
            .map(|ms| grid.place(&frame(ms, ms)).dts.ticks / 3000)
            .into();
        assert_eq!(ticks, [0, 1, 6, 7]);
    }

    /// An hour's drift of 100 millionths is 360 ms.
    #[test]
    fn the_lines_go_with_a_clock_that_drifts() {
        for ppm in [-100.0, 100.0] {
            let mut grid = first_grid(constant(25, 1), &frame(0, 0));
            let mut last: Option<Sample> = None;
            for i in 0..90_000 {
                let stamp = (f64::from(i) * 40.0 * (1.0 + ppm / 1e6)).round() as i64;
                let sample = grid.place(&frame(stamp, stamp));
                assert!((sample.pts.millis() - stamp).abs() <= 7, "{stamp}");
                let step = last.map_or(3600, |last| sample.dts.ticks - last.dts.ticks);
                assert!(
                    (3000..4200).contains(&step),
                    "never a whole frame at once: {step}"
                );
                last = Some(sample);
            }
        }
    }

    #[test]
    fn a_rate_that_proves_wrong_is_given_up_before_it_drifts() {
        let mut grid = first_grid(constant(30, 1), &frame(0, 0));
        let mut last = None;
        for i in 0..600 {
            let stamp = i * 1000 / 60;
            last = Some((stamp, grid.place(&frame(stamp, stamp)).pts.millis()));
        }
        let (stamp, placed) = last.unwrap();
        assert!((stamp - placed).abs() <= 70, "{stamp} {placed}");
    }

    proptest! {
        #[test]
        fn decode_times_rise_and_stay_near_their_stamps(gaps in proptest::collection::vec(0_i64..200, 1..200), constant_rate: bool) {
            let rate = RateEstimate { constant: constant_rate, ..constant(30, 1) };
            let mut grid = first_grid(rate, &frame(0, 0));
            let mut stamp = 0;
            let mut last = grid.place(&frame(0, 0)).dts;
            for gap in gaps {
                stamp += gap;
                let sample = grid.place(&frame(stamp, stamp));
                prop_assert!(sample.dts > last);
                prop_assert!((sample.pts.millis() - stamp).abs() <= 67);
                last = sample.dts;
            }
        }
    }
}
