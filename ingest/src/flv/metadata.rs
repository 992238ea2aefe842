//! onMetaData: what an encoder says of its stream beside the stream.

use vitrine_packager::media::FrameRate;

use crate::rtmp::amf0::Value;

/// The parts of onMetaData that we use. All of them are hints; the bitstream rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// `encoder`, cut to 128 characters, control characters removed.
    pub encoder: Option<String>,
    /// Whether a video track is announced (`videocodecid`).
    pub has_video: bool,
    /// Whether an audio track is announced (`audiocodecid`).
    pub has_audio: bool,
    /// `framerate`.
    pub frame_rate: Option<FrameRate>,
    /// `videodatarate`.
    pub video_bitrate_bps: Option<u32>,
    /// `audiodatarate`.
    pub audio_bitrate_bps: Option<u32>,
}

impl Metadata {
    /// Reads the object of an onMetaData message.
    pub fn read(object: &Value) -> Self {
        let number = |name| object.get(name).and_then(Value::as_number);
        // A codec id is a number, or in some encoders a name such as "avc1"; 0 in FFmpeg's for "none".
        let announced = |name| match object.get(name) {
            Some(Value::Number(id)) => *id != 0.0,
            Some(Value::String(id)) => !id.is_empty(),
            _ => false,
        };
        Self {
            encoder: object
                .get("encoder")
                .and_then(Value::as_str)
                .map(printable)
                .filter(|name| !name.is_empty()),
            has_video: announced("videocodecid"),
            has_audio: announced("audiocodecid"),
            frame_rate: number("framerate").and_then(frame_rate),
            video_bitrate_bps: number("videodatarate").and_then(bits_per_second),
            audio_bitrate_bps: number("audiodatarate").and_then(bits_per_second),
        }
    }
}

fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(128)
        .collect()
}

/// From kbit/s; `None` for what is no bitrate.
fn bits_per_second(kilobits: f64) -> Option<u32> {
    (1.0..=4_000_000.0)
        .contains(&kilobits)
        .then(|| (kilobits * 1000.0).round() as u32)
}

/// The frame rates that cameras and encoders have.
const KNOWN_RATES: [(u32, u32); 12] = [
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (100, 1),
    (120_000, 1001),
    (120, 1),
];

/// A frame rate from its decimal: the known ratio within 0.005 frames a second of it, else in thousandths.
/// `None` for what is no frame rate (not in 1 to 240).
fn frame_rate(fps: f64) -> Option<FrameRate> {
    if !(1.0..=240.0).contains(&fps) {
        return None;
    }
    let close = |&&(numerator, denominator): &&(u32, u32)| {
        (f64::from(numerator) / f64::from(denominator) - fps).abs() < 0.005
    };
    match KNOWN_RATES.iter().find(close) {
        Some(&(numerator, denominator)) => FrameRate::new(numerator, denominator),
        None => FrameRate::new((fps * 1000.0).round() as u32, 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtmp::amf0::object;

    #[test]
    fn frame_rates_snap_to_the_known_ratios() {
        let table = [
            (23.976, Some((24_000, 1001))),
            (23.976_023_976, Some((24_000, 1001))),
            (24.0, Some((24, 1))),
            (25.0, Some((25, 1))),
            (29.97, Some((30_000, 1001))),
            (30.0, Some((30, 1))),
            (59.94, Some((60_000, 1001))),
            (60.0, Some((60, 1))),
            (119.88, Some((120_000, 1001))),
            (12.5, Some((12_500, 1000))),
            (0.0, None),
            (1e9, None),
            (f64::NAN, None),
            (-30.0, None),
        ];
        for (fps, expected) in table {
            let expected =
                expected.and_then(|(numerator, denominator)| FrameRate::new(numerator, denominator));
            assert_eq!(frame_rate(fps), expected, "{fps}");
        }
    }

    #[test]
    fn metadata_of_real_encoders_is_read() {
        let obs = object([
            ("width", 1280.0.into()),
            ("videocodecid", 7.0.into()),
            ("videodatarate", 2500.0.into()),
            ("framerate", 30.0.into()),
            ("audiocodecid", 10.0.into()),
            ("audiodatarate", 128.0.into()),
            ("encoder", "obs-output module\n (libobs version 29.0.2)".into()),
        ]);
        let metadata = Metadata::read(&obs);
        assert_eq!(
            metadata.encoder.as_deref(),
            Some("obs-output module (libobs version 29.0.2)")
        );
        assert!(metadata.has_video && metadata.has_audio);
        assert_eq!(metadata.frame_rate, FrameRate::new(30, 1));
        assert_eq!(metadata.video_bitrate_bps, Some(2_500_000));
        assert_eq!(metadata.audio_bitrate_bps, Some(128_000));

        let silent = object([("videocodecid", "avc1".into()), ("videodatarate", 0.0.into())]);
        let metadata = Metadata::read(&silent);
        assert!(metadata.has_video && !metadata.has_audio);
        assert_eq!(metadata.video_bitrate_bps, None);
        assert_eq!(Metadata::read(&Value::Null), Metadata::default());
    }
}
