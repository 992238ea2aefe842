//! Init sections (8216bis 3.1.2; CMAF header): `ftyp`, then a `moov` of one track without samples.

use bytes::Bytes;
use mp4_atom::{
    Atom, Audio, Av01, Av1c, Avc1, Avcc, Btrt, Codec, Colr, Dinf, Dref, Encode, FixedPoint, FourCC, Ftyp,
    Hdlr, Hvc1, Hvcc, Mdhd, Mdia, Minf, Mp4a, Mvex, Mvhd, Pasp, Smhd, Stbl, Stco, Stsd, Tkhd, Trak, Trex,
    Url, Visual, Vmhd, esds,
};

use super::{BoxError, TRACK_ID};
use crate::codec::{AudioFacts, VideoFacts};
use crate::media::{AudioConfig, Timescale, VideoCodec, VideoConfig};

/// The init section of a video track.
pub fn video(config: &VideoConfig, facts: &VideoFacts, timescale: Timescale) -> Result<Bytes, BoxError> {
    let (h_spacing, v_spacing) = facts.sample_aspect.unwrap_or((1, 1));
    // Square pixels wide: what the track header shows.
    let shown_width = facts.width * u32::from(h_spacing) / u32::from(v_spacing);
    let tkhd = Tkhd {
        width: side(shown_width).into(),
        height: side(facts.height).into(),
        ..track_header()
    };
    let minf = Minf {
        vmhd: Some(Vmhd::default()),
        ..media_information(sample_entry(config, facts)?)
    };
    let handler = Hdlr {
        handler: FourCC::new(b"vide"),
        name: "Vitrine video".into(),
    };
    section(facts.media_profile, tkhd, handler, timescale, minf)
}

fn side(length: u32) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// AUTH 1.10: parameter sets stand in the sample entry (`avc1`, `hvc1`), not in the samples.
fn sample_entry(config: &VideoConfig, facts: &VideoFacts) -> Result<Codec, BoxError> {
    let visual = Visual {
        data_reference_index: 1,
        width: side(facts.width),
        height: side(facts.height),
        ..Visual::default()
    };
    let btrt = config.declared_bitrate_bps.map(bitrate);
    // CMAF wants colr in every video track; without a description the code points say "unspecified" (2).
    let colr = Some(match facts.colour {
        Some(c) => Colr::new(
            c.primaries.into(),
            c.transfer.into(),
            c.matrix.into(),
            c.full_range,
        )?,
        None => Colr::new(2, 2, 2, false)?,
    });
    let (h_spacing, v_spacing) = facts.sample_aspect.unwrap_or((1, 1));
    let pasp = Some(Pasp::new(h_spacing.into(), v_spacing.into())?);
    let record = &mut &config.record[..];
    Ok(match config.codec {
        VideoCodec::Avc => Codec::Avc1(Avc1 {
            visual,
            avcc: Avcc::decode_body(record)?,
            btrt,
            colr,
            pasp,
            ..Avc1::default()
        }),
        VideoCodec::Hevc => Codec::Hvc1(Hvc1 {
            visual,
            hvcc: complete(Hvcc::decode_body(record)?),
            btrt,
            colr,
            pasp,
            ..Hvc1::default()
        }),
        VideoCodec::Av1 => Codec::Av01(Av01 {
            visual,
            av1c: Av1c::decode_body(record)?,
            btrt,
            colr,
            pasp,
            ..Av01::default()
        }),
    })
}

/// ISO/IEC 14496-15 8.4.1.1.1: with `hvc1`, the arrays of parameter sets are complete. Encoders say so only of what they
/// know to be meant for it.
fn complete(mut hvcc: Hvcc) -> Hvcc {
    const PARAMETER_SETS: std::ops::RangeInclusive<u8> = 32..=34;
    for array in &mut hvcc.arrays {
        array.completeness |= PARAMETER_SETS.contains(&array.nal_unit_type);
    }
    hvcc
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
    section(Some(*b"caac"), tkhd, handler, timescale, minf)
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
    media_profile: Option<[u8; 4]>,
    tkhd: Tkhd,
    hdlr: Hdlr,
    timescale: Timescale,
    minf: Minf,
) -> Result<Bytes, BoxError> {
    let mut brands: Vec<FourCC> = [b"iso6", b"cmfc", b"cmf2"].map(FourCC::new).into();
    brands.extend(media_profile.map(|brand| FourCC::new(&brand)));
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
    use crate::codec::tests::{av1c_720p30, avcc_720p30, hvcc_720p30};

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
    fn hevc_and_av1_have_sample_entries_of_their_own() {
        for (name, config) in [("hevc", hvcc_720p30()), ("av1", av1c_720p30())] {
            let facts = VideoFacts::read(&config).unwrap();
            let init = video(&config, &facts, Timescale::VIDEO).unwrap();
            insta::assert_snapshot!(name, box_tree(&init));
        }
    }

    #[test]
    fn the_parameter_sets_of_hvc1_are_complete() {
        let config = hvcc_720p30();
        let mut record = config.record.to_vec();
        let completeness = 23;
        assert_eq!(record[completeness], 0xA0, "the array of VPS, complete");
        record[completeness] = 0x20;
        let facts = VideoFacts::read(&config).unwrap();
        let incomplete = VideoConfig {
            record: record.into(),
            ..config.clone()
        };
        assert_eq!(
            video(&incomplete, &facts, Timescale::VIDEO).unwrap(),
            video(&config, &facts, Timescale::VIDEO).unwrap()
        );
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
