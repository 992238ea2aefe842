//! H.264 as `avc1` wants it.

use bytes::{BufMut, Bytes, BytesMut};

use super::annexb::nal_units;

/// Whether a NAL unit is left out of samples: the init section has it, or it says nothing (SPS, PPS, delimiter, filler).
pub(super) fn is_left_out(header: u8) -> bool {
    matches!(header & 0x1F, 7 | 8 | 9 | 12)
}

/// The AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1) of an H.264 encoder's headers; `None` without an SPS and a PPS.
pub(super) fn record(headers: &[u8]) -> Option<Bytes> {
    let of_type = |wanted: u8| {
        let wanted = move |nal: &&[u8]| nal.first().is_some_and(|header| header & 0x1F == wanted);
        nal_units(headers).filter(wanted).collect::<Vec<_>>()
    };
    let (sps, pps) = (of_type(7), of_type(8));
    let [_, profile, constraints, level, ..] = sps.first()? else {
        return None;
    };
    let mut out = BytesMut::new();
    // Version 1; NAL lengths of four bytes.
    out.put_slice(&[1, *profile, *constraints, *level, 0xFF]);
    let mut put_sets = |count_bits: u8, sets: &[&[u8]]| {
        out.put_u8(count_bits | u8::try_from(sets.len()).unwrap_or(0));
        for set in sets {
            out.put_u16(u16::try_from(set.len()).unwrap_or(0));
            out.put_slice(set);
        }
    };
    put_sets(0xE0, &sps);
    put_sets(0, &pps);
    if matches!(profile, 100 | 110 | 122 | 144) {
        // High profiles: 4:2:0, eight bits, no SPS extensions; it is all that is encoded here.
        out.put_slice(&[0xFC | 1, 0xF8, 0xF8, 0]);
    }
    (!pps.is_empty()).then(|| out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_a_record() {
        let headers = [
            &[0, 0, 0, 1, 0x67, 0x64, 0, 0x1F, 5][..],
            &[0, 0, 0, 1, 0x68, 0xEE],
        ]
        .concat();
        let made = record(&headers).unwrap();
        let expected = [
            1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 5, 0x67, 0x64, 0, 0x1F, 5, 1, 0, 2, 0x68, 0xEE, 0xFD, 0xF8,
            0xF8, 0,
        ];
        assert_eq!(made, expected[..]);
        assert_eq!(record(&headers[..9]), None);
    }
}
