//! How long parts are: one PART-TARGET that both the frame grid and the AAC grid can fill (SPEC 33, 142, 143).

use crate::media::{FrameRate, MediaTime, Timescale};

/// 8216bis 4.4.4.9: a part lasts at least this share of PART-TARGET, unless it is its segment's last.
pub const LEAST_FILL: f64 = 0.85;

/// Part lengths of a session, fixed when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartGrid {
    /// EXT-X-PART-INF PART-TARGET: the longest part of any rendition.
    pub part_target: MediaTime,
    /// Frames in each video part but a segment's last; 0 without video.
    pub video_frames: u32,
    /// Fewest AAC frames that fill an audio part.
    pub least_audio_frames: u32,
    /// Most AAC frames that fit in an audio part.
    pub most_audio_frames: u32,
}

/// An audio track's frames: `samples` at `rate_hz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFrames {
    /// PCM samples of one access unit.
    pub samples: u32,
    /// Samples per second.
    pub rate_hz: u32,
}

impl PartGrid {
    /// The grid nearest to `wanted_ms` on which video parts are all alike and audio parts, cut where the video's
    /// end, stay between 85 % and 100 % of one PART-TARGET.
    ///
    /// At 30 fps and 48 kHz, 333 ms give 10 frames (0.33333 s) and 15 or 16 AAC frames: PART-TARGET is 0.34133.
    pub fn choose(frame_rate: Option<FrameRate>, audio: Option<AudioFrames>, wanted_ms: u32) -> Self {
        let wanted = f64::from(wanted_ms) / 1000.0;
        match frame_rate {
            Some(rate) => Self::for_video(rate, audio, wanted),
            None => Self::for_audio_alone(audio, wanted),
        }
    }

    fn for_video(rate: FrameRate, audio: Option<AudioFrames>, wanted: f64) -> Self {
        let most_frames = (2.0 * wanted * rate.fps()).ceil() as u32;
        let candidates = (1..=most_frames.max(1)).map(|frames| Self::with_video_frames(rate, audio, frames));
        let distance = |grid: &Self| {
            let video = f64::from(grid.video_frames) / rate.fps();
            let unfilled = video < LEAST_FILL * grid.part_target.seconds() + 1e-9;
            // A grid that breaks the 85 % rule is the last resort.
            (video - wanted).abs() + if unfilled { 1000.0 } else { 0.0 }
        };
        candidates
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .unwrap_or_else(|| Self::with_video_frames(rate, audio, 1))
    }

    fn with_video_frames(rate: FrameRate, audio: Option<AudioFrames>, frames: u32) -> Self {
        let timescale = super::timescale_for(rate);
        let frame_ticks = frame_ticks(rate, timescale);
        let video_target = MediaTime::new(i64::from(frames) * frame_ticks, timescale);
        let Some(audio) = audio else {
            return Self {
                part_target: video_target,
                video_frames: frames,
                least_audio_frames: 0,
                most_audio_frames: 0,
            };
        };
        let audio_scale = Timescale::new(audio.rate_hz).unwrap_or(Timescale::VIDEO);
        let samples = i64::from(audio.samples.max(1));
        let exact = video_target.seconds() * f64::from(audio.rate_hz) / samples as f64;
        let most_audio_frames = (exact - 1e-6).ceil().max(1.0) as u32;
        let audio_target = MediaTime::new(i64::from(most_audio_frames) * samples, audio_scale);
        let part_target = video_target.max(audio_target);
        Self {
            part_target,
            video_frames: frames,
            least_audio_frames: least(part_target, audio),
            most_audio_frames,
        }
    }

    fn for_audio_alone(audio: Option<AudioFrames>, wanted: f64) -> Self {
        let audio = audio.unwrap_or(AudioFrames {
            samples: 1024,
            rate_hz: 48_000,
        });
        let audio_scale = Timescale::new(audio.rate_hz).unwrap_or(Timescale::VIDEO);
        let samples = i64::from(audio.samples.max(1));
        let frames = (wanted * f64::from(audio.rate_hz) / samples as f64)
            .round()
            .max(1.0) as u32;
        let part_target = MediaTime::new(i64::from(frames) * samples, audio_scale);
        Self {
            part_target,
            video_frames: 0,
            least_audio_frames: frames,
            most_audio_frames: frames,
        }
    }

    /// Whether a stream of another rate, coming back into the session, can fill this grid's parts.
    pub fn takes(&self, rate: FrameRate) -> bool {
        let frames = self.video_frames_at(rate);
        f64::from(frames) / rate.fps() >= LEAST_FILL * self.part_target.seconds()
    }

    /// Video frames of `rate` that a part holds.
    pub fn video_frames_at(&self, rate: FrameRate) -> u32 {
        (self.part_target.seconds() * rate.fps() + 1e-6).floor() as u32
    }
}

/// Ticks of one frame.
pub(crate) fn frame_ticks(rate: FrameRate, timescale: Timescale) -> i64 {
    let ticks = u64::from(timescale.get()) * u64::from(rate.denominator.get());
    let frames = u64::from(rate.numerator.get());
    i64::try_from((ticks + frames / 2) / frames).unwrap_or(1).max(1)
}

fn least(part_target: MediaTime, audio: AudioFrames) -> u32 {
    let frame = f64::from(audio.samples.max(1)) / f64::from(audio.rate_hz.max(1));
    (LEAST_FILL * part_target.seconds() / frame - 1e-6)
        .ceil()
        .max(1.0) as u32
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
            for audio in [None, Some(AAC_48K), Some(AAC_44K)] {
                for wanted_ms in [100, 200, 333, 500, 1000] {
                    let grid = PartGrid::choose(Some(rate), audio, wanted_ms);
                    let context =
                        format!("{numerator}/{denominator} fps, {audio:?}, {wanted_ms} ms: {grid:?}");
                    let target = grid.part_target.seconds();
                    let video = f64::from(grid.video_frames) / rate.fps();
                    assert!(
                        video <= target + 1e-9 && video >= LEAST_FILL * target,
                        "{context}"
                    );
                    assert!((video - f64::from(wanted_ms) / 1000.0).abs() < 0.045, "{context}");
                    if let Some(audio) = audio {
                        let frame = f64::from(audio.samples) / f64::from(audio.rate_hz);
                        assert!(grid.least_audio_frames <= grid.most_audio_frames, "{context}");
                        assert!(
                            f64::from(grid.most_audio_frames) * frame <= target + 1e-9,
                            "{context}"
                        );
                        assert!(
                            f64::from(grid.least_audio_frames) * frame >= LEAST_FILL * target - 1e-9,
                            "{context}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_third_of_a_second_at_30_fps_and_48_khz() {
        let grid = PartGrid::choose(FrameRate::new(30, 1), Some(AAC_48K), 333);
        assert_eq!(
            (grid.video_frames, grid.least_audio_frames, grid.most_audio_frames),
            (10, 14, 16)
        );
        assert_eq!(
            grid.part_target,
            MediaTime::new(16 * 1024, Timescale::new(48_000).unwrap())
        );
    }

    #[test]
    fn a_returning_encoder_must_fill_the_parts_of_the_session() {
        let grid = PartGrid::choose(FrameRate::new(30, 1), Some(AAC_48K), 333);
        for (fps, takes) in [(30, true), (60, true), (25, true), (50, true), (5, false)] {
            assert_eq!(grid.takes(FrameRate::new(fps, 1).unwrap()), takes, "{fps}");
        }
    }
}
