//! Packets of 188 bytes (2.4.3.2), and their beginnings in a stream of bytes.

/// Bytes of a packet.
pub const SIZE: usize = 188;

const SYNC: u8 = 0x47;

/// One packet's header and payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Whose it is.
    pub pid: u16,
    /// A section or a PES packet begins in it.
    pub starts_unit: bool,
    /// Counts packets with a payload, modulo 16.
    pub continuity: u8,
    /// The counter may jump here.
    pub discontinuity: bool,
    /// Empty: the packet has an adaptation field only.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` for one that is damaged, scrambled, or contradicts itself.
    pub fn read(bytes: &'a [u8; SIZE]) -> Option<Self> {
        let [sync, flags, pid_low, control, rest @ ..] = bytes;
        let is_damaged = flags & 0x80 != 0;
        let is_scrambled = control & 0xC0 != 0;
        if *sync != SYNC || is_damaged || is_scrambled {
            return None;
        }
        let mut payload = &rest[..];
        let mut discontinuity = false;
        if control & 0x20 != 0 {
            let (length, after) = payload.split_first()?;
            let (adaptation, after) = after.split_at_checked(usize::from(*length))?;
            discontinuity = adaptation.first().is_some_and(|flags| flags & 0x80 != 0);
            payload = after;
        }
        if control & 0x10 == 0 {
            payload = &[];
        }
        Some(Self {
            pid: u16::from(flags & 0x1F) << 8 | u16::from(*pid_low),
            starts_unit: flags & 0x40 != 0,
            continuity: control & 0x0F,
            discontinuity,
            payload,
        })
    }
}

/// Finds the packets in a stream of bytes.
#[derive(Debug, Default)]
pub struct Framing {
    /// The beginning of a packet. Bounded: under one packet.
    rest: Vec<u8>,
}

impl Framing {
    /// Hands on each whole packet of what came before and `bytes`. Where no packet begins, bytes are skipped up to the next
    /// sync byte.
    pub fn push<E>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&[u8; SIZE]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut bytes = bytes;
        while !self.rest.is_empty() {
            let (more, after) = bytes.split_at(bytes.len().min(SIZE - self.rest.len()));
            self.rest.extend_from_slice(more);
            bytes = after;
            let Some((packet, _)) = self.rest.split_first_chunk::<SIZE>() else {
                return Ok(());
            };
            // A packet in two pieces: in order when the next one, or nothing yet, follows it.
            if bytes.first().is_none_or(|next| *next == SYNC) {
                let packet = *packet;
                self.rest.clear();
                take(&packet)?;
            } else {
                let skip = 1 + sync_at(self.rest.get(1..).unwrap_or_default());
                self.rest.drain(..skip.min(self.rest.len()));
            }
        }
        loop {
            bytes = &bytes[sync_at(bytes)..];
            let Some((packet, after)) = bytes.split_first_chunk::<SIZE>() else {
                self.rest.extend_from_slice(bytes);
                return Ok(());
            };
            if after.first().is_none_or(|next| *next == SYNC) {
                take(packet)?;
                bytes = after;
            } else {
                bytes = &bytes[1..];
            }
        }
    }
}

/// Where the next packet may begin; the end if nowhere.
fn sync_at(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == SYNC).unwrap_or(bytes.len())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A packet of `pid` that carries `payload`, filled up by an adaptation field.
    pub(in crate::ts) fn packet(pid: u16, starts_unit: bool, continuity: u8, payload: &[u8]) -> [u8; SIZE] {
        let mut bytes = vec![
            SYNC,
            u8::from(starts_unit) << 6 | (pid >> 8) as u8,
            pid as u8,
            0x10 | continuity & 0x0F,
        ];
        let room = SIZE - 4 - payload.len();
        if let Some(length) = room.checked_sub(1) {
            bytes[3] |= 0x20;
            bytes.push(length as u8);
            bytes.extend((0..length).map(|at| if at == 0 { 0 } else { 0xFF }));
        }
        bytes.extend_from_slice(payload);
        bytes.try_into().unwrap()
    }

    #[test]
    fn headers_are_read() {
        let full = packet(0x1ABC, true, 7, &[9; 184]);
        let read = Packet::read(&full).unwrap();
        assert_eq!((read.pid, read.starts_unit, read.continuity), (0x1ABC, true, 7));
        assert_eq!(read.payload, [9; 184]);
        for length in [0, 1, 100, 183] {
            let padded = packet(1, false, 0, &vec![3; length]);
            assert_eq!(
                Packet::read(&padded).unwrap().payload,
                vec![3; length],
                "{length}"
            );
        }
        let mut jumps = packet(1, false, 0, &[3; 100]);
        jumps[5] = 0x80;
        assert!(Packet::read(&jumps).unwrap().discontinuity);
    }

    #[test]
    fn what_is_damaged_is_no_packet() {
        let whole = packet(1, false, 0, &[3; 100]);
        let changes: [(&str, usize, u8); 4] = [
            ("another sync byte", 0, 0x48),
            ("the error bit", 1, 0x80),
            ("scrambled", 3, 0xB0),
            ("an adaptation field longer than the packet", 4, 184),
        ];
        for (name, at, byte) in changes {
            let mut bytes = whole;
            bytes[at] = byte;
            assert_eq!(Packet::read(&bytes), None, "{name}");
        }
    }

    /// The PIDs of the packets found, pushed in pieces of `size`.
    fn found(bytes: &[u8], size: usize) -> Vec<u16> {
        let (mut framing, mut pids) = (Framing::default(), Vec::new());
        for piece in bytes.chunks(size) {
            let done: Result<(), ()> = framing.push(piece, |bytes| {
                pids.extend(Packet::read(bytes).map(|packet| packet.pid));
                Ok(())
            });
            done.unwrap();
            assert!(framing.rest.len() < SIZE);
        }
        pids
    }

    #[test]
    fn packets_are_found_whatever_the_pieces() {
        let stream: Vec<u8> = (1..9).flat_map(|pid| packet(pid, false, 0, &[1; 184])).collect();
        for size in [1, 7, 187, 188, 189, 1316, 5000] {
            assert_eq!(found(&stream, size), (1..9).collect::<Vec<_>>(), "{size}");
        }
    }

    #[test]
    fn packets_are_found_again_behind_what_is_none() {
        let good = |pids: std::ops::Range<u16>| -> Vec<u8> {
            pids.flat_map(|pid| packet(pid, false, 0, &[1; 184])).collect()
        };
        let stream = [&[1, 2, 3][..], &good(1..4), &[0; 50], &good(4..8)].concat();
        for size in [188, 1316, 5000] {
            let pids = found(&stream, size);
            assert!(
                pids.ends_with(&[5, 6, 7]) && pids.starts_with(&[1, 2]),
                "{size}: {pids:?}"
            );
        }
    }
}
