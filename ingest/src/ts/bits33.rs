//! Stamps of 33 bits at 90 kHz (2.4.3.7), which wrap every 26.5 hours.

const MODULUS: i64 = 1 << 33;

/// Reads the five bytes of a PTS or DTS; `None` where a marker bit is missing.
pub fn read(bytes: &[u8]) -> Option<i64> {
    let [a, b, c, d, e] = *bytes else { return None };
    let is_marked = a & c & e & 1 == 1;
    let value = i64::from(a >> 1 & 0x07) << 30
        | i64::from(b) << 22
        | i64::from(c >> 1) << 15
        | i64::from(d) << 7
        | i64::from(e >> 1);
    is_marked.then_some(value)
}

/// The shorter way from `from` to `to` around the circle.
fn step(from: i64, to: i64) -> i64 {
    let forward = (to - from).rem_euclid(MODULUS);
    if forward >= MODULUS / 2 {
        forward - MODULUS
    } else {
        forward
    }
}

/// Puts the stamps of all streams of a programme on one line without a wrap.
#[derive(Debug, Default)]
pub struct Unwrapping {
    last: Option<(i64, i64)>,
}

impl Unwrapping {
    /// `stamp` as ticks of 90 kHz that go on where 33 bits end.
    pub fn unwrap(&mut self, stamp: i64) -> i64 {
        let unwrapped = self
            .last
            .map_or(stamp, |(sent, unwrapped)| unwrapped + step(sent, stamp));
        self.last = Some((stamp, unwrapped));
        unwrapped
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A stamp as it stands in a PES header, behind its four bits `prefix`.
    pub(in crate::ts) fn write(prefix: u8, stamp: i64) -> [u8; 5] {
        let part = |shift: u32, mask: i64| (stamp >> shift & mask) as u8;
        [
            prefix << 4 | part(30, 0x07) << 1 | 1,
            part(22, 0xFF),
            part(15, 0x7F) << 1 | 1,
            part(7, 0xFF),
            part(0, 0x7F) << 1 | 1,
        ]
    }

    #[test]
    fn stamps_are_read_with_their_marker_bits() {
        for stamp in [0, 1, 127, 128, 90_000, 0x1_2345_6789, MODULUS - 1] {
            let bytes = write(2, stamp);
            assert_eq!(read(&bytes), Some(stamp));
            for at in [0, 2, 4] {
                let mut unmarked = bytes;
                unmarked[at] &= 0xFE;
                assert_eq!(read(&unmarked), None);
            }
        }
        assert_eq!(read(&[1; 4]), None);
    }

    #[test]
    fn the_line_goes_on_over_the_wrap_and_back() {
        let mut line = Unwrapping::default();
        let table = [
            (MODULUS - 3_000, MODULUS - 3_000),
            (0, MODULUS),
            (MODULUS - 1_000, MODULUS - 1_000),
            (3_000, MODULUS + 3_000),
        ];
        for (stamp, expected) in table {
            assert_eq!(line.unwrap(stamp), expected);
        }
    }
}
