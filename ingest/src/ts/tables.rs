//! PAT and PMT (2.4.4): which PID carries what.

use super::packet::Packet;

/// The PID of the PAT.
pub const PAT_PID: u16 = 0;

/// Bytes of the longest section of a PAT or PMT, its three first ones not counted.
const MAX_SECTION: usize = 1021;
/// Bytes of a section before `section_length` ends.
const HEAD: usize = 3;
/// Bytes of a section of this kind before its own fields.
const SYNTAX_HEAD: usize = 8;
const CRC: usize = 4;

/// Streams of one programme that are looked at.
const MAX_STREAMS: usize = 64;

/// Collects the sections on one PID.
#[derive(Debug, Default)]
pub struct Sections {
    /// The section begun. Bounded: [`MAX_SECTION`] and one packet.
    buffer: Vec<u8>,
    continuity: Option<u8>,
}

impl Sections {
    /// Takes a packet of the PID; hands on the fields of each whole section of table `table_id` whose CRC holds, and which is in
    /// force.
    pub fn push(&mut self, packet: &Packet<'_>, table_id: u8, mut take: impl FnMut(&[u8])) {
        if packet.payload.is_empty() {
            return;
        }
        let expected = self.continuity.map(|last| (last + 1) & 0x0F);
        if self.continuity == Some(packet.continuity) {
            return;
        }
        if expected.is_some_and(|expected| expected != packet.continuity) {
            self.buffer.clear();
        }
        self.continuity = Some(packet.continuity);
        if !packet.starts_unit {
            if !self.buffer.is_empty() {
                self.buffer.extend_from_slice(packet.payload);
                self.drain(table_id, &mut take);
            }
            return;
        }
        let Some((pointer, rest)) = packet.payload.split_first() else {
            return;
        };
        let Some((end, start)) = rest.split_at_checked(usize::from(*pointer)) else {
            self.buffer.clear();
            return;
        };
        if !self.buffer.is_empty() {
            self.buffer.extend_from_slice(end);
            self.drain(table_id, &mut take);
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(start);
        self.drain(table_id, &mut take);
    }

    fn drain(&mut self, table_id: u8, take: &mut impl FnMut(&[u8])) {
        loop {
            let &[id, high, low, ..] = &self.buffer[..] else {
                return;
            };
            let length = usize::from(high & 0x0F) << 8 | usize::from(low);
            // Stuffing follows the last section, and fills the rest of the packet.
            if id == 0xFF || length > MAX_SECTION {
                self.buffer.clear();
                return;
            }
            let Some(section) = self.buffer.get(..HEAD + length) else {
                return;
            };
            if id == table_id
                && let Some(fields) = fields(section)
            {
                take(fields);
            }
            self.buffer.drain(..HEAD + length);
        }
    }
}

/// The fields of a section between its head and its CRC.
fn fields(section: &[u8]) -> Option<&[u8]> {
    let is_in_force = section.get(5)? & 1 == 1;
    let fields = section.get(SYNTAX_HEAD..section.len().checked_sub(CRC)?)?;
    (is_in_force && crc32(section) == 0).then_some(fields)
}

/// CRC-32/MPEG-2 (Annex A): zero over a whole section.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            crc << 1 ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
        })
    })
}

/// The PID of the first programme's PMT, of a PAT's fields.
pub fn first_programme(pat: &[u8]) -> Option<u16> {
    pat.chunks_exact(4)
        .find(|entry| entry[..2] != [0, 0])
        .map(|entry| u16::from_be_bytes([entry[2], entry[3]]) & 0x1FFF)
        .filter(|pid| *pid != PAT_PID)
}

/// A stream of the programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its PID.
    pub pid: u16,
    /// What it is.
    pub kind: StreamKind,
}

/// What a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamKind {
    /// H.264 in byte-stream format.
    Avc,
    /// AAC in ADTS.
    Adts,
    /// Video that is not served.
    OtherVideo(&'static str),
    /// Audio that is not served.
    OtherAudio(&'static str),
    /// Neither: tables, captions, events.
    Data,
}

/// The streams that a PMT's fields name.
pub fn streams(pmt: &[u8]) -> Vec<Stream> {
    let mut streams = Vec::new();
    let info_length = |bytes: &[u8]| match bytes {
        [high, low, ..] => usize::from(high & 0x0F) << 8 | usize::from(*low),
        _ => 0,
    };
    let Some(programme_info) = pmt.get(2..) else {
        return streams;
    };
    let mut rest = programme_info
        .get(2 + info_length(programme_info)..)
        .unwrap_or_default();
    while let [stream_type, pid_high, pid_low, info @ ..] = rest {
        let end = 2 + info_length(info);
        let Some(descriptors) = info.get(2..end) else {
            break;
        };
        let pid = u16::from_be_bytes([*pid_high, *pid_low]) & 0x1FFF;
        if pid != PAT_PID && streams.len() < MAX_STREAMS {
            streams.push(Stream {
                pid,
                kind: kind(*stream_type, descriptors),
            });
        }
        rest = info.get(end..).unwrap_or_default();
    }
    streams
}

/// By stream type (table 2-34), and for private streams by their descriptors.
fn kind(stream_type: u8, descriptors: &[u8]) -> StreamKind {
    use StreamKind::{Adts, Avc, Data, OtherAudio, OtherVideo};
    match stream_type {
        0x1B => Avc,
        0x0F => Adts,
        0x01 | 0x02 => OtherVideo("MPEG-2"),
        0x10 => OtherVideo("MPEG-4 part 2"),
        0x24 => OtherVideo("HEVC (H.265) in MPEG-TS"),
        0x33 => OtherVideo("VVC (H.266)"),
        0x03 | 0x04 => OtherAudio("MP2 or MP3"),
        0x11 => OtherAudio("AAC in LATM"),
        0x81 => OtherAudio("AC-3"),
        0x87 => OtherAudio("E-AC-3"),
        0x06 => private_kind(descriptors),
        _ => Data,
    }
}

fn private_kind(mut descriptors: &[u8]) -> StreamKind {
    while let [tag, length, rest @ ..] = descriptors {
        let Some((body, after)) = rest.split_at_checked(usize::from(*length)) else {
            break;
        };
        match (tag, body) {
            (0x6A, _) => return StreamKind::OtherAudio("AC-3"),
            (0x7A, _) => return StreamKind::OtherAudio("E-AC-3"),
            (0x05, [b'O', b'p', b'u', b's', ..]) => return StreamKind::OtherAudio("Opus"),
            (0x05, [b'A', b'C', b'-', b'3', ..]) => return StreamKind::OtherAudio("AC-3"),
            (0x05, [b'H', b'E', b'V', b'C', ..]) => {
                return StreamKind::OtherVideo("HEVC (H.265) in MPEG-TS");
            }
            (0x05, [b'A', b'V', b'0', b'1', ..]) => return StreamKind::OtherVideo("AV1 in MPEG-TS"),
            _ => {}
        }
        descriptors = after;
    }
    StreamKind::Data
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::packet::tests::packet;
    use super::*;

    /// A whole section of these fields.
    pub(in crate::ts) fn section(table_id: u8, version: u8, fields: &[u8]) -> Vec<u8> {
        let length = SYNTAX_HEAD - HEAD + fields.len() + CRC;
        let mut section = vec![
            table_id,
            0xB0 | (length >> 8) as u8,
            length as u8,
            0,
            1,
            0xC1 | version << 1,
            0,
            0,
        ];
        section.extend_from_slice(fields);
        section.extend(crc32(&section).to_be_bytes());
        section
    }

    /// A PMT's fields: streams of a type, a PID and descriptors.
    pub(in crate::ts) fn pmt(streams: &[(u8, u16, &[u8])]) -> Vec<u8> {
        let mut fields = vec![0xE1, 0x00, 0xF0, 0x00];
        for (stream_type, pid, descriptors) in streams {
            fields.extend([*stream_type, 0xE0 | (pid >> 8) as u8, *pid as u8]);
            fields.extend([0xF0, descriptors.len() as u8]);
            fields.extend_from_slice(descriptors);
        }
        fields
    }

    fn collect(sections: &mut Sections, bytes: &[u8; 188], table_id: u8) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let packet = Packet::read(bytes).unwrap();
        sections.push(&packet, table_id, |fields| found.push(fields.to_vec()));
        found
    }

    #[test]
    fn the_crc_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0x0376_E6E7);
    }

    #[test]
    fn a_section_over_several_packets_is_put_together() {
        let fields: Vec<u8> = (0..400).map(|at| at as u8).collect();
        let whole = [&[0][..], &section(2, 0, &fields)].concat();
        let mut sections = Sections::default();
        let mut found = Vec::new();
        for (count, piece) in whole.chunks(184).enumerate() {
            found.extend(collect(
                &mut sections,
                &packet(9, count == 0, count as u8, piece),
                2,
            ));
        }
        assert_eq!(found, [fields]);
    }

    #[test]
    fn a_section_with_a_packet_missing_is_read_when_it_comes_again() {
        let fields: Vec<u8> = (0..400).map(|at| at as u8).collect();
        let whole = [&[0][..], &section(2, 0, &fields)].concat();
        let pieces: Vec<&[u8]> = whole.chunks(184).collect();
        let mut sections = Sections::default();
        let mut found = Vec::new();
        for (count, piece) in [(0, 0), (2, 2), (3, 0), (4, 1), (5, 2)] {
            found.extend(collect(
                &mut sections,
                &packet(9, piece == 0, count, pieces[piece]),
                2,
            ));
        }
        assert_eq!(found, [fields]);
    }

    #[test]
    fn a_damaged_a_future_and_another_table_are_left_out() {
        let good = section(2, 0, &[1, 2, 3, 4]);
        let damaged = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        };
        for bytes in [damaged(9), damaged(5), section(3, 0, &[1])] {
            let payload = [&[0][..], &bytes].concat();
            let found = collect(&mut Sections::default(), &packet(9, true, 0, &payload), 2);
            assert!(found.is_empty(), "{bytes:?}");
        }
    }

    #[test]
    fn streams_are_named_by_type_and_descriptor() {
        let table: [(u8, &[u8], StreamKind); 8] = [
            (0x1B, &[], StreamKind::Avc),
            (0x0F, &[0x0A, 4, b'e', b'n', b'g', 0], StreamKind::Adts),
            (0x24, &[], StreamKind::OtherVideo("HEVC (H.265) in MPEG-TS")),
            (0x81, &[], StreamKind::OtherAudio("AC-3")),
            (0x06, b"\x05\x04Opus", StreamKind::OtherAudio("Opus")),
            (0x06, &[0x56, 0], StreamKind::Data),
            (0x15, b"\x26\x02ID", StreamKind::Data),
            (0x86, b"\x05\x04CUEI", StreamKind::Data),
        ];
        let fields: Vec<(u8, u16, &[u8])> = table
            .iter()
            .map(|(kind, info, _)| (*kind, 0x101, *info))
            .collect();
        let kinds: Vec<StreamKind> = streams(&pmt(&fields))
            .into_iter()
            .map(|stream| stream.kind)
            .collect();
        assert_eq!(kinds, table.map(|(_, _, kind)| kind));
    }

    #[test]
    fn the_first_programme_is_taken_and_none_on_the_pats_own_pid() {
        assert_eq!(first_programme(&[0, 0, 0xE0, 16, 0, 7, 0xF0, 0]), Some(0x1000));
        assert_eq!(first_programme(&[0, 7, 0xE0, 0]), None);
        assert_eq!(first_programme(&[0, 7]), None);
    }
}
