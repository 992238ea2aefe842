//! H.264: the decoder configuration record (ISO/IEC 14496-15 5.3.3.1) and its SPS.

use std::num::NonZeroU32;

use h264_reader::avcc::AvcDecoderConfigurationRecord;
use h264_reader::nal::sps::{FrameMbsFlags, SeqParameterSet};
use h264_reader::rbsp::{BitReader, decode_nal};

use super::{CodecError, Colour, VideoFacts, reduced, supported_size};
use crate::media::{FrameRate, VideoCodec};

/// Reads the first SPS of the configuration.
pub(super) fn facts(record: &[u8]) -> Result<VideoFacts, CodecError> {
    let unreadable = |why: &dyn std::fmt::Debug| CodecError::H264(format!("{why:?}"));
    let avcc = AvcDecoderConfigurationRecord::try_from(record).map_err(|e| unreadable(&e))?;
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
    let (width, height) = supported_size(width, height)?;
    Ok(VideoFacts {
        codec: VideoCodec::Avc,
        width,
        height,
        sample_aspect: sample_aspect(&sps),
        colour: colour(&sps),
        fixed_frame_rate: frame_rate(&sps),
        codec_string: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
        media_profile: media_profile(width, height, level),
    })
}

/// ISO/IEC 23000-19 A.1: HD and, above level 4.0, its high frame rates.
fn media_profile(width: u32, height: u32, level: u8) -> Option<[u8; 4]> {
    match level {
        _ if width > 1920 || height > 1080 => None,
        0..=40 => Some(*b"cfhd"),
        41..=42 => Some(*b"chdf"),
        _ => None,
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
    reduced((numerator, denominator))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::avcc_720p30;
    use crate::media::VideoConfig;
    use bytes::Bytes;

    #[test]
    fn an_sps_tells_size_colour_rate_and_codec() {
        let facts = VideoFacts::read(&avcc_720p30()).unwrap();
        assert_eq!((facts.width, facts.height), (1280, 720));
        assert_eq!(facts.fixed_frame_rate, FrameRate::new(30, 1));
        assert_eq!(facts.codec_string, "avc1.64001f");
        assert_eq!(facts.media_profile, Some(*b"cfhd"));
        assert_eq!(media_profile(1920, 1080, 42), Some(*b"chdf"));
        assert_eq!(media_profile(3840, 2160, 51), None);
        let bt709 = Colour {
            primaries: 1,
            transfer: 1,
            matrix: 1,
            full_range: false,
        };
        assert_eq!(facts.colour, Some(bt709));
    }

    #[test]
    fn an_empty_record_is_an_error() {
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
}
