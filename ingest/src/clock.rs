//! The encoder's clock: 32-bit milliseconds that wrap every 49.7 days become a timeline that never falls.

use vitrine_packager::media::{TrackKind, WallTime};

/// How far a track may step back; encoders do so by a few milliseconds when they round. Its time stands still then.
const TOLERATED_STEP_BACK_MS: i64 = 1_000;

/// How far the clock may leap ahead of the time that went by: an encoder that was silent, or left frames out, leaps no further
/// than that.
const TOLERATED_LEAP_MS: i64 = 3_000;

/// How far apart the two tracks' first frames may be.
const TOLERATED_SKEW_MS: i64 = 30_000;

/// Unwraps the timestamps of one publication. Zero is the first one; both tracks share it.
#[derive(Debug, Default)]
pub struct Clock {
    /// The last timestamp of any track, as sent and as unwrapped.
    last: Option<(u32, i64)>,
    last_video_ms: Option<i64>,
    last_audio_ms: Option<i64>,
    last_received: Option<WallTime>,
}

/// A timestamp on the publication's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// As the encoder meant it.
    pub sent_ms: i64,
    /// The same, but never before the track's last one.
    pub dts_ms: i64,
}

/// The encoder's clock was set to another time; its frames fit the timeline no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("timestamps jumped by {millis} ms")]
pub struct Jump {
    /// Forwards, or backwards if negative.
    pub millis: i64,
}

impl Clock {
    /// A clock that begins with this frame.
    pub fn begin(track: TrackKind, timestamp: u32, received: WallTime) -> (Self, Stamp) {
        let (last_video_ms, last_audio_ms) = match track {
            TrackKind::Video => (Some(0), None),
            TrackKind::Audio => (None, Some(0)),
        };
        let clock = Self {
            last: Some((timestamp, 0)),
            last_video_ms,
            last_audio_ms,
            last_received: Some(received),
        };
        let stamp = Stamp {
            sent_ms: 0,
            dts_ms: 0,
        };
        (clock, stamp)
    }

    /// Puts the timestamp of a frame that was received then on the timeline.
    ///
    /// # Errors
    /// [`Jump`] if it is ahead of the last frame by over 3 s more than went by since, or over 1 s behind the track's own last
    /// frame (for a track's first frame: over 30 s behind the other track).
    pub fn stamp(&mut self, track: TrackKind, timestamp: u32, received: WallTime) -> Result<Stamp, Jump> {
        let (last_sent, last_ms) = self.last.unwrap_or((timestamp, 0));
        // Serial number arithmetic (RTMP 1.0, 5): the shorter way around the circle.
        let step = i64::from(timestamp.wrapping_sub(last_sent).cast_signed());
        let sent_ms = last_ms + step;
        let track_ms = match track {
            TrackKind::Video => &mut self.last_video_ms,
            TrackKind::Audio => &mut self.last_audio_ms,
        };
        let back = track_ms.map_or(last_ms - sent_ms - TOLERATED_SKEW_MS, |track_ms| {
            track_ms - sent_ms - TOLERATED_STEP_BACK_MS
        });
        let passed_ms = self.last_received.map_or(0, |last| received.millis_since(last));
        if step - passed_ms > TOLERATED_LEAP_MS || back > 0 {
            return Err(Jump { millis: step });
        }
        let dts_ms = track_ms.map_or(sent_ms, |track_ms| sent_ms.max(track_ms));
        *track_ms = Some(dts_ms);
        self.last = Some((timestamp, sent_ms));
        self.last_received = Some(received);
        Ok(Stamp { sent_ms, dts_ms })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::TrackKind::{Audio, Video};
    use super::*;

    const THEN: WallTime = WallTime(1_795_530_987_654);

    #[test]
    fn timestamps_become_one_timeline() {
        type Case = (&'static str, &'static [(TrackKind, u32, i64)]);
        let table: [Case; 6] = [
            ("the first frame is zero", &[(Video, 5000, 0), (Video, 5033, 33)]),
            (
                "the clock wraps",
                &[
                    (Video, u32::MAX - 9, 0),
                    (Audio, 5, 15),
                    (Video, 23, 33),
                    (Video, 56, 66),
                ],
            ),
            (
                "audio starts 2 s before video",
                &[
                    (Video, 2000, 0),
                    (Audio, 0, -2000),
                    (Video, 2033, 33),
                    (Audio, 21, -1979),
                ],
            ),
            (
                "audio starts 2 s after video",
                &[(Video, 0, 0), (Audio, 2000, 2000), (Video, 33, 33)],
            ),
            (
                "a step back stands still",
                &[
                    (Audio, 100, 0),
                    (Audio, 121, 21),
                    (Audio, 117, 21),
                    (Audio, 142, 42),
                ],
            ),
            (
                "the other track may be behind",
                &[(Video, 0, 0), (Video, 900, 900), (Audio, 10, 10)],
            ),
        ];
        for (name, frames) in table {
            let mut clock = Clock::default();
            for &(track, timestamp, expected) in frames {
                assert_eq!(
                    clock.stamp(track, timestamp, THEN).unwrap().dts_ms,
                    expected,
                    "{name}: {timestamp}"
                );
            }
        }
    }

    #[test]
    fn a_step_back_keeps_what_was_meant_for_presentation() {
        let mut clock = Clock::default();
        clock.stamp(Video, 100, THEN).unwrap();
        assert_eq!(
            clock.stamp(Video, 95, THEN),
            Ok(Stamp {
                sent_ms: -5,
                dts_ms: 0
            })
        );
    }

    #[test]
    fn a_clock_that_was_set_is_an_error() {
        let table: [(&[(TrackKind, u32)], i64); 4] = [
            (&[(Video, 10_000), (Video, 8_000)], -2_000),
            (&[(Video, 0), (Video, 3_001)], 3_001),
            (&[(Video, 3_600_000), (Audio, 0)], -3_600_000),
            (&[(Video, 0), (Audio, 0x8000_0000)], -0x8000_0000),
        ];
        for (frames, millis) in table {
            let mut clock = Clock::default();
            clock.stamp(frames[0].0, frames[0].1, THEN).unwrap();
            assert_eq!(
                clock.stamp(frames[1].0, frames[1].1, THEN),
                Err(Jump { millis }),
                "{frames:?}"
            );
        }
    }

    #[test]
    fn to_begin_is_to_stamp_the_first_frame() {
        let (mut begun, stamp) = Clock::begin(Audio, 77, THEN);
        let mut fresh = Clock::default();
        assert_eq!(fresh.stamp(Audio, 77, THEN), Ok(stamp));
        assert_eq!(fresh.stamp(Video, 90, THEN), begun.stamp(Video, 90, THEN));
    }

    #[test]
    fn a_silence_is_no_leap() {
        let mut clock = Clock::default();
        clock.stamp(Video, 0, THEN).unwrap();
        assert!(clock.stamp(Video, 9_000, THEN.plus_millis(9_000)).is_ok());
        assert!(clock.stamp(Video, 18_000, THEN.plus_millis(10_000)).is_err());
    }

    proptest! {
        #[test]
        fn dts_never_falls_and_steps_are_kept_over_any_wrap(
            start: u32,
            steps in prop::collection::vec((any::<bool>(), 0_u32..2_000), 1..200),
        ) {
            let mut clock = Clock::default();
            let mut sent = start;
            let mut sum = 0_i64;
            for (index, (video, step)) in steps.into_iter().enumerate() {
                let step = if index == 0 { 0 } else { step };
                sent = sent.wrapping_add(step);
                sum += i64::from(step);
                let stamp = clock.stamp(if video { Video } else { Audio }, sent, THEN).unwrap();
                prop_assert_eq!(stamp.dts_ms, sum);
            }
        }

        #[test]
        fn no_sequence_of_timestamps_makes_a_track_fall(
            stamps in prop::collection::vec((any::<bool>(), prop_oneof![any::<u32>(), 0_u32..5_000]), 1..200),
        ) {
            let mut clock = Clock::default();
            let mut last = [i64::MIN; 2];
            for (video, timestamp) in stamps {
                let track = if video { Video } else { Audio };
                if let Ok(stamp) = clock.stamp(track, timestamp, THEN) {
                    prop_assert!(stamp.dts_ms >= last[usize::from(video)]);
                    last[usize::from(video)] = stamp.dts_ms;
                }
            }
        }
    }
}
