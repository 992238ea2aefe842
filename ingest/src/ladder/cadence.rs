//! Which of the source's frames a rung of fewer frames a second takes. Pure.

use vitrine_packager::media::FrameRate;

/// Chooses frames by their stamps, not by counting: frames that the source lost, or a rate that varies, do not matter.
#[derive(Debug, Clone)]
pub(super) struct Cadence {
    /// `None`: every frame is taken.
    each_nth_frame: Option<u32>,
    rate: FrameRate,
    /// Stamp of the last IDR: the slots are counted from it, so that every rung has it.
    origin_ms: i64,
    last_slot: i128,
}

impl Cadence {
    /// Takes about each nth frame of a source, which makes `rate`.
    pub(super) fn new(each_nth_frame: u32, rate: FrameRate) -> Self {
        Self {
            each_nth_frame: Some(each_nth_frame).filter(|nth| *nth > 1),
            rate,
            origin_ms: 0,
            last_slot: -1,
        }
    }

    /// Whether the rung takes the frame of that stamp. It takes every IDR.
    pub(super) fn takes(&mut self, pts_ms: i64, is_idr: bool) -> bool {
        let Some(nth) = self.each_nth_frame else {
            return true;
        };
        if is_idr {
            self.origin_ms = pts_ms;
            self.last_slot = 0;
            return true;
        }
        let slot = self.slot(pts_ms - self.origin_ms, nth);
        let takes = slot > self.last_slot;
        if takes {
            self.last_slot = slot;
        }
        takes
    }

    /// Slots are a rung's frame long, and begin half a frame of the source before it: its stamps are rounded.
    fn slot(&self, since_ms: i64, nth: u32) -> i128 {
        let (frames, seconds) = (
            i128::from(self.rate.numerator.get()),
            i128::from(self.rate.denominator.get()),
        );
        let nth = i128::from(nth);
        // In units of 1 / (2 · nth · numerator) milliseconds.
        (2 * nth * i128::from(since_ms) * frames + 1000 * seconds).div_euclid(2 * nth * 1000 * seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(nth: u32, rate: (u32, u32), frames: &[(i64, bool)]) -> Vec<i64> {
        let mut cadence = Cadence::new(nth, FrameRate::new(rate.0, rate.1).unwrap());
        let takes = |(stamp, is_idr): &(i64, bool)| cadence.takes(*stamp, *is_idr).then_some(*stamp);
        frames.iter().filter_map(takes).collect()
    }

    fn stamps(fps: i64, count: i64) -> Vec<(i64, bool)> {
        (0..count)
            .map(|n| ((n * 1000 + fps / 2) / fps, n % (2 * fps) == 0))
            .collect()
    }

    #[test]
    fn every_nth_frame_of_a_steady_source() {
        for (nth, fps) in [(2, 60), (2, 50), (4, 120), (3, 90)] {
            let frames = stamps(fps, 1000);
            let every_nth: Vec<i64> = frames
                .iter()
                .map(|(stamp, _)| *stamp)
                .step_by(nth as usize)
                .collect();
            assert_eq!(
                taken(nth, (fps as u32 / nth, 1), &frames),
                every_nth,
                "{nth} {fps}"
            );
        }
        let all = stamps(30, 100);
        assert_eq!(taken(1, (30, 1), &all).len(), 100);
    }

    #[test]
    fn an_idr_is_taken_wherever_it_stands_and_the_cadence_goes_on_from_it() {
        let mut frames = stamps(60, 12);
        frames[5].1 = true;
        assert_eq!(taken(2, (30, 1), &frames), [0, 33, 67, 83, 117, 150, 183]);
    }

    #[test]
    fn frames_that_the_source_lost_leave_the_rate_as_it_is() {
        let mut frames = stamps(60, 60);
        frames.remove(4);
        assert_eq!(taken(2, (30, 1), &frames)[..5], [0, 33, 83, 100, 133]);
        assert_eq!(taken(2, (30, 1), &frames).len(), 30);
    }

    #[test]
    fn a_varying_rate_is_capped_and_slow_stretches_lose_nothing() {
        let slow: Vec<(i64, bool)> = (0..20).map(|n| (n * 50, n == 0)).collect();
        assert_eq!(taken(2, (30, 1), &slow).len(), 20);
        let fast: Vec<(i64, bool)> = (0..1000).map(|n| (n * 5, n == 0)).collect();
        assert_eq!(taken(2, (30, 1), &fast).len(), 151, "five seconds and a frame");
    }
}
