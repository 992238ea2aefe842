//! Where IDRs are forced: at one source frame for every rung. Pure.

use std::collections::VecDeque;

use vitrine_packager::media::FrameRate;

/// An IDR sooner than this after another is not repeated in the rungs: nothing is cut there.
const SHORTEST_GOP_MS: i64 = 200;
/// Bounded: the source's IDRs whose pictures have not come yet. Full: the oldest is forgotten.
const EXPECTED: usize = 16;

/// Which source frames become IDRs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdrGrid {
    /// At the source's own IDRs, which is passed through beside the rungs.
    Source,
    /// At the frame nearest to each line of a grid of whole frames, about `interval_ms` apart, that begins at the first IDR.
    Every {
        /// Milliseconds.
        interval_ms: i64,
        /// The first IDR is the first frame at or after this stamp, in the midst of a group of pictures; else the
        /// source's first.
        begin_at_ms: Option<i64>,
    },
}

/// Decides for one frame after the other, in the order of presentation.
#[derive(Debug, Clone)]
pub(super) struct Keyframes {
    grid: IdrGrid,
    rate: FrameRate,
    /// Stamps of the source's IDRs, in the order of decoding. An IDR whose own picture is lost falls to the next one.
    expected: VecDeque<i64>,
    first: Option<i64>,
    last: i64,
}

impl Keyframes {
    /// For a source of about that rate.
    pub(super) fn new(grid: IdrGrid, rate: FrameRate) -> Self {
        Self {
            grid,
            rate,
            expected: VecDeque::new(),
            first: None,
            last: 0,
        }
    }

    /// The source has an IDR of that stamp; its picture may come, or be lost.
    pub(super) fn expect(&mut self, pts_ms: i64) {
        self.expected.push_back(pts_ms);
        if self.expected.len() > EXPECTED {
            self.expected.pop_front();
        }
    }

    /// Whether the picture of that stamp becomes an IDR in every rung.
    pub(super) fn is_idr(&mut self, pts_ms: i64) -> bool {
        let mut source_idr = false;
        while self.expected.front().is_some_and(|stamp| *stamp <= pts_ms) {
            self.expected.pop_front();
            source_idr = true;
        }
        let is_due = match (self.first, self.grid) {
            (
                None,
                IdrGrid::Every {
                    begin_at_ms: Some(begin_at_ms),
                    ..
                },
            ) => pts_ms >= begin_at_ms,
            (None, _) => source_idr,
            (Some(_), IdrGrid::Source) => source_idr && pts_ms - self.last >= SHORTEST_GOP_MS,
            (Some(first), IdrGrid::Every { interval_ms, .. }) => {
                self.line(pts_ms - first, interval_ms) > self.line(self.last - first, interval_ms)
            }
        };
        if is_due {
            self.first.get_or_insert(pts_ms);
            self.last = pts_ms;
        }
        is_due
    }

    /// The line of the grid that a frame belongs to, `since_ms` after the first: a line's first frame is the nearest to it.
    fn line(&self, since_ms: i64, interval_ms: i64) -> i128 {
        let (frames, seconds) = (
            i128::from(self.rate.numerator.get()),
            i128::from(self.rate.denominator.get()),
        );
        // Half a frame later, in units of 1 / (2 · numerator) milliseconds, so that nothing is rounded.
        let at = 2 * i128::from(since_ms) * frames + 1000 * seconds;
        let frame = 2 * 1000 * seconds;
        let line_frames = (2 * i128::from(interval_ms) * frames + 1000 * seconds) / frame;
        at.div_euclid(line_frames.max(1) * frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIRTY: (u32, u32) = (30, 1);

    fn idrs(
        grid: IdrGrid,
        (numerator, denominator): (u32, u32),
        frames: impl IntoIterator<Item = (i64, bool)>,
    ) -> Vec<i64> {
        let rate = FrameRate::new(numerator, denominator).unwrap();
        let mut keyframes = Keyframes::new(grid, rate);
        let chosen = |(stamp, is_idr): (i64, bool)| {
            if is_idr {
                keyframes.expect(stamp);
            }
            keyframes.is_idr(stamp).then_some(stamp)
        };
        frames.into_iter().filter_map(chosen).collect()
    }

    fn every(begin_at_ms: Option<i64>) -> IdrGrid {
        IdrGrid::Every {
            interval_ms: 2000,
            begin_at_ms,
        }
    }

    /// The stamps of a source of that rate, rounded to milliseconds.
    fn stamps((numerator, denominator): (u32, u32), count: i64) -> impl Iterator<Item = i64> {
        let (numerator, denominator) = (i64::from(numerator), i64::from(denominator));
        (0..count).map(move |n| (n * denominator * 1000 + numerator / 2) / numerator)
    }

    #[test]
    fn encoding_can_begin_in_the_midst_of_a_group_of_pictures() {
        let frames = stamps(THIRTY, 200).map(|stamp| (stamp, stamp == 0));
        assert_eq!(idrs(every(Some(1500)), THIRTY, frames), [1500, 3500, 5500]);
    }

    #[test]
    fn a_passed_through_source_sets_the_idrs() {
        let frames = [
            (0, true),
            (33, false),
            (100, true),
            (900, true),
            (933, false),
            (2000, true),
        ];
        assert_eq!(idrs(IdrGrid::Source, THIRTY, frames), [0, 900, 2000]);
    }

    #[test]
    fn the_grid_goes_on_whatever_the_source_does() {
        let frames = stamps(THIRTY, 300).map(|stamp| (5000 + stamp, stamp == 0 || stamp == 4333));
        assert_eq!(
            idrs(every(None), THIRTY, frames),
            [5000, 7000, 9000, 11_000, 13_000]
        );
    }

    #[test]
    fn a_line_whose_frame_is_missing_falls_to_the_next_frame_and_moves_no_later_line() {
        let frames = stamps(THIRTY, 200)
            .filter(|stamp| !(1990..2300).contains(stamp))
            .map(|stamp| (stamp, stamp == 0));
        assert_eq!(idrs(every(None), THIRTY, frames), [0, 2300, 4000, 6000]);
    }

    #[test]
    fn nothing_begins_before_the_sources_first_idr() {
        let frames = [(0, false), (33, false), (66, true)];
        assert_eq!(idrs(IdrGrid::Source, THIRTY, frames), [66]);
    }

    #[test]
    fn every_rate_has_a_whole_number_of_frames_between_idrs_and_no_drift() {
        for (rate, frames) in [
            ((30_000, 1001), 60),
            ((60_000, 1001), 120),
            ((60, 1), 120),
            ((50, 1), 100),
            ((25, 1), 50),
            ((24_000, 1001), 48),
            ((15, 1), 30),
        ] {
            let all: Vec<i64> = stamps(rate, 200_000).collect();
            let chosen = idrs(every(None), rate, all.iter().map(|stamp| (*stamp, *stamp == 0)));
            let expected: Vec<i64> = all.iter().copied().step_by(frames).collect();
            assert_eq!(chosen, expected, "{rate:?}");
        }
    }

    #[test]
    fn stamps_that_jitter_move_no_idr() {
        let jitter = |n: i64| (n * 7919) % 13 - 6;
        let frames: Vec<i64> = stamps(THIRTY, 3000)
            .enumerate()
            .map(|(n, stamp)| stamp + jitter(n as i64) - jitter(0))
            .collect();
        let chosen = idrs(
            every(None),
            THIRTY,
            frames.iter().map(|stamp| (*stamp, *stamp == 0)),
        );
        let expected: Vec<i64> = frames.iter().copied().step_by(60).collect();
        assert_eq!(chosen, expected);
    }

    #[test]
    fn an_idr_whose_picture_is_lost_falls_to_the_next_picture() {
        let mut keyframes = Keyframes::new(IdrGrid::Source, FrameRate::new(30, 1).unwrap());
        keyframes.expect(0);
        assert!(keyframes.is_idr(0));
        keyframes.expect(2000);
        assert!(!keyframes.is_idr(1967), "reordered pictures before it come first");
        assert!(keyframes.is_idr(2100));
        assert!(!keyframes.is_idr(2133));
    }
}
