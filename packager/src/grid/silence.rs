//! Silent AAC-LC frames, for what an encoder did not send.

use bytes::Bytes;

/// A syntactic element of a raw data block (ISO/IEC 14496-3 4.4.2.1) that decodes to silence.
#[derive(Clone, Copy, PartialEq)]
struct Element {
    /// `id_syn_ele`, 3 bits.
    id: u64,
    /// What follows the 4 bits of `element_instance_tag`.
    body: u64,
    body_bits: u32,
}

/// One channel without spectral data.
const SINGLE: Element = Element {
    id: 0b000,
    body: 0x3200_2008,
    body_bits: 31,
};
/// Two channels without spectral data.
const PAIR: Element = Element {
    id: 0b001,
    body: 0x0040_1264_0086_4008,
    body_bits: 55,
};
/// The low-frequency channel has a single channel's form.
const LOW: Element = Element { id: 0b011, ..SINGLE };
const END: (u64, u32) = (0b111, 3);

/// A raw AAC-LC frame of silence in the layout of `channels` (ISO/IEC 14496-3 table 1.19); `None` for 7, which has none.
pub(super) fn frame(channels: u8) -> Option<Bytes> {
    let elements: &[Element] = match channels {
        1 => &[SINGLE],
        2 => &[PAIR],
        3 => &[SINGLE, PAIR],
        4 => &[SINGLE, PAIR, SINGLE],
        5 => &[SINGLE, PAIR, PAIR],
        6 => &[SINGLE, PAIR, PAIR, LOW],
        8 => &[SINGLE, PAIR, PAIR, PAIR, LOW],
        _ => return None,
    };
    let mut fields = Vec::with_capacity(3 * elements.len() + 1);
    for (i, element) in elements.iter().enumerate() {
        // Elements of one kind are numbered.
        let tag = elements
            .iter()
            .take(i)
            .filter(|before| before.id == element.id)
            .count() as u64;
        fields.extend([(element.id, 3), (tag, 4), (element.body, element.body_bits)]);
    }
    fields.push(END);
    Some(pack(&fields))
}

/// Bit fields one after the other, the most significant bit first, filled up with zeros to whole bytes.
fn pack(fields: &[(u64, u32)]) -> Bytes {
    let (mut bytes, mut last, mut used) = (Vec::new(), 0_u8, 0);
    for (value, bits) in fields {
        for bit in (0..*bits).rev() {
            last = last << 1 | u8::from(value >> bit & 1 == 1);
            used += 1;
            if used == 8 {
                bytes.push(std::mem::take(&mut last));
                used = 0;
            }
        }
    }
    if used > 0 {
        bytes.push(last << (8 - used));
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FFmpeg decodes each of these, repeated as ADTS, to digital silence of that many channels without a warning.
    #[test]
    fn the_layouts_that_aac_has_are_silent() {
        let table: [(u8, &[u8]); 4] = [
            (1, b"\x00\xc8\x00\x80\x23\x80"),
            (2, b"\x21\x00\x49\x90\x02\x19\x00\x23\x80"),
            (3, b"\x00\xc8\x00\x80\x20\x84\x01\x26\x40\x08\x64\x00\x8e"),
            (
                6,
                b"\x00\xc8\x00\x80\x20\x84\x01\x26\x40\x08\x64\x00\x82\x30\x04\x99\x00\x21\x90\x02\x18\x32\x00\x20\x08\xe0",
            ),
        ];
        for (channels, bytes) in table {
            assert_eq!(frame(channels).unwrap(), bytes, "{channels}");
        }
        assert_eq!(
            [4, 5, 8].map(|channels| frame(channels).unwrap().len()),
            [18, 21, 34]
        );
        assert_eq!(frame(7), None);
    }
}
