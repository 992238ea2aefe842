//! Packets (draft-sharabayko-srt-01, 3): a header of 16 bytes, and what is behind it.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes of a header.
pub const HEAD: usize = 16;

/// A packet's number: 31 bits that wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence(u32);

impl Sequence {
    const MASK: u32 = 0x7FFF_FFFF;

    /// The low 31 bits of `number`.
    pub const fn new(number: u32) -> Self {
        Self(number & Self::MASK)
    }

    /// As it is sent.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number so many packets on.
    pub const fn plus(self, packets: u32) -> Self {
        Self::new(self.0.wrapping_add(packets))
    }

    /// Packets from `earlier` to this one, the shorter way around; negative if this is before it.
    pub const fn since(self, earlier: Self) -> i32 {
        (self.0.wrapping_sub(earlier.0) << 1).cast_signed() >> 1
    }
}

/// Which of the two keys a payload is encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySlot {
    /// The even one.
    Even,
    /// The odd one.
    Odd,
}

/// Media.
#[derive(Debug, PartialEq, Eq)]
pub struct DataPacket {
    /// Its number.
    pub sequence: Sequence,
    /// `None`: it is not encrypted.
    pub key: Option<KeySlot>,
    /// It was sent before.
    pub is_retransmitted: bool,
    /// Microseconds of the sender's clock, 32 bits.
    pub timestamp_us: u32,
    /// Its own region of memory, so that it can be decrypted in place.
    pub payload: BytesMut,
}

/// Which control packet it is (table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlKind {
    /// Connects.
    Handshake,
    /// Says nothing.
    KeepAlive,
    /// What has been received.
    Ack,
    /// What is missing.
    Nak,
    /// The end.
    Shutdown,
    /// An acknowledgement has been received.
    AckAck,
    /// What will not be sent again.
    DropRequest,
    /// A message of SRT's own: keys that change.
    Extension(u16),
    /// Nothing that is acted on.
    Other,
}

impl ControlKind {
    const fn read(kind: u16, subtype: u16) -> Self {
        match kind {
            0 => Self::Handshake,
            1 => Self::KeepAlive,
            2 => Self::Ack,
            3 => Self::Nak,
            5 => Self::Shutdown,
            6 => Self::AckAck,
            7 => Self::DropRequest,
            0x7FFF => Self::Extension(subtype),
            _ => Self::Other,
        }
    }

    const fn word(self) -> u32 {
        let (kind, subtype) = match self {
            Self::Handshake => (0, 0),
            Self::KeepAlive | Self::Other => (1, 0),
            Self::Ack => (2, 0),
            Self::Nak => (3, 0),
            Self::Shutdown => (5, 0),
            Self::AckAck => (6, 0),
            Self::DropRequest => (7, 0),
            Self::Extension(subtype) => (0x7FFF, subtype as u32),
        };
        0x8000_0000 | kind << 16 | subtype
    }
}

/// Everything that is not media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPacket {
    /// What it is.
    pub kind: ControlKind,
    /// The type-specific field.
    pub info: u32,
    /// Microseconds of the sender's clock, 32 bits.
    pub timestamp_us: u32,
    /// The socket it is for.
    pub destination: u32,
    /// The control information field.
    pub body: Bytes,
}

/// A packet.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    /// Media.
    Data(DataPacket),
    /// Anything else.
    Control(ControlPacket),
}

impl Packet {
    /// The socket that a datagram is for; zero for the listener. `None` for one that is no packet.
    pub fn destination(datagram: &[u8]) -> Option<u32> {
        let bytes = datagram.get(12..HEAD)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    /// Reads a datagram; `None` for one that is no packet.
    pub fn read(mut datagram: BytesMut) -> Option<Self> {
        if datagram.len() < HEAD {
            return None;
        }
        let mut head = datagram.split_to(HEAD);
        let (first, second) = (head.get_u32(), head.get_u32());
        let (timestamp_us, destination) = (head.get_u32(), head.get_u32());
        if first >> 31 == 1 {
            return Some(Self::Control(ControlPacket {
                kind: ControlKind::read((first >> 16 & 0x7FFF) as u16, (first & 0xFFFF) as u16),
                info: second,
                timestamp_us,
                destination,
                body: datagram.freeze(),
            }));
        }
        let key = match second >> 27 & 0x03 {
            0 => None,
            1 => Some(KeySlot::Even),
            2 => Some(KeySlot::Odd),
            _ => return None,
        };
        Some(Self::Data(DataPacket {
            sequence: Sequence::new(first),
            key,
            is_retransmitted: second >> 26 & 1 == 1,
            timestamp_us,
            payload: datagram,
        }))
    }
}

impl ControlPacket {
    /// As it is sent.
    pub fn write(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEAD + self.body.len());
        bytes.put_u32(self.kind.word());
        bytes.put_u32(self.info);
        bytes.put_u32(self.timestamp_us);
        bytes.put_u32(self.destination);
        bytes.put_slice(&self.body);
        bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_and_are_compared_the_shorter_way() {
        let last = Sequence::new(0x7FFF_FFFF);
        assert_eq!(last.plus(1), Sequence::new(0));
        assert_eq!(last.plus(3).since(last), 3);
        assert_eq!(last.since(last.plus(3)), -3);
        assert_eq!(Sequence::new(5).since(Sequence::new(0x4000_0005)), -0x4000_0000);
    }

    #[test]
    fn data_is_read() {
        let datagram = [
            &0x0000_0007_u32.to_be_bytes()[..],
            &0xF400_0001_u32.to_be_bytes(),
            &9_u32.to_be_bytes(),
            &5_u32.to_be_bytes(),
            b"ts",
        ]
        .concat();
        assert_eq!(Packet::destination(&datagram), Some(5));
        let expected = DataPacket {
            sequence: Sequence::new(7),
            key: Some(KeySlot::Odd),
            is_retransmitted: true,
            timestamp_us: 9,
            payload: BytesMut::from(&b"ts"[..]),
        };
        assert_eq!(
            Packet::read(BytesMut::from(&datagram[..])),
            Some(Packet::Data(expected))
        );
        assert_eq!(Packet::read(BytesMut::from(&datagram[..15])), None);
    }

    #[test]
    fn control_packets_are_read_as_they_are_written() {
        use ControlKind::{Ack, AckAck, DropRequest, Extension, Handshake, KeepAlive, Nak, Shutdown};
        for kind in [
            Handshake,
            KeepAlive,
            Ack,
            Nak,
            Shutdown,
            AckAck,
            DropRequest,
            Extension(3),
        ] {
            let packet = ControlPacket {
                kind,
                info: 1,
                timestamp_us: 2,
                destination: 3,
                body: Bytes::from_static(b"body"),
            };
            let datagram = BytesMut::from(&packet.write()[..]);
            assert_eq!(Packet::read(datagram), Some(Packet::Control(packet)));
        }
    }
}
