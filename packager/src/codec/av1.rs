//! AV1: the codec configuration record and its sequence header (AV1 in ISOBMFF 2.3; AV1 5.5).

use std::io::Cursor;
use std::num::NonZeroU32;

use bytes::Bytes;
use scuffle_av1::seq::SequenceHeaderObu;
use scuffle_av1::{AV1CodecConfigurationRecord, ObuHeader, ObuType};

use super::{CodecError, Colour, VideoFacts, reduced, supported_size};
use crate::media::{FrameRate, VideoCodec};

/// Bounded: a sequence header has at most 32 operating points, and no more bytes than this.
const MOST_BYTES: usize = 4096;
/// "Unspecified" of ISO/IEC 23091-2, for primaries, transfer and matrix alike.
const UNSPECIFIED: u8 = 2;

/// Reads the sequence header of the configuration.
pub(super) fn facts(record: &Bytes) -> Result<VideoFacts, CodecError> {
    let unreadable = |why: &dyn std::fmt::Debug| CodecError::Av1(format!("{why:?}"));
    if record.len() > MOST_BYTES {
        return Err(CodecError::Av1("it is over 4 KiB".into()));
    }
    let av1c =
        AV1CodecConfigurationRecord::demux(&mut Cursor::new(record.clone())).map_err(|e| unreadable(&e))?;
    let mut obus = Cursor::new(av1c.config_obu.clone());
    let header = ObuHeader::parse(&mut obus).map_err(|e| unreadable(&e))?;
    if header.obu_type != ObuType::SequenceHeader {
        return Err(CodecError::Av1("no sequence header".into()));
    }
    let sequence = SequenceHeaderObu::parse(header, &mut obus).map_err(|e| unreadable(&e))?;
    let side = |length: u64| u32::try_from(length).unwrap_or(u32::MAX);
    let (width, height) = supported_size(side(sequence.max_frame_width), side(sequence.max_frame_height))?;
    let colour = colour(&sequence);
    Ok(VideoFacts {
        codec: VideoCodec::Av1,
        width,
        height,
        sample_aspect: None,
        colour,
        fixed_frame_rate: frame_rate(&sequence),
        codec_string: codec_string(&av1c, colour),
        // AV1 in ISOBMFF 2.1: the brand of files that keep to it.
        media_profile: Some(*b"av01"),
    })
}

fn colour(sequence: &SequenceHeaderObu) -> Option<Colour> {
    let config = &sequence.color_config;
    let colour = Colour {
        primaries: config.color_primaries,
        transfer: config.transfer_characteristics,
        matrix: config.matrix_coefficients,
        full_range: config.full_color_range,
    };
    let points = [colour.primaries, colour.transfer, colour.matrix];
    (points != [UNSPECIFIED; 3]).then_some(colour)
}

/// AV1 5.5.3, 6.4.3: only an equal picture interval is a rate.
fn frame_rate(sequence: &SequenceHeaderObu) -> Option<FrameRate> {
    let timing = sequence.timing_info.as_ref()?;
    let ticks = u32::try_from(timing.num_ticks_per_picture?).ok()?;
    let denominator = timing.num_units_in_display_tick.checked_mul(ticks)?;
    reduced((NonZeroU32::new(timing.time_scale)?, NonZeroU32::new(denominator)?))
}

/// AV1 in ISOBMFF 5: `av01.0.05M.08` is Main profile, level 3.1, Main tier, 8 bits. The optional fields are given when
/// they are not what their absence says: 4:2:0 in limited range BT.709.
fn codec_string(av1c: &AV1CodecConfigurationRecord, colour: Option<Colour>) -> String {
    let tier = if av1c.seq_tier_0 { 'H' } else { 'M' };
    let depth = match (av1c.high_bitdepth, av1c.twelve_bit) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let (profile, level) = (av1c.seq_profile, av1c.seq_level_idx_0);
    let short = format!("av01.{profile}.{level:02}{tier}.{depth:02}");
    let subsampling = (
        u8::from(av1c.chroma_subsampling_x),
        u8::from(av1c.chroma_subsampling_y),
    );
    let usual = Colour {
        primaries: 1,
        transfer: 1,
        matrix: 1,
        full_range: false,
    };
    let colour = colour.unwrap_or(usual);
    if colour == usual && subsampling == (1, 1) && !av1c.monochrome {
        return short;
    }
    // The sample position counts only where both directions are subsampled.
    let position = if subsampling == (1, 1) {
        av1c.chroma_sample_position
    } else {
        0
    };
    format!(
        "{short}.{}.{}{}{position}.{:02}.{:02}.{:02}.{}",
        u8::from(av1c.monochrome),
        subsampling.0,
        subsampling.1,
        colour.primaries,
        colour.transfer,
        colour.matrix,
        u8::from(colour.full_range)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::av1c_720p30;

    #[test]
    fn a_sequence_header_tells_size_and_codec() {
        let facts = facts(&av1c_720p30().record).unwrap();
        assert_eq!((facts.width, facts.height), (1280, 720));
        assert_eq!(facts.codec_string, "av01.0.05M.08");
        assert_eq!((facts.colour, facts.fixed_frame_rate), (None, None));
    }

    #[test]
    fn colours_of_ten_bits() {
        let named: &[u8] = include_bytes!("../../fuzz/corpus/codec/av1-10-bit-pq");
        let facts = facts(&Bytes::from_static(&named[1..])).unwrap();
        assert_eq!((facts.width, facts.height), (640, 360));
        assert_eq!(facts.colour.map(|colour| colour.transfer), Some(16));
        assert_eq!(facts.codec_string, "av01.0.01M.10.0.110.09.16.09.0");
    }

    #[test]
    fn codec_strings_name_colours_that_are_not_the_usual_ones() {
        let sdr = AV1CodecConfigurationRecord::demux(&mut Cursor::new(av1c_720p30().record)).unwrap();
        let hdr = AV1CodecConfigurationRecord {
            high_bitdepth: true,
            seq_tier_0: true,
            seq_level_idx_0: 13,
            chroma_sample_position: 2,
            ..sdr.clone()
        };
        let pq = Colour {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            full_range: false,
        };
        assert_eq!(codec_string(&hdr, Some(pq)), "av01.0.13H.10.0.112.09.16.09.0");
        assert_eq!(codec_string(&sdr, None), "av01.0.05M.08");
        let full = AV1CodecConfigurationRecord {
            seq_profile: 1,
            chroma_subsampling_x: false,
            chroma_subsampling_y: false,
            ..sdr
        };
        assert_eq!(codec_string(&full, None), "av01.1.05M.08.0.000.01.01.01.0");
    }

    #[test]
    fn a_record_without_a_sequence_header_is_refused() {
        let bare = av1c_720p30().record.slice(..4);
        assert!(matches!(facts(&bare), Err(CodecError::Av1(_))));
    }
}
