//! An open connection, without I/O: datagrams in, payloads and datagrams out. Only receives (draft 4.5 to 4.9).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};

use super::buffer::{Buffer, Range, Taken};
use super::key_material::{Decryption, KeyMaterial};
use super::packet::{ControlKind, ControlPacket, DataPacket, Packet, Sequence};
use super::stats::LinkStats;
use super::timing::{Clock, Rtt};

/// Between full acknowledgements (4.8.1).
const ACK_PERIOD_US: i64 = 10_000;

/// Packets after which a light acknowledgement is sent between the full ones.
const LIGHT_ACK: u32 = 64;

/// Loss reports are repeated no sooner (4.8.2).
const MIN_NAK_PERIOD_US: i64 = 20_000;

/// A peer that is silent for so long is gone (SRTO_PEERIDLETIMEO).
const PEER_IDLE_US: i64 = 5_000_000;

/// We say something at least so often.
const KEEP_ALIVE_US: i64 = 1_000_000;

/// Acknowledgements whose answer is waited for: a second of them and more.
const MAX_ACKS: usize = 128;

/// Ranges in one loss report: as many as fit a datagram.
const MAX_RANGES: usize = 180;

/// Of the extension that carries keys.
const KMREQ: u16 = 3;
const KMRSP: u16 = 4;

/// What the handshake agreed on.
#[derive(Debug)]
pub struct LinkSetup {
    /// The caller's socket.
    pub peer_socket: u32,
    /// The number of its first packet.
    pub first: Sequence,
    /// The caller's clock when it sent its conclusion.
    pub peer_clock_us: u32,
    /// How long packets are kept.
    pub latency_ms: u16,
    /// `None`: packets are not encrypted.
    pub decryption: Option<Decryption>,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEnd {
    /// The caller closed it.
    Shutdown,
    /// Nothing came for five seconds.
    Silent,
}

/// An open connection.
#[derive(Debug)]
pub struct Link {
    opened: Instant,
    peer_socket: u32,
    buffer: Buffer,
    decryption: Option<Decryption>,
    clock: Clock,
    rtt: Rtt,
    heard_us: i64,
    sent_us: i64,
    ack_at_us: i64,
    nak_at_us: i64,
    ack_number: u32,
    /// The last acknowledgement sent: what, and when.
    acked: (Sequence, i64),
    /// What the caller knows to be acknowledged.
    confirmed: Sequence,
    since_ack: u32,
    /// Bounded: [`MAX_ACKS`]. Full: the oldest is forgotten.
    acks: VecDeque<(u32, i64, Sequence)>,
    /// Bounded: the caller empties it after each call.
    out: VecDeque<Bytes>,
    is_shut: bool,
    stats: LinkStats,
}

impl Link {
    /// A connection that was opened at `now`.
    pub fn new(setup: LinkSetup, now: Instant) -> Self {
        let latency = Duration::from_millis(u64::from(setup.latency_ms));
        Self {
            opened: now,
            peer_socket: setup.peer_socket,
            buffer: Buffer::new(setup.first),
            decryption: setup.decryption,
            clock: Clock::new(setup.peer_clock_us, latency),
            rtt: Rtt::default(),
            heard_us: 0,
            sent_us: 0,
            ack_at_us: ACK_PERIOD_US,
            nak_at_us: MIN_NAK_PERIOD_US,
            ack_number: 0,
            acked: (setup.first, 0),
            confirmed: setup.first,
            since_ack: 0,
            acks: VecDeque::new(),
            out: VecDeque::new(),
            is_shut: false,
            stats: LinkStats {
                latency_ms: u64::from(setup.latency_ms),
                ..LinkStats::default()
            },
        }
    }

    /// Takes a packet that is for this connection.
    pub fn receive(&mut self, packet: Packet, now: Instant) {
        let now_us = self.micros(now);
        self.heard_us = now_us;
        match packet {
            Packet::Data(data) => self.take_data(data, now_us),
            Packet::Control(control) => self.take_control(&control, now_us),
        }
    }

    fn take_data(&mut self, mut data: DataPacket, now_us: i64) {
        self.stats.packets += 1;
        self.stats.bytes += data.payload.len() as u64;
        self.stats.retransmitted += u64::from(data.is_retransmitted);
        let is_clear = match (&self.decryption, data.key) {
            (None, None) => true,
            (Some(decryption), Some(key)) => decryption.decrypt(key, data.sequence, &mut data.payload),
            _ => false,
        };
        if !is_clear {
            self.stats.undecryptable += 1;
        }
        let due_us = self.clock.due_us(data.timestamp_us);
        let payload = is_clear.then_some(data.payload);
        match self.buffer.insert(data.sequence, payload, due_us, now_us) {
            Taken::New { gap: 0 } | Taken::Recovered => {}
            Taken::New { gap } => {
                self.stats.missing += u64::from(gap);
                let first = data.sequence.plus(gap.wrapping_neg());
                self.send_nak(&[(first, data.sequence.plus(u32::MAX))], now_us);
            }
            Taken::Useless => self.stats.useless += 1,
            Taken::Full => self.stats.overflowed += 1,
        }
        self.since_ack += 1;
        if self.since_ack >= LIGHT_ACK {
            self.send_light_ack(now_us);
        }
    }

    fn take_control(&mut self, control: &ControlPacket, now_us: i64) {
        match control.kind {
            ControlKind::AckAck => self.take_ack_ack(control, now_us),
            ControlKind::Shutdown => self.is_shut = true,
            ControlKind::DropRequest => {
                if let Some((from, rest)) = control.body.split_first_chunk::<4>()
                    && let Some((to, _)) = rest.split_first_chunk::<4>()
                {
                    let sequence = |bytes: &[u8; 4]| Sequence::new(u32::from_be_bytes(*bytes));
                    self.buffer.abandon((sequence(from), sequence(to)));
                }
            }
            ControlKind::Extension(KMREQ) => self.take_keys(&control.body, now_us),
            _ => {}
        }
    }

    /// Measures the round trip, and the drift of the caller's clock.
    fn take_ack_ack(&mut self, control: &ControlPacket, now_us: i64) {
        let Some(at) = self.acks.iter().position(|(number, ..)| *number == control.info) else {
            return;
        };
        let answered = self.acks.drain(..=at).next_back();
        if let Some((_, sent_us, sequence)) = answered {
            self.rtt.sample(now_us - sent_us);
            self.clock.sample(control.timestamp_us, now_us);
            self.confirmed = sequence;
            // The first guess of a round trip is long: what was lost at the very beginning would be asked for too late.
            self.nak_at_us = self.nak_at_us.min(now_us + self.nak_period_us());
        }
    }

    /// New keys are answered with themselves when they can be unwrapped (6.1.6).
    fn take_keys(&mut self, message: &Bytes, now_us: i64) {
        if let Some(decryption) = &mut self.decryption
            && let Some(material) = KeyMaterial::read(message)
            && decryption.refresh(&material)
        {
            self.send(ControlKind::Extension(KMRSP), 0, message.clone(), now_us);
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Instant) {
        let now_us = self.micros(now);
        if now_us >= self.ack_at_us {
            self.ack_at_us = now_us + ACK_PERIOD_US;
            self.acknowledge(now_us);
        }
        if now_us >= self.nak_at_us {
            let period_us = self.nak_period_us();
            self.nak_at_us = now_us + period_us;
            let missing = self.buffer.missing(now_us - period_us, now_us, MAX_RANGES);
            self.send_nak(&missing, now_us);
        }
        if now_us >= self.sent_us + KEEP_ALIVE_US {
            self.send(ControlKind::KeepAlive, 0, PADDING, now_us);
        }
    }

    /// The next payload whose time has come.
    pub fn next_payload(&mut self, now: Instant) -> Option<BytesMut> {
        let (payload, lost) = self.buffer.pop_due(self.micros(now))?;
        self.stats.lost += u64::from(lost);
        Some(payload)
    }

    /// The next datagram to send.
    pub fn next_out(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    /// When [`Link::tick`] or [`Link::next_payload`] has something to do.
    pub fn deadline(&self) -> Instant {
        let timers = [self.ack_at_us, self.nak_at_us, self.sent_us + KEEP_ALIVE_US];
        let first_us = timers.into_iter().chain(self.buffer.next_due_us()).min();
        let micros = u64::try_from(first_us.unwrap_or(0)).unwrap_or(0);
        self.opened + Duration::from_micros(micros)
    }

    /// Whether it is over: what the buffer held has been given out.
    pub fn end(&self, now: Instant) -> Option<LinkEnd> {
        let is_empty = self.buffer.next_due_us().is_none();
        if self.is_shut && is_empty {
            Some(LinkEnd::Shutdown)
        } else if self.micros(now) - self.heard_us > PEER_IDLE_US {
            Some(LinkEnd::Silent)
        } else {
            None
        }
    }

    /// The last word.
    pub fn shut_down(&mut self, now: Instant) {
        let now_us = self.micros(now);
        self.send(ControlKind::Shutdown, 0, PADDING, now_us);
    }

    /// The figures now.
    pub fn stats(&self) -> LinkStats {
        LinkStats {
            rtt_us: self.rtt.smoothed_us.unsigned_abs(),
            rtt_variation_us: self.rtt.variation_us.unsigned_abs(),
            buffered: self.buffer.length() as u64,
            ..self.stats
        }
    }

    /// A full acknowledgement: when there is news, or the last one seems to be lost.
    fn acknowledge(&mut self, now_us: i64) {
        let expected = self.buffer.expected();
        let (acked, when_us) = self.acked;
        let is_lost = self.confirmed != acked && now_us - when_us > self.rtt.timeout_us();
        if expected == acked && !is_lost {
            return;
        }
        self.acked = (expected, now_us);
        self.since_ack = 0;
        self.ack_number = self.ack_number.wrapping_add(1).max(1);
        if self.acks.len() == MAX_ACKS {
            self.acks.pop_front();
        }
        self.acks.push_back((self.ack_number, now_us, expected));
        let mut body = BytesMut::with_capacity(16);
        body.put_u32(expected.get());
        body.put_u32(micros_32(self.rtt.smoothed_us));
        body.put_u32(micros_32(self.rtt.variation_us));
        body.put_u32(self.buffer.room());
        self.send(ControlKind::Ack, self.ack_number, body.freeze(), now_us);
    }

    fn send_light_ack(&mut self, now_us: i64) {
        self.since_ack = 0;
        let expected = self.buffer.expected().get().to_be_bytes();
        self.send(ControlKind::Ack, 0, Bytes::copy_from_slice(&expected), now_us);
    }

    fn send_nak(&mut self, ranges: &[Range], now_us: i64) {
        if ranges.is_empty() {
            return;
        }
        let mut body = BytesMut::new();
        for (first, last) in ranges {
            if first == last {
                body.put_u32(first.get());
            } else {
                body.put_u32(0x8000_0000 | first.get());
                body.put_u32(last.get());
            }
        }
        self.send(ControlKind::Nak, 0, body.freeze(), now_us);
    }

    fn send(&mut self, kind: ControlKind, info: u32, body: Bytes, now_us: i64) {
        self.sent_us = now_us;
        let packet = ControlPacket {
            kind,
            info,
            timestamp_us: (now_us & i64::from(u32::MAX)) as u32,
            destination: self.peer_socket,
            body,
        };
        self.out.push_back(packet.write());
    }

    fn nak_period_us(&self) -> i64 {
        (self.rtt.timeout_us() / 2).max(MIN_NAK_PERIOD_US)
    }

    fn micros(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.opened);
        i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
    }
}

/// Packets without a body carry four bytes all the same: the reference implementation's do.
const PADDING: Bytes = Bytes::from_static(&[0; 4]);

fn micros_32(micros: i64) -> u32 {
    u32::try_from(micros).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
