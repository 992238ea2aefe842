//! An encoder tried before there is a source, so that an operator learns at the start what it cannot do.

use ffmpeg_next::codec::packet::Packet;
use ffmpeg_next::util::format::Pixel;
use ffmpeg_next::{encoder, frame, picture};

use super::plan::VideoRung;
use super::{LadderError, bitstream, encoders, ffmpeg};

/// Stamps of the pictures, in milliseconds, and which are asked to be IDRs.
const PICTURES: [(i64, bool); 5] = [(0, true), (33, false), (67, true), (100, false), (133, false)];

/// Encodes a few grey pictures as the rung would, and looks at what comes out.
pub(super) fn run(rung: &VideoRung) -> Result<(), LadderError> {
    let name = || rung.encoder.clone();
    let codec =
        encoders::codec_of(&rung.encoder).ok_or_else(|| LadderError::unknown_encoder(&rung.encoder))?;
    let mut grey = grey(rung.width, rung.height);
    let (mut encoder, headers) = ffmpeg::video_encoder(rung, &grey)?;
    let mut packets = Vec::new();
    for (pts_ms, is_idr) in PICTURES {
        grey.set_pts(Some(pts_ms));
        grey.set_kind(if is_idr {
            picture::Type::I
        } else {
            picture::Type::None
        });
        let sent = encoder.send_frame(&grey);
        sent.map_err(|source| LadderError::encoder(&rung.encoder, source))?;
        take(&mut encoder, &mut packets);
    }
    let drained = encoder.send_eof();
    drained.map_err(|source| LadderError::encoder(&rung.encoder, source))?;
    take(&mut encoder, &mut packets);
    let has_headers = |packet: &Packet| bitstream::record(codec, packet.data().unwrap_or_default()).is_some();
    if bitstream::record(codec, &headers).is_none() && !packets.first().is_some_and(has_headers) {
        return Err(LadderError::Headers { name: name() });
    }
    let made = packets
        .iter()
        .map(|packet| (packet.pts().unwrap_or(-1), packet.is_key()));
    if made.eq(PICTURES) {
        Ok(())
    } else {
        Err(LadderError::NoIdr { name: name() })
    }
}

fn take(encoder: &mut encoder::Video, packets: &mut Vec<Packet>) {
    loop {
        let mut packet = Packet::empty();
        if encoder.receive_packet(&mut packet).is_err() {
            return;
        }
        packets.push(packet);
    }
}

fn grey(width: u32, height: u32) -> frame::Video {
    let mut picture = frame::Video::new(Pixel::YUV420P, width, height);
    for plane in 0..picture.planes() {
        picture.data_mut(plane).fill(128);
    }
    picture
}
