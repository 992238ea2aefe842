//! H.265: the decoder configuration record (ISO/IEC 14496-15 8.3.3.1) and its SPS.

mod sps;

use std::fmt::Write;

use mp4_atom::{Atom, Hvcc};

use super::{CodecError, VideoFacts, supported_size};
use crate::media::VideoCodec;
use sps::Sps;

/// SPS_NUT (H.265 table 7-1).
const SPS: u8 = 33;

/// Whether an access unit (NAL units behind lengths of four bytes) is a keyframe of an open GOP: pictures that follow it, shown
/// before it, may need what came earlier (BLA_W_LP and CRA, H.265 table 7-1). A decoder can start there, a segment cannot.
pub(super) fn is_open_gop(access_unit: &[u8]) -> bool {
    const BLA_W_LP: u8 = 16;
    const CRA: u8 = 21;
    let mut rest = access_unit;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((nal, after)) = after.split_at_checked(length) else {
            return false;
        };
        let nal_type = nal.first().map(|header| header >> 1 & 0x3F);
        if matches!(nal_type, Some(BLA_W_LP | CRA)) {
            return true;
        }
        rest = after;
    }
    false
}

/// Reads the first SPS of the configuration.
pub(super) fn facts(record: &[u8]) -> Result<VideoFacts, CodecError> {
    let unreadable = |why: &dyn std::fmt::Debug| CodecError::Hevc(format!("{why:?}"));
    let hvcc = Hvcc::decode_body(&mut &record[..]).map_err(|e| unreadable(&e))?;
    if hvcc.configuration_version != 1 {
        return Err(CodecError::Hevc("its version is not 1".into()));
    }
    if hvcc.length_size_minus_one != 3 {
        return Err(CodecError::NalLength(hvcc.length_size_minus_one + 1));
    }
    let sets = hvcc.arrays.iter().filter(|array| array.nal_unit_type == SPS);
    let nal = sets
        .flat_map(|array| &array.nalus)
        .next()
        .ok_or_else(|| CodecError::Hevc("no SPS".into()))?;
    let sps = Sps::read(nal).map_err(|e| unreadable(&e))?;
    let (width, height) = supported_size(sps.width, sps.height)?;
    Ok(VideoFacts {
        codec: VideoCodec::Hevc,
        width,
        height,
        sample_aspect: sps.sample_aspect,
        colour: sps.colour,
        fixed_frame_rate: sps.frame_rate,
        codec_string: codec_string(&hvcc),
        media_profile: media_profile(&sps),
    })
}

/// ISO/IEC 14496-15 E.3: `hvc1.1.6.L93.B0` is Main profile, compatible with it, Main tier, level 3.1.
fn codec_string(hvcc: &Hvcc) -> String {
    let space = ["", "A", "B", "C"];
    let space = space.get(usize::from(hvcc.general_profile_space)).unwrap_or(&"");
    let compatibility = u32::from_be_bytes(hvcc.general_profile_compatibility_flags).reverse_bits();
    let tier = if hvcc.general_tier_flag { 'H' } else { 'L' };
    let (profile, level) = (hvcc.general_profile_idc, hvcc.general_level_idc);
    let mut text = format!("hvc1.{space}{profile}.{compatibility:X}.{tier}{level}");
    let constraints = &hvcc.general_constraint_indicator_flags;
    let used = constraints
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    for byte in constraints.iter().take(used) {
        // Writing to a String cannot fail.
        let _ = write!(text, ".{byte:X}");
    }
    text
}

/// ISO/IEC 23000-19 B.1: HHD8, HHD10, UHD8, UHD10, HDR10 and HLG10.
fn media_profile(sps: &Sps) -> Option<[u8; 4]> {
    let fits = |width, height| sps.width <= width && sps.height <= height;
    let transfer = sps.colour.map(|colour| colour.transfer);
    if !sps.is_420 {
        return None;
    }
    match (sps.bit_depth, transfer) {
        (10, Some(16)) if fits(3840, 2160) => Some(*b"chd1"),
        (10, Some(18)) if fits(3840, 2160) => Some(*b"clg1"),
        (8, _) if fits(1920, 1080) => Some(*b"chhd"),
        (8, _) if fits(3840, 2160) => Some(*b"cud8"),
        (10, _) if fits(1920, 1080) => Some(*b"chh1"),
        (10, _) if fits(3840, 2160) => Some(*b"cud1"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Colour;
    use crate::codec::tests::hvcc_720p30;
    use crate::media::FrameRate;

    #[test]
    fn an_sps_tells_size_colour_rate_and_codec() {
        let facts = facts(&hvcc_720p30().record).unwrap();
        assert_eq!((facts.width, facts.height), (1280, 720));
        assert_eq!(facts.sample_aspect, Some((1, 1)));
        assert_eq!(facts.fixed_frame_rate, FrameRate::new(30, 1));
        let bt709 = Colour {
            primaries: 1,
            transfer: 1,
            matrix: 1,
            full_range: false,
        };
        assert_eq!(facts.colour, Some(bt709));
        assert_eq!(facts.codec_string, "hvc1.1.6.L93.90");
        assert_eq!(facts.media_profile, Some(*b"chhd"));
    }

    /// x265's, with what stands between the size and the VUI in many forms; FFmpeg reads the same of them.
    #[test]
    fn whatever_stands_before_it_the_vui_is_found() {
        let table: [(&[u8], _, _, _, Option<[u8; 4]>); 4] = [
            (
                include_bytes!("../../../fuzz/corpus/codec/hevc-odd-size-scaling-lists"),
                (1922, 1082),
                Some((1, 1)),
                FrameRate::new(60_000, 1001),
                Some(*b"cud8"),
            ),
            (
                include_bytes!("../../../fuzz/corpus/codec/hevc-main10-pq"),
                (1280, 720),
                Some((1, 1)),
                FrameRate::new(25, 1),
                Some(*b"chd1"),
            ),
            (
                include_bytes!("../../../fuzz/corpus/codec/hevc-anamorphic-many-references"),
                (720, 576),
                Some((64, 45)),
                FrameRate::new(25, 1),
                Some(*b"chhd"),
            ),
            (
                include_bytes!("../../../fuzz/corpus/codec/hevc-444"),
                (640, 360),
                Some((1, 1)),
                FrameRate::new(30, 1),
                None,
            ),
        ];
        for (named, size, aspect, rate, profile) in table {
            let facts = facts(&named[1..]).unwrap();
            assert_eq!((facts.width, facts.height), size);
            assert_eq!(
                (facts.sample_aspect, facts.fixed_frame_rate),
                (aspect, rate),
                "{size:?}"
            );
            assert_eq!(facts.media_profile, profile, "{size:?}");
        }
    }

    #[test]
    fn codec_strings_as_in_the_standards_examples() {
        let hvcc = |space, profile, compatibility: u32, tier, level, constraints| Hvcc {
            general_profile_space: space,
            general_profile_idc: profile,
            general_profile_compatibility_flags: compatibility.to_be_bytes(),
            general_tier_flag: tier,
            general_level_idc: level,
            general_constraint_indicator_flags: constraints,
            ..Hvcc::new()
        };
        let table = [
            (
                hvcc(0, 1, 0x6000_0000, false, 93, [0xB0, 0, 0, 0, 0, 0]),
                "hvc1.1.6.L93.B0",
            ),
            (
                hvcc(1, 1, 0x0200_0000, true, 30, [0xB0, 0x23, 0, 0, 0, 0]),
                "hvc1.A1.40.H30.B0.23",
            ),
            (hvcc(0, 2, 0x2000_0000, false, 120, [0; 6]), "hvc1.2.4.L120"),
            (
                hvcc(0, 2, 0x2000_0000, true, 153, [0x90, 0, 1, 0, 0, 0]),
                "hvc1.2.4.H153.90.0.1",
            ),
        ];
        for (hvcc, text) in table {
            assert_eq!(codec_string(&hvcc), text);
        }
    }
}
