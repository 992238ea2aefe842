//! NAL units behind length fields, as H.264 and H.265 have them in FLV.

/// Bytes of a NAL unit's length field: 1, 2 or 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LengthSize(usize);

impl LengthSize {
    /// Of a decoder configuration record's lengthSizeMinusOne, in the lowest two bits.
    pub(super) fn read(bits: u8) -> Result<Self, &'static str> {
        match usize::from(bits & 0x03) + 1 {
            3 => Err("NAL unit lengths of 3 bytes do not exist"),
            size => Ok(Self(size)),
        }
    }

    /// Whether the NAL units fit `data` exactly, and if so whether `is_sync` says of one of their header bytes that a
    /// decoder can start there.
    ///
    /// The tag's own keyframe bit is not believed: encoders also set it for recovery points, where a segment cannot start.
    pub(super) fn access_unit(self, data: &[u8], is_sync: impl Fn(u8) -> bool) -> Option<bool> {
        let mut rest = data;
        let mut sync = false;
        while !rest.is_empty() {
            let (length, after) = rest.split_at_checked(self.0)?;
            let length = length
                .iter()
                .fold(0_usize, |length, &byte| length << 8 | usize::from(byte));
            let (nal, after) = after.split_at_checked(length)?;
            sync |= nal.first().is_some_and(|header| is_sync(*header));
            rest = after;
        }
        (!data.is_empty()).then_some(sync)
    }
}

/// Splits a parameter set off, which stands behind its length in two bytes.
pub(super) fn split_set(bytes: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let (length, after) = bytes.split_first_chunk::<2>().ok_or("it is cut short")?;
    after
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or("it is cut short")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::flv) const FOUR: LengthSize = LengthSize(4);

    #[test]
    fn access_units_fit_or_are_none() {
        let table: [(&str, &[u8], Option<bool>); 6] = [
            ("the second", &[0, 0, 0, 2, 6, 0, 0, 0, 0, 2, 9, 1], Some(true)),
            ("none of them", &[0, 0, 0, 2, 1, 1], Some(false)),
            ("an empty NAL unit", &[0, 0, 0, 0, 0, 0, 0, 1, 9], Some(true)),
            ("a length past the end", &[0, 0, 0, 9, 9], None),
            ("a huge length", &[0xFF, 0xFF, 0xFF, 0xFF, 9], None),
            ("nothing", &[], None),
        ];
        for (name, data, expected) in table {
            assert_eq!(FOUR.access_unit(data, |header| header == 9), expected, "{name}");
        }
        let two = LengthSize::read(0xFD).unwrap();
        assert_eq!(
            two.access_unit(&[0, 1, 9, 0, 1, 1], |header| header == 9),
            Some(true)
        );
    }
}
