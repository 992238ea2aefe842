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
pub(in crate::srt) fn packet(kind: u32, cookie: u32, flags: u32, extensions: &[Vec<u8>]) -> ControlPacket {
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
