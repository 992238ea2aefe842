//! H.264 as FLV carries it: the configuration record and length-prefixed access units.

use bytes::Bytes;
use vitrine_packager::media::{FrameRate, VideoCodec, VideoConfig};

use crate::refusal::Refusal;

/// Bytes of a NAL unit's length field: 1, 2 or 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthSize(usize);

/// Checks the shape of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1): its version and that its
/// parameter sets are there and fit. What the parameter sets say is the packager's to read.
///
/// # Errors
/// [`Refusal::BadVideoConfig`].
pub fn video_config(
    avcc: Bytes,
    declared_frame_rate: Option<FrameRate>,
    declared_bitrate_bps: Option<u32>,
) -> Result<(VideoConfig, LengthSize), Refusal> {
    let length_size = check(&avcc).map_err(|reason| Refusal::BadVideoConfig { reason })?;
    let config = VideoConfig {
        codec: VideoCodec::Avc,
        record: avcc,
        declared_frame_rate,
        declared_bitrate_bps,
    };
    Ok((config, length_size))
}

fn check(avcc: &[u8]) -> Result<LengthSize, &'static str> {
    let [
        version,
        _profile,
        _constraints,
        _level,
        length_size,
        sps_count,
        rest @ ..,
    ] = avcc
    else {
        return Err("it is cut short");
    };
    if *version != 1 {
        return Err("its version is not 1");
    }
    let length_size = usize::from(length_size & 0x03) + 1;
    if length_size == 3 {
        return Err("NAL unit lengths of 3 bytes do not exist");
    }
    let rest = skip_sets(rest, sps_count & 0x1F, 7)?;
    let [pps_count, rest @ ..] = rest else {
        return Err("it is cut short");
    };
    skip_sets(rest, *pps_count, 8)?;
    Ok(LengthSize(length_size))
}

/// Steps over `count` parameter sets, each a NAL unit of `nal_type`.
fn skip_sets(mut rest: &[u8], count: u8, nal_type: u8) -> Result<&[u8], &'static str> {
    if count == 0 {
        return Err("a parameter set (SPS or PPS) is missing");
    }
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<2>().ok_or("it is cut short")?;
        let (set, after) = after
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or("it is cut short")?;
        if set.first().is_none_or(|header| header & 0x1F != nal_type) {
            return Err("a parameter set is not of its type");
        }
        rest = after;
    }
    Ok(rest)
}

/// Whether an access unit's NAL units fit its length exactly, and if so whether it has a slice of an IDR picture.
/// The tag's own keyframe bit is not believed: encoders also set it for recovery points, where a segment cannot start.
pub fn access_unit(data: &[u8], length_size: LengthSize) -> Option<bool> {
    let mut rest = data;
    let mut is_idr = false;
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(length_size.0)?;
        let length = length
            .iter()
            .fold(0_usize, |length, &byte| length << 8 | usize::from(byte));
        let (nal, after) = after.split_at_checked(length)?;
        is_idr |= nal.first().is_some_and(|header| header & 0x1F == 5);
        rest = after;
    }
    (!data.is_empty()).then_some(is_idr)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One SPS and one PPS, with bytes that need not be understood here.
    const AVCC: &[u8] = &[
        1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 3, 0x67, 0x64, 0, 1, 0, 2, 0x68, 0xEE,
    ];

    #[test]
    fn a_configuration_is_taken_whole_or_refused_with_its_fault() {
        let with = |at: usize, byte: u8| {
            let mut bytes = AVCC.to_vec();
            bytes[at] = byte;
            bytes
        };
        let table: [(&str, Vec<u8>, Result<usize, &str>); 9] = [
            ("as encoders send it", AVCC.to_vec(), Ok(4)),
            (
                "with High profile's trailing bytes",
                [AVCC, &[0xFD, 0xF8, 0xF8, 0]].concat(),
                Ok(4),
            ),
            ("two byte lengths", with(4, 0xFD), Ok(2)),
            ("three byte lengths", with(4, 0xFE), Err("3 bytes")),
            ("another version", with(0, 0), Err("version")),
            ("no SPS", with(5, 0xE0), Err("missing")),
            ("an SPS that is none", with(8, 0x68), Err("type")),
            ("a PPS longer than the rest", with(13, 200), Err("short")),
            ("nothing", vec![], Err("short")),
        ];
        for (name, bytes, expected) in table {
            let got = video_config(Bytes::from(bytes), None, None);
            match expected {
                Ok(size) => assert_eq!(got.unwrap().1, LengthSize(size), "{name}"),
                Err(fault) => assert!(got.unwrap_err().to_string().contains(fault), "{name}"),
            }
        }
    }

    #[test]
    fn an_idr_is_found_by_its_slices() {
        let table: [(&str, &[u8], Option<bool>); 6] = [
            (
                "IDR after SEI",
                &[0, 0, 0, 2, 6, 0, 0, 0, 0, 2, 0x65, 1],
                Some(true),
            ),
            ("no IDR", &[0, 0, 0, 2, 0x41, 1], Some(false)),
            ("an empty NAL unit", &[0, 0, 0, 0, 0, 0, 0, 1, 0x65], Some(true)),
            ("a length past the end", &[0, 0, 0, 9, 0x65], None),
            ("a huge length", &[0xFF, 0xFF, 0xFF, 0xFF, 0x65], None),
            ("nothing", &[], None),
        ];
        for (name, data, expected) in table {
            assert_eq!(access_unit(data, LengthSize(4)), expected, "{name}");
        }
    }
}
