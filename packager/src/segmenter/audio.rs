//! Audio: cut where the video was cut, to the next whole frame.

use std::collections::VecDeque;

use super::{Cut, CutPart};
use crate::cmaf::chunk::PlacedSample;
use crate::grid::AudioFill;
use crate::media::{MediaTime, Sample, Timescale};

/// Bounded: about 20 s of AAC frames that wait for the video to decide. Full: the newest frame is left out;
/// video that far behind has stalled, and its absence ends the wait.
const PENDING_LIMIT: usize = 1024;

/// Cuts one audio rendition.
#[derive(Debug)]
pub struct AudioCutter {
    timescale: Timescale,
    fill: AudioFill,
    /// Frames that begin where the video is not decided yet.
    pending: VecDeque<Sample>,
    boundaries: VecDeque<Boundary>,
    /// Boundaries before this are known.
    decided_until: i64,
    /// Length of a segment when there is no video to follow.
    alone: Option<i64>,
    open: Vec<Sample>,
    next: i64,
    /// Whether a segment was opened: until then, the first boundary is the timeline's start.
    begun: bool,
}

#[derive(Debug, Clone, Copy)]
struct Boundary {
    /// The first audio tick at or after the video's boundary.
    at: i64,
    opens_segment: bool,
}

impl AudioCutter {
    /// A cutter that follows a video rendition's cuts from `start` on.
    pub fn following(start: MediaTime, fill: AudioFill) -> Self {
        Self {
            timescale: start.timescale,
            fill,
            pending: VecDeque::new(),
            boundaries: VecDeque::new(),
            decided_until: start.ticks,
            alone: None,
            open: Vec::new(),
            next: start.ticks,
            begun: false,
        }
    }

    /// A cutter for a session without video: segments of `segment_length` (a whole number of frames).
    pub fn alone(start: MediaTime, fill: AudioFill, segment_length: MediaTime) -> Self {
        let length = segment_length.rescale(start.timescale).ticks.max(1);
        let first = Boundary {
            at: start.ticks,
            opens_segment: true,
        };
        Self {
            alone: Some(length),
            boundaries: VecDeque::from([first]),
            decided_until: i64::MAX,
            ..Self::following(start, fill)
        }
    }

    /// The end of the last frame that was put into a part, open ones included.
    pub fn end(&self) -> MediaTime {
        MediaTime::new(self.next, self.timescale)
    }

    /// Learns what the video decided: its cuts, and until when there are no others.
    pub fn follow(&mut self, video_cuts: &[Cut], decided_until: MediaTime, cuts: &mut Vec<Cut>) {
        for cut in video_cuts {
            let (at, opens_segment) = match cut {
                Cut::Segment { at, .. } => (*at, true),
                Cut::Part(part) => (part.end, false),
                Cut::Gap { end, .. } => (*end, false),
            };
            let mut at = self.tick_at_or_after(at);
            if !std::mem::replace(&mut self.begun, true) {
                // The start was rounded to a tick: a frame on that tick is in the first segment.
                at = at.min(self.next);
            }
            self.boundaries.push_back(Boundary { at, opens_segment });
        }
        self.decided_until = self.tick_at_or_after(decided_until);
        self.advance(cuts);
    }

    /// Takes the next frame.
    pub fn push(&mut self, sample: Sample, cuts: &mut Vec<Cut>) {
        if self.pending.len() < PENDING_LIMIT {
            self.pending.push_back(sample);
        }
        self.advance(cuts);
    }

    /// Closes what is open; frames that the video never reached are left out.
    pub fn flush(&mut self, cuts: &mut Vec<Cut>) {
        self.close_part(cuts);
        self.pending.clear();
        self.boundaries.clear();
    }

    fn advance(&mut self, cuts: &mut Vec<Cut>) {
        while self
            .pending
            .front()
            .is_some_and(|frame| frame.dts.ticks < self.decided_until)
        {
            if let Some(frame) = self.pending.pop_front() {
                self.take(frame, cuts);
            }
        }
    }

    fn take(&mut self, frame: Sample, cuts: &mut Vec<Cut>) {
        let start = frame.dts.ticks;
        while let Some(boundary) = self
            .boundaries
            .front()
            .copied()
            .filter(|boundary| boundary.at <= start)
        {
            self.boundaries.pop_front();
            if boundary.opens_segment {
                self.close_part(cuts);
                cuts.push(Cut::Segment {
                    at: frame.dts,
                    shows: frame.dts,
                });
                if let Some(length) = self.alone {
                    self.boundaries.push_back(Boundary {
                        at: start + length,
                        opens_segment: true,
                    });
                }
            }
        }
        self.next = start + frame.nominal_duration.ticks;
        self.open.push(frame);
        let frames = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        let mut reached = self
            .boundaries
            .iter()
            .take_while(|boundary| boundary.at <= self.next)
            .peekable();
        let full = frames >= self.fill.most;
        let follows = frames >= self.fill.least && reached.peek().is_some() && self.alone.is_none();
        if full || follows || reached.any(|boundary| boundary.opens_segment) {
            self.close_part(cuts);
        }
    }

    fn close_part(&mut self, cuts: &mut Vec<Cut>) {
        let Some(start) = self.open.first().map(|first| first.dts) else {
            return;
        };
        let samples = self.open.drain(..).map(|sample| PlacedSample {
            duration_ticks: u32::try_from(sample.nominal_duration.ticks).unwrap_or(0),
            composition_ticks: 0,
            is_idr: true,
            received: sample.received,
            data: sample.data,
        });
        let samples = samples.collect();
        cuts.push(Cut::Part(CutPart {
            start,
            end: MediaTime::new(self.next, self.timescale),
            samples,
        }));
    }

    /// SPEC 144: audio begins with its first frame at or after the video's boundary.
    fn tick_at_or_after(&self, time: MediaTime) -> i64 {
        let scaled = i128::from(time.ticks) * i128::from(self.timescale.get());
        let unit = i128::from(time.timescale.get());
        i64::try_from(-(-scaled).div_euclid(unit)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{AudioFrames, PartGrid};
    use crate::media::FrameRate;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn scale() -> Timescale {
        Timescale::new(48_000).unwrap()
    }

    const AAC: AudioFrames = AudioFrames {
        samples: 1024,
        rate_hz: 48_000,
    };

    fn grid(wanted_ms: u32) -> PartGrid {
        PartGrid::choose(&[FrameRate::new(30, 1).unwrap()], &[AAC], wanted_ms)
    }

    fn following(wanted_ms: u32) -> AudioCutter {
        AudioCutter::following(MediaTime::new(0, scale()), grid(wanted_ms).audio_fill(AAC))
    }

    fn frame(index: i64) -> Sample {
        let time = MediaTime::new(index * 1024, scale());
        let nominal_duration = MediaTime::new(1024, scale());
        Sample {
            dts: time,
            pts: time,
            nominal_duration,
            is_idr: true,
            received: None,
            data: Bytes::from_static(b"a"),
        }
    }

    fn video(ms: i64) -> MediaTime {
        MediaTime::new(ms * 90, Timescale::VIDEO)
    }

    fn video_segment(ms: i64) -> Cut {
        Cut::Segment {
            at: video(ms),
            shows: video(ms),
        }
    }

    fn video_part(from_ms: i64, to_ms: i64) -> Cut {
        Cut::Part(CutPart {
            start: video(from_ms),
            end: video(to_ms),
            samples: Vec::new(),
        })
    }

    fn lengths(cuts: &[Cut]) -> Vec<i64> {
        let frames = |cut: &Cut| match cut {
            Cut::Part(part) => part.samples.len() as i64,
            _ => 0,
        };
        cuts.iter().map(frames).collect()
    }

    #[test]
    fn parts_end_with_the_videos_within_a_frame() {
        let (mut cutter, mut cuts) = (following(333), Vec::new());
        (0..100).for_each(|i| cutter.push(frame(i), &mut cuts));
        assert!(cuts.is_empty(), "nothing is cut before the video decides");
        let mut video_cuts = vec![video_segment(0)];
        video_cuts.extend([(0, 333), (333, 667), (667, 1000)].map(|(from, to)| video_part(from, to)));
        video_cuts.push(video_segment(1000));
        cutter.follow(&video_cuts, video(1033), &mut cuts);
        assert_eq!(lengths(&cuts), [0, 16, 16, 15, 0], "S, three parts, S");
        let Some(Cut::Segment { at, .. }) = cuts.last() else {
            panic!("{cuts:?}")
        };
        assert_eq!(at.ticks, 47 * 1024, "the first frame at or after 1 s");
    }

    #[test]
    fn a_frame_that_reaches_the_boundary_completes_the_part_at_once() {
        let (mut cutter, mut cuts) = (following(333), Vec::new());
        cutter.follow(&[video_segment(0), video_part(0, 333)], video(333), &mut cuts);
        (0..16).for_each(|i| cutter.push(frame(i), &mut cuts));
        assert_eq!(lengths(&cuts), [0, 16]);
    }

    #[test]
    fn a_start_between_two_ticks_loses_no_frame() {
        let rate = Timescale::new(44_100).unwrap();
        // 3001 ms are 132344.1 ticks.
        let start = MediaTime::from_millis(3001).rescale(rate);
        let (mut cutter, mut cuts) = (
            AudioCutter::following(start, grid(333).audio_fill(AAC)),
            Vec::new(),
        );
        let begins = MediaTime::from_millis(3001).rescale(Timescale::VIDEO);
        cutter.follow(
            &[Cut::Segment {
                at: begins,
                shows: begins,
            }],
            video(4000),
            &mut cuts,
        );
        let nominal_duration = MediaTime::new(1024, rate);
        let first = Sample {
            dts: start,
            pts: start,
            nominal_duration,
            ..frame(0)
        };
        cutter.push(first, &mut cuts);
        cutter.flush(&mut cuts);
        assert_eq!(lengths(&cuts), [0, 1], "the segment, then the frame");
    }

    #[test]
    fn an_early_idr_ends_the_audio_segment_too() {
        let (mut cutter, mut cuts) = (following(333), Vec::new());
        (0..100).for_each(|i| cutter.push(frame(i), &mut cuts));
        let video_cuts = [video_segment(0), video_part(0, 100), video_segment(100)];
        cutter.follow(&video_cuts, video(133), &mut cuts);
        assert_eq!(lengths(&cuts), [0, 5, 0]);
    }

    #[test]
    fn without_video_segments_have_one_length() {
        let length = MediaTime::new(93 * 1024, scale());
        let fill = PartGrid::choose(&[], &[AAC], 333).audio_fill(AAC);
        let (mut cutter, mut cuts) = (
            AudioCutter::alone(MediaTime::new(0, scale()), fill, length),
            Vec::new(),
        );
        (0..100).for_each(|i| cutter.push(frame(i), &mut cuts));
        assert_eq!(lengths(&cuts), [0, 16, 16, 16, 16, 16, 13, 0]);
    }

    proptest! {
        /// The law of the module: whatever the video's cuts and the interleaving, audio parts are unbroken, no longer
        /// than PART-TARGET and filled but for a segment's last, and segments begin within a frame of the video's.
        #[test]
        fn any_interleaving_gives_lawful_parts(
            segments in proptest::collection::vec(12_i64..62, 1..6),
            lead in 0_usize..60,
            wanted_ms in prop_oneof![Just(100_u32), Just(200), Just(333)],
        ) {
            let (grid, fill) = (grid(wanted_ms), grid(wanted_ms).audio_fill(AAC));
            let part_ms_x3 = i64::from(grid.video_frames) * 100;
            let (mut cutter, mut cuts) = (following(wanted_ms), Vec::new());
            let mut audio = (0..).map(frame);
            audio.by_ref().take(lead).for_each(|frame| cutter.push(frame, &mut cuts));
            let at = |ms_x3: i64| MediaTime::new(ms_x3 * 30, Timescale::VIDEO);
            let mut starts = Vec::new();
            let mut now = 0;
            for frames in segments {
                starts.push(now);
                let end = now + frames * 100;
                cutter.follow(&[Cut::Segment { at: at(now), shows: at(now) }], at(now + 1), &mut cuts);
                while now < end {
                    let next = (now + part_ms_x3).min(end);
                    let cut = Cut::Part(CutPart { start: at(now), end: at(next), samples: Vec::new() });
                    cutter.follow(&[cut], at(next), &mut cuts);
                    audio.by_ref().take((next - now) as usize / 64).for_each(|frame| cutter.push(frame, &mut cuts));
                    now = next;
                }
            }
            let mut next = 0;
            let mut opened = starts.iter();
            for (i, cut) in cuts.iter().enumerate() {
                match cut {
                    Cut::Segment { at: begins, .. } => {
                        let off = begins.seconds() - *opened.next().unwrap() as f64 / 3000.0;
                        prop_assert!((0.0..0.0214).contains(&off), "{off}");
                    }
                    Cut::Part(part) => {
                        prop_assert_eq!(part.start.ticks, next);
                        next = part.end.ticks;
                        let frames = part.samples.len() as u32;
                        prop_assert!(frames <= fill.most);
                        let last = !matches!(cuts.get(i + 1), Some(Cut::Part(_)));
                        prop_assert!(last || frames >= fill.least, "{frames} {grid:?}");
                    }
                    Cut::Gap { .. } => prop_assert!(false, "no gaps here"),
                }
            }
        }
    }
}
