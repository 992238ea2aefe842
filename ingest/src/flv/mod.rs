//! FLV as RTMP carries it: audio and video tag bodies (Video File Format 10.1, E.4; Enhanced RTMP v2), codec
//! configurations and onMetaData. Pure: bytes in, values out; a codec that we do not serve is a [`Refusal`].
//!
//! [`Refusal`]: crate::Refusal

mod aac;
mod audio;
mod av1;
mod avc;
mod coding;
mod hevc;
mod metadata;
mod nal;
mod video;

pub use aac::audio_config;
pub use audio::{AudioTag, read_audio};
pub use coding::{Coding, video_config};
pub use metadata::Metadata;
pub use video::{VideoTag, read_video};

use bytes::{Buf, Bytes};

/// The packet type of Enhanced RTMP that wraps modifiers around the real one, for audio and video alike.
const MOD_EX: u8 = 7;

/// Takes the modifiers that may stand before an Enhanced RTMP packet (ExVideoTagHeader, ExAudioTagHeader) and
/// returns the packet type behind them. Nanosecond offsets, the only kind known, are below our clock's grain.
fn skip_modifiers(body: &mut Bytes, mut packet_type: u8) -> Option<u8> {
    while packet_type == MOD_EX {
        let mut size = usize::from(body.try_get_u8().ok()?) + 1;
        if size == 256 {
            size = usize::from(body.try_get_u16().ok()?) + 1;
        }
        if body.len() <= size {
            return None;
        }
        body.advance(size);
        packet_type = body.get_u8() & 0x0F;
    }
    Some(packet_type)
}

/// A FourCC as text, for messages; other bytes than printable ASCII become `?`.
fn four_cc_text(four_cc: [u8; 4]) -> String {
    four_cc
        .iter()
        .map(|&byte| {
            if byte.is_ascii_graphic() {
                char::from(byte)
            } else {
                '?'
            }
        })
        .collect()
}

fn take_four_cc(body: &mut Bytes) -> Option<[u8; 4]> {
    let mut four_cc = [0; 4];
    body.try_copy_to_slice(&mut four_cc).ok()?;
    Some(four_cc)
}
