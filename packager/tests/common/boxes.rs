//! A reader of ISO BMFF boxes that shares no code with their writer.

/// Boxes of a byte string, in order: their type and body.
pub fn boxes(bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = u32_at(rest, 0) as usize;
        let (whole, after) = rest.split_at(size);
        found.push((String::from_utf8(whole[4..8].to_vec()).unwrap(), &whole[8..]));
        rest = after;
    }
    found
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn find<'a>(bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
    path.iter().fold(bytes, |inside, name| {
        let all = boxes(inside);
        all.iter()
            .find(|(kind, _)| kind == name)
            .unwrap_or_else(|| panic!("no {name} of {path:?}"))
            .1
    })
}

/// A sample of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub duration: u32,
    pub composition: i32,
    pub is_sync: bool,
    pub data: Vec<u8>,
}

/// One CMAF chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Box types, in order.
    pub kinds: Vec<String>,
    pub sequence_number: u32,
    /// `baseMediaDecodeTime` of the `tfdt`.
    pub decode_time: u64,
    pub samples: Vec<Sample>,
    /// Ids of its event messages.
    pub events: Vec<u32>,
}

impl Chunk {
    /// Reads `[styp] prft emsg* moof mdat`.
    pub fn read(bytes: &[u8]) -> Self {
        let kinds = boxes(bytes).into_iter().map(|(kind, _)| kind).collect();
        let moof = find(bytes, &["moof"]);
        let tfdt = find(moof, &["traf", "tfdt"]);
        let decode_time = match tfdt[0] {
            0 => u32_at(tfdt, 4).into(),
            _ => u64::from_be_bytes(tfdt[4..12].try_into().unwrap()),
        };
        Self {
            kinds,
            sequence_number: u32_at(find(moof, &["mfhd"]), 4),
            decode_time,
            samples: samples(bytes, find(moof, &["traf", "trun"])),
            events: events(bytes, decode_time),
        }
    }

    /// Ticks from the first sample's decode time to the end of the last.
    pub fn duration(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.duration)).sum()
    }

    pub fn end(&self) -> u64 {
        self.decode_time + self.duration()
    }
}

/// Ids of the `emsg` boxes, version 1, whose time lies in the chunk (SPEC 151, 156).
fn events(chunk: &[u8], decode_time: u64) -> Vec<u32> {
    let id = |(_, body): (String, &[u8])| {
        assert_eq!(body[0], 1);
        let time = u64::from_be_bytes(body[8..16].try_into().unwrap());
        assert!(time >= decode_time, "{time} {decode_time}");
        u32_at(body, 20)
    };
    boxes(chunk)
        .into_iter()
        .filter(|(kind, _)| kind == "emsg")
        .map(id)
        .collect()
}

/// The samples of a `trun` that states its data offset and every field of each sample; a lone sample's flags may stand
/// in first_sample_flags.
fn samples(chunk: &[u8], trun: &[u8]) -> Vec<Sample> {
    let (flags, count) = (u32_at(trun, 0) & 0x00ff_ffff, u32_at(trun, 4) as usize);
    let lone = flags == 0xb05 && count == 1;
    assert!(lone || flags == 0xf01, "{flags:#x}");
    let before_moof = boxes(chunk).into_iter().take_while(|(kind, _)| kind != "moof");
    let moof_at: usize = before_moof.map(|(_, body)| body.len() + 8).sum();
    let mut at = moof_at + u32_at(trun, 8) as usize;
    let fields: Vec<u32> = trun[12..].chunks_exact(4).map(|field| u32_at(field, 0)).collect();
    assert_eq!(fields.len(), 4 * count);
    let sample = |fields: &[u32]| {
        let [flags, duration, size, composition] = match fields {
            [flags, duration, size, composition] if lone => [*flags, *duration, *size, *composition],
            [duration, size, flags, composition] => [*flags, *duration, *size, *composition],
            _ => unreachable!("four fields"),
        };
        let data = chunk[at..at + size as usize].to_vec();
        at += data.len();
        Sample {
            duration,
            composition: composition.cast_signed(),
            is_sync: flags & 0x0001_0000 == 0,
            data,
        }
    };
    let samples = fields.chunks_exact(4).map(sample).collect();
    assert_eq!(at, chunk.len(), "the run covers the mdat");
    samples
}

/// `timescale` of an init section's `mdhd`.
pub fn timescale(init: &[u8]) -> u32 {
    let mdhd = find(init, &["moov", "trak", "mdia", "mdhd"]);
    u32_at(mdhd, if mdhd[0] == 0 { 12 } else { 20 })
}
