//! AV1 as `av01` wants it.

use bytes::{BufMut, Bytes, BytesMut};

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;

/// An open bitstream unit (AV1 5.3).
struct Obu<'a> {
    kind: u8,
    /// All of it, header and size included.
    whole: &'a [u8],
    payload: &'a [u8],
}

/// The AV1CodecConfigurationRecord (AV1 in ISOBMFF 2.3.3) of an encoder's headers, for pictures of eight bits and 4:2:0; `None`
/// without a sequence header.
pub(super) fn record(headers: &[u8]) -> Option<Bytes> {
    let sequence = obus(headers).find(|obu| obu.kind == SEQUENCE_HEADER)?;
    let (profile, level, tier) = profile_level_tier(&mut Bits::new(sequence.payload))?;
    let mut out = BytesMut::with_capacity(4 + sequence.whole.len());
    // Version 1; 4:2:0 of unknown place; no delay stated.
    out.put_slice(&[0x81, profile << 5 | level, tier << 7 | 0b1100, 0]);
    out.put_slice(sequence.whole);
    Some(out.freeze())
}

/// A temporal unit without its delimiters (AV1 in ISOBMFF 2.4).
pub(super) fn without_delimiters(unit: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(unit.len());
    for obu in obus(unit).filter(|obu| obu.kind != TEMPORAL_DELIMITER) {
        out.put_slice(obu.whole);
    }
    out.freeze()
}

/// The units of a low-overhead bitstream (AV1 5.2), up to the first that is not whole or does not state its size.
fn obus(mut rest: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    std::iter::from_fn(move || {
        let header = *rest.first()?;
        let (has_extension, has_size) = (header & 4 != 0, header & 2 != 0);
        let start = 1 + usize::from(has_extension);
        if !has_size {
            return None;
        }
        let (size, size_length) = leb128(rest.get(start..)?)?;
        let payload_start = start + size_length;
        let end = payload_start.checked_add(size)?;
        let whole = rest.get(..end)?;
        let payload = whole.get(payload_start..)?;
        rest = rest.get(end..)?;
        Some(Obu {
            kind: header >> 3 & 0xF,
            whole,
            payload,
        })
    })
}

/// A number, and the bytes it takes (AV1 4.10.5).
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, index + 1));
        }
    }
    None
}

/// seq_profile, and the level and tier of the first operating point (AV1 5.5.1).
fn profile_level_tier(bits: &mut Bits<'_>) -> Option<(u8, u8, u8)> {
    let profile = bits.read(3)? as u8;
    let (_still, reduced) = (bits.read(1)?, bits.read(1)?);
    if reduced == 1 {
        return Some((profile, bits.read(5)? as u8, 0));
    }
    if bits.read(1)? == 1 {
        skip_timing(bits)?;
    }
    let (_display_delay, _points, _idc) = (bits.read(1)?, bits.read(5)?, bits.read(12)?);
    let level = bits.read(5)? as u8;
    let tier = if level > 7 { bits.read(1)? as u8 } else { 0 };
    Some((profile, level, tier))
}

/// timing_info and decoder_model_info (AV1 5.5.3, 5.5.4).
fn skip_timing(bits: &mut Bits<'_>) -> Option<()> {
    bits.read(32)?;
    bits.read(32)?;
    if bits.read(1)? == 1 {
        let mut zeros = 0;
        while bits.read(1)? == 0 {
            zeros += 1;
        }
        bits.read(zeros)?;
    }
    if bits.read(1)? == 1 {
        bits.read(5 + 32)?;
        bits.read(5 + 5)?;
    }
    Some(())
}

/// Bits, the highest first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A number of at most 64 bits.
    fn read(&mut self, count: u32) -> Option<u64> {
        let mut value = 0;
        for _ in 0..count.min(64) {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A temporal delimiter, then a sequence header as SVT-AV1 writes it: main profile, level 2.1.
    const UNIT: &[u8] = &[
        0x12, 0, 0x0A, 0x0B, 0, 0, 0, 0x0C, 0xC4, 0xFF, 0x67, 0x3E, 0xFE, 0x40, 0x10,
    ];

    #[test]
    fn a_sequence_header_becomes_a_record() {
        let record = record(UNIT).unwrap();
        assert_eq!(record[..4], [0x81, 1, 0x0C, 0]);
        assert_eq!(record[4..], UNIT[2..]);
        assert_eq!(super::record(&UNIT[..2]), None);
    }

    #[test]
    fn samples_have_no_delimiters() {
        assert_eq!(without_delimiters(UNIT), UNIT[2..]);
        assert_eq!(without_delimiters(&[UNIT, UNIT].concat()).len(), 26);
    }

    #[test]
    fn units_that_are_not_whole_are_not_read() {
        for length in 0..UNIT.len() {
            assert!(record(&UNIT[..length]).is_none());
        }
    }

    #[test]
    fn timing_before_the_level_is_passed_over() {
        let bits = [
            "000",
            "0",
            "0", // profile, still picture, reduced header
            "1", // timing: two numbers of 32 bits, equal intervals, an exp-Golomb number, no decoder model
            "00000000000000000000000000000000",
            "00000000000000000000000000000000",
            "1",
            "010",
            "0",
            "0",
            "00000",
            "000000000000", // display delay, operating points, the first one
            "01001",
            "1", // level, tier
        ]
        .concat();
        let bytes: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|byte| {
                byte.iter()
                    .enumerate()
                    .fold(0, |sum, (index, bit)| sum | (bit - b'0') << (7 - index))
            })
            .collect();
        assert_eq!(profile_level_tier(&mut Bits::new(&bytes)), Some((0, 9, 1)));
    }
}
