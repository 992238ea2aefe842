//! Init sections: `ftyp moov`, one track, no samples (8216bis 3.1.2; CMAF headers).

use std::io::Cursor;

use mp4::{FtypBox, MoovBox, Mp4Reader};
use mp4_atom::{Codec, Decode, Moov};

use super::{BoxSpan, boxes, child};
use crate::conformance::findings::Findings;

/// What an init section says of its track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitSection {
    /// tkhd's id.
    pub track_id: u32,
    /// Ticks a second.
    pub timescale: u32,
    /// Width and height in pixels of a video track.
    pub size: Option<(u16, u16)>,
    /// RFC 6381 codec string of an H.264 or AAC track.
    pub codec: Option<String>,
    /// Bytes of a NAL unit's length field in an H.264 track.
    pub nal_length_bytes: Option<usize>,
    /// Compatible brands.
    pub brands: Vec<String>,
}

impl InitSection {
    /// Reads an init section; rules 128, 131, 132, 134, 136 and 140 are looked at.
    pub fn read(bytes: &[u8], is_video: bool, findings: &mut Findings) -> Option<Self> {
        order(bytes, findings);
        let reader = Mp4Reader::read_header(Cursor::new(bytes), bytes.len() as u64);
        findings.law(128, reader.is_ok(), || {
            format!(
                "the mp4 crate cannot read the init section: {:?}",
                reader.as_ref().err()
            )
        });
        let reader = reader.ok()?;
        empty(&reader.moov, findings);
        let brands = brands(&reader.ftyp, is_video, findings);
        let trak = reader.moov.traks.first()?;
        let timescale = trak.mdia.mdhd.timescale;
        let sample_entry = &trak.mdia.minf.stbl.stsd;
        if brands.iter().any(|brand| brand == "cmf2") {
            findings.law(132, trak.edts.is_none(), || "cmf2 with an edit list".to_owned());
        }
        let (mut codec, mut size, mut nal_length_bytes) = (None, None, None);
        if let Some(avc1) = &sample_entry.avc1 {
            let avcc = &avc1.avcc;
            let [profile, compatibility, level] = [
                avcc.avc_profile_indication,
                avcc.profile_compatibility,
                avcc.avc_level_indication,
            ];
            codec = Some(format!("avc1.{profile:02x}{compatibility:02x}{level:02x}"));
            size = Some((avc1.width, avc1.height));
            nal_length_bytes = Some(usize::from(avcc.length_size_minus_one & 3) + 1);
            let sets = !avcc.sequence_parameter_sets.is_empty() && !avcc.picture_parameter_sets.is_empty();
            findings.law(136, sets, || "no parameter sets in the sample entry".to_owned());
        }
        if let Some(mp4a) = &sample_entry.mp4a {
            let object_type = mp4a
                .esds
                .as_ref()
                .map(|esds| esds.es_desc.dec_config.dec_specific.profile);
            codec = object_type.map(|object_type| format!("mp4a.40.{object_type}"));
            let rate = u32::from(mp4a.samplerate.value());
            findings.law(140, timescale == rate, || {
                format!("audio timescale {timescale} at {rate} Hz")
            });
        }
        if is_video {
            colour_and_aspect(bytes, findings);
        }
        Some(Self {
            track_id: trak.tkhd.track_id,
            timescale,
            size,
            codec,
            nal_length_bytes,
            brands,
        })
    }
}

fn order(bytes: &[u8], findings: &mut Findings) {
    let spans = boxes(bytes).unwrap_or_default();
    let names: Vec<String> = spans.iter().map(BoxSpan::name).collect();
    findings.law(128, names == ["ftyp", "moov"], || {
        format!("an init section of {}", names.join(" "))
    });
    let moov = spans.iter().find(|span| span.kind == *b"moov");
    let children = moov.and_then(|moov| boxes(moov.body).ok()).unwrap_or_default();
    let place = |kind: &[u8; 4]| children.iter().rposition(|child| child.kind == *kind);
    let traks = children.iter().filter(|child| child.kind == *b"trak").count();
    findings.law(128, traks == 1 && place(b"mvex") > place(b"trak"), || {
        format!(
            "moov has {traks} trak, mvex at {:?}, trak at {:?}",
            place(b"mvex"),
            place(b"trak")
        )
    });
}

fn empty(moov: &MoovBox, findings: &mut Findings) {
    let Some(trak) = moov.traks.first() else { return };
    let durations = [moov.mvhd.duration, trak.tkhd.duration, trak.mdia.mdhd.duration];
    findings.law(128, durations == [0; 3], || {
        format!("durations {durations:?} in mvhd, tkhd and mdhd")
    });
    let table = &trak.mdia.minf.stbl;
    let counts = [
        table.stts.entries.len(),
        table.stsc.entries.len(),
        table.stsz.sample_count as usize,
    ];
    findings.law(128, counts == [0; 3], || {
        format!("{counts:?} samples in stts, stsc and stsz")
    });
    let extended = moov.mvex.as_ref().map(|mvex| mvex.trex.track_id);
    findings.law(128, extended == Some(trak.tkhd.track_id), || {
        format!("trex of track {extended:?} for track {}", trak.tkhd.track_id)
    });
}

fn brands(ftyp: &FtypBox, is_video: bool, findings: &mut Findings) -> Vec<String> {
    let brands: Vec<String> = ftyp.compatible_brands.iter().map(ToString::to_string).collect();
    let has = |wanted: &[&str]| brands.iter().any(|brand| wanted.contains(&brand.as_str()));
    let profile: &[&str] = if is_video {
        &["cfhd", "cfsd", "chdf", "chh1", "chd1", "cud1", "av01"]
    } else {
        &["caac", "caaa"]
    };
    let lawful = has(&["iso6", "iso7", "iso8", "iso9"]) && has(&["cmfc", "cmf2"]) && has(profile);
    findings.law(134, lawful, || format!("ftyp brands {brands:?}"));
    brands
}

/// Rule 131: colr and pasp in every video track; read by `mp4-atom`, as the mp4 crate does not know them.
fn colour_and_aspect(bytes: &[u8], findings: &mut Findings) {
    let moov = boxes(bytes)
        .unwrap_or_default()
        .into_iter()
        .find(|span| span.kind == *b"moov")
        .and_then(|span| Moov::decode(&mut &*span.whole).ok());
    let entry = moov.as_ref().and_then(|moov| {
        let stsd = &moov.trak.first()?.mdia.minf.stbl.stsd;
        stsd.codecs.first()
    });
    let both = match entry {
        Some(Codec::Avc1(entry)) => entry.colr.is_some() && entry.pasp.is_some(),
        // Other codecs: their boxes are looked for by name.
        Some(_) => has_child(bytes, b"colr") && has_child(bytes, b"pasp"),
        None => false,
    };
    findings.law(131, both, || "no colr or no pasp in the sample entry".to_owned());
}

/// Whether the video sample entry has a child box of that type.
fn has_child(bytes: &[u8], kind: &[u8; 4]) -> bool {
    let path: [&[u8; 4]; 5] = [b"trak", b"mdia", b"minf", b"stbl", b"stsd"];
    let top = boxes(bytes).unwrap_or_default();
    let moov = top.into_iter().find(|span| span.kind == *b"moov");
    let stsd = path
        .into_iter()
        .fold(moov, |parent, kind| child(&parent?, 0, kind));
    // stsd: version, flags and count; a visual sample entry has 78 bytes of fields.
    let entry = stsd.and_then(|stsd| boxes(stsd.body.get(8..)?).ok()?.into_iter().next());
    entry.is_some_and(|entry| child(&entry, 78, kind).is_some())
}
