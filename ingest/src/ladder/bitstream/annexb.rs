//! Encoders write NAL units behind start codes (H.264 annex B); CMAF wants their lengths before them.

use bytes::{BufMut, Bytes, BytesMut};

/// The NAL units of a byte stream, without start codes and the zeros before and after them.
pub(super) fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(stream);
    std::iter::from_fn(move || {
        let current = rest?;
        let end = start_code(current);
        let (nal, next) = current.split_at(end.unwrap_or(current.len()));
        rest = end.and_then(|_| after_start_code(next));
        // Zeros before the next start code belong to it (B.1.2: trailing_zero_8bits).
        let length = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        nal.get(..length)
    })
    .filter(|nal| !nal.is_empty())
}

/// The byte stream as length-prefixed NAL units, without those that `leave_out` names by their first byte.
pub(super) fn length_prefixed(stream: &[u8], leave_out: impl Fn(u8) -> bool) -> Bytes {
    let mut out = BytesMut::with_capacity(stream.len() + 16);
    for nal in nal_units(stream) {
        if nal.first().is_some_and(|header| leave_out(*header)) {
            continue;
        }
        out.put_u32(u32::try_from(nal.len()).unwrap_or(u32::MAX));
        out.put_slice(nal);
    }
    out.freeze()
}

/// Where the next start code begins.
fn start_code(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|window| window == [0, 0, 1])
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(start_code(bytes)? + 3..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn start_codes_of_both_lengths_become_lengths() {
        let stream = [
            &[0, 0, 0, 1, 0x67, 1, 2][..],
            &[0, 0, 1, 0x06, 9],
            &[0, 0, 0, 1, 0x65, 7, 0, 0],
        ]
        .concat();
        let expected = [&[0, 0, 0, 3, 0x67, 1, 2][..], &[0, 0, 0, 2, 0x65, 7]].concat();
        assert_eq!(length_prefixed(&stream, |header| header & 0x1F == 6), expected);
        assert!(length_prefixed(b"no start code", |_| false).is_empty());
    }

    proptest! {
        #[test]
        fn units_are_found_again(units in proptest::collection::vec(proptest::collection::vec(1_u8..=255, 1..50), 0..8)) {
            let stream: Vec<u8> = units.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect();
            let found: Vec<Vec<u8>> = nal_units(&stream).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(found, units);
        }
    }
}
