//! H.264 in byte-stream format (Annex B) into what files and FLV have: a configuration record and length-prefixed NAL units.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use h264_reader::nal::sps::{ChromaFormat, SeqParameterSet};
use h264_reader::rbsp::{BitRead, BitReader, decode_nal};

const SPS: u8 = 7;
const PPS: u8 = 8;
/// Delimiter, end of sequence, end of stream, filler, SPS extension: what a sample does not need or must not have.
const LEFT_OUT: [u8; 5] = [9, 10, 11, 12, 13];

/// Parameter sets held of each kind: as many as a configuration record can name, or a stream may have.
const MAX_SPS: usize = 31;
const MAX_PPS: usize = 255;

/// Bytes of a parameter set; FLV's and MP4's length field ends there.
const MAX_SET: usize = u16::MAX as usize;

/// Profiles whose record goes on after the parameter sets (ISO/IEC 14496-15 5.3.3.1).
const HIGH_PROFILES: [u8; 4] = [100, 110, 122, 144];

/// Turns access units over; remembers the parameter sets in force.
#[derive(Debug, Default)]
pub struct Avc {
    sps: BTreeMap<u32, Bytes>,
    pps: BTreeMap<u32, Bytes>,
    record: Option<Bytes>,
}

/// An access unit as files have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// A new configuration record, when the parameter sets changed with it.
    pub record: Option<Bytes>,
    /// NAL units behind lengths of four bytes; empty when there was nothing but parameter sets.
    pub data: Bytes,
}

impl Avc {
    /// Takes an access unit in byte-stream format.
    pub fn access_unit(&mut self, stream: &Bytes) -> AccessUnit {
        let mut data = BytesMut::with_capacity(stream.len() + 16);
        let mut replaced = false;
        for nal in nal_units(stream) {
            let Some(header) = nal.first() else { continue };
            match header & 0x1F {
                SPS => {
                    // The sets of a new sequence take the place of the old one's.
                    if !std::mem::replace(&mut replaced, true) {
                        self.sps.clear();
                        self.pps.clear();
                    }
                    keep(&mut self.sps, MAX_SPS, nal, sps_id(nal));
                }
                PPS => keep(&mut self.pps, MAX_PPS, nal, pps_id(nal)),
                kind if LEFT_OUT.contains(&kind) => {}
                _ => {
                    // A unit holds at most 8 MiB: the length fits.
                    data.put_u32(nal.len() as u32);
                    data.put_slice(nal);
                }
            }
        }
        let record = self
            .record()
            .filter(|record| self.record.as_ref() != Some(record));
        if record.is_some() {
            self.record.clone_from(&record);
        }
        AccessUnit {
            record,
            data: data.freeze(),
        }
    }

    /// AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1); none before both kinds of sets are there.
    fn record(&self) -> Option<Bytes> {
        let first = self.sps.values().next()?;
        let [_, profile, constraints, level, ..] = first[..] else {
            return None;
        };
        if self.pps.is_empty() {
            return None;
        }
        let mut record = BytesMut::new();
        record.put_slice(&[1, profile, constraints, level, 0xFF]);
        record.put_u8(0xE0 | self.sps.len() as u8);
        put_sets(&mut record, &self.sps);
        record.put_u8(self.pps.len() as u8);
        put_sets(&mut record, &self.pps);
        if HIGH_PROFILES.contains(&profile) {
            let chroma = read_sps(first)?.chroma_info;
            let format = match chroma.chroma_format {
                ChromaFormat::Monochrome => 0,
                ChromaFormat::YUV420 => 1,
                ChromaFormat::YUV422 => 2,
                _ => 3,
            };
            record.put_slice(&[
                0xFC | format,
                0xF8 | chroma.bit_depth_luma_minus8,
                0xF8 | chroma.bit_depth_chroma_minus8,
                0,
            ]);
        }
        Some(record.freeze())
    }
}

fn keep(sets: &mut BTreeMap<u32, Bytes>, most: usize, nal: &[u8], id: Option<u32>) {
    let Some(id) = id.filter(|_| nal.len() <= MAX_SET) else {
        return;
    };
    if sets.len() < most || sets.contains_key(&id) {
        sets.insert(id, Bytes::copy_from_slice(nal));
    }
}

fn put_sets(record: &mut BytesMut, sets: &BTreeMap<u32, Bytes>) {
    for set in sets.values() {
        record.put_u16(set.len() as u16);
        record.put_slice(set);
    }
}

fn read_sps(nal: &[u8]) -> Option<SeqParameterSet> {
    SeqParameterSet::from_bits(BitReader::new(&*decode_nal(nal).ok()?)).ok()
}

/// The id of an SPS that can be read: one that cannot is damaged.
fn sps_id(nal: &[u8]) -> Option<u32> {
    read_sps(nal).map(|sps| u32::from(sps.seq_parameter_set_id.id()))
}

fn pps_id(nal: &[u8]) -> Option<u32> {
    let bits = decode_nal(nal).ok()?;
    BitReader::new(&*bits)
        .read_ue("pic_parameter_set_id")
        .ok()
        .filter(|id| *id < 256)
}

/// The NAL units of a byte stream (Annex B), without start codes and trailing zeros.
fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(stream).and_then(|at| stream.get(at + 3..));
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = start_code(bytes);
        rest = end.and_then(|at| bytes.get(at + 3..));
        let nal = bytes.get(..end.unwrap_or(bytes.len()))?;
        let zeros = nal.iter().rev().take_while(|byte| **byte == 0).count();
        nal.get(..nal.len() - zeros)
    })
}

/// Where the next `00 00 01` is. Looks at every third byte as long as it can be no part of one.
fn start_code(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += match bytes.get(at..at + 3)? {
            [0, 0, 1] => return Some(at),
            [_, _, 0] => 1,
            _ => 3,
        };
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const AVCC: &[u8] = include_bytes!("../../../packager/testdata/720p30.avcc");

    /// The parameter sets of a real configuration record.
    pub(in crate::ts) fn sets() -> [Vec<u8>; 2] {
        let length = usize::from(u16::from_be_bytes([AVCC[6], AVCC[7]]));
        let (sps, rest) = AVCC[8..].split_at(length);
        let length = usize::from(u16::from_be_bytes([rest[1], rest[2]]));
        [sps.to_vec(), rest[3..3 + length].to_vec()]
    }

    /// NAL units in byte-stream format.
    pub(in crate::ts) fn stream(nals: &[&[u8]]) -> Bytes {
        let with_codes = nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat());
        with_codes.collect::<Vec<_>>().into()
    }

    #[test]
    fn nal_units_are_split_at_start_codes_of_either_length() {
        let units: Vec<&[u8]> = nal_units(&[9, 0, 0, 1, 5, 6, 0, 0, 0, 1, 7, 0, 0, 1, 8, 0, 0]).collect();
        assert_eq!(units, [&[5, 6][..], &[7], &[8]]);
        assert_eq!(nal_units(&[1, 2, 3, 0, 0]).count(), 0);
    }

    #[test]
    fn parameter_sets_become_the_record_that_an_encoder_would_send() {
        let [sps, pps] = sets();
        let mut avc = Avc::default();
        let unit = avc.access_unit(&stream(&[&[9, 0xF0], &sps, &pps, &[0x65, 1, 2], &[0x06, 3]]));
        let record = unit.record.unwrap();
        assert!(record.starts_with(&AVCC[..11 + sps.len() + pps.len()]));
        assert_eq!(&record[11 + sps.len() + pps.len()..], [0xFD, 0xF8, 0xF8, 0]);
        assert_eq!(&unit.data[..], [0, 0, 0, 3, 0x65, 1, 2, 0, 0, 0, 2, 0x06, 3]);

        let again = avc.access_unit(&stream(&[&sps, &pps, &[0x65, 1]]));
        assert_eq!(again.record, None, "the same sets are no news");
    }

    #[test]
    fn sets_that_change_are_a_new_record_and_damaged_ones_are_not() {
        let [sps, pps] = sets();
        let mut avc = Avc::default();
        avc.access_unit(&stream(&[&sps, &pps]));
        let mut other = pps.clone();
        other.push(0x80);
        let unit = avc.access_unit(&stream(&[&sps, &other, &[0x65, 1]]));
        assert!(
            unit.record
                .unwrap()
                .windows(other.len())
                .any(|bytes| bytes == other)
        );
        let mut avc = Avc::default();
        assert_eq!(avc.access_unit(&stream(&[&sps[..4], &pps])).record, None);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_unit_of_lengths_that_fit(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0x67), Just(0x68), any::<u8>()], 0..200),
        ) {
            let unit = Avc::default().access_unit(&bytes.into());
            let mut rest = &unit.data[..];
            while let Some((length, after)) = rest.split_first_chunk::<4>() {
                rest = &after[u32::from_be_bytes(*length) as usize..];
            }
            prop_assert!(rest.is_empty());
        }
    }
}
