//! ID3v2.4 in emsg, as AOM "Carriage of ID3 Timed Metadata in CMAF" 1.0 has it.

use bytes::Bytes;
use id3::frame::ExtendedText;
use id3::{Encoder, TagLike, Version};

/// `scheme_id_uri` of every message (ID3E 2.2.1).
pub const SCHEME: &str = "https://aomedia.org/emsg/ID3";

/// `value` of every message: the space in which message ids are unique.
pub const VALUE: &str = "vitrine";

/// Description of the TXXX frame that holds the JSON.
pub const TXXX_DESCRIPTION: &str = "vitrine";

/// A whole ID3v2.4 tag: one TXXX frame with `json` as its UTF-8 text.
pub(crate) fn tag(json: &str) -> Bytes {
    let mut tag = id3::Tag::new();
    tag.add_frame(ExtendedText {
        description: TXXX_DESCRIPTION.to_owned(),
        value: json.to_owned(),
    });
    let mut bytes = Vec::with_capacity(json.len() + 64);
    match Encoder::new().version(Version::Id3v24).encode(&tag, &mut bytes) {
        Ok(()) => Bytes::from(bytes),
        // Writing to memory cannot fail, and a payload is far under ID3's 256 MB.
        Err(error) => unreachable!("a text frame in memory: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synchsafe(bytes: &[u8]) -> usize {
        assert!(
            bytes.iter().all(|byte| byte & 0x80 == 0),
            "not synchsafe: {bytes:?}"
        );
        bytes.iter().fold(0, |sum, byte| sum << 7 | usize::from(*byte))
    }

    /// Reads by the letter of id3v2.4.0-structure 3.1, 4 and -frames 4.2.6; one TXXX and nothing else.
    fn read_txxx(tag: &[u8]) -> (String, String) {
        assert_eq!(&tag[..6], b"ID3\x04\x00\x00", "v2.4, no flags");
        assert_eq!(
            synchsafe(&tag[6..10]),
            tag.len() - 10,
            "the size is all that follows"
        );
        let frame = &tag[10..];
        assert_eq!(&frame[..4], b"TXXX");
        assert_eq!(synchsafe(&frame[4..8]), frame.len() - 10, "one frame, no padding");
        assert_eq!(&frame[8..10], [0, 0], "no flags");
        assert_eq!(frame[10], 3, "UTF-8");
        let text = std::str::from_utf8(&frame[11..]).unwrap();
        let (description, value) = text.split_once('\0').unwrap();
        (description.to_owned(), value.trim_end_matches('\0').to_owned())
    }

    #[test]
    fn a_small_tag_byte_for_byte() {
        let tag = tag("{}");
        assert_eq!(
            &tag[..],
            b"ID3\x04\0\0\0\0\0\x15TXXX\0\0\0\x0b\0\0\x03vitrine\0{}"
        );
    }

    #[test]
    fn every_length_and_script_is_read_back_by_an_independent_reader() {
        // 117 and 16373 are where a size's low seven bits overflow.
        for length in [0, 1, 100, 117, 118, 127, 128, 255, 256, 5000, 16_373, 16_384] {
            let text = "x".repeat(length);
            assert_eq!(read_txxx(&tag(&text)), ("vitrine".into(), text));
        }
        let text = r#"{"name":"Стул «Уют» 🪑"}"#;
        assert_eq!(read_txxx(&tag(text)), ("vitrine".into(), text.into()));
    }
}
