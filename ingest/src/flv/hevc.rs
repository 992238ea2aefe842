//! H.265 as Enhanced RTMP carries it: the configuration record and length-prefixed access units.

use super::nal::{LengthSize, split_set};

/// Bytes of an HEVCDecoderConfigurationRecord before its arrays.
const HEAD: usize = 22;
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

/// Checks the shape of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1), as that of H.264's is.
pub(super) fn check(record: &[u8]) -> Result<LengthSize, &'static str> {
    let Some((head, [arrays, rest @ ..])) = record.split_at_checked(HEAD) else {
        return Err("it is cut short");
    };
    let ([version, ..], [.., length_size]) = (head, head) else {
        return Err("it is cut short");
    };
    if *version != 1 {
        return Err("its version is not 1");
    }
    let length_size = LengthSize::read(*length_size)?;
    let mut found = [VPS, SPS, PPS].map(|nal_type| (nal_type, false));
    let mut rest = rest;
    for _ in 0..*arrays {
        let [kind, high, low, after @ ..] = rest else {
            return Err("it is cut short");
        };
        rest = after;
        for _ in 0..u16::from_be_bytes([*high, *low]) {
            let (set, after) = split_set(rest)?;
            rest = after;
            if set.first().is_none_or(|header| nal_type(*header) != kind & 0x3F) {
                return Err("a parameter set is not of its type");
            }
            for (wanted, is_found) in &mut found {
                *is_found |= *wanted == kind & 0x3F;
            }
        }
    }
    if found.iter().all(|(_, is_found)| *is_found) {
        Ok(length_size)
    } else {
        Err("a parameter set (VPS, SPS or PPS) is missing")
    }
}

fn nal_type(header: u8) -> u8 {
    header >> 1 & 0x3F
}

/// Whether a NAL unit of that header is a slice of a picture at which a segment can start (H.265 table 7-1): a decoder
/// can, and no picture that follows needs one from before. So an IDR is one, or a BLA without RASL pictures; a CRA is
/// not, since pictures that are shown before it may be predicted from what came earlier.
pub(super) fn is_sync(header: u8) -> bool {
    const BLA_W_RADL: u8 = 17;
    const IDR_N_LP: u8 = 20;
    (BLA_W_RADL..=IDR_N_LP).contains(&nal_type(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One VPS, SPS and PPS, with bytes that need not be understood here.
    fn hvcc() -> Vec<u8> {
        let mut head = [0; HEAD];
        (head[0], head[21]) = (1, 0x0F);
        let sets = [
            [0xA0, 0, 1, 0, 2, 0x40, 1],
            [0xA1, 0, 1, 0, 2, 0x42, 1],
            [0x22, 0, 1, 0, 2, 0x44, 1],
        ];
        [&head[..], &[3], &sets.concat()].concat()
    }

    #[test]
    fn a_configuration_is_taken_whole_or_refused_with_its_fault() {
        let with = |at: usize, byte: u8| {
            let mut bytes = hvcc();
            bytes[at] = byte;
            bytes
        };
        let table: [(&str, Vec<u8>, Option<&str>); 8] = [
            ("as encoders send it", hvcc(), None),
            (
                "with an SEI too",
                [with(22, 4), vec![0x27, 0, 1, 0, 2, 0x4E, 1]].concat(),
                None,
            ),
            ("three byte lengths", with(21, 0x0E), Some("3 bytes")),
            ("another version", with(0, 0), Some("version")),
            ("no PPS", with(22, 2), Some("missing")),
            ("an SPS that is none", with(35, 0x40), Some("type")),
            ("a set longer than the rest", with(41, 200), Some("short")),
            ("a head alone", hvcc()[..22].to_vec(), Some("short")),
        ];
        for (name, bytes, fault) in table {
            let got = check(&bytes).err();
            assert_eq!(got.is_some(), fault.is_some(), "{name}: {got:?}");
            assert!(
                got.unwrap_or_default().contains(fault.unwrap_or_default()),
                "{name}: {got:?}"
            );
        }
    }

    #[test]
    fn segments_start_at_pictures_that_nothing_reaches_across() {
        let header = |nal_type: u8| nal_type << 1;
        let starts: Vec<u8> = (0..64).filter(|nal_type| is_sync(header(*nal_type))).collect();
        assert_eq!(
            starts,
            [17, 18, 19, 20],
            "BLA_W_RADL, BLA_N_LP, IDR_W_RADL, IDR_N_LP"
        );
    }
}
