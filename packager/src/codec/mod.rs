//! What the parameter sets say: picture size, colour, rate, and the RFC 6381 codec strings.
//!
//! ```text
//! avcC, hvcC, av1C (from the encoder) ──► SPS, sequence header ──► VideoFacts
//! AudioSpecificConfig ──► AudioFacts
//! ```

mod aac;
mod av1;
mod avc;
mod hevc;

use std::num::NonZeroU32;

pub use aac::AudioFacts;

use crate::media::{FrameRate, VideoCodec, VideoConfig};

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
    /// The HEVCDecoderConfigurationRecord or its SPS cannot be read.
    #[error(
        "the H.265 parameter sets cannot be read ({0}): restart the encoder, or choose another H.265 encoder"
    )]
    Hevc(String),
    /// The AV1CodecConfigurationRecord or its sequence header cannot be read.
    #[error(
        "the AV1 sequence header cannot be read ({0}): restart the encoder, or choose another AV1 encoder"
    )]
    Av1(String),
    /// NAL units are not prefixed by four bytes.
    #[error("NAL lengths of {0} bytes are not supported: the encoder must write 4-byte lengths")]
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

/// What a video track's parameter sets say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoFacts {
    /// How it is coded.
    pub codec: VideoCodec,
    /// Coded width after cropping, in luma samples.
    pub width: u32,
    /// Coded height after cropping, in luma samples.
    pub height: u32,
    /// Sample aspect ratio, when it is stated.
    pub sample_aspect: Option<(u16, u16)>,
    /// Colour description, when it is stated.
    pub colour: Option<Colour>,
    /// The frame rate, when a fixed one is claimed.
    pub fixed_frame_rate: Option<FrameRate>,
    /// `avc1.PPCCLL`, `hvc1.…` or `av01.…`.
    pub codec_string: String,
    /// Brand of the CMAF media profile that the track keeps to, if there is one.
    pub media_profile: Option<[u8; 4]>,
}

impl VideoFacts {
    /// Reads the first parameter sets of the configuration.
    ///
    /// # Errors
    /// [`CodecError`] if they cannot be read, or pictures are too large or too small.
    pub fn read(config: &VideoConfig) -> Result<Self, CodecError> {
        match config.codec {
            VideoCodec::Avc => avc::facts(&config.record),
            VideoCodec::Hevc => hevc::facts(&config.record),
            VideoCodec::Av1 => av1::facts(&config.record),
        }
    }
}

/// Whether a frame of that codec is a keyframe at which no segment can begin: one of H.265's open GOPs.
pub(crate) fn is_open_gop(codec: VideoCodec, frame: &[u8]) -> bool {
    codec == VideoCodec::Hevc && hevc::is_open_gop(frame)
}

fn supported_size(width: u32, height: u32) -> Result<(u32, u32), CodecError> {
    let side = 16..=MAX_SIDE;
    if side.contains(&width) && side.contains(&height) {
        Ok((width, height))
    } else {
        Err(CodecError::PictureSize { width, height })
    }
}

/// A rate in its lowest terms.
fn reduced((numerator, denominator): (NonZeroU32, NonZeroU32)) -> Option<FrameRate> {
    let divisor = gcd(numerator.get(), denominator.get());
    FrameRate::new(numerator.get() / divisor, denominator.get() / divisor)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use bytes::Bytes;

    fn config(codec: VideoCodec, record: &'static [u8]) -> VideoConfig {
        VideoConfig {
            codec,
            record: Bytes::from_static(record),
            declared_frame_rate: None,
            declared_bitrate_bps: None,
        }
    }

    /// x264's avcC for 1280x720 at 30 fps, High profile level 3.1, BT.709.
    pub(crate) fn avcc_720p30() -> VideoConfig {
        config(VideoCodec::Avc, include_bytes!("../../testdata/720p30.avcc"))
    }

    /// x265's hvcC for 1280x720 at 30 fps, Main profile level 3.1, BT.709.
    pub(crate) fn hvcc_720p30() -> VideoConfig {
        config(VideoCodec::Hevc, include_bytes!("../../testdata/720p30.hvcc"))
    }

    /// SVT-AV1's av1C for 1280x720 at 30 fps, Main profile level 3.1.
    pub(crate) fn av1c_720p30() -> VideoConfig {
        config(VideoCodec::Av1, include_bytes!("../../testdata/720p30.av1c"))
    }

    #[test]
    fn a_record_cut_anywhere_is_an_error_or_the_same_and_never_a_panic() {
        for whole in [avcc_720p30(), hvcc_720p30(), av1c_720p30()] {
            let facts = VideoFacts::read(&whole).unwrap();
            for length in 0..whole.record.len() {
                let cut = VideoConfig {
                    record: whole.record.slice(..length),
                    ..whole.clone()
                };
                if let Ok(read) = VideoFacts::read(&cut) {
                    assert_eq!(read, facts, "{length} of {:?}", whole.codec);
                }
            }
        }
    }
}
