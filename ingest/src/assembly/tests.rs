use super::*;

const AVCC: [&[u8]; 2] = [
    &[1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 2, 0x67, 1, 1, 0, 2, 0x68, 1],
    &[1, 0x64, 0, 0x28, 0xFF, 0xE1, 0, 2, 0x67, 2, 1, 0, 2, 0x68, 2],
];
const ASC: [&[u8]; 2] = [&[0x11, 0x90], &[0x12, 0x10]];

/// One thing that an encoder sends, at its time in milliseconds.
#[derive(Debug, Clone, Copy)]
enum Sent {
    Announce { video: bool, audio: bool },
    Avcc(usize),
    Asc(usize),
    Idr(u32),
    Delta(u32),
    Sound(u32),
}
use Sent::{Announce, Asc, Avcc, Delta, Idr, Sound};

/// Sends to an assembly whose wall clock follows the media's: the tracks with the index of the message that
/// completed them, and every arrival in short.
fn run(sent: &[Sent]) -> (Option<(usize, Vec<TrackKind>)>, Vec<String>) {
    let mut assembly = Assembly::default();
    let (mut tracks, mut arrivals) = (None, Vec::new());
    for (index, &sent) in sent.iter().enumerate() {
        let now = WallTime(match sent {
            Idr(at) | Delta(at) | Sound(at) => i64::from(at),
            _ => 0,
        });
        let slice = |kind, at| {
            let nal = [
                kind,
                1,
                0,
                0,
                0,
                0,
                0,
                0,
                2,
                if kind == 0x17 { 0x65 } else { 0x41 },
                0,
            ];
            (at, Bytes::copy_from_slice(&nal), now)
        };
        let (timestamp, body, received) = match sent {
            Announce { video, audio } => {
                assembly.metadata(Metadata {
                    has_video: video,
                    has_audio: audio,
                    ..Metadata::default()
                });
                continue;
            }
            Avcc(which) => (0, Bytes::from([&[0x17, 0, 0, 0, 0], AVCC[which]].concat()), now),
            Asc(which) => (0, Bytes::from([&[0xAF, 0], ASC[which]].concat()), now),
            Idr(at) => slice(0x17, at),
            Delta(at) => slice(0x27, at),
            Sound(at) => (at, Bytes::from_static(&[0xAF, 1, 0x21]), now),
        };
        match sent {
            Asc(_) | Sound(_) => assembly.audio(timestamp, body, received).unwrap(),
            _ => assembly.video(timestamp, body, received).unwrap(),
        }
        if let Some(taken) = assembly.take_tracks(now) {
            assert!(tracks.is_none(), "taken once");
            tracks = Some((index, taken.iter().map(TrackConfig::kind).collect()));
        }
        while let Some(arrival) = assembly.next_arrival() {
            arrivals.push(match arrival {
                Arrival::Frame(frame) if frame.track == TrackKind::Audio => format!("a{}", frame.dts_ms),
                Arrival::Frame(frame) if frame.is_idr => format!("I{}", frame.dts_ms),
                Arrival::Frame(frame) => format!("p{}", frame.dts_ms),
                Arrival::Reconfigured(config) => format!("new {:?}", config.kind()),
                Arrival::Ended(_) => "end".to_owned(),
            });
        }
        if tracks.is_some() {
            assert_eq!(assembly.held_bytes(), 0);
        }
    }
    (tracks, arrivals)
}

const BOTH: Sent = Announce {
    video: true,
    audio: true,
};
const VIDEO_ONLY: Sent = Announce {
    video: true,
    audio: false,
};

#[test]
fn tracks_are_complete_when_the_expected_ones_are_known() {
    use TrackKind::{Audio, Video};
    type Case = (&'static str, Vec<Sent>, Option<(usize, Vec<TrackKind>)>);
    let table: [Case; 9] = [
        (
            "both announced",
            vec![BOTH, Avcc(0), Asc(0)],
            Some((2, vec![Video, Audio])),
        ),
        (
            "the announced one",
            vec![VIDEO_ONLY, Avcc(0)],
            Some((1, vec![Video])),
        ),
        (
            "only sound",
            vec![
                Announce {
                    video: false,
                    audio: true,
                },
                Asc(0),
            ],
            Some((1, vec![Audio])),
        ),
        (
            "both, unannounced",
            vec![Asc(0), Avcc(0)],
            Some((1, vec![Video, Audio])),
        ),
        (
            "one, and no word of another: 2 s",
            vec![Avcc(0), Idr(0), Delta(1999), Delta(2000)],
            Some((3, vec![Video])),
        ),
        (
            "announced but absent: 2 s",
            vec![BOTH, Avcc(0), Idr(0), Delta(1999), Delta(2000)],
            Some((4, vec![Video])),
        ),
        (
            "sound 2 s late",
            vec![BOTH, Avcc(0), Idr(0), Delta(1990), Asc(0)],
            Some((4, vec![Video, Audio])),
        ),
        (
            "seen though not announced",
            vec![VIDEO_ONLY, Sound(0), Avcc(0), Asc(0)],
            Some((3, vec![Video, Audio])),
        ),
        ("nothing known", vec![BOTH, Idr(0), Sound(0), Sound(5000)], None),
    ];
    for (name, sent, expected) in table {
        assert_eq!(run(&sent).0, expected, "{name}");
    }
}

#[test]
fn arrivals_start_at_an_idr_and_keep_their_order() {
    let table: [(&str, Vec<Sent>, &[&str]); 7] = [
        (
            "before the first IDR nothing is shown",
            vec![BOTH, Avcc(0), Asc(0), Delta(0), Sound(5), Idr(33), Delta(66)],
            &["a5", "I33", "p66"],
        ),
        (
            "frames held while gathering",
            vec![BOTH, Avcc(0), Idr(0), Delta(33), Asc(0), Sound(40)],
            &["I0", "p33", "a40"],
        ),
        (
            "frames without a configuration",
            vec![BOTH, Idr(0), Sound(10), Avcc(0), Asc(0), Idr(33)],
            &["I33"],
        ),
        (
            "repeated headers are nothing",
            vec![VIDEO_ONLY, Avcc(0), Idr(0), Avcc(0), Delta(33)],
            &["I0", "p33"],
        ),
        (
            "another header begins anew",
            vec![VIDEO_ONLY, Avcc(0), Idr(0), Avcc(1), Delta(33), Idr(66)],
            &["I0", "new Video", "I66"],
        ),
        (
            "another header while gathering",
            vec![BOTH, Avcc(0), Idr(0), Avcc(1), Idr(33), Asc(0), Asc(1)],
            &["I33", "new Audio"],
        ),
        (
            "a track that comes too late",
            vec![VIDEO_ONLY, Avcc(0), Idr(0), Asc(0), Sound(9), Delta(33)],
            &["I0", "p33"],
        ),
    ];
    for (name, sent, expected) in table {
        assert_eq!(run(&sent).1, expected, "{name}");
    }
}

#[test]
fn presentation_is_decoding_plus_a_signed_offset_within_reason() {
    let table = [(0, 0), (67, 67), (-33, -33), (8_000_000, 0), (-8_000_000, 0)];
    for (composition_ms, expected) in table {
        let mut assembly = Assembly::default();
        let avcc = Bytes::from([&[0x17, 0, 0, 0, 0], AVCC[0]].concat());
        assembly.metadata(Metadata {
            has_video: true,
            ..Metadata::default()
        });
        assembly.video(0, avcc, WallTime(0)).unwrap();
        let offset = i32::to_be_bytes(composition_ms);
        let body = [&[0x17, 1], &offset[1..], &[0, 0, 0, 1, 0x65]].concat();
        assembly.video(0, Bytes::from(body), WallTime(0)).unwrap();
        assembly.take_tracks(WallTime(0)).unwrap();
        let Some(Arrival::Frame(frame)) = assembly.next_arrival() else {
            panic!("a frame")
        };
        assert_eq!((frame.dts_ms, frame.pts_ms), (0, expected));
    }
}

#[test]
fn gathering_holds_no_more_than_its_bounds() {
    let mut assembly = Assembly::default();
    assembly.metadata(Metadata {
        has_video: true,
        has_audio: true,
        ..Metadata::default()
    });
    let avcc = Bytes::from([&[0x17, 0, 0, 0, 0], AVCC[0]].concat());
    assembly.video(0, avcc, WallTime(0)).unwrap();
    let mut body = vec![0; 1024 * 1024];
    body[..10].copy_from_slice(&[0x17, 1, 0, 0, 0, 0, 0x0F, 0xFF, 0xF7, 0x65]);
    let mut messages = 0;
    while assembly.take_tracks(WallTime(0)).is_none() {
        assembly.video(0, Bytes::from(body.clone()), WallTime(0)).unwrap();
        messages += 1;
    }
    assert!((32..=33).contains(&messages), "{messages}");
}

/// A video tag of Enhanced RTMP.
fn enhanced(packet_type: u8, four_cc: &[u8; 4], parts: &[&[u8]]) -> Bytes {
    Bytes::from([&[0x90 | packet_type], &four_cc[..], &parts.concat()].concat())
}

/// An encoder that is set to another codec without reconnecting; each codec's frames come as files have them.
#[test]
fn a_publication_may_change_its_codec() {
    const HVCC: &[u8] = include_bytes!("../../../packager/testdata/720p30.hvcc");
    const AV1C: &[u8] = include_bytes!("../../../packager/testdata/720p30.av1c");
    let idr: &[u8] = &[0, 0, 0, 2, 0x26, 1];
    let cra: &[u8] = &[0, 0, 0, 2, 0x2A, 1];
    let key_unit: &[u8] = &[0x12, 0, 0x0A, 1, 0, 0x32, 1, 0x10];
    let sent = [
        (0, enhanced(0, b"hvc1", &[HVCC])),
        (0, enhanced(1, b"hvc1", &[&[0, 0, 40], cra])),
        (40, enhanced(1, b"hvc1", &[&[0, 0, 40], idr])),
        (80, enhanced(3, b"hvc1", &[cra])),
        // Of a codec that was not configured: not taken.
        (120, enhanced(1, b"av01", &[key_unit])),
        (160, enhanced(0, b"av01", &[AV1C])),
        (160, enhanced(3, b"hvc1", &[idr])),
        (200, enhanced(1, b"av01", &[key_unit])),
    ];
    let mut assembly = Assembly::default();
    assembly.metadata(Metadata {
        has_video: true,
        ..Metadata::default()
    });
    let mut arrivals = Vec::new();
    for (timestamp, body) in sent {
        assembly.video(timestamp, body, WallTime(0)).unwrap();
        assembly.take_tracks(WallTime(0));
        while let Some(arrival) = assembly.next_arrival() {
            arrivals.push(match arrival {
                Arrival::Frame(frame) => {
                    let kind = if frame.is_idr { "I" } else { "p" };
                    format!(
                        "{kind}{}+{} {:02x?}",
                        frame.dts_ms,
                        frame.pts_ms - frame.dts_ms,
                        &frame.data[..]
                    )
                }
                Arrival::Reconfigured(TrackConfig::Video(config)) => format!("{:?}", config.codec),
                other => format!("{other:?}"),
            });
        }
    }
    let expected = [
        "I40+40 [00, 00, 00, 02, 26, 01]",
        "p80+0 [00, 00, 00, 02, 2a, 01]",
        "Av1",
        "I200+0 [0a, 01, 00, 32, 01, 10]",
    ];
    assert_eq!(arrivals, expected);
}
