//! From what encoders write to what CMAF carries: configuration records, and samples.

mod annexb;
mod av1;
mod avc;
mod hevc;

use bytes::Bytes;
use vitrine_packager::media::VideoCodec;

/// The decoder configuration record of an encoder's headers; `None` where they are not complete.
pub(super) fn record(codec: VideoCodec, headers: &[u8]) -> Option<Bytes> {
    match codec {
        VideoCodec::Avc => avc::record(headers),
        VideoCodec::Hevc => hevc::record(headers),
        VideoCodec::Av1 => av1::record(headers),
    }
}

/// An encoder's packet as one access unit, without what the record says already.
pub(super) fn sample(codec: VideoCodec, packet: &[u8]) -> Bytes {
    match codec {
        VideoCodec::Avc => annexb::length_prefixed(packet, avc::is_left_out),
        VideoCodec::Hevc => annexb::length_prefixed(packet, hevc::is_left_out),
        VideoCodec::Av1 => av1::without_delimiters(packet),
    }
}
