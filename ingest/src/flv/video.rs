//! Video tag bodies.

use bytes::{Buf, Bytes};
use vitrine_packager::media::VideoCodec;

use super::{four_cc_text, skip_modifiers, take_four_cc};
use crate::refusal::Refusal;

/// What a video message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoTag {
    /// A decoder configuration record.
    Config {
        /// Whose.
        codec: VideoCodec,
        /// As in the box of the codec (`avcC`, `hvcC`, `av1C`).
        record: Bytes,
    },
    /// One access unit.
    Frame {
        /// How it is coded.
        codec: VideoCodec,
        /// Presentation minus decode time in milliseconds, signed.
        composition_ms: i32,
        /// Length-prefixed NAL units, or OBUs.
        data: Bytes,
    },
    /// Nothing to act on: end of sequence, colour metadata, a command frame, or a body cut short.
    Nothing,
}

const AVC: u8 = 7;
const COMMAND_FRAME: u8 = 5;

/// Reads the body of a video message.
///
/// # Errors
/// [`Refusal::UnsupportedVideo`] for any codec but H.264, and H.265 and AV1 by Enhanced RTMP.
pub fn read_video(mut body: Bytes) -> Result<VideoTag, Refusal> {
    let Ok(first) = body.try_get_u8() else {
        return Ok(VideoTag::Nothing);
    };
    let frame_type = first >> 4 & 0x07;
    if first & 0x80 != 0 {
        return read_enhanced(body, frame_type, first & 0x0F);
    }
    if frame_type == COMMAND_FRAME {
        return Ok(VideoTag::Nothing);
    }
    match first & 0x0F {
        AVC => Ok(read_avc(body)),
        other => Err(unsupported(legacy_name(other).to_owned())),
    }
}

fn read_avc(mut body: Bytes) -> VideoTag {
    let Ok(packet_type) = body.try_get_u8() else {
        return VideoTag::Nothing;
    };
    let Some(composition_ms) = signed_24(&mut body) else {
        return VideoTag::Nothing;
    };
    let codec = VideoCodec::Avc;
    match packet_type {
        0 => VideoTag::Config { codec, record: body },
        1 => VideoTag::Frame {
            codec,
            composition_ms,
            data: body,
        },
        _ => VideoTag::Nothing,
    }
}

/// Enhanced RTMP v2, ExVideoTagHeader. Cut short or unknown packets are nothing; they never desynchronise a
/// chunk stream.
fn read_enhanced(mut body: Bytes, frame_type: u8, packet_type: u8) -> Result<VideoTag, Refusal> {
    let Some(packet_type) = skip_modifiers(&mut body, packet_type) else {
        return Ok(VideoTag::Nothing);
    };
    if packet_type == 6 {
        return Err(unsupported("multitrack (Enhanced Broadcasting)".to_owned()));
    }
    if frame_type == COMMAND_FRAME && packet_type != 4 {
        return Ok(VideoTag::Nothing);
    }
    let Some(four_cc) = take_four_cc(&mut body) else {
        return Ok(VideoTag::Nothing);
    };
    let codec = match &four_cc {
        b"avc1" => VideoCodec::Avc,
        b"hvc1" => VideoCodec::Hevc,
        b"av01" => VideoCodec::Av1,
        _ => return Err(unsupported(four_cc_name(four_cc))),
    };
    let frame = |composition_ms, data| VideoTag::Frame {
        codec,
        composition_ms,
        data,
    };
    Ok(match packet_type {
        0 => VideoTag::Config { codec, record: body },
        // AV1 shows its frames in the order of decoding, and has no offset.
        1 if codec != VideoCodec::Av1 => match signed_24(&mut body) {
            Some(composition_ms) => frame(composition_ms, body),
            None => VideoTag::Nothing,
        },
        1 | 3 => frame(0, body),
        5 => return Err(unsupported("AV1 with an MPEG-2 TS configuration".to_owned())),
        _ => VideoTag::Nothing,
    })
}

/// SI24.
fn signed_24(body: &mut Bytes) -> Option<i32> {
    let mut bytes = [0; 4];
    body.try_copy_to_slice(&mut bytes[..3]).ok()?;
    Some(i32::from_be_bytes(bytes) >> 8)
}

fn unsupported(codec: String) -> Refusal {
    Refusal::UnsupportedVideo { codec }
}

fn legacy_name(codec_id: u8) -> &'static str {
    match codec_id {
        2 => "Sorenson H.263",
        3 | 6 => "Screen Video",
        4 | 5 => "VP6",
        12 => "HEVC (H.265) without Enhanced RTMP",
        13 => "AV1 without Enhanced RTMP",
        _ => "of an unknown number",
    }
}

fn four_cc_name(four_cc: [u8; 4]) -> String {
    match &four_cc {
        b"vvc1" => "VVC (H.266)".to_owned(),
        b"vp08" => "VP8".to_owned(),
        b"vp09" => "VP9".to_owned(),
        _ => format!("\"{}\"", four_cc_text(four_cc)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(parts: &[&[u8]]) -> Bytes {
        Bytes::from(parts.concat())
    }

    fn frame(codec: VideoCodec, composition_ms: i32) -> VideoTag {
        VideoTag::Frame {
            codec,
            composition_ms,
            data: Bytes::from_static(b"nal"),
        }
    }

    #[test]
    fn bodies_are_read() {
        use VideoCodec::{Av1, Avc, Hevc};
        let config = |codec| VideoTag::Config {
            codec,
            record: Bytes::from_static(b"record"),
        };
        let nano = [7, 2, 0, 0, 1, 0x01];
        let table: [(&str, Bytes, VideoTag); 18] = [
            (
                "legacy configuration",
                bytes(&[&[0x17, 0, 0, 0, 0], b"record"]),
                config(Avc),
            ),
            (
                "legacy frame",
                bytes(&[&[0x27, 1, 0, 0, 67], b"nal"]),
                frame(Avc, 67),
            ),
            (
                "a negative composition time",
                bytes(&[&[0x27, 1, 0xFF, 0xFF, 0xDF], b"nal"]),
                frame(Avc, -33),
            ),
            (
                "legacy end of sequence",
                bytes(&[&[0x17, 2, 0, 0, 0]]),
                VideoTag::Nothing,
            ),
            ("a command frame", bytes(&[&[0x57, 0]]), VideoTag::Nothing),
            (
                "enhanced configuration",
                bytes(&[&[0x90], b"avc1", b"record"]),
                config(Avc),
            ),
            (
                "enhanced frame",
                bytes(&[&[0xA1], b"avc1", &[0, 0, 40], b"nal"]),
                frame(Avc, 40),
            ),
            (
                "enhanced frame without offset",
                bytes(&[&[0xA3], b"avc1", b"nal"]),
                frame(Avc, 0),
            ),
            (
                "a nanosecond modifier",
                bytes(&[&[0xA7], &nano[1..], b"avc1", &[0, 0, 40], b"nal"]),
                frame(Avc, 40),
            ),
            (
                "enhanced colour metadata",
                bytes(&[&[0x94], b"avc1", b"amf"]),
                VideoTag::Nothing,
            ),
            (
                "an HEVC configuration",
                bytes(&[&[0x90], b"hvc1", b"record"]),
                config(Hevc),
            ),
            (
                "an HEVC frame",
                bytes(&[&[0xA1], b"hvc1", &[0, 0, 40], b"nal"]),
                frame(Hevc, 40),
            ),
            (
                "an HEVC frame without offset",
                bytes(&[&[0xA3], b"hvc1", b"nal"]),
                frame(Hevc, 0),
            ),
            (
                "an AV1 configuration",
                bytes(&[&[0x90], b"av01", b"record"]),
                config(Av1),
            ),
            (
                "an AV1 frame, which has no offset",
                bytes(&[&[0x91], b"av01", b"nal"]),
                frame(Av1, 0),
            ),
            (
                "the end of an AV1 sequence",
                bytes(&[&[0x92], b"av01"]),
                VideoTag::Nothing,
            ),
            ("an empty body", Bytes::new(), VideoTag::Nothing),
            ("a body cut short", bytes(&[&[0x17, 1, 0]]), VideoTag::Nothing),
        ];
        for (name, body, expected) in table {
            assert_eq!(read_video(body), Ok(expected), "{name}");
        }
    }

    #[test]
    fn other_codecs_are_refused_by_name() {
        let table: [(&[u8], &str); 6] = [
            (b"\x95av01", "MPEG-2 TS"),
            (b"\x90vvc1", "VVC"),
            (b"\x90vp09", "VP9"),
            (b"\x90\x01xyz", "\"?xyz\""),
            (b"\x1C\x00", "HEVC"),
            (b"\x12\x00", "H.263"),
        ];
        for (body, name) in table {
            let refusal = read_video(Bytes::from_static(body)).unwrap_err().to_string();
            assert!(refusal.contains(name) && refusal.contains("x264"), "{refusal}");
        }
    }
}
