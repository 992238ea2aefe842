use super::super::adts::tests::frame;
use super::super::avc::tests::{sets, stream};
use super::super::packet::tests::packet;
use super::super::pes::tests::{packets, pes};
use super::super::tables::tests::{pmt, section};
use super::*;

const PMT_PID: u16 = 0x1000;
const VIDEO: u16 = 0x100;
const AUDIO: u16 = 0x101;

/// A stream that is being written.
#[derive(Default)]
struct Muxer {
    bytes: Vec<u8>,
    counters: [u8; 4],
}

impl Muxer {
    fn tables(mut self, version: u8, streams: &[(u8, u16, &[u8])]) -> Self {
        let pat = section(0, 0, &[0, 1, 0xF0, 0]);
        let pmt = section(2, version, &pmt(streams));
        for (slot, pid, table) in [(0, 0, pat), (1, PMT_PID, pmt)] {
            let payload = [&[0][..], &table].concat();
            self.bytes
                .extend(packet(pid, true, self.counters[slot], &payload));
            self.counters[slot] += 1;
        }
        self
    }

    fn unit(mut self, pid: u16, stamps: Stamps, data: &[u8]) -> Self {
        let (slot, stream_id) = if pid == AUDIO { (3, 0xC0) } else { (2, 0xE0) };
        let packets = packets(pid, &mut self.counters[slot], &pes(stream_id, stamps, data));
        self.bytes.extend(packets.concat());
        self
    }

    fn picture(self, dts: i64, pts: i64) -> Self {
        let [sps, pps] = sets();
        let stamps = Stamps { pts, dts };
        self.unit(VIDEO, stamps, &stream(&[&[9, 0xF0], &sps, &pps, &[0x65; 400]]))
    }

    fn sound(self, pts: i64) -> Self {
        let data = [frame(&[1; 50]), frame(&[2; 50])].concat();
        self.unit(AUDIO, Stamps { pts, dts: pts }, &data)
    }
}

const BOTH: [(u8, u16, &[u8]); 2] = [(0x1B, VIDEO, &[]), (0x0F, AUDIO, &[])];

fn elements(bytes: &[u8]) -> Result<Vec<Element>, Refusal> {
    let mut demux = Demux::default();
    demux.push(bytes)?;
    demux.finish()?;
    Ok(std::iter::from_fn(|| demux.next_element()).collect())
}

/// Kind, stamp and composition of each.
fn told(elements: &[Element]) -> Vec<(&'static str, u32, i32)> {
    elements
        .iter()
        .map(|element| match element {
            Element::Announced { video, audio } => ("tracks", u32::from(*video), i32::from(*audio)),
            Element::Video { timestamp, tag } => match tag {
                VideoTag::Config { .. } => ("avcC", *timestamp, 0),
                VideoTag::Frame { composition_ms, .. } => ("picture", *timestamp, *composition_ms),
                VideoTag::Nothing => ("nothing", *timestamp, 0),
            },
            Element::Audio { timestamp, tag } => match tag {
                AudioTag::Config(_) => ("asc", *timestamp, 0),
                AudioTag::Frame(_) => ("sound", *timestamp, 0),
                AudioTag::Nothing => ("nothing", *timestamp, 0),
            },
        })
        .collect()
}

#[test]
fn a_programme_becomes_what_rtmp_gives() {
    let muxer = Muxer::default()
        .tables(0, &BOTH)
        .picture(90_000, 96_000)
        .sound(90_900)
        .tables(0, &BOTH)
        .picture(93_000, 93_000);
    let expected = [
        ("tracks", 1, 1),
        ("avcC", 1000, 0),
        ("picture", 1000, 67),
        ("asc", 1010, 0),
        ("sound", 1010, 0),
        ("sound", 1031, 0),
        ("picture", 1033, 0),
    ];
    assert_eq!(told(&elements(&muxer.bytes).unwrap()), expected);
}

#[test]
fn the_clock_goes_on_where_33_bits_end() {
    let end = 1_i64 << 33;
    let muxer = Muxer::default()
        .tables(0, &BOTH)
        .picture(end - 9_000, end - 9_000)
        .picture(end - 4_500, 4_500)
        .picture(0, 0);
    let stamps: Vec<u32> = told(&elements(&muxer.bytes).unwrap())
        .into_iter()
        .filter(|(kind, ..)| *kind == "picture")
        .map(|(_, timestamp, composition_ms)| timestamp.wrapping_add_signed(composition_ms))
        .collect();
    let steps: Vec<u32> = stamps
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    assert_eq!(steps, [150, 50_u32.wrapping_neg()]);
}

#[test]
fn a_packet_lost_costs_its_picture_alone() {
    let muxer = Muxer::default()
        .tables(0, &BOTH)
        .picture(90_000, 90_000)
        .picture(93_000, 93_000)
        .picture(96_000, 96_000);
    let whole = told(&elements(&muxer.bytes).unwrap());
    // The third packet of the second picture.
    let packets: Vec<&[u8]> = muxer.bytes.chunks(188).collect();
    let of_one = (packets.len() - 2) / 3;
    let mut damaged = packets.clone();
    damaged.remove(2 + of_one + 2);
    let mut demux = Demux::default();
    demux.push(&damaged.concat()).unwrap();
    demux.finish().unwrap();
    let left: Vec<Element> = std::iter::from_fn(|| demux.next_element()).collect();
    let expected: Vec<_> = whole.into_iter().filter(|(_, stamp, _)| *stamp != 1033).collect();
    assert_eq!((told(&left), demux.losses()), (expected, 1));
}

#[test]
fn a_pmt_that_changes_moves_the_tracks() {
    let moved: [(u8, u16, &[u8]); 2] = [(0x0F, AUDIO, &[]), (0x1B, 0x110, &[])];
    let [sps, pps] = sets();
    let stamps = Stamps {
        pts: 93_000,
        dts: 93_000,
    };
    let muxer = Muxer::default()
        .tables(0, &BOTH)
        .picture(90_000, 90_000)
        .tables(1, &moved)
        .unit(0x110, stamps, &stream(&[&sps, &pps, &[0x65; 40]]));
    let kinds: Vec<_> = told(&elements(&muxer.bytes).unwrap());
    assert_eq!(kinds.iter().filter(|(kind, ..)| *kind == "tracks").count(), 2);
    assert_eq!(kinds.last(), Some(&("picture", 1033, 0)));
}

#[test]
fn codecs_that_are_not_served_are_refused_by_name() {
    type Case = (&'static [(u8, u16, &'static [u8])], Result<(), &'static str>);
    let table: [Case; 5] = [
        (&[(0x24, VIDEO, &[])], Err("HEVC")),
        (&[(0x1B, VIDEO, &[]), (0x81, AUDIO, &[])], Err("AC-3")),
        (&[(0x1B, VIDEO, &[]), (0x06, AUDIO, b"\x05\x04Opus")], Err("Opus")),
        (
            &[(0x1B, VIDEO, &[]), (0x81, 0x102, &[]), (0x0F, AUDIO, &[])],
            Ok(()),
        ),
        (&[(0x1B, VIDEO, &[]), (0x86, 0x102, b"\x05\x04CUEI")], Ok(())),
    ];
    for (streams, expected) in table {
        let got = elements(&Muxer::default().tables(0, streams).bytes);
        match expected {
            Ok(()) => assert!(got.is_ok(), "{streams:?}: {got:?}"),
            Err(name) => {
                let refusal = got.unwrap_err().to_string();
                assert!(refusal.contains(name) && refusal.contains("OBS"), "{refusal}");
            }
        }
    }
}

#[test]
fn pieces_of_any_size_give_the_same() {
    let bytes = Muxer::default()
        .tables(0, &BOTH)
        .picture(90_000, 90_000)
        .sound(90_000)
        .picture(93_000, 93_000)
        .bytes;
    let whole = elements(&bytes).unwrap();
    for size in [1, 100, 188, 1316] {
        let (mut demux, mut found) = (Demux::default(), Vec::new());
        for piece in bytes.chunks(size) {
            demux.push(piece).unwrap();
            found.extend(std::iter::from_fn(|| demux.next_element()));
        }
        demux.finish().unwrap();
        found.extend(std::iter::from_fn(|| demux.next_element()));
        assert_eq!(found, whole, "{size}");
    }
}
