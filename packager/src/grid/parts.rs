//! How long parts are: one PART-TARGET that both the frame grid and the AAC grid can fill (SPEC 33, 142, 143).

use crate::media::{FrameRate, MediaTime, Timescale};

/// 8216bis 4.4.4.9: a part lasts at least this share of PART-TARGET, unless it is its segment's last.
pub const LEAST_FILL: f64 = 0.85;

/// Part lengths of a session, fixed when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartGrid {
    /// EXT-X-PART-INF PART-TARGET: the longest part of any rendition.
    pub part_target: MediaTime,
    /// Frames of the lead in each video part but a segment's last; 0 without video.
    pub video_frames: u32,
}

/// An audio track's frames: `samples` at `rate_hz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFrames {
    /// PCM samples of one access unit.
    pub samples: u32,
    /// Samples per second.
    pub rate_hz: u32,
}

/// How many AAC frames of a track an audio part holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFill {
    /// Fewest that fill it.
    pub least: u32,
    /// Most that fit.
    pub most: u32,
}

impl PartGrid {
    /// The grid nearest to `wanted_ms` on which video parts are all alike and audio parts, cut where the video's
    /// end, stay between 85 % and 100 % of one PART-TARGET.
    ///
    /// `frame_rates` are the video renditions', the lead's first: a part is a whole number of frames of each of them if
    /// that can be. At 30 fps and 48 kHz, 333 ms give 10 frames (0.33333 s) and 15 or 16 AAC frames: PART-TARGET is
    /// 0.34133. Without video the first audio track leads.
    pub fn choose(frame_rates: &[FrameRate], audio: &[AudioFrames], wanted_ms: u32) -> Self {
        let wanted = f64::from(wanted_ms) / 1000.0;
        match frame_rates.split_first() {
            Some((lead, others)) => Self::for_video(*lead, others, audio, wanted),
            None => Self::for_audio_alone(audio, wanted),
        }
    }

    fn for_video(lead: FrameRate, others: &[FrameRate], audio: &[AudioFrames], wanted: f64) -> Self {
        let most_frames = (2.0 * wanted * lead.fps()).ceil() as u32;
        let candidates = (1..=most_frames.max(1)).map(|frames| Self::with_video_frames(lead, audio, frames));
        let distance = |grid: &Self| {
            let video = f64::from(grid.video_frames) / lead.fps();
            // A grid that breaks the 85 % rule is the last resort; one that cuts a rung's frames short, the last but one.
            let unfilled = video < LEAST_FILL * grid.part_target.seconds() + 1e-9;
            let uneven = !is_whole(grid.video_frames, lead, others);
            (video - wanted).abs() + if unfilled { 1000.0 } else { 0.0 } + if uneven { 100.0 } else { 0.0 }
        };
        candidates
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .unwrap_or_else(|| Self::with_video_frames(lead, audio, 1))
    }

    fn with_video_frames(rate: FrameRate, audio: &[AudioFrames], frames: u32) -> Self {
        let timescale = super::timescale_for(rate);
        let video_part = MediaTime::new(i64::from(frames) * frame_ticks(rate, timescale), timescale);
        Self {
            part_target: with_audio(video_part, audio),
            video_frames: frames,
        }
    }

    fn for_audio_alone(audio: &[AudioFrames], wanted: f64) -> Self {
        let lead = audio.first().copied().unwrap_or(AudioFrames {
            samples: 1024,
            rate_hz: 48_000,
        });
        let frames = (wanted / lead.seconds()).round().max(1.0) as u32;
        Self {
            part_target: with_audio(lead.last(frames), audio),
            video_frames: 0,
        }
    }

    /// Whether a stream of another rate, coming back into the session, can fill this grid's parts.
    pub fn takes(&self, rate: FrameRate) -> bool {
        let frames = self.video_frames_at(rate, &[]);
        f64::from(frames) / rate.fps() >= LEAST_FILL * self.part_target.seconds()
    }

    /// Frames of a lead of `rate` that a part holds, beside rungs of `others`.
    pub fn video_frames_at(&self, rate: FrameRate, others: &[FrameRate]) -> u32 {
        let most = (self.part_target.seconds() * rate.fps() + 1e-6).floor() as u32;
        let least = (LEAST_FILL * self.part_target.seconds() * rate.fps() - 1e-6).ceil() as u32;
        let even = (least..=most)
            .rev()
            .find(|frames| is_whole(*frames, rate, others));
        even.unwrap_or(most)
    }

    /// How many of a track's frames an audio part holds.
    pub fn audio_fill(&self, audio: AudioFrames) -> AudioFill {
        let exact = self.part_target.seconds() / audio.seconds();
        AudioFill {
            least: (LEAST_FILL * exact - 1e-6).ceil().max(1.0) as u32,
            most: (exact + 1e-6).floor().max(1.0) as u32,
        }
    }
}

impl AudioFrames {
    fn seconds(self) -> f64 {
        f64::from(self.samples.max(1)) / f64::from(self.rate_hz.max(1))
    }

    /// How long that many last.
    fn last(self, frames: u32) -> MediaTime {
        let timescale = Timescale::new(self.rate_hz).unwrap_or(Timescale::VIDEO);
        MediaTime::new(i64::from(frames) * i64::from(self.samples.max(1)), timescale)
    }
}

/// The longest part of any rendition, if audio parts end with the first frame that reaches `part`.
fn with_audio(part: MediaTime, audio: &[AudioFrames]) -> MediaTime {
    let reaching = |audio: &AudioFrames| {
        let frames = (part.seconds() / audio.seconds() - 1e-6).ceil().max(1.0);
        audio.last(frames as u32)
    };
    audio.iter().map(reaching).fold(part, MediaTime::max)
}

/// Whether so many frames of `rate` last a whole number of frames of each of `others`.
fn is_whole(frames: u32, rate: FrameRate, others: &[FrameRate]) -> bool {
    let parts = |rate: FrameRate| {
        (
            u128::from(rate.numerator.get()),
            u128::from(rate.denominator.get()),
        )
    };
    let (numerator, denominator) = parts(rate);
    others.iter().all(|other| {
        let (of, per) = parts(*other);
        (u128::from(frames) * denominator * of).is_multiple_of(numerator * per)
    })
}

/// Ticks of one frame.
pub(crate) fn frame_ticks(rate: FrameRate, timescale: Timescale) -> i64 {
    let ticks = u64::from(timescale.get()) * u64::from(rate.denominator.get());
    let frames = u64::from(rate.numerator.get());
    i64::try_from((ticks + frames / 2) / frames).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AAC_48K: AudioFrames = AudioFrames {
        samples: 1024,
        rate_hz: 48_000,
    };
    const AAC_44K: AudioFrames = AudioFrames {
        samples: 1024,
        rate_hz: 44_100,
    };

    fn rate(fps: u32) -> FrameRate {
        FrameRate::new(fps, 1).unwrap()
    }

    /// Half the frames, in the lower rungs: no frame of theirs is cut short at a part's end.
    #[test]
    fn a_part_is_a_whole_number_of_frames_of_every_rung() {
        for (fps, rungs) in [(60, [30, 20]), (50, [25, 25]), (30, [15, 10]), (24, [12, 24])] {
            for wanted_ms in [100, 200, 333, 500, 1000] {
                let grid = PartGrid::choose(
                    &[rate(fps), rate(rungs[0]), rate(rungs[1])],
                    &[AAC_48K],
                    wanted_ms,
                );
                for rung in rungs {
                    assert!(
                        (grid.video_frames * rung).is_multiple_of(fps),
                        "{fps} {rung} {wanted_ms}: {grid:?}"
                    );
                }
                let back = grid.video_frames_at(rate(fps), &rungs.map(rate));
                assert!((back * rungs[0]).is_multiple_of(fps), "{back} of {grid:?}");
            }
        }
    }

    #[test]
    fn both_grids_fill_every_usual_pair_from_a_tenth_of_a_second_up() {
        let rates = [
            (24_000, 1001),
            (24, 1),
            (25, 1),
            (30_000, 1001),
            (30, 1),
            (50, 1),
            (60_000, 1001),
            (60, 1),
        ];
        for (numerator, denominator) in rates {
            let rate = FrameRate::new(numerator, denominator).unwrap();
            for audio in [&[][..], &[AAC_48K], &[AAC_44K], &[AAC_44K, AAC_48K]] {
                for wanted_ms in [100, 200, 333, 500, 1000] {
                    let grid = PartGrid::choose(&[rate], audio, wanted_ms);
                    let context =
                        format!("{numerator}/{denominator} fps, {audio:?}, {wanted_ms} ms: {grid:?}");
                    let target = grid.part_target.seconds();
                    let video = f64::from(grid.video_frames) / rate.fps();
                    assert!(
                        video <= target + 1e-9 && video >= LEAST_FILL * target,
                        "{context}"
                    );
                    assert!((video - f64::from(wanted_ms) / 1000.0).abs() < 0.045, "{context}");
                    for audio in audio {
                        let frame = f64::from(audio.samples) / f64::from(audio.rate_hz);
                        let AudioFill { least, most } = grid.audio_fill(*audio);
                        assert!(least <= most, "{context}");
                        assert!(f64::from(most) * frame <= target + 1e-9, "{context}");
                        assert!(
                            f64::from(least) * frame >= LEAST_FILL * target - 1e-9,
                            "{context}"
                        );
                        // Where the video's parts end, an audio part can.
                        assert!(f64::from(most) * frame >= video - 1e-6, "{context}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_third_of_a_second_at_30_fps_and_48_khz() {
        let grid = PartGrid::choose(&[rate(30)], &[AAC_48K], 333);
        assert_eq!(grid.video_frames, 10);
        assert_eq!(grid.audio_fill(AAC_48K), AudioFill { least: 14, most: 16 });
        assert_eq!(
            grid.part_target,
            MediaTime::new(16 * 1024, Timescale::new(48_000).unwrap())
        );
    }

    #[test]
    fn a_returning_encoder_must_fill_the_parts_of_the_session() {
        let grid = PartGrid::choose(&[rate(30)], &[AAC_48K], 333);
        for (fps, takes) in [(30, true), (60, true), (25, true), (50, true), (5, false)] {
            assert_eq!(grid.takes(FrameRate::new(fps, 1).unwrap()), takes, "{fps}");
        }
    }
}
