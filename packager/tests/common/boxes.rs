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

/// The samples of a `trun` that states size, duration, flags and composition offset of each, at its data offset.
fn samples(chunk: &[u8], trun: &[u8]) -> Vec<Sample> {
    assert_eq!(
        u32_at(trun, 0) & 0x00ff_ffff,
        0xf01,
        "every field, and the data offset"
    );
    let mut moof_at = 0;
    for (kind, body) in boxes(chunk) {
        if kind == "moof" {
            break;
        }
        moof_at += body.len() + 8;
    }
    let mut at = moof_at + u32_at(trun, 8) as usize;
    let count = u32_at(trun, 4) as usize;
    let fields = trun[12..].chunks_exact(16);
    assert_eq!(fields.len(), count);
    let samples: Vec<Sample> = fields
        .map(|field| {
            let size = u32_at(field, 4) as usize;
            at += size;
            Sample {
                duration: u32_at(field, 0),
                composition: u32_at(field, 12).cast_signed(),
                is_sync: u32_at(field, 8) & 0x0001_0000 == 0,
                data: chunk[at - size..at].to_vec(),
            }
        })
        .collect();
    assert_eq!(at, chunk.len(), "the run covers the mdat");
    samples
}

/// `timescale` of an init section's `mdhd`.
pub fn timescale(init: &[u8]) -> u32 {
    let mdhd = find(init, &["moov", "trak", "mdia", "mdhd"]);
    u32_at(mdhd, if mdhd[0] == 0 { 12 } else { 20 })
}
