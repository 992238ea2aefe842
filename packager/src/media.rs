//! The vocabulary of media that every crate shares: time, frames, samples, tracks.

use std::fmt;
use std::num::NonZeroU32;

use bytes::Bytes;

/// Ticks per second of a track's media time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timescale(NonZeroU32);

impl Timescale {
    /// 90 kHz, the clock of every video track whose frame duration it divides.
    pub const VIDEO: Timescale = Timescale(NonZeroU32::new(90_000).unwrap());
    /// Milliseconds, as RTMP and the control API count.
    pub const MILLIS: Timescale = Timescale(NonZeroU32::new(1_000).unwrap());

    /// A timescale of `ticks_per_second`; `None` for zero.
    pub const fn new(ticks_per_second: u32) -> Option<Self> {
        match NonZeroU32::new(ticks_per_second) {
            Some(ticks) => Some(Self(ticks)),
            None => None,
        }
    }

    /// Ticks per second.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// An instant (or a span) on a session's media timeline. Zero is the first video frame shown.
#[derive(Debug, Clone, Copy)]
pub struct MediaTime {
    /// Signed count of `1 / timescale` seconds.
    pub ticks: i64,
    /// The unit of `ticks`.
    pub timescale: Timescale,
}

impl MediaTime {
    /// `ticks` units of `timescale`.
    pub const fn new(ticks: i64, timescale: Timescale) -> Self {
        Self { ticks, timescale }
    }

    /// A time in milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self::new(millis, Timescale::MILLIS)
    }

    /// The same instant in another unit, rounded to the nearest tick (halves away from zero).
    pub fn rescale(self, to: Timescale) -> Self {
        let scaled = i128::from(self.ticks) * i128::from(to.get());
        let unit = i128::from(self.timescale.get());
        let half = unit / 2 * scaled.signum();
        Self::new(i64::try_from((scaled + half) / unit).unwrap_or(i64::MAX), to)
    }

    /// Seconds, for printing and for rates; not for arithmetic on timelines.
    pub fn seconds(self) -> f64 {
        self.ticks as f64 / f64::from(self.timescale.get())
    }

    /// Whole milliseconds, rounded to the nearest.
    pub fn millis(self) -> i64 {
        self.rescale(Timescale::MILLIS).ticks
    }
}

// Equality and order are of the instant, whatever the units: 90 ticks of 90 kHz equal 1 ms.
impl PartialEq for MediaTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for MediaTime {}

impl PartialOrd for MediaTime {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MediaTime {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let left = i128::from(self.ticks) * i128::from(other.timescale.get());
        let right = i128::from(other.ticks) * i128::from(self.timescale.get());
        left.cmp(&right)
    }
}

/// Wall-clock time: milliseconds since the Unix epoch, UTC. Always handed in, never read from a clock here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub i64);

impl WallTime {
    /// This time plus `millis`.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this time; negative if this is before it.
    pub const fn millis_since(self, earlier: WallTime) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for WallTime {
    /// RFC 3339 in UTC with milliseconds, as EXT-X-PROGRAM-DATE-TIME prints it (8216bis 4.4.4.6).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, millis) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let (seconds, milli) = (millis / 1000, millis % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
        )
    }
}

/// Days since 1970-01-01 → (year, month, day) of the proleptic Gregorian calendar.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // Years are counted from 1 March of year 0, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Frames per second as a ratio: 30000/1001 is exact, 29.97 is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    /// Frames in `denominator` seconds.
    pub numerator: NonZeroU32,
    /// Seconds in which `numerator` frames pass.
    pub denominator: NonZeroU32,
}

impl FrameRate {
    /// `numerator / denominator` frames a second; `None` if either is zero.
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        match (NonZeroU32::new(numerator), NonZeroU32::new(denominator)) {
            (Some(numerator), Some(denominator)) => Some(Self {
                numerator,
                denominator,
            }),
            _ => None,
        }
    }

    /// What is taken for the rate of a stream that says nothing of it.
    pub(crate) const THIRTY: Self = Self {
        numerator: NonZeroU32::new(30).unwrap(),
        denominator: NonZeroU32::MIN,
    };

    /// Frames per second, for printing and comparison.
    pub fn fps(self) -> f64 {
        f64::from(self.numerator.get()) / f64::from(self.denominator.get())
    }
}

/// A rendition's place among those of its session, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenditionId(pub u16);

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// Codec parameters of one track, as the encoder declared them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackConfig {
    /// A video track.
    Video(VideoConfig),
    /// An AAC-LC track.
    Audio(AudioConfig),
}

impl TrackConfig {
    /// Which kind of track these parameters describe.
    pub fn kind(&self) -> TrackKind {
        match self {
            Self::Video(_) => TrackKind::Video,
            Self::Audio(_) => TrackKind::Audio,
        }
    }
}

/// How a video track is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264: `avc1`, `avcC`.
    Avc,
    /// H.265: `hvc1`, `hvcC`.
    Hevc,
    /// AV1: `av01`, `av1C`.
    Av1,
}

/// Video parameters. Everything but `declared_*` is read from the configuration record itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoConfig {
    /// What `record` and the frames are.
    pub codec: VideoCodec,
    /// The decoder configuration record: AVC's (ISO/IEC 14496-15 5.3.3.1), HEVC's (8.3.3.1) or AV1's
    /// (AV1 in ISOBMFF 2.3.3), as in the box of the codec.
    pub record: Bytes,
    /// The frame rate that the encoder announced beside the bitstream (onMetaData), if it did.
    pub declared_frame_rate: Option<FrameRate>,
    /// The bitrate that the encoder announced, bits per second.
    pub declared_bitrate_bps: Option<u32>,
}

/// AAC-LC parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConfig {
    /// AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).
    pub asc: Bytes,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Channels, 1 or more.
    pub channels: u8,
    /// The bitrate that the encoder announced, bits per second.
    pub declared_bitrate_bps: Option<u32>,
}

/// One access unit as an encoder sent it, on the encoder's own millisecond clock.
///
/// `dts_ms` never falls within a track; both tracks of a publication share one zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The track it belongs to.
    pub track: TrackKind,
    /// Decode time in milliseconds of the encoder's clock, unwrapped.
    pub dts_ms: i64,
    /// Presentation time on the same clock.
    pub pts_ms: i64,
    /// Whether a decoder can start here (an IDR; true for audio).
    pub is_idr: bool,
    /// The bitstream: length-prefixed NAL units (H.264, H.265), the OBUs of a temporal unit without its delimiter (AV1),
    /// or one raw AAC frame.
    pub data: Bytes,
    /// When its last byte was received.
    pub received: WallTime,
}

/// One access unit on a session's media timeline: what segments are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Decode time; strictly rising within a rendition.
    pub dts: MediaTime,
    /// Presentation time, in the timescale of `dts`.
    pub pts: MediaTime,
    /// The duration expected of it; the real one is the next sample's `dts` minus its own.
    pub nominal_duration: MediaTime,
    /// Whether a decoder can start here.
    pub is_idr: bool,
    /// When the source's frame was received; `None` of one that was made up.
    pub received: Option<WallTime>,
    /// The bitstream, as in [`Frame::data`].
    pub data: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_prints_as_rfc3339() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_795_530_987_654, "2026-11-24T14:36:27.654Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ];
        for (millis, text) in table {
            assert_eq!(WallTime(millis).to_string(), text);
        }
    }

    #[test]
    fn rescaling_rounds_to_the_nearest_tick() {
        let at = |ticks| MediaTime::new(ticks, Timescale::VIDEO);
        assert_eq!(at(3003).rescale(Timescale::MILLIS).ticks, 33);
        assert_eq!(at(45).rescale(Timescale::MILLIS).ticks, 1);
        assert_eq!(at(-45).rescale(Timescale::MILLIS).ticks, -1);
        assert_eq!(at(44).rescale(Timescale::MILLIS).ticks, 0);
    }

    #[test]
    fn order_is_of_the_instant_not_of_the_ticks() {
        assert_eq!(MediaTime::new(90, Timescale::VIDEO), MediaTime::from_millis(1));
        assert!(MediaTime::new(91, Timescale::VIDEO) > MediaTime::from_millis(1));
    }
}
