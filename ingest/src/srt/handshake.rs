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
pub(super) mod tests;
