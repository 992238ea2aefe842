//! Init sections (8216bis 3.1.2; CMAF header): `ftyp`, then a `moov` of one track without samples.

use bytes::Bytes;
use mp4_atom::{
    Audio, Avc1, Avcc, Btrt, Codec, Colr, Decode, Dinf, Dref, Encode, FixedPoint, FourCC, Ftyp, Hdlr, Mdhd,
    Mdia, Minf, Mp4a, Mvex, Mvhd, Pasp, Smhd, Stbl, Stco, Stsd, Tkhd, Trak, Trex, Url, Visual, Vmhd, esds,
};

use super::{BoxError, TRACK_ID};
use crate::codec::{AudioFacts, VideoFacts};
use crate::media::{AudioConfig, Timescale, VideoConfig};

/// The init section of an H.264 track.
pub fn video(config: &VideoConfig, facts: &VideoFacts, timescale: Timescale) -> Result<Bytes, BoxError> {
    let side = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
    let (width, height) = (side(facts.width), side(facts.height));
    let (h_spacing, v_spacing) = facts.sample_aspect.unwrap_or((1, 1));
    let entry = Avc1 {
        visual: Visual {
            data_reference_index: 1,
            width,
            height,
            ..Visual::default()
        },
        avcc: avcc(config)?,
        btrt: config.declared_bitrate_bps.map(bitrate),
        // CMAF wants colr in every video track; without a VUI the code points say "unspecified" (2).
        colr: Some(match facts.colour {
            Some(c) => Colr::new(
                c.primaries.into(),
                c.transfer.into(),
                c.matrix.into(),
                c.full_range,
            )?,
            None => Colr::new(2, 2, 2, false)?,
        }),
        pasp: Some(Pasp::new(h_spacing.into(), v_spacing.into())?),
        ..Avc1::default()
    };
    // Square pixels wide: what the track header shows.
    let shown_width = u32::from(width) * u32::from(h_spacing) / u32::from(v_spacing);
    let tkhd = Tkhd {
        width: side(shown_width).into(),
        height: height.into(),
        ..track_header()
    };
    let minf = Minf {
        vmhd: Some(Vmhd::default()),
        ..media_information(Codec::Avc1(entry))
    };
    let handler = Hdlr {
        handler: FourCC::new(b"vide"),
        name: "Vitrine video".into(),
    };
    section([b"cmfc", b"cmf2", b"cfhd"], tkhd, handler, timescale, minf)
}

/// The init section of an AAC-LC track; its timescale is the sample rate.
pub fn audio(config: &AudioConfig, facts: &AudioFacts, timescale: Timescale) -> Result<Bytes, BoxError> {
    let bitrate_bps = config.declared_bitrate_bps.unwrap_or(0);
    let entry = Mp4a {
        audio: Audio {
            data_reference_index: 1,
            channel_count: facts.channels.into(),
            sample_size: 16,
            sample_rate: FixedPoint::new(u16::try_from(facts.sample_rate_hz).unwrap_or(0), 0),
        },
        esds: esds::Esds {
            es_desc: esds::EsDescriptor {
                es_id: 0,
                dec_config: esds::DecoderConfig {
                    // ISO/IEC 14496-1 table 5: MPEG-4 audio; table 6: audio stream.
                    object_type_indication: 0x40,
                    stream_type: 0x05,
                    max_bitrate: bitrate_bps,
                    avg_bitrate: bitrate_bps,
                    dec_specific: Some(esds::DecoderSpecific {
                        raw: config.asc.to_vec(),
                        ..Default::default()
                    }),
                    ..Default::default()
                },
                ..Default::default()
            },
        },
        btrt: config.declared_bitrate_bps.map(bitrate),
        taic: None,
    };
    let tkhd = Tkhd {
        volume: 1.into(),
        ..track_header()
    };
    let minf = Minf {
        smhd: Some(Smhd::default()),
        ..media_information(Codec::Mp4a(entry))
    };
    let handler = Hdlr {
        handler: FourCC::new(b"soun"),
        name: "Vitrine audio".into(),
    };
    section([b"cmfc", b"cmf2", b"caac"], tkhd, handler, timescale, minf)
}

fn avcc(config: &VideoConfig) -> Result<Avcc, BoxError> {
    // mp4-atom reads whole boxes, so the record gets its header back.
    let mut framed = Vec::with_capacity(config.record.len() + 8);
    framed.extend_from_slice(
        &u32::try_from(config.record.len() + 8)
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    framed.extend_from_slice(b"avcC");
    framed.extend_from_slice(&config.record);
    Ok(Avcc::decode(&mut framed.as_slice())?)
}

fn bitrate(bits_per_second: u32) -> Btrt {
    Btrt {
        buffer_size_db: 0,
        max_bitrate: bits_per_second,
        avg_bitrate: bits_per_second,
    }
}

fn track_header() -> Tkhd {
    Tkhd {
        track_id: TRACK_ID,
        enabled: true,
        in_movie: true,
        ..Tkhd::default()
    }
}

fn media_information(codec: Codec) -> Minf {
    Minf {
        dinf: Dinf {
            dref: Dref {
                entries: vec![mp4_atom::DrefEntry::Url(Url::default())],
            },
        },
        stbl: Stbl {
            stsd: Stsd { codecs: vec![codec] },
            stco: Some(Stco::default()),
            ..Stbl::default()
        },
        ..Minf::default()
    }
}

fn section(
    cmaf_brands: [&[u8; 4]; 3],
    tkhd: Tkhd,
    hdlr: Hdlr,
    timescale: Timescale,
    minf: Minf,
) -> Result<Bytes, BoxError> {
    let mut brands = vec![FourCC::new(b"iso6")];
    brands.extend(cmaf_brands.map(FourCC::new));
    // AOM ID3-in-emsg 2.3: the brand that announces ID3 event messages.
    brands.push(FourCC::new(b"aid3"));
    let ftyp = Ftyp {
        major_brand: FourCC::new(b"iso6"),
        minor_version: 0,
        compatible_brands: brands,
    };
    let mdhd = Mdhd {
        timescale: timescale.get(),
        language: "und".into(),
        ..Mdhd::default()
    };
    let trak = Trak {
        tkhd,
        mdia: Mdia { mdhd, hdlr, minf },
        ..Trak::default()
    };
    let mvhd = Mvhd {
        timescale: timescale.get(),
        rate: 1.into(),
        volume: 1.into(),
        next_track_id: TRACK_ID + 1,
        ..Mvhd::default()
    };
    let trex = Trex {
        track_id: TRACK_ID,
        default_sample_description_index: 1,
        ..Trex::default()
    };

    let mut out = Vec::with_capacity(1024);
    ftyp.encode(&mut out)?;
    // 8216bis 3.1.2: mvex stands after the last trak; mp4-atom's own Moov writes it before.
    let moov_at = out.len();
    out.extend_from_slice(b"\0\0\0\0moov");
    mvhd.encode(&mut out)?;
    trak.encode(&mut out)?;
    Mvex {
        mehd: None,
        trex: vec![trex],
    }
    .encode(&mut out)?;
    let moov_len = u32::try_from(out.len() - moov_at).unwrap_or(u32::MAX);
    if let Some(size) = out.get_mut(moov_at..moov_at + 4) {
        size.copy_from_slice(&moov_len.to_be_bytes());
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmaf::tests::box_tree;
    use crate::codec::tests::avcc_720p30;

    #[test]
    fn a_video_init_section_has_the_boxes_of_a_cmaf_header() {
        let config = VideoConfig {
            declared_bitrate_bps: Some(2_500_000),
            ..avcc_720p30()
        };
        let facts = VideoFacts::read(&config).unwrap();
        let init = video(&config, &facts, Timescale::VIDEO).unwrap();
        insta::assert_snapshot!(box_tree(&init));
    }

    #[test]
    fn an_audio_init_section_has_the_boxes_of_a_cmaf_header() {
        let config = AudioConfig {
            asc: Bytes::from_static(&[0x11, 0x90]),
            sample_rate_hz: 48_000,
            channels: 2,
            declared_bitrate_bps: Some(128_000),
        };
        let facts = AudioFacts::read(&config).unwrap();
        let init = audio(&config, &facts, Timescale::new(48_000).unwrap()).unwrap();
        insta::assert_snapshot!(box_tree(&init));
        let end = init.len() - 8;
        assert!(
            init.windows(2).take(end).any(|pair| pair == [0x11, 0x90]),
            "the AudioSpecificConfig is inside"
        );
    }
}
