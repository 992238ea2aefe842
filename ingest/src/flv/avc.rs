//! H.264 as FLV carries it: the configuration record and length-prefixed access units.

use super::nal::{LengthSize, split_set};

const SPS: u8 = 7;
const PPS: u8 = 8;
const IDR_SLICE: u8 = 5;

/// Checks the shape of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1): its version and that its
/// parameter sets are there and fit. What the parameter sets say is the packager's to read.
pub(super) fn check(record: &[u8]) -> Result<LengthSize, &'static str> {
    let [
        version,
        _profile,
        _constraints,
        _level,
        length_size,
        sps_count,
        rest @ ..,
    ] = record
    else {
        return Err("it is cut short");
    };
    if *version != 1 {
        return Err("its version is not 1");
    }
    let length_size = LengthSize::read(*length_size)?;
    let rest = skip_sets(rest, sps_count & 0x1F, SPS)?;
    let [pps_count, rest @ ..] = rest else {
        return Err("it is cut short");
    };
    skip_sets(rest, *pps_count, PPS)?;
    Ok(length_size)
}

/// Steps over `count` parameter sets, each a NAL unit of `nal_type`.
fn skip_sets(mut rest: &[u8], count: u8, nal_type: u8) -> Result<&[u8], &'static str> {
    if count == 0 {
        return Err("a parameter set (SPS or PPS) is missing");
    }
    for _ in 0..count {
        let (set, after) = split_set(rest)?;
        if set.first().is_none_or(|header| header & 0x1F != nal_type) {
            return Err("a parameter set is not of its type");
        }
        rest = after;
    }
    Ok(rest)
}

/// Whether a NAL unit of that header is a slice of an IDR picture (H.264 table 7-1).
pub(super) fn is_sync(header: u8) -> bool {
    header & 0x1F == IDR_SLICE
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
        let table: [(&str, Vec<u8>, Option<&str>); 9] = [
            ("as encoders send it", AVCC.to_vec(), None),
            (
                "with High profile's trailing bytes",
                [AVCC, &[0xFD, 0xF8, 0xF8, 0]].concat(),
                None,
            ),
            ("two byte lengths", with(4, 0xFD), None),
            ("three byte lengths", with(4, 0xFE), Some("3 bytes")),
            ("another version", with(0, 0), Some("version")),
            ("no SPS", with(5, 0xE0), Some("missing")),
            ("an SPS that is none", with(8, 0x68), Some("type")),
            ("a PPS longer than the rest", with(13, 200), Some("short")),
            ("nothing", vec![], Some("short")),
        ];
        for (name, bytes, fault) in table {
            let got = check(&bytes).err();
            assert_eq!(got.is_some(), fault.is_some(), "{name}: {got:?}");
            assert!(
                got.unwrap_or_default().contains(fault.unwrap_or_default()),
                "{name}"
            );
        }
    }

    #[test]
    fn segments_start_at_idr_slices() {
        assert!(is_sync(0x65) && is_sync(0x25));
        assert!(
            ![0x41, 0x06, 0x67, 0x68, 0x09]
                .iter()
                .any(|header| is_sync(*header))
        );
    }
}
