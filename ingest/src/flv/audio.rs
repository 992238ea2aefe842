//! Audio tag bodies.

use bytes::{Buf, Bytes};

use super::{four_cc_text, skip_modifiers, take_four_cc};
use crate::refusal::Refusal;

/// What an audio message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioTag {
    /// AudioSpecificConfig.
    Config(Bytes),
    /// One raw AAC frame.
    Frame(Bytes),
    /// Nothing to act on: end of sequence, a channel map, or a body cut short.
    Nothing,
}

const AAC: u8 = 10;
const ENHANCED: u8 = 9;

/// Reads the body of an audio message.
///
/// # Errors
/// [`Refusal::UnsupportedAudio`] for any codec but AAC. Which AAC it is, only its configuration tells.
pub fn read_audio(mut body: Bytes) -> Result<AudioTag, Refusal> {
    let Ok(first) = body.try_get_u8() else {
        return Ok(AudioTag::Nothing);
    };
    match first >> 4 {
        AAC => Ok(match body.try_get_u8() {
            Ok(0) => AudioTag::Config(body),
            Ok(1) => AudioTag::Frame(body),
            _ => AudioTag::Nothing,
        }),
        ENHANCED => read_enhanced(body, first & 0x0F),
        other => Err(unsupported(legacy_name(other).to_owned())),
    }
}

/// Enhanced RTMP v2, ExAudioTagHeader.
fn read_enhanced(mut body: Bytes, packet_type: u8) -> Result<AudioTag, Refusal> {
    let Some(packet_type) = skip_modifiers(&mut body, packet_type) else {
        return Ok(AudioTag::Nothing);
    };
    if packet_type == 5 {
        return Err(unsupported("multitrack (Enhanced RTMP)".to_owned()));
    }
    let Some(four_cc) = take_four_cc(&mut body) else {
        return Ok(AudioTag::Nothing);
    };
    if &four_cc != b"mp4a" {
        return Err(unsupported(four_cc_name(four_cc)));
    }
    Ok(match packet_type {
        0 => AudioTag::Config(body),
        1 => AudioTag::Frame(body),
        _ => AudioTag::Nothing,
    })
}

fn unsupported(codec: String) -> Refusal {
    Refusal::UnsupportedAudio { codec }
}

fn legacy_name(sound_format: u8) -> &'static str {
    match sound_format {
        0 | 3 => "PCM",
        1 => "ADPCM",
        2 | 14 => "MP3",
        4..=6 => "Nellymoser",
        7 | 8 => "G.711",
        11 => "Speex",
        13 => "Opus",
        _ => "of an unknown number",
    }
}

fn four_cc_name(four_cc: [u8; 4]) -> String {
    match &four_cc {
        b"Opus" => "Opus".to_owned(),
        b"fLaC" => "FLAC".to_owned(),
        b"ac-3" => "AC-3".to_owned(),
        b"ec-3" => "E-AC-3".to_owned(),
        b".mp3" => "MP3".to_owned(),
        _ => format!("\"{}\"", four_cc_text(four_cc)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read() {
        let data = Bytes::from_static(b"aac");
        let table: [(&str, &'static [u8], AudioTag); 7] = [
            (
                "legacy configuration",
                b"\xAF\x00aac",
                AudioTag::Config(data.clone()),
            ),
            ("legacy frame", b"\xAF\x01aac", AudioTag::Frame(data.clone())),
            (
                "enhanced configuration",
                b"\x90mp4aaac",
                AudioTag::Config(data.clone()),
            ),
            ("enhanced frame", b"\x91mp4aaac", AudioTag::Frame(data)),
            ("enhanced channel map", b"\x94mp4a\x00", AudioTag::Nothing),
            ("an empty body", b"", AudioTag::Nothing),
            ("a body cut short", b"\xAF", AudioTag::Nothing),
        ];
        for (name, body, expected) in table {
            assert_eq!(read_audio(Bytes::from_static(body)), Ok(expected), "{name}");
        }
    }

    #[test]
    fn other_codecs_are_refused_by_name() {
        let table: [(&[u8], &str); 4] = [
            (b"\x2F\xFF", "MP3"),
            (b"\xB0", "Speex"),
            (b"\x90Opus", "Opus"),
            (b"\x90\x00\x00\x00\x00", "\"????\""),
        ];
        for (body, name) in table {
            let refusal = read_audio(Bytes::from_static(body)).unwrap_err().to_string();
            assert!(refusal.contains(name) && refusal.contains("AAC-LC"), "{refusal}");
        }
    }
}
