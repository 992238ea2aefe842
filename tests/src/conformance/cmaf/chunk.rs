//! A CMAF chunk: `[styp] [prft] [emsg …] moof mdat`, read whole.

use std::io::Cursor;

use mp4::{BoxHeader, MoofBox, ReadBox};

use super::messages::Message;
use super::{BoxSpan, Fields, boxes, child};
use crate::conformance::findings::Findings;

/// tfhd: data offsets count from the moof's first byte.
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
/// tfhd: data offsets count from a place in the file.
const BASE_DATA_OFFSET: u32 = 0x00_0001;
/// Sample flags: not a sync sample.
const NON_SYNC: u32 = 0x0001_0000;

/// A sample of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Ticks.
    pub duration: u32,
    /// Presentation minus decode time, ticks.
    pub composition: i32,
    /// By its flags.
    pub is_sync: bool,
    /// The bitstream.
    pub data: Vec<u8>,
}

/// A producer reference time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceTime {
    /// Wall clock, microseconds since 1970.
    pub wall_us: i64,
    /// Media time, ticks.
    pub media_time: u64,
}

/// A chunk, read.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// tfhd's track.
    pub track_id: u32,
    /// tfdt, ticks.
    pub decode_time: u64,
    /// In decode order.
    pub samples: Vec<Sample>,
    /// Its emsg boxes.
    pub messages: Vec<Message>,
    /// Its prft box.
    pub reference: Option<ReferenceTime>,
    /// Whether a styp box is in front.
    pub has_styp: bool,
}

impl Chunk {
    /// Sum of the samples' durations, ticks.
    pub fn duration(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.duration)).sum()
    }

    /// The lowest presentation time, ticks.
    pub fn earliest_presentation(&self) -> Option<i64> {
        let mut decode = i64::try_from(self.decode_time).ok()?;
        let mut earliest = None;
        for sample in &self.samples {
            let presented = decode + i64::from(sample.composition);
            earliest = earliest.min(Some(presented)).or(Some(presented));
            decode += i64::from(sample.duration);
        }
        earliest
    }

    /// Reads the chunks of a part or a segment; their order (rule 133) and addressing (rules 129 to 132) are looked at.
    pub fn read_all(bytes: &[u8], findings: &mut Findings) -> Vec<Self> {
        let spans = match boxes(bytes) {
            Ok(spans) => spans,
            Err(problem) => {
                findings.broken(133, problem);
                return Vec::new();
            }
        };
        let mut chunks = Vec::new();
        let mut rest = spans.as_slice();
        while !rest.is_empty() {
            let end = rest.iter().position(|span| span.kind == *b"mdat");
            let (own, later) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            order(own, findings);
            chunks.extend(read(own, findings));
            rest = later;
        }
        findings.law(133, !chunks.is_empty(), || "no chunk in it".to_owned());
        chunks
    }
}

fn order(spans: &[BoxSpan<'_>], findings: &mut Findings) {
    let rank = |span: &BoxSpan<'_>| match &span.kind {
        b"styp" => Some(0),
        b"prft" => Some(1),
        b"emsg" => Some(2),
        b"moof" => Some(3),
        b"mdat" => Some(4),
        _ => None,
    };
    let ranks: Vec<Option<i32>> = spans.iter().map(rank).collect();
    let once = |wanted: i32| ranks.iter().filter(|rank| **rank == Some(wanted)).count();
    let lawful = ranks.iter().all(Option::is_some) && ranks.is_sorted();
    let counted = once(0) <= 1 && once(1) <= 1 && once(3) == 1 && once(4) == 1;
    findings.law(133, lawful && counted, || {
        let names: Vec<String> = spans.iter().map(BoxSpan::name).collect();
        format!("a chunk of {}", names.join(" "))
    });
}

fn read(spans: &[BoxSpan<'_>], findings: &mut Findings) -> Option<Chunk> {
    let of = |kind: &[u8; 4]| spans.iter().find(|span| span.kind == *kind);
    let (moof_span, mdat) = (of(b"moof")?, of(b"mdat")?);
    let moof = read_moof(moof_span, findings)?;
    one_run(moof_span, findings);
    let traf = moof.trafs.first()?;
    let flags = traf.tfhd.flags;
    let relative = flags & DEFAULT_BASE_IS_MOOF != 0 && flags & BASE_DATA_OFFSET == 0;
    findings.law(129, relative, || {
        format!("tfhd flags {flags:#08x}: not movie-fragment-relative")
    });
    let version = traf.tfdt.as_ref().map(|tfdt| tfdt.version);
    findings.law(130, version == Some(1), || {
        format!("tfdt version {version:?}, not 1")
    });
    let run = traf.trun.as_ref()?;
    let payload_at = moof_span.whole.len() + 8;
    findings.law(
        129,
        run.data_offset
            .is_some_and(|offset| offset as usize == payload_at),
        || {
            format!(
                "trun's data_offset {:?} where the samples are at {payload_at}",
                run.data_offset
            )
        },
    );
    let samples = samples(&moof, mdat.body, findings);
    let messages = spans.iter().filter(|span| span.kind == *b"emsg");
    Some(Chunk {
        track_id: traf.tfhd.track_id,
        decode_time: traf.tfdt.as_ref()?.base_media_decode_time,
        samples,
        messages: messages
            .filter_map(|span| Message::read(span.body, findings))
            .collect(),
        reference: of(b"prft").and_then(|span| read_prft(span.body)),
        has_styp: of(b"styp").is_some(),
    })
}

fn read_moof(span: &BoxSpan<'_>, findings: &mut Findings) -> Option<MoofBox> {
    let mut reader = Cursor::new(span.whole);
    let read = BoxHeader::read(&mut reader).and_then(|header| MoofBox::read_box(&mut reader, header.size));
    findings.law(131, read.is_ok(), || {
        format!("the mp4 crate cannot read a moof: {:?}", read.as_ref().err())
    });
    read.ok()
}

/// Rule 131: one traf in a moof, one trun in a traf.
fn one_run(moof: &BoxSpan<'_>, findings: &mut Findings) {
    let count = |container: &BoxSpan<'_>, kind: &[u8; 4]| {
        boxes(container.body).map_or(0, |children| {
            children.iter().filter(|child| child.kind == *kind).count()
        })
    };
    let trafs = count(moof, b"traf");
    let truns = child(moof, 0, b"traf").map_or(0, |traf| count(&traf, b"trun"));
    findings.law(131, trafs == 1 && truns == 1, || {
        format!("{trafs} traf, {truns} trun")
    });
}

fn samples(moof: &MoofBox, mdat: &[u8], findings: &mut Findings) -> Vec<Sample> {
    let Some(traf) = moof.trafs.first() else {
        return Vec::new();
    };
    let Some(run) = &traf.trun else { return Vec::new() };
    let mut rest = mdat;
    let mut samples = Vec::new();
    for index in 0..run.sample_count as usize {
        let own = |values: &[u32], default: Option<u32>| values.get(index).copied().or(default);
        let size = own(&run.sample_sizes, traf.tfhd.default_sample_size).unwrap_or(0);
        let Some((data, later)) = rest.split_at_checked(size as usize) else {
            findings.broken(129, "trun speaks of more bytes than mdat has");
            return samples;
        };
        rest = later;
        let first = (index == 0).then_some(run.first_sample_flags).flatten();
        let flags = first.or(own(&run.sample_flags, traf.tfhd.default_sample_flags));
        samples.push(Sample {
            duration: own(&run.sample_durations, traf.tfhd.default_sample_duration).unwrap_or(0),
            // trun version 1 has them signed; the mp4 crate reads them as unsigned.
            composition: own(&run.sample_cts, Some(0)).unwrap_or(0).cast_signed(),
            is_sync: flags.unwrap_or(0) & NON_SYNC == 0,
            data: data.to_vec(),
        });
    }
    findings.law(129, rest.is_empty(), || {
        format!("{} bytes of mdat belong to no sample", rest.len())
    });
    samples
}

/// ISO/IEC 14496-12 8.16.5.
fn read_prft(body: &[u8]) -> Option<ReferenceTime> {
    const NTP_TO_UNIX_S: i64 = 2_208_988_800;
    let mut fields = Fields(body);
    let [version, ..] = fields.bytes::<4>()?;
    let (_track, ntp) = (fields.u32()?, fields.u64()?);
    let media_time = if version == 0 {
        fields.u32()?.into()
    } else {
        fields.u64()?
    };
    let seconds = i64::try_from(ntp >> 32).ok()? - NTP_TO_UNIX_S;
    let micros = ((ntp & 0xffff_ffff) * 1_000_000 + (1 << 31)) >> 32;
    Some(ReferenceTime {
        wall_us: seconds * 1_000_000 + i64::try_from(micros).ok()?,
        media_time,
    })
}
