//! AV1 as Enhanced RTMP carries it: the configuration record, and the OBUs of a temporal unit.

use bytes::{Buf, Bytes};

/// AV1 6.2.2.
const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// The marker and version of an AV1CodecConfigurationRecord.
const VERSION: u8 = 0x81;

/// Checks the shape of an AV1CodecConfigurationRecord (AV1 in ISOBMFF 2.3.3): its version and that a sequence header is
/// there. What it says is the packager's to read.
pub(super) fn check(record: &[u8]) -> Result<(), &'static str> {
    let [version, _profile, _depth, _delay, obus @ ..] = record else {
        return Err("it is cut short");
    };
    if *version != VERSION {
        return Err("its version is not 1");
    }
    match Obu::split(obus) {
        Some((obu, _)) if obu.kind == SEQUENCE_HEADER => Ok(()),
        _ => Err("it has no sequence header"),
    }
}

/// Whether the OBUs fit `data` exactly, and if so whether a decoder can start there; temporal delimiters, which
/// do not belong into a file (2.4), are taken off the front.
///
/// AV1 7.6.2, AV1 in ISOBMFF 2.4: it can where a sequence header is followed by a key frame that is shown.
pub(super) fn temporal_unit(data: &mut Bytes) -> Option<bool> {
    while let Some((obu, rest)) = Obu::split(data)
        && obu.kind == TEMPORAL_DELIMITER
    {
        data.advance(data.len() - rest.len());
    }
    let (mut rest, mut has_sequence_header, mut is_sync) = (&data[..], false, None);
    while !rest.is_empty() {
        let (obu, after) = Obu::split(rest)?;
        rest = after;
        match obu.kind {
            SEQUENCE_HEADER => has_sequence_header = true,
            FRAME | FRAME_HEADER => {
                is_sync.get_or_insert(has_sequence_header && obu.is_shown_key_frame());
            }
            _ => {}
        }
    }
    // A temporal unit without a frame shows nothing.
    is_sync
}

#[derive(Debug)]
struct Obu<'a> {
    kind: u8,
    payload: &'a [u8],
}

impl<'a> Obu<'a> {
    /// The first OBU and what follows it (AV1 5.3.1); one without a size reaches to the end.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (header, mut rest) = bytes.split_first()?;
        let (is_forbidden, has_extension, has_size) =
            (header & 0x80 != 0, header & 0x04 != 0, header & 0x02 != 0);
        if is_forbidden {
            return None;
        }
        if has_extension {
            rest = rest.get(1..)?;
        }
        let size = if has_size { leb128(&mut rest)? } else { rest.len() };
        let (payload, after) = rest.split_at_checked(size)?;
        let kind = header >> 3 & 0x0F;
        Some((Self { kind, payload }, after))
    }

    /// Of a frame header: show_existing_frame 0, frame_type KEY_FRAME, show_frame 1 (AV1 5.9.2).
    fn is_shown_key_frame(&self) -> bool {
        self.payload.first().is_some_and(|first| first >> 4 == 0b0001)
    }
}

/// AV1 4.10.5, up to what a length can be.
fn leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for place in 0..4 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQUENCE: &[u8] = &[0x0A, 2, 1, 2];
    /// A frame OBU of that first payload byte.
    const KEY: &[u8] = &[0x32, 2, 0x10, 0];
    const INTER: &[u8] = &[0x32, 2, 0x30, 0];
    const HIDDEN_KEY: &[u8] = &[0x32, 2, 0x00, 0];
    const DELIMITER: &[u8] = &[0x12, 0];

    #[test]
    fn a_configuration_needs_its_sequence_header() {
        let head = [VERSION, 0, 0x0C, 0];
        assert_eq!(check(&[&head, SEQUENCE].concat()), Ok(()));
        for (record, fault) in [
            (head.to_vec(), "sequence header"),
            ([&head, KEY].concat(), "sequence header"),
            (vec![0x82, 0, 0x0C, 0], "version"),
            (vec![VERSION, 0], "short"),
        ] {
            assert!(check(&record).unwrap_err().contains(fault), "{record:?}");
        }
    }

    #[test]
    fn segments_start_at_shown_key_frames_behind_a_sequence_header() {
        type Case = (&'static str, Vec<&'static [u8]>, Option<bool>);
        let table: [Case; 10] = [
            ("a key frame", vec![SEQUENCE, KEY], Some(true)),
            ("with a delimiter", vec![DELIMITER, SEQUENCE, KEY], Some(true)),
            ("without a sequence header", vec![KEY], Some(false)),
            ("an inter frame", vec![INTER], Some(false)),
            (
                "an inter frame behind a sequence header",
                vec![SEQUENCE, INTER],
                Some(false),
            ),
            (
                "a hidden key frame",
                vec![SEQUENCE, HIDDEN_KEY, INTER],
                Some(false),
            ),
            (
                "a last OBU without size",
                vec![SEQUENCE, &[0x30, 0x10, 7]],
                Some(true),
            ),
            ("no frame", vec![SEQUENCE], None),
            ("a size past the end", vec![SEQUENCE, &[0x32, 9, 0x10]], None),
            ("nothing", vec![], None),
        ];
        for (name, obus, expected) in table {
            let mut data = Bytes::from(obus.concat());
            assert_eq!(temporal_unit(&mut data), expected, "{name}");
            assert!(!data.starts_with(DELIMITER), "{name}");
        }
    }

    #[test]
    fn an_extension_and_a_long_size_are_stepped_over() {
        let long = [&[0x36, 0x08, 0x82, 0x01, 0x10][..], &[0; 129]].concat();
        let mut data = Bytes::from([SEQUENCE, &long].concat());
        assert_eq!(temporal_unit(&mut data), Some(true));
        let mut endless = Bytes::from_static(&[0x32, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x10]);
        assert_eq!(temporal_unit(&mut endless), None);
    }
}
