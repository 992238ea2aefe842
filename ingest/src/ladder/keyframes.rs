//! Where IDRs are forced: at one source frame for every rung. Pure.

/// An IDR sooner than this after another is not repeated in the rungs: nothing is cut there.
const SHORTEST_GOP_MS: i64 = 200;

/// Which source frames become IDRs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdrGrid {
    /// At the source's own IDRs, which is passed through beside the rungs.
    Source,
    /// At the frame nearest to each multiple of `interval_ms`, counted from the first IDR's stamp.
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
    /// Half a frame in milliseconds: a line of the grid belongs to the frame nearest to it.
    half_frame_ms: i64,
    first: Option<i64>,
    last: Option<i64>,
}

impl Keyframes {
    pub(super) fn new(grid: IdrGrid, frame_ms: f64) -> Self {
        Self {
            grid,
            half_frame_ms: (frame_ms / 2.0) as i64,
            first: None,
            last: None,
        }
    }

    /// Whether the frame of that stamp becomes an IDR in every rung.
    pub(super) fn is_idr(&mut self, pts_ms: i64, source_is_idr: bool) -> bool {
        let Some(first) = self.first else {
            let begins = match self.grid {
                IdrGrid::Every {
                    begin_at_ms: Some(begin_at_ms),
                    ..
                } => pts_ms >= begin_at_ms,
                _ => source_is_idr,
            };
            if begins {
                self.first = Some(pts_ms);
                self.last = Some(pts_ms);
            }
            return begins;
        };
        let last = self.last.unwrap_or(first);
        let due = match self.grid {
            IdrGrid::Source => source_is_idr && pts_ms - last >= SHORTEST_GOP_MS,
            IdrGrid::Every { interval_ms, .. } => {
                let line = |stamp: i64| (stamp - first + self.half_frame_ms).div_euclid(interval_ms.max(1));
                line(pts_ms) > line(last)
            }
        };
        if due {
            self.last = Some(pts_ms);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idrs(grid: IdrGrid, frames: impl IntoIterator<Item = (i64, bool)>) -> Vec<i64> {
        let mut keyframes = Keyframes::new(grid, 1000.0 / 30.0);
        let chosen = |(stamp, is_idr): (i64, bool)| keyframes.is_idr(stamp, is_idr).then_some(stamp);
        frames.into_iter().filter_map(chosen).collect()
    }

    fn every(begin_at_ms: Option<i64>) -> IdrGrid {
        IdrGrid::Every {
            interval_ms: 2000,
            begin_at_ms,
        }
    }

    #[test]
    fn encoding_can_begin_in_the_midst_of_a_group_of_pictures() {
        let stamps = (0..200).map(|n| (n * 100 / 3, n == 0));
        assert_eq!(idrs(every(Some(1500)), stamps), [1500, 3500, 5500]);
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
        assert_eq!(idrs(IdrGrid::Source, frames), [0, 900, 2000]);
    }

    #[test]
    fn the_grid_goes_on_whatever_the_source_does() {
        let stamps = (0..300).map(|n| (5000 + n * 100 / 3, n == 0 || n == 130));
        let grid = every(None);
        assert_eq!(idrs(grid, stamps), [5000, 7000, 9000, 11_000, 13_000]);
    }

    #[test]
    fn a_line_whose_frame_is_missing_falls_to_the_next_frame_and_moves_no_later_line() {
        let stamps = (0..200)
            .map(|n| (n * 100 / 3, n == 0))
            .filter(|(stamp, _)| !(1990..2300).contains(stamp));
        let grid = every(None);
        assert_eq!(idrs(grid, stamps), [0, 2300, 4000, 6000]);
    }

    #[test]
    fn nothing_begins_before_the_sources_first_idr() {
        assert_eq!(idrs(IdrGrid::Source, [(0, false), (33, false), (66, true)]), [66]);
    }

    #[test]
    fn rates_of_a_thousand_and_first_keep_whole_frames_between_idrs() {
        let stamps = (0..3000).map(|n: i64| ((n * 1001 * 1000 + 15_000) / 30_000, n == 0));
        let grid = every(None);
        let chosen = idrs(grid, stamps);
        assert!(
            chosen
                .windows(2)
                .all(|pair| (1960..=2010).contains(&(pair[1] - pair[0]))),
            "{chosen:?}"
        );
    }
}
