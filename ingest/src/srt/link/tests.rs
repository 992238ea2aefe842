use super::super::buffer::CAPACITY;
use super::*;

const MS: Duration = Duration::from_millis(1);

struct Bench {
    link: Link,
    start: Instant,
    elapsed: Duration,
}

impl Bench {
    fn new() -> Self {
        let start = Instant::now();
        let setup = LinkSetup {
            peer_socket: 7,
            first: Sequence::new(100),
            peer_clock_us: 0,
            latency_ms: 200,
            decryption: None,
        };
        Self {
            link: Link::new(setup, start),
            start,
            elapsed: Duration::ZERO,
        }
    }

    fn now(&self) -> Instant {
        self.start + self.elapsed
    }

    fn pass(&mut self, time: Duration) -> Vec<ControlPacket> {
        self.elapsed += time;
        self.link.tick(self.now());
        self.said()
    }

    /// A packet that was sent so many milliseconds after the first.
    fn data(&mut self, number: u32, sent_ms: u32) -> Vec<ControlPacket> {
        let packet = DataPacket {
            sequence: Sequence::new(number),
            key: None,
            is_retransmitted: false,
            timestamp_us: sent_ms * 1000,
            payload: BytesMut::from(&number.to_be_bytes()[..]),
        };
        self.link.receive(Packet::Data(packet), self.now());
        self.said()
    }

    fn control(&mut self, kind: ControlKind, info: u32, body: &[u8]) -> Vec<ControlPacket> {
        let packet = ControlPacket {
            kind,
            info,
            timestamp_us: u32::try_from(self.elapsed.as_micros()).unwrap(),
            destination: 1,
            body: Bytes::copy_from_slice(body),
        };
        self.link.receive(Packet::Control(packet), self.now());
        self.said()
    }

    fn said(&mut self) -> Vec<ControlPacket> {
        let out = std::iter::from_fn(|| self.link.next_out());
        out.map(|bytes| match Packet::read(BytesMut::from(&bytes[..])) {
            Some(Packet::Control(packet)) => packet,
            other => panic!("{other:?}"),
        })
        .collect()
    }

    fn payloads(&mut self) -> Vec<u32> {
        let now = self.now();
        let payloads = std::iter::from_fn(|| self.link.next_payload(now));
        payloads
            .map(|payload| u32::from_be_bytes(payload[..].try_into().unwrap()))
            .collect()
    }
}

fn words(packet: &ControlPacket) -> Vec<u32> {
    packet
        .body
        .chunks_exact(4)
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
        .collect()
}

#[test]
fn packets_are_given_out_at_the_agreed_latency() {
    let mut bench = Bench::new();
    bench.data(100, 0);
    bench.elapsed = 10 * MS;
    bench.data(101, 10);
    assert_eq!(bench.payloads(), []);
    bench.elapsed = 200 * MS;
    assert_eq!(bench.payloads(), [100]);
    assert_eq!(
        bench.link.deadline(),
        bench.start + 10 * MS,
        "the acknowledgement is due"
    );
    bench.pass(10 * MS);
    assert_eq!(bench.payloads(), [101]);
}

#[test]
fn what_came_is_acknowledged_and_the_answer_measures_the_round_trip() {
    let mut bench = Bench::new();
    assert_eq!(bench.pass(10 * MS), []);
    bench.data(100, 0);
    let said = bench.pass(10 * MS);
    let [ack] = &said[..] else { panic!("{said:?}") };
    assert_eq!((ack.kind, ack.info, ack.destination), (ControlKind::Ack, 1, 7));
    assert_eq!(words(ack), [101, 100_000, 50_000, CAPACITY - 1]);
    bench.elapsed += 8 * MS;
    bench.control(ControlKind::AckAck, 1, &[]);
    assert_eq!(bench.link.stats().rtt_us, 8_000);
    assert_eq!(
        bench.pass(400 * MS),
        [],
        "a confirmed acknowledgement is not repeated"
    );
}

#[test]
fn an_acknowledgement_that_is_not_answered_is_repeated() {
    let mut bench = Bench::new();
    bench.data(100, 0);
    bench.pass(10 * MS);
    assert_eq!(bench.pass(300 * MS), []);
    let said = bench.pass(10 * MS);
    assert_eq!((said[0].kind, said[0].info), (ControlKind::Ack, 2));
}

#[test]
fn a_gap_is_reported_at_once_and_again_until_it_is_filled() {
    let mut bench = Bench::new();
    bench.data(100, 0);
    let said = bench.data(104, 4);
    assert_eq!(
        (said[0].kind, words(&said[0])),
        (ControlKind::Nak, vec![0x8000_0000 | 101, 103])
    );
    bench.data(102, 2);
    let naks = |said: Vec<ControlPacket>| -> Vec<Vec<u32>> {
        let naks = said.iter().filter(|packet| packet.kind == ControlKind::Nak);
        naks.map(words).collect()
    };
    assert_eq!(naks(bench.pass(20 * MS)), Vec::<Vec<u32>>::new());
    assert_eq!(naks(bench.pass(150 * MS)), [[101, 103]]);
    bench.data(101, 1);
    bench.data(103, 3);
    assert_eq!(naks(bench.pass(150 * MS)), Vec::<Vec<u32>>::new());
    assert_eq!(bench.payloads(), [100, 101, 102, 103, 104]);
    assert_eq!((bench.link.stats().missing, bench.link.stats().lost), (3, 0));
}

#[test]
fn a_short_round_trip_makes_loss_reports_frequent_at_once() {
    let mut bench = Bench::new();
    bench.data(100, 0);
    bench.data(102, 2);
    bench.pass(20 * MS);
    bench.control(ControlKind::AckAck, 1, &[]);
    let said = bench.pass(20 * MS);
    assert!(
        said.iter().any(|packet| packet.kind == ControlKind::Nak),
        "{said:?}"
    );
}

#[test]
fn what_does_not_come_in_time_is_given_up() {
    let mut bench = Bench::new();
    bench.data(100, 0);
    bench.data(103, 3);
    bench.elapsed = 203 * MS;
    assert_eq!(bench.payloads(), [100, 103]);
    assert_eq!(bench.link.stats().lost, 2);
    bench.data(101, 1);
    assert_eq!(bench.link.stats().useless, 1);
}

#[test]
fn a_burst_is_acknowledged_lightly_between() {
    let mut bench = Bench::new();
    let said: Vec<ControlPacket> = (100..100 + LIGHT_ACK)
        .flat_map(|number| bench.data(number, 0))
        .collect();
    assert_eq!(
        (said.len(), said[0].info, words(&said[0])),
        (1, 0, vec![100 + LIGHT_ACK])
    );
}

#[test]
fn the_end_comes_behind_what_is_buffered_and_after_silence() {
    let mut bench = Bench::new();
    bench.data(100, 0);
    bench.control(ControlKind::Shutdown, 0, &[0; 4]);
    assert_eq!(bench.link.end(bench.now()), None);
    bench.elapsed = 200 * MS;
    bench.payloads();
    assert_eq!(bench.link.end(bench.now()), Some(LinkEnd::Shutdown));

    let mut bench = Bench::new();
    bench.elapsed = 5_000 * MS;
    assert_eq!(bench.link.end(bench.now()), None);
    bench.elapsed += MS;
    assert_eq!(bench.link.end(bench.now()), Some(LinkEnd::Silent));
}

#[test]
fn packets_that_are_not_encrypted_as_agreed_are_not_given_out() {
    let mut bench = Bench::new();
    let packet = DataPacket {
        sequence: Sequence::new(100),
        key: Some(super::super::packet::KeySlot::Even),
        is_retransmitted: false,
        timestamp_us: 0,
        payload: BytesMut::from(&b"?"[..]),
    };
    bench.link.receive(Packet::Data(packet), bench.now());
    bench.data(101, 0);
    bench.elapsed = 200 * MS;
    assert_eq!(bench.payloads(), [101]);
    assert_eq!(bench.link.stats().undecryptable, 1);
    assert_eq!(bench.link.stats().lost, 0, "it came: it is not missing");
}

#[test]
fn what_the_caller_gives_up_is_not_asked_for() {
    let mut bench = Bench::new();
    bench.data(100, 0);
    bench.data(103, 3);
    bench.control(
        ControlKind::DropRequest,
        1,
        &[101_u32.to_be_bytes(), 102_u32.to_be_bytes()].concat(),
    );
    let said = bench.pass(150 * MS);
    assert!(
        said.iter().all(|packet| packet.kind != ControlKind::Nak),
        "{said:?}"
    );
}

#[test]
fn silence_is_broken_by_a_keep_alive() {
    let mut bench = Bench::new();
    let said = bench.pass(1_000 * MS);
    assert_eq!(said[0].kind, ControlKind::KeepAlive);
}
