//! Packetized elementary streams (2.4.3.6): access units put together from packets.

use bytes::{Bytes, BytesMut};

use super::bits33;
use super::packet::Packet;

/// Bytes of the longest PES packet taken: two seconds at 32 Mbit/s in one picture. A longer one is left out.
const MAX_UNIT: usize = 8 * 1024 * 1024;

/// Bytes before what `PES_packet_length` counts.
const HEAD: usize = 6;

/// What one PES packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// In ticks of 90 kHz, 33 bits.
    pub stamps: Option<Stamps>,
    /// The payload.
    pub data: Bytes,
}

/// Presentation and decode time; equal where the stream names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// Presentation.
    pub pts: i64,
    /// Decoding.
    pub dts: i64,
}

/// What came of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A whole PES packet.
    Unit(Unit),
    /// Packets are missing; the unit that they belonged to is left out.
    Lost,
}

/// Puts the PES packets of one PID together.
#[derive(Debug, Default)]
pub struct Assembling {
    last: Option<(u8, Vec<u8>)>,
    /// The PES packet begun, its header with it. Bounded: [`MAX_UNIT`].
    open: Option<BytesMut>,
}

impl Assembling {
    /// Takes a packet of the PID; hands on what it completes, and what it shows to be lost.
    pub fn push(&mut self, packet: &Packet<'_>, take: &mut impl FnMut(Found)) {
        if packet.payload.is_empty() {
            return;
        }
        if let Some((continuity, payload)) = &self.last {
            let is_next = (continuity + 1) & 0x0F == packet.continuity;
            // A packet may be sent twice (2.4.3.3).
            if *continuity == packet.continuity && payload == packet.payload {
                return;
            }
            if !is_next && !packet.discontinuity {
                self.open = None;
                take(Found::Lost);
            }
        }
        let (continuity, payload) = self.last.get_or_insert_default();
        *continuity = packet.continuity;
        payload.clear();
        payload.extend_from_slice(packet.payload);
        if packet.starts_unit {
            self.finish(take);
            self.open = Some(BytesMut::new());
        }
        let Some(open) = &mut self.open else {
            return;
        };
        if open.len() + packet.payload.len() > MAX_UNIT {
            self.open = None;
            take(Found::Lost);
            return;
        }
        open.extend_from_slice(packet.payload);
        if length(open).is_some_and(|length| open.len() >= length) {
            self.finish(take);
        }
    }

    /// Hands on the PES packet begun: its length was not named, and no more of it comes.
    pub fn finish(&mut self, take: &mut impl FnMut(Found)) {
        if let Some(open) = self.open.take()
            && let Some(unit) = read(open.freeze())
        {
            take(Found::Unit(unit));
        }
    }
}

/// The whole length that a PES packet names; video may leave it open.
fn length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [_, _, _, _, 0, 0, ..] => None,
        [_, _, _, _, high, low, ..] => Some(HEAD + usize::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}

fn read(bytes: Bytes) -> Option<Unit> {
    let [0, 0, 1, _, _, _, marker, flags, header_length, rest @ ..] = &bytes[..] else {
        return None;
    };
    if marker & 0xC0 != 0x80 {
        return None;
    }
    let pts = || bits33::read(rest.get(..5)?);
    let dts = || bits33::read(rest.get(5..10)?);
    let stamps = match flags >> 6 {
        2 => pts().map(|pts| Stamps { pts, dts: pts }),
        3 => pts().zip(dts()).map(|(pts, dts)| Stamps { pts, dts }),
        _ => None,
    };
    let start = HEAD + 3 + usize::from(*header_length);
    let end = length(&bytes).unwrap_or(bytes.len()).min(bytes.len());
    (start <= end).then(|| Unit {
        stamps,
        data: bytes.slice(start..end),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::packet::tests::packet;
    use super::*;

    /// A PES packet; its length is left open where `data` is longer than the field can say.
    pub(in crate::ts) fn pes(stream_id: u8, stamps: Stamps, data: &[u8]) -> Vec<u8> {
        let both = stamps.pts != stamps.dts;
        let header_length = if both { 10 } else { 5 };
        let length = u16::try_from(3 + header_length + data.len()).unwrap_or(0);
        let mut bytes = vec![0, 0, 1, stream_id, (length >> 8) as u8, length as u8];
        bytes.extend([0x80, if both { 0xC0 } else { 0x80 }, header_length as u8]);
        bytes.extend(bits33::tests::write(if both { 3 } else { 2 }, stamps.pts));
        if both {
            bytes.extend(bits33::tests::write(1, stamps.dts));
        }
        [bytes, data.to_vec()].concat()
    }

    /// The packets that carry `bytes` as one unit.
    pub(in crate::ts) fn packets(pid: u16, continuity: &mut u8, bytes: &[u8]) -> Vec<[u8; 188]> {
        let pieces = bytes.chunks(184).enumerate();
        pieces
            .map(|(count, piece)| {
                let bytes = packet(pid, count == 0, *continuity, piece);
                *continuity = (*continuity + 1) & 0x0F;
                bytes
            })
            .collect()
    }

    const STAMPS: Stamps = Stamps {
        pts: 9_000,
        dts: 6_000,
    };

    fn push_all(packets: &[[u8; 188]]) -> Vec<Found> {
        let (mut assembling, mut found) = (Assembling::default(), Vec::new());
        for bytes in packets {
            assembling.push(&Packet::read(bytes).unwrap(), &mut |new| found.push(new));
        }
        assembling.finish(&mut |new| found.push(new));
        found
    }

    fn unit(data: &[u8]) -> Found {
        Found::Unit(Unit {
            stamps: Some(STAMPS),
            data: Bytes::copy_from_slice(data),
        })
    }

    #[test]
    fn units_of_named_and_of_open_length_are_put_together() {
        for size in [1, 160, 170, 184, 1000, 70_000] {
            let (data, mut continuity) = (vec![7; size], 14);
            let bytes = pes(0xE0, STAMPS, &data);
            let twice = [
                packets(5, &mut continuity, &bytes),
                packets(5, &mut continuity, &bytes),
            ]
            .concat();
            assert_eq!(push_all(&twice), [unit(&data), unit(&data)], "{size}");
        }
    }

    #[test]
    fn a_unit_of_named_length_does_not_wait_for_the_next() {
        let mut found = Vec::new();
        let bytes = packets(5, &mut 0, &pes(0xC0, STAMPS, &[7; 100]));
        Assembling::default().push(&Packet::read(&bytes[0]).unwrap(), &mut |new| found.push(new));
        assert_eq!(found, [unit(&[7; 100])]);
    }

    #[test]
    fn a_missing_packet_costs_its_unit_and_a_repeated_one_nothing() {
        let mut continuity = 0;
        let data: Vec<u8> = (0..1000_u32).map(|at| at as u8).collect();
        let bytes = pes(0xE0, STAMPS, &data);
        let first = packets(5, &mut continuity, &bytes);
        let second = packets(5, &mut continuity, &bytes);
        let mut damaged = [first.clone(), second].concat();
        damaged.remove(2);
        assert_eq!(push_all(&damaged), [Found::Lost, unit(&data)]);
        let repeated: Vec<[u8; 188]> = first.iter().flat_map(|packet| [*packet; 2]).collect();
        assert_eq!(push_all(&repeated), [unit(&data)]);
    }

    #[test]
    fn what_is_no_pes_packet_is_left_out() {
        let table: [&[u8]; 4] = [
            &[0, 0, 2, 0xE0, 0, 0, 0x80, 0, 0, 1],
            &[0, 0, 1, 0xE0, 0, 0, 0x40, 0, 0, 1],
            &[0, 0, 1, 0xE0, 0, 0, 0x80, 0, 200, 1],
            &[0, 0, 1],
        ];
        for bytes in table {
            assert_eq!(push_all(&packets(5, &mut 0, bytes)), [], "{bytes:?}");
        }
    }
}
