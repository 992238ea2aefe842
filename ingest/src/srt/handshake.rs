//! The handshake (draft 3.2.1, 4.3): the packet's fields and extensions, read and written. Version 5, caller to listener.

use std::net::{IpAddr, SocketAddr};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::packet::{ControlKind, ControlPacket, Sequence};

/// Bytes before the extensions.
const FIELDS: usize = 48;

/// Tells a caller that version 5 is spoken (3.2.1).
const MAGIC: u16 = 0x4A17;

/// What kind of handshake it is.
const INDUCTION: u32 = 1;
const CONCLUSION: u32 = 0xFFFF_FFFF;
/// A rejection is this plus its code.
const FAILURE: u32 = 1000;

/// Extension types.
const EXT_HSREQ: u16 = 1;
const EXT_HSRSP: u16 = 2;
const EXT_KMREQ: u16 = 3;
const EXT_KMRSP: u16 = 4;
const EXT_STREAM_ID: u16 = 5;
const EXT_FILTER: u16 = 7;

/// Which kinds of extension follow.
const HAS_HSREQ: u16 = 1;
const HAS_KMREQ: u16 = 2;

/// The longest stream id (3.2.1.3).
const MAX_STREAM_ID: usize = 512;

/// The version that we say that we are, and the first that speaks version 5 of the handshake.
const OUR_VERSION: u32 = 0x0001_0500;
const FIRST_VERSION: u32 = 0x0001_0300;

/// Both directions timestamp based, encryption, drops, periodic loss reports, the retransmission flag (3.2.1.1.1).
const OUR_FLAGS: u32 = 0x3F;
const FLAG_STREAM: u32 = 0x40;

/// What is asked of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// The first word: answered with a cookie.
    Induction(Fields),
    /// The second, with the cookie and all that is wished.
    Conclusion(Box<Call>),
}

/// The fields that every handshake has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// The number of the caller's first packet.
    pub first: Sequence,
    /// Bytes of the largest datagram.
    mtu: u32,
    /// Packets in flight.
    window: u32,
    /// The caller's socket.
    pub socket: u32,
    /// As it was given out.
    pub cookie: u32,
    /// When it was sent, by the caller's clock.
    pub timestamp_us: u32,
}

/// A wish to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// See [`Fields`].
    pub fields: Fields,
    /// SRT's version.
    version: u32,
    flags: u32,
    /// The latency that the caller wants us to keep.
    pub latency_ms: u16,
    /// The latency that it keeps for what we would send.
    own_latency_ms: u16,
    /// A secret may be in it.
    pub stream_id: String,
    /// The key material message.
    pub key_material: Option<Bytes>,
    has_filter: bool,
}

/// Whether a call is of a kind that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Live mode.
    Live,
    /// Too old.
    Old,
    /// Bytes without boundaries.
    Stream,
    /// With error correction.
    Filtered,
}

impl Handshake {
    /// Reads a handshake for the listener; `None` for what is none, or not of a caller.
    pub fn read(packet: &ControlPacket) -> Option<Self> {
        if packet.kind != ControlKind::Handshake || packet.body.len() < FIELDS {
            return None;
        }
        let mut body = packet.body.clone();
        let version = body.get_u32();
        let _encryption = body.get_u16();
        let extensions = body.get_u16();
        let first = Sequence::new(body.get_u32());
        let (mtu, window, kind) = (body.get_u32(), body.get_u32(), body.get_u32());
        let (socket, cookie) = (body.get_u32(), body.get_u32());
        body.advance(16);
        let fields = Fields {
            first,
            mtu,
            window,
            socket,
            cookie,
            timestamp_us: packet.timestamp_us,
        };
        match (kind, version) {
            (INDUCTION, _) => Some(Self::Induction(fields)),
            (CONCLUSION, 5) => {
                Call::read(fields, extensions, body).map(|call| Self::Conclusion(Box::new(call)))
            }
            _ => None,
        }
    }
}

impl Fields {
    /// The answer to an induction: as long as the question, so that nobody is flooded by it.
    pub fn induce(&self, cookie: u32, peer: SocketAddr) -> Bytes {
        self.write(peer, MAGIC, INDUCTION, 0, cookie, &[])
    }

    fn write(
        &self,
        peer: SocketAddr,
        extensions: u16,
        kind: u32,
        socket: u32,
        cookie: u32,
        rest: &[u8],
    ) -> Bytes {
        const OUR_MTU: u32 = 1500;
        let mut body = BytesMut::with_capacity(FIELDS + rest.len());
        body.put_u32(5);
        body.put_u16(0);
        body.put_u16(extensions);
        body.put_u32(self.first.get());
        body.put_u32(self.mtu.min(OUR_MTU));
        body.put_u32(self.window.min(super::buffer::CAPACITY));
        body.put_u32(kind);
        body.put_u32(socket);
        body.put_u32(cookie);
        put_address(&mut body, peer.ip());
        body.put_slice(rest);
        ControlPacket {
            kind: ControlKind::Handshake,
            info: 0,
            timestamp_us: 0,
            destination: self.socket,
            body: body.freeze(),
        }
        .write()
    }
}

/// 16 bytes, its words in the order of the little end (3.2.1).
fn put_address(body: &mut BytesMut, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            body.put_u32_le(u32::from(address));
            body.put_bytes(0, 12);
        }
        IpAddr::V6(address) => {
            for word in address.octets().chunks_exact(4).rev() {
                body.extend(word.iter().rev());
            }
        }
    }
}

impl Call {
    fn read(fields: Fields, extensions: u16, mut rest: Bytes) -> Option<Self> {
        let mut call = Self {
            fields,
            version: 0,
            flags: 0,
            latency_ms: 0,
            own_latency_ms: 0,
            stream_id: String::new(),
            key_material: None,
            has_filter: false,
        };
        if extensions & HAS_HSREQ == 0 {
            return Some(call);
        }
        while rest.len() >= 4 {
            let (kind, length) = (rest.get_u16(), usize::from(rest.get_u16()) * 4);
            if rest.len() < length {
                return None;
            }
            let mut body = rest.split_to(length);
            match kind {
                EXT_HSREQ if length >= 12 => {
                    (call.version, call.flags) = (body.get_u32(), body.get_u32());
                    (call.own_latency_ms, call.latency_ms) = (body.get_u16(), body.get_u16());
                }
                EXT_KMREQ => call.key_material = Some(body),
                EXT_STREAM_ID => call.stream_id = read_stream_id(&body)?,
                EXT_FILTER => call.has_filter = true,
                _ => {}
            }
        }
        Some(call)
    }

    /// Whether it is of a kind that is served.
    pub fn kind(&self) -> Kind {
        if self.version < FIRST_VERSION {
            Kind::Old
        } else if self.flags & FLAG_STREAM != 0 {
            Kind::Stream
        } else if self.has_filter {
            Kind::Filtered
        } else {
            Kind::Live
        }
    }

    /// The answer that opens the connection with our `socket`, at a latency that is no less than the caller wants.
    pub fn accept(&self, peer: SocketAddr, socket: u32, latency_ms: u16) -> Bytes {
        let mut rest = BytesMut::new();
        rest.put_u16(EXT_HSRSP);
        rest.put_u16(3);
        rest.put_u32(OUR_VERSION);
        rest.put_u32(OUR_FLAGS);
        rest.put_u16(latency_ms);
        rest.put_u16(self.own_latency_ms);
        let mut extensions = HAS_HSREQ;
        if let Some(material) = &self.key_material {
            extensions |= HAS_KMREQ;
            rest.put_u16(EXT_KMRSP);
            rest.put_u16((material.len() / 4) as u16);
            rest.put_slice(material);
        }
        self.fields
            .write(peer, extensions, CONCLUSION, socket, self.fields.cookie, &rest)
    }

    /// The answer that turns the caller away.
    pub fn reject(&self, peer: SocketAddr, code: u32) -> Bytes {
        self.fields
            .write(peer, 0, FAILURE + code, 0, self.fields.cookie, &[])
    }
}

/// The text stands in words whose bytes are swapped (3.2.1.3), filled up with zeros.
fn read_stream_id(bytes: &[u8]) -> Option<String> {
    if bytes.len() > MAX_STREAM_ID {
        return None;
    }
    let mut text: Vec<u8> = bytes
        .chunks_exact(4)
        .flat_map(|word| word.iter().rev().copied())
        .collect();
    while text.last() == Some(&0) {
        text.pop();
    }
    String::from_utf8(text).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::packet::Packet;
    use super::*;

    fn peer() -> SocketAddr {
        "127.0.0.1:9".parse().unwrap()
    }

    pub(in crate::srt) fn fields(cookie: u32) -> Fields {
        Fields {
            first: Sequence::new(100),
            mtu: 1500,
            window: 25_600,
            socket: 7,
            cookie,
            timestamp_us: 5_000,
        }
    }

    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        let head = [kind.to_be_bytes(), ((body.len() / 4) as u16).to_be_bytes()].concat();
        [head, body.to_vec()].concat()
    }

    pub(in crate::srt) fn stream_id(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let swapped: Vec<u8> = bytes
            .chunks_exact(4)
            .flat_map(|word| word.iter().rev().copied())
            .collect();
        extension(EXT_STREAM_ID, &swapped)
    }

    /// A caller's handshake of this kind.
    pub(in crate::srt) fn packet(
        kind: u32,
        cookie: u32,
        flags: u32,
        extensions: &[Vec<u8>],
    ) -> ControlPacket {
        let hsreq = [
            0x0001_0501_u32.to_be_bytes(),
            flags.to_be_bytes(),
            0x0078_0190_u32.to_be_bytes(),
        ]
        .concat();
        let rest = [extension(EXT_HSREQ, &hsreq), extensions.concat()].concat();
        let rest = if kind == CONCLUSION { rest } else { Vec::new() };
        let bytes = fields(cookie).write(peer(), 5, kind, 7, cookie, &rest);
        read(&bytes)
    }

    pub(in crate::srt) fn conclusion(cookie: u32, extensions: &[Vec<u8>]) -> ControlPacket {
        ControlPacket {
            timestamp_us: 5_000,
            ..packet(CONCLUSION, cookie, OUR_FLAGS, extensions)
        }
    }

    pub(in crate::srt) fn induction() -> ControlPacket {
        packet(INDUCTION, 0, 0, &[])
    }

    fn read(bytes: &[u8]) -> ControlPacket {
        match Packet::read(BytesMut::from(bytes)) {
            Some(Packet::Control(packet)) => packet,
            other => panic!("{other:?}"),
        }
    }

    fn call(packet: &ControlPacket) -> Call {
        match Handshake::read(packet) {
            Some(Handshake::Conclusion(call)) => *call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_induction_is_answered_with_a_cookie_and_no_more_bytes() {
        let asked = induction();
        let Some(Handshake::Induction(fields)) = Handshake::read(&asked) else {
            panic!("{asked:?}");
        };
        let answer = fields.induce(0xABCD, peer());
        assert_eq!(answer.len(), asked.write().len());
        let body = read(&answer).body;
        assert_eq!((&body[..4], &body[6..8]), (&[0, 0, 0, 5][..], &[0x4A, 0x17][..]));
        assert_eq!(body[28..32], [0, 0, 0xAB, 0xCD]);
    }

    #[test]
    fn a_call_says_what_it_wants_and_hears_what_it_gets() {
        let material = vec![9; 8];
        let asked = conclusion(1, &[stream_id("#!::m=publish"), extension(EXT_KMREQ, &material)]);
        let call = call(&asked);
        assert_eq!(
            (call.stream_id.as_str(), call.latency_ms, call.kind()),
            ("#!::m=publish", 400, Kind::Live)
        );
        assert_eq!(call.key_material.as_deref(), Some(&material[..]));
        let answer = read(&call.accept(peer(), 0x55, 400)).body;
        assert_eq!(answer[20..28], [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0x55]);
        let expected = [
            extension(EXT_HSRSP, &[0, 1, 5, 0, 0, 0, 0, 0x3F, 0x01, 0x90, 0, 120]),
            extension(EXT_KMRSP, &material),
        ];
        assert_eq!(answer[FIELDS..], expected.concat());
    }

    #[test]
    fn a_rejection_carries_its_code() {
        let body = read(&call(&conclusion(1, &[])).reject(peer(), 1401)).body;
        assert_eq!(body[20..24], 2401_u32.to_be_bytes());
    }

    #[test]
    fn calls_that_are_not_served_are_known_as_such() {
        let of = |flags, extensions: &[Vec<u8>]| call(&packet(CONCLUSION, 1, flags, extensions)).kind();
        assert_eq!(of(OUR_FLAGS | FLAG_STREAM, &[]), Kind::Stream);
        assert_eq!(of(OUR_FLAGS, &[extension(EXT_FILTER, b"fec ")]), Kind::Filtered);
    }

    #[test]
    fn what_is_cut_short_or_no_text_is_none() {
        let whole = conclusion(1, &[stream_id("abcd")]);
        for length in [0, 47, 50, 60, whole.body.len() - 1] {
            let cut = ControlPacket {
                body: whole.body.slice(..length),
                ..whole.clone()
            };
            let read = Handshake::read(&cut);
            let is_harmless = match &read {
                None => true,
                Some(Handshake::Conclusion(call)) => call.stream_id.is_empty(),
                Some(Handshake::Induction(_)) => false,
            };
            assert!(is_harmless, "{length}: {read:?}");
        }
        let no_text = extension(EXT_STREAM_ID, &[0xFF, 0xFE, 0xFF, 0xFE]);
        assert_eq!(Handshake::read(&conclusion(1, &[no_text])), None);
    }
}
