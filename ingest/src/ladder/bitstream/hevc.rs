//! H.265 as `hvc1` wants it.

use bytes::{BufMut, Bytes, BytesMut};

use super::annexb::nal_units;

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

/// Whether a NAL unit is left out of samples: the init section has it, or it says nothing (VPS, SPS, PPS, delimiter, filler).
pub(super) fn is_left_out(header: u8) -> bool {
    matches!(unit_type(header), 32..=35 | 38)
}

/// The HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1) of an encoder's headers, for pictures of eight bits and 4:2:0;
/// `None` without a VPS, an SPS and a PPS.
pub(super) fn record(headers: &[u8]) -> Option<Bytes> {
    let of_type = |wanted: u8| {
        let wanted = move |nal: &&[u8]| nal.first().is_some_and(|header| unit_type(*header) == wanted);
        nal_units(headers).filter(wanted).collect::<Vec<_>>()
    };
    let arrays = [VPS, SPS, PPS].map(|kind| (kind, of_type(kind)));
    if arrays.iter().any(|(_, units)| units.is_empty()) {
        return None;
    }
    // H.265 7.3.2.2.1: a header of two bytes, one with the number of sub-layers, then twelve of profile, tier and level.
    let sps = unescaped(arrays.get(1)?.1.first()?);
    let layers = *sps.get(2)?;
    let (sub_layers, is_nested) = ((layers >> 1 & 7) + 1, layers & 1);
    let mut out = BytesMut::new();
    out.put_u8(1);
    out.put_slice(sps.get(3..15)?);
    // No minimal segmentation, no known parallelism; 4:2:0, eight bits; no statement on the frame rate.
    out.put_slice(&[0xF0, 0, 0xFC, 0xFC | 1, 0xF8, 0xF8, 0, 0]);
    // NAL lengths of four bytes.
    out.put_u8(sub_layers << 3 | is_nested << 2 | 3);
    out.put_u8(3);
    for (kind, units) in arrays {
        // All units of this kind are here.
        out.put_u8(0x80 | kind);
        out.put_u16(u16::try_from(units.len()).ok()?);
        for unit in units {
            out.put_u16(u16::try_from(unit.len()).ok()?);
            out.put_slice(unit);
        }
    }
    Some(out.freeze())
}

fn unit_type(header: u8) -> u8 {
    header >> 1 & 0x3F
}

/// A NAL unit without the bytes that keep start codes out of it (H.265 7.3.1.1).
fn unescaped(nal: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut out = Vec::with_capacity(nal.len());
    for byte in nal {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What x265 writes for 640x360, Main, level 2.1.
    const HEADERS: &[u8] = &[
        0, 0, 0, 1, 0x40, 1, 0x0c, 1, 0xff, 0xff, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3f, 0x95,
        0x94, 9, 0, 0, 0, 1, 0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3f, 0xa0, 5, 2, 1,
        0x71, 0xf2, 0xe5, 0x95, 0x95, 0x29, 0x30, 0xbc, 5, 0xa0, 0x20, 0, 0, 3, 0, 0x20, 0, 0, 3, 3, 0xc1, 0,
        0, 0, 1, 0x44, 1, 0xc0, 0x73, 0xc1, 0x89,
    ];

    #[test]
    fn headers_become_a_record() {
        let record = record(HEADERS).unwrap();
        let general = [
            1, 0x01, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x3f, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F, 3,
        ];
        assert_eq!(record[..23], general);
        assert_eq!(record[23..28], [0x80 | 32, 0, 1, 0, 24]);
        assert_eq!(record[28..52], HEADERS[4..28]);
        assert_eq!(record[52..57], [0x80 | 33, 0, 1, 0, 43]);
        assert_eq!(
            record[100..],
            [0x80 | 34, 0, 1, 0, 6, 0x44, 1, 0xc0, 0x73, 0xc1, 0x89]
        );
    }

    #[test]
    fn incomplete_headers_are_no_record() {
        for length in 0..HEADERS.len() - 6 {
            assert_eq!(record(&HEADERS[..length]), None, "{length}");
        }
    }
}
