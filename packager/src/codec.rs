//! What the parameter sets say: picture size, colour, rate, and the RFC 6381 codec strings.
//!
//! ```text
//! avcC (from the encoder) ──► SPS ──► VideoFacts      AudioSpecificConfig ──► AudioFacts
//! ```

use std::num::NonZeroU32;

use h264_reader::avcc::AvcDecoderConfigurationRecord;
use h264_reader::nal::sps::{FrameMbsFlags, SeqParameterSet};
use h264_reader::rbsp::{BitReader, decode_nal};

use crate::grid::AudioFrames;
use crate::media::{AudioConfig, FrameRate, VideoConfig};

/// Pictures larger than this on a side are refused: no viewer's decoder takes them, and sizes are multiplied.
const MAX_SIDE: u32 = 8192;

/// Parameter sets that cannot be packaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The AVCDecoderConfigurationRecord or its SPS cannot be read.
    #[error(
        "the H.264 parameter sets cannot be read ({0}): restart the encoder, or choose another H.264 encoder"
    )]
    H264(String),
    /// NAL units are not prefixed by four bytes.
    #[error("H.264 NAL lengths of {0} bytes are not supported: the encoder must write 4-byte lengths")]
    NalLength(u8),
    /// Too large or empty pictures.
    #[error(
        "a picture of {width}x{height} is outside 16 to 8192 on a side: choose another output resolution"
    )]
    PictureSize {
        /// In luma samples.
        width: u32,
        /// In luma samples.
        height: u32,
    },
    /// Not an AAC-LC AudioSpecificConfig with a known rate and channel layout.
    #[error(
        "the AAC configuration is not AAC-LC at 7350 to 96000 Hz with 1 to 6 or 8 channels: choose AAC-LC at 44.1 or 48 kHz, mono or stereo"
    )]
    Aac,
}

/// Colour as ISO/IEC 23091-2 code points, for `colr` and VIDEO-RANGE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// ColourPrimaries.
    pub primaries: u8,
    /// TransferCharacteristics.
    pub transfer: u8,
    /// MatrixCoefficients.
    pub matrix: u8,
    /// VideoFullRangeFlag.
    pub full_range: bool,
}

/// What an H.264 track's parameter sets say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoFacts {
    /// Coded width after cropping, in luma samples.
    pub width: u32,
    /// Coded height after cropping, in luma samples.
    pub height: u32,
    /// Sample aspect ratio, when the SPS states one.
    pub sample_aspect: Option<(u16, u16)>,
    /// Colour description, when the SPS states one.
    pub colour: Option<Colour>,
    /// The VUI's frame rate, when it claims a fixed one.
    pub fixed_frame_rate: Option<FrameRate>,
    /// `avc1.PPCCLL`.
    pub codec_string: String,
}

impl VideoFacts {
    /// Reads the first SPS of the configuration.
    pub fn read(config: &VideoConfig) -> Result<Self, CodecError> {
        let unreadable = |why: &dyn std::fmt::Debug| CodecError::H264(format!("{why:?}"));
        let avcc = AvcDecoderConfigurationRecord::try_from(&config.record[..]).map_err(|e| unreadable(&e))?;
        if avcc.length_size_minus_one() != 3 {
            return Err(CodecError::NalLength(avcc.length_size_minus_one() + 1));
        }
        let nal = avcc
            .sequence_parameter_sets()
            .next()
            .ok_or_else(|| CodecError::H264("no SPS".into()))?
            .map_err(|e| unreadable(&e))?;
        // Also what `decode_nal` must not be given: it panics on an empty NAL unit.
        let [profile, constraints, level] = match nal {
            [_, profile, constraints, level, ..] => [*profile, *constraints, *level],
            _ => return Err(CodecError::H264("SPS of under 4 bytes".into())),
        };
        let rbsp = decode_nal(nal).map_err(|e| unreadable(&e))?;
        let sps = SeqParameterSet::from_bits(BitReader::new(&rbsp[..])).map_err(|e| unreadable(&e))?;
        let (width, height) = sps.pixel_dimensions().map_err(|e| unreadable(&e))?;
        if !(16..=MAX_SIDE).contains(&width) || !(16..=MAX_SIDE).contains(&height) {
            return Err(CodecError::PictureSize { width, height });
        }
        Ok(Self {
            width,
            height,
            sample_aspect: sample_aspect(&sps),
            colour: colour(&sps),
            fixed_frame_rate: frame_rate(&sps),
            codec_string: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
        })
    }
}

fn sample_aspect(sps: &SeqParameterSet) -> Option<(u16, u16)> {
    let aspect = sps.vui_parameters.as_ref()?.aspect_ratio_info.as_ref()?.get()?;
    (aspect.0 > 0 && aspect.1 > 0).then_some(aspect)
}

fn colour(sps: &SeqParameterSet) -> Option<Colour> {
    let signal = sps.vui_parameters.as_ref()?.video_signal_type.as_ref()?;
    let description = signal.colour_description.as_ref()?;
    Some(Colour {
        primaries: description.colour_primaries,
        transfer: description.transfer_characteristics,
        matrix: description.matrix_coefficients,
        full_range: signal.video_full_range_flag,
    })
}

/// H.264 E.2.1: a tick is a field, so a frame lasts two.
fn frame_rate(sps: &SeqParameterSet) -> Option<FrameRate> {
    let timing = sps.vui_parameters.as_ref()?.timing_info.as_ref()?;
    let progressive = matches!(sps.frame_mbs_flags, FrameMbsFlags::Frames);
    if !timing.fixed_frame_rate_flag || !progressive {
        return None;
    }
    let numerator = NonZeroU32::new(timing.time_scale)?;
    let denominator = NonZeroU32::new(timing.num_units_in_tick.checked_mul(2)?)?;
    let divisor = gcd(numerator.get(), denominator.get());
    FrameRate::new(numerator.get() / divisor, denominator.get() / divisor)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// What an AAC track's AudioSpecificConfig says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFacts {
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Channels of the configuration, as `mp4a` and CHANNELS state them.
    pub channels: u8,
    /// PCM samples of one access unit: 1024, or 960.
    pub frame_samples: u32,
}

impl AudioFacts {
    /// RFC 6381 name of AAC-LC.
    pub const CODEC_STRING: &'static str = "mp4a.40.2";

    /// Its access units, for the grid of parts.
    pub fn frames(&self) -> AudioFrames {
        AudioFrames {
            samples: self.frame_samples,
            rate_hz: self.sample_rate_hz,
        }
    }

    /// Checks the configuration against its own AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1, 4.4.1).
    pub fn read(config: &AudioConfig) -> Result<Self, CodecError> {
        const AAC_LC: u8 = 2;
        let (first, second) = match config.asc[..] {
            [first, second, ..] => (first, second),
            _ => return Err(CodecError::Aac),
        };
        let object_type = first >> 3;
        // Bit 2 of the second byte is frameLengthFlag: the object type, rate index and channels come before it.
        let rate_is_indexed = (first & 7) << 1 | second >> 7 != 15;
        let supported =
            (7350..=96_000).contains(&config.sample_rate_hz) && matches!(config.channels, 1..=6 | 8);
        if object_type != AAC_LC || !supported {
            return Err(CodecError::Aac);
        }
        let short_frames = rate_is_indexed && second & 0b100 != 0;
        Ok(Self {
            sample_rate_hz: config.sample_rate_hz,
            channels: config.channels,
            frame_samples: if short_frames { 960 } else { 1024 },
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::media::VideoCodec;
    use bytes::Bytes;

    /// x264's avcC for 1280x720 at 30 fps, High profile level 3.1, BT.709.
    pub(crate) fn avcc_720p30() -> VideoConfig {
        VideoConfig {
            codec: VideoCodec::Avc,
            record: Bytes::from_static(AVCC_720P30),
            declared_frame_rate: None,
            declared_bitrate_bps: None,
        }
    }

    const AVCC_720P30: &[u8] = include_bytes!("../testdata/720p30.avcc");

    #[test]
    fn an_sps_tells_size_colour_rate_and_codec() {
        let facts = VideoFacts::read(&avcc_720p30()).unwrap();
        assert_eq!((facts.width, facts.height), (1280, 720));
        assert_eq!(facts.fixed_frame_rate, FrameRate::new(30, 1));
        assert_eq!(facts.codec_string, "avc1.64001f");
        let bt709 = Colour {
            primaries: 1,
            transfer: 1,
            matrix: 1,
            full_range: false,
        };
        assert_eq!(facts.colour, Some(bt709));
    }

    #[test]
    fn a_cut_or_mangled_record_is_an_error_never_a_panic() {
        for length in 0..AVCC_720P30.len() {
            let avcc = AVCC_720P30.get(..length).unwrap();
            let _ = VideoFacts::read(&VideoConfig {
                record: Bytes::from_static(avcc),
                ..avcc_720p30()
            });
        }
        let empty = VideoConfig {
            record: Bytes::new(),
            ..avcc_720p30()
        };
        assert!(matches!(VideoFacts::read(&empty), Err(CodecError::H264(_))));
    }

    #[test]
    fn an_sps_too_short_to_have_a_profile_is_an_error() {
        for sps in [&b""[..], b"\x67", b"\x67\x64\x00"] {
            let head = [b"\x01\x64\x00\x1f\xff\xe1\x00", &[sps.len() as u8][..]].concat();
            let config = VideoConfig {
                record: [&head, sps, b"\x00"].concat().into(),
                ..avcc_720p30()
            };
            assert!(
                matches!(VideoFacts::read(&config), Err(CodecError::H264(_))),
                "{sps:?}"
            );
        }
    }

    #[test]
    fn only_aac_lc_passes() {
        let config = |asc: &'static [u8]| AudioConfig {
            asc: Bytes::from_static(asc),
            sample_rate_hz: 48_000,
            channels: 2,
            declared_bitrate_bps: None,
        };
        assert_eq!(
            AudioFacts::read(&config(&[0x11, 0x90])).unwrap().frame_samples,
            1024
        );
        assert_eq!(
            AudioFacts::read(&config(&[0x11, 0x94])).unwrap().frame_samples,
            960
        );
        for bad in [&[0x2b, 0x11][..], &[0x11], &[]] {
            assert_eq!(AudioFacts::read(&config(bad)), Err(CodecError::Aac));
        }
    }
}
