//! Video: segments from IDR to IDR, parts of equal length.

use bytes::Bytes;

use super::{Cut, CutError, CutPart, GopTooLong};
use crate::cmaf::chunk::PlacedSample;
use crate::media::{MediaTime, Sample, Timescale, WallTime};

/// An IDR sooner than this after a segment's start does not cut: such a segment, with a whole further group of
/// pictures, still rounds to TARGETDURATION (8216bis 4.4.3.1).
const SHORTEST_SEGMENT_MS: i64 = 250;
/// A group of pictures may be this much longer than TARGETDURATION: 60 frames at 29.97 fps last 2.002 s.
const GOP_TOLERANCE_MS: i64 = 90;
/// A segment this much longer than TARGETDURATION would be rounded to more.
const ROUNDED_UP_MS: i64 = 500;
/// A segment begins at most this much before its IDR's stamp, when frames before the IDR are missing.
const LONGEST_HASTE_MS: i64 = 100;
/// Bounded: bytes of an open part, 1 s at over 500 Mbit/s. Full: the publication is refused.
const PART_BYTES_LIMIT: usize = 64 << 20;

/// Cuts one video rendition.
#[derive(Debug)]
pub struct VideoCutter {
    timescale: Timescale,
    part_ticks: i64,
    target_duration_s: u32,
    segment: Option<OpenSegment>,
    part: Option<OpenPart>,
    /// The earliest decode time that is still free: everything before it is decided.
    floor: i64,
}

#[derive(Debug)]
struct OpenSegment {
    start: i64,
    last_idr: i64,
}

#[derive(Debug)]
struct OpenPart {
    start: i64,
    samples: Vec<OpenSample>,
    bytes: usize,
}

#[derive(Debug)]
struct OpenSample {
    dts: i64,
    pts: i64,
    nominal: i64,
    is_idr: bool,
    received: Option<WallTime>,
    data: Bytes,
}

impl VideoCutter {
    /// A cutter whose timeline begins at `start`, with parts of `part` (a whole number of frames).
    pub fn new(start: MediaTime, part: MediaTime, target_duration_s: u32) -> Self {
        Self {
            timescale: start.timescale,
            part_ticks: part.rescale(start.timescale).ticks.max(1),
            target_duration_s,
            segment: None,
            part: None,
            floor: start.ticks,
        }
    }

    /// Everything before this decode time is decided: no later cut falls before it.
    pub fn decided_until(&self) -> MediaTime {
        self.at(self.floor)
    }

    /// Takes the next sample in decode order. Samples before the first IDR are left out.
    pub fn push(&mut self, sample: Sample, cuts: &mut Vec<Cut>) -> Result<(), CutError> {
        let wanted = sample.dts.rescale(self.timescale).ticks.max(self.floor);
        let (shortest_segment, longest_gop) = (self.millis(SHORTEST_SEGMENT_MS), self.longest_gop());
        let longest_segment = self.longest_segment();
        match &mut self.segment {
            None if !sample.is_idr => return Ok(()),
            None => self.open_segment(wanted, sample.pts, cuts),
            Some(segment) if sample.is_idr && wanted - segment.start >= shortest_segment => {
                self.close_part(wanted, cuts);
                self.bridge(wanted, &sample, cuts);
                self.open_segment(wanted, sample.pts, cuts);
            }
            Some(segment) => {
                if sample.is_idr {
                    segment.last_idr = wanted;
                } else if wanted - segment.last_idr > longest_gop || wanted - segment.start >= longest_segment
                {
                    let limit_s = self.target_duration_s;
                    return Err(GopTooLong { limit_s }.into());
                }
                if self
                    .part
                    .as_ref()
                    .is_some_and(|part| wanted >= part.start + self.part_ticks)
                {
                    self.close_part(wanted, cuts);
                }
            }
        }
        self.append(sample, wanted, cuts);
        match &self.part {
            Some(part) if part.bytes > PART_BYTES_LIMIT => Err(CutError::PartTooLarge {
                part_ms: self.at(self.part_ticks).millis(),
                limit_bytes: PART_BYTES_LIMIT,
            }),
            _ => Ok(()),
        }
    }

    /// Closes what is open: the encoder is away, or the show is over.
    pub fn flush(&mut self, cuts: &mut Vec<Cut>) {
        let end = self
            .part
            .as_ref()
            .and_then(|part| part.samples.last())
            .map(|last| last.dts + last.nominal);
        if let Some(end) = end {
            self.close_part(end, cuts);
        }
        self.segment = None;
    }

    fn open_segment(&mut self, last_idr: i64, shows: MediaTime, cuts: &mut Vec<Cut>) {
        self.segment = Some(OpenSegment {
            start: self.floor,
            last_idr,
        });
        cuts.push(Cut::Segment {
            at: self.at(self.floor),
            shows,
        });
    }

    /// Fills a hole before an IDR with parts that show the IDR early, so that the segment before it lasts until the
    /// IDR's stamp, and the IDR's own segment no longer than its group of pictures.
    fn bridge(&mut self, until: i64, idr: &Sample, cuts: &mut Vec<Cut>) {
        let (haste, longest) = (
            self.millis(LONGEST_HASTE_MS),
            self.millis(i64::from(self.target_duration_s) * 1000),
        );
        while until - self.floor > haste {
            let start = self.floor;
            let segment_end = self
                .segment
                .as_ref()
                .map_or(start, |segment| segment.start + longest);
            if start >= segment_end {
                self.open_segment(start, idr.pts, cuts);
                continue;
            }
            let end = until.min(start + self.part_ticks).min(segment_end);
            let copy = PlacedSample {
                duration_ticks: u32::try_from(end - start).unwrap_or(u32::MAX),
                composition_ticks: 0,
                is_idr: true,
                received: None,
                data: idr.data.clone(),
            };
            cuts.push(Cut::Part(CutPart {
                start: self.at(start),
                end: self.at(end),
                samples: vec![copy],
            }));
            self.floor = end;
        }
    }

    fn append(&mut self, sample: Sample, wanted: i64, cuts: &mut Vec<Cut>) {
        // A part begins where the last one ended, even if its first frame is shown later.
        let floor = self.floor;
        let segment_start = self.segment.as_ref().map_or(floor, |segment| segment.start);
        let part = self.part.get_or_insert_with(|| OpenPart {
            start: floor,
            samples: Vec::new(),
            bytes: 0,
        });
        let dts = if part.samples.is_empty() {
            part.start
        } else {
            wanted
        };
        let nominal = sample.nominal_duration.rescale(self.timescale).ticks.max(1);
        let (due, pts) = (
            sample.dts.rescale(self.timescale).ticks,
            // Nothing of a segment is shown before it begins (SPEC 137), whatever an encoder whose clock was set says.
            sample.pts.rescale(self.timescale).ticks.max(segment_start),
        );
        part.bytes += sample.data.len();
        part.samples.push(OpenSample {
            dts,
            pts,
            nominal,
            is_idr: sample.is_idr,
            received: sample.received,
            data: sample.data,
        });
        self.floor = dts + 1;
        // The part is whole with this frame if the next could not begin inside it; a quarter frame is jitter. A frame that had
        // to wait for the end of the part before it is no reason for the next one to be late as well.
        let limit = part.start + self.part_ticks;
        if due.min(dts) + nominal + nominal / 4 >= limit {
            self.close_part(limit, cuts);
        }
    }

    /// Ends the open part at `end`, or at its or its segment's limit if that comes first.
    fn close_part(&mut self, end: i64, cuts: &mut Vec<Cut>) {
        let Some(part) = self.part.take() else { return };
        let segment_limit = self
            .segment
            .as_ref()
            .map_or(end, |segment| segment.start + self.longest_segment() - 1);
        let end = end
            .min(part.start + self.part_ticks)
            .min(segment_limit)
            .max(self.floor);
        let nexts = part.samples.iter().skip(1).map(|next| next.dts).chain([end]);
        let samples = part.samples.iter().zip(nexts).map(|(sample, next)| PlacedSample {
            duration_ticks: u32::try_from(next - sample.dts).unwrap_or(u32::MAX),
            composition_ticks: i32::try_from(sample.pts - sample.dts).unwrap_or(0),
            is_idr: sample.is_idr,
            received: sample.received,
            data: sample.data.clone(),
        });
        cuts.push(Cut::Part(CutPart {
            start: self.at(part.start),
            end: self.at(end),
            samples: samples.collect(),
        }));
        self.floor = end;
    }

    fn longest_gop(&self) -> i64 {
        self.millis(i64::from(self.target_duration_s) * 1000 + GOP_TOLERANCE_MS)
    }

    /// The length from which EXTINF is rounded to more than TARGETDURATION.
    fn longest_segment(&self) -> i64 {
        self.millis(i64::from(self.target_duration_s) * 1000 + ROUNDED_UP_MS)
    }

    fn millis(&self, millis: i64) -> i64 {
        MediaTime::from_millis(millis).rescale(self.timescale).ticks
    }

    fn at(&self, ticks: i64) -> MediaTime {
        MediaTime::new(ticks, self.timescale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: i64 = 3000;

    fn sample(frame: i64, is_idr: bool) -> Sample {
        let time = MediaTime::new(frame * FRAME, Timescale::VIDEO);
        let nominal_duration = MediaTime::new(FRAME, Timescale::VIDEO);
        Sample {
            dts: time,
            pts: time,
            nominal_duration,
            is_idr,
            received: None,
            data: Bytes::from_static(b"f"),
        }
    }

    fn cutter() -> VideoCutter {
        let at = |ticks| MediaTime::new(ticks, Timescale::VIDEO);
        VideoCutter::new(at(0), at(10 * FRAME), 2)
    }

    /// Cuts as text: `S60` a segment at frame 60, `P60+10` a part of ten frames' time from frame 60.
    fn cut(frames: impl IntoIterator<Item = (i64, bool)>) -> Result<Vec<String>, CutError> {
        let (mut cutter, mut cuts) = (cutter(), Vec::new());
        for (frame, is_idr) in frames {
            cutter.push(sample(frame, is_idr), &mut cuts)?;
        }
        cutter.flush(&mut cuts);
        let text = |cut: &Cut| match cut {
            Cut::Segment { at, .. } => format!("S{}", at.ticks / FRAME),
            Cut::Part(part) => format!(
                "P{}+{}",
                part.start.ticks / FRAME,
                (part.end.ticks - part.start.ticks) / FRAME
            ),
            other => format!("{other:?}"),
        };
        Ok(cuts.iter().map(text).collect())
    }

    #[test]
    fn segments_run_from_idr_to_idr_in_parts_of_ten_frames() {
        let cuts = cut((0..70).map(|i| (i, i % 60 == 0))).unwrap();
        assert_eq!(
            cuts.join(" "),
            "S0 P0+10 P10+10 P20+10 P30+10 P40+10 P50+10 S60 P60+10"
        );
    }

    #[test]
    fn an_early_idr_ends_the_part_and_the_segment() {
        let cuts = cut((0..40).map(|i| (i, i == 0 || i == 25))).unwrap();
        assert_eq!(cuts.join(" "), "S0 P0+10 P10+10 P20+5 S25 P25+10 P35+5");
    }

    #[test]
    fn an_idr_right_after_another_does_not_cut() {
        let cuts = cut((0..30).map(|i| (i, i == 0 || i == 5 || i == 20))).unwrap();
        assert_eq!(cuts.join(" "), "S0 P0+10 P10+10 S20 P20+10");
    }

    #[test]
    fn a_frame_that_waited_for_a_part_does_not_delay_the_next_ones() {
        // Every second frame of the source, counted from each IDR, and IDRs at odd places: one part a frame.
        let (mut cutter, mut cuts) = (cutter(), Vec::new());
        cutter.part_ticks = 2 * FRAME;
        for frame in (0..10).step_by(2).chain((9..60).step_by(2)) {
            let mut sample = sample(frame, frame % 9 == 0);
            sample.nominal_duration = MediaTime::new(2 * FRAME, Timescale::VIDEO);
            cutter.push(sample, &mut cuts).unwrap();
        }
        let mut early = cuts.iter().filter_map(|cut| match cut {
            Cut::Part(part) => part.samples.last().map(|last| i64::from(last.composition_ticks)),
            _ => None,
        });
        assert!(
            early
                .next_back()
                .is_some_and(|ticks| (0..=FRAME).contains(&ticks))
        );
    }

    #[test]
    fn frames_before_the_first_idr_are_left_out() {
        assert_eq!(
            cut((0..12).map(|i| (i, i == 2))).unwrap(),
            ["S0", "P0+10", "P10+2"]
        );
    }

    #[test]
    fn a_hole_inside_a_part_lengthens_the_frame_before_it() {
        let cuts = cut((0..20).filter(|i| !(4..7).contains(i)).map(|i| (i, i == 0))).unwrap();
        assert_eq!(cuts.join(" "), "S0 P0+10 P10+10");
    }

    #[test]
    fn a_hole_over_several_parts_is_decoded_early_and_shown_in_time() {
        let (mut cutter, mut cuts) = (cutter(), Vec::new());
        for frame in (0..10).chain(35..50) {
            cutter.push(sample(frame, frame == 0), &mut cuts).unwrap();
        }
        let parts: Vec<&CutPart> = cuts
            .iter()
            .filter_map(|cut| {
                if let Cut::Part(part) = cut {
                    Some(part)
                } else {
                    None
                }
            })
            .collect();
        assert!(
            parts
                .iter()
                .all(|part| part.end.ticks - part.start.ticks == 10 * FRAME)
        );
        let after_hole = &parts[1].samples[0];
        assert_eq!(i64::from(after_hole.composition_ticks), 25 * FRAME);
        assert_eq!(parts.last().unwrap().end.ticks, 50 * FRAME);
    }

    #[test]
    fn a_hole_before_an_idr_belongs_to_the_segment_before_it() {
        // An encoder that cannot send fast enough drops everything up to the next IDR.
        let frames = (0..25).chain(60..120).map(|i| (i, i % 60 == 0));
        assert_eq!(
            cut(frames).unwrap().join(" "),
            "S0 P0+10 P10+10 P20+10 P30+10 P40+10 P50+10 S60 P60+10 P70+10 P80+10 P90+10 P100+10 P110+10"
        );
    }

    #[test]
    fn a_hole_over_several_segments_is_cut_as_if_it_were_none() {
        let frames = (0..50).chain(150..160).map(|i| (i, i == 0 || i == 150));
        assert_eq!(
            cut(frames).unwrap().join(" "),
            "S0 P0+10 P10+10 P20+10 P30+10 P40+10 P50+10 S60 P60+10 P70+10 P80+10 P90+10 P100+10 P110+10 S120 \
             P120+10 P130+10 P140+10 S150 P150+10"
        );
    }

    #[test]
    fn what_bridges_a_hole_is_the_idr_behind_it() {
        let (mut cutter, mut cuts) = (cutter(), Vec::new());
        for frame in (0..10).chain(30..31) {
            let mut sample = sample(frame, frame % 30 == 0);
            sample.data = frame.to_string().into();
            cutter.push(sample, &mut cuts).unwrap();
        }
        let bridging = cuts.iter().filter_map(|cut| match cut {
            Cut::Part(part) if part.start.ticks >= 10 * FRAME => Some(&part.samples[..]),
            _ => None,
        });
        for samples in bridging {
            let [sample] = samples else { panic!("{samples:?}") };
            assert_eq!((&sample.data[..], sample.is_idr), (&b"30"[..], true));
            assert_eq!((sample.duration_ticks, sample.composition_ticks), (30_000, 0));
        }
    }

    #[test]
    fn keyframes_too_far_apart_are_refused_with_what_to_set() {
        let error = cut((0..70).map(|i| (i, i == 0))).unwrap_err();
        assert!(error.to_string().contains("Keyframe Interval"));
        assert!(cut((0..63).map(|i| (i, i == 0 || i == 61))).is_ok());
    }

    #[test]
    fn a_clock_that_stands_still_does_not_fill_the_memory() {
        let (mut cutter, mut cuts) = (cutter(), Vec::new());
        let mebibyte = Bytes::from(vec![0; 1 << 20]);
        let mut still = (0..100).map(|frame| Sample {
            data: mebibyte.clone(),
            ..sample(0, frame == 0)
        });
        let error = still
            .find_map(|sample| cutter.push(sample, &mut cuts).err())
            .unwrap();
        assert_eq!(still.len(), 100 - 65, "64 MiB are taken");
        assert!(
            error.to_string().contains("64 MiB of video within 333 ms"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn any_stamps_give_an_unbroken_decode_time_in_lawful_parts(
            steps in proptest::collection::vec((1_i64..40, proptest::bool::weighted(0.2)), 1..300)
        ) {
            let (mut cutter, mut cuts) = (cutter(), Vec::new());
            let mut frame = 0;
            for (i, (step, is_idr)) in steps.into_iter().enumerate() {
                frame += step;
                // A frame that is refused ends the publication; the law is of what was cut until then and after.
                let _ = cutter.push(sample(frame, i == 0 || is_idr || i % 6 == 0), &mut cuts);
            }
            cutter.flush(&mut cuts);
            let mut next = 0;
            let mut segment_start = 0;
            for (i, cut) in cuts.iter().enumerate() {
                match cut {
                    Cut::Segment { at, .. } => {
                        prop_assert_eq!(at.ticks, next);
                        prop_assert!(next - segment_start < 225_000, "rounds to the target duration of 2");
                        segment_start = next;
                    }
                    Cut::Part(part) => {
                        prop_assert_eq!(part.start.ticks, next);
                        let length: i64 = part.samples.iter().map(|s| i64::from(s.duration_ticks)).sum();
                        prop_assert_eq!(length, part.end.ticks - part.start.ticks);
                        prop_assert!(length <= 10 * FRAME);
                        let last = !matches!(cuts.get(i + 1), Some(Cut::Part(_)));
                        prop_assert!(last || length == 10 * FRAME);
                        next = part.end.ticks;
                    }
                    Cut::Gap { .. } => prop_assert!(false, "no gaps here"),
                }
            }
        }
    }
}
