//! Peers that leave half-way, dawdle, lie or ask for what is not served. Time is simulated: nothing here waits.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::wire::{AAC_HEADER, AVC_HEADER, Script, array, handshake, null, object, text};
use common::{KEY, Played, Server, play, play_to, reception};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::watch;
use tokio::time::Instant;
use vitrine_ingest::rtmp::{EndCause, HandshakeError, RtmpSettings, serve_connection};
use vitrine_ingest::{EndReason, Refusal};

fn publishing() -> Script {
    Script::new().publish("live", KEY)
}

#[tokio::test(start_paused = true)]
async fn a_well_behaved_peer_is_served() {
    let Played {
        end,
        said,
        publication,
    } = play(&publishing().metadata().headers().frames(12).bytes, true).await;
    assert!(
        matches!(end.cause, EndCause::Ended(EndReason::ConnectionLost)),
        "{end:?}"
    );
    for answer in [
        "NetConnection.Connect.Success",
        "onFCPublish",
        "NetStream.Publish.Start",
    ] {
        assert!(said.contains(answer), "{answer}");
    }
    let mut publication = publication.unwrap();
    assert_eq!(publication.encoder.as_deref(), Some("by hand"));
    assert_eq!(publication.tracks.len(), 2);
    let mut arrivals = 0;
    while publication.arrivals.recv().await.is_some() {
        arrivals += 1;
    }
    assert_eq!(arrivals, 25, "12 pictures, 12 sounds and the end");
}

#[tokio::test(start_paused = true)]
async fn leaving_in_the_handshake_is_noticed_at_once() {
    let whole = handshake();
    for cut in [0, 1, 2, 1536, 1537, 1538, whole.len() - 1] {
        let started = Instant::now();
        let end = play(&whole[..cut], true).await.end;
        assert!(
            matches!(end.cause, EndCause::NoHandshake(HandshakeError::Io(_))),
            "{cut}: {end:?}"
        );
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
    let end = play(b"GET / HTTP/1.1\r\n\r\n", false).await.end;
    assert!(
        matches!(end.cause, EndCause::NoHandshake(HandshakeError::NotRtmp(b'G'))),
        "{end:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_dawdles_has_ten_seconds_in_all() {
    let script = publishing().bytes;
    for piece in [1, 300] {
        let (reception, _publications) = reception();
        let (mut client, server) = duplex(1 << 20);
        let slow = script.clone();
        let trickle = tokio::spawn(async move {
            for bytes in slow.chunks(piece) {
                if client.write_all(bytes).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1500)).await;
            }
        });
        let (_stop, stopped) = watch::channel(false);
        let started = Instant::now();
        let peer = "127.0.0.1:9".parse().unwrap();
        let end = serve_connection(server, peer, &reception, &RtmpSettings::default(), stopped).await;
        assert!(matches!(end.cause, EndCause::SetupTimedOut), "{end:?}");
        assert_eq!(started.elapsed(), RtmpSettings::default().setup);
        trickle.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_publisher_without_media_is_dropped_whatever_else_it_sends() {
    let silent = publishing().metadata().headers().frames(1);
    // Pings and metadata are not media; neither is half a frame.
    let chatty = publishing().metadata().message(2, 0, 4, &[0, 6, 0, 0, 0, 1]);
    let mut half = publishing().metadata().headers().frames(2);
    half.bytes.truncate(half.bytes.len() - 200);
    // Frames of a track without a configuration, for ever.
    let unusable = (0..400).fold(publishing().metadata(), |script, index| {
        script.audio(index * 21, &[0xAF, 1, 0x21])
    });
    for script in [publishing(), silent, chatty, half, unusable] {
        let started = Instant::now();
        let Played { end, said, .. } = play(&script.bytes, false).await;
        assert!(
            matches!(end.cause, EndCause::Ended(EndReason::Silent { seconds: 10 })),
            "{end:?}"
        );
        assert!(said.contains("NetStream.Publish.Idle"));
        assert!(started.elapsed() < Duration::from_secs(12));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_served_is_refused_with_code_and_reason() {
    let to = |app: &str, key: &str| Script::new().publish(app, key);
    let table: [(Script, &str, &str); 15] = [
        (
            to("live", "wrong"),
            "NetStream.Publish.Denied",
            "wrong stream key",
        ),
        (to("live", ""), "NetStream.Publish.Denied", "wrong stream key"),
        (
            to("vod", KEY),
            "NetConnection.Connect.InvalidApp",
            "rtmp://HOST/live",
        ),
        (
            publishing().video(0, b"\x90vvc1\x01\x02"),
            "NetStream.Publish.Rejected",
            "VVC",
        ),
        (
            publishing().video(0, b"\x90vp09\x01\x02"),
            "NetStream.Publish.Rejected",
            "VP9",
        ),
        (
            publishing().video(0, b"\x90hvc1\x01\x02"),
            "NetStream.Publish.Rejected",
            "hvcC",
        ),
        (
            publishing().video(0, b"\x90av01\x81\x05\x0C\x00"),
            "NetStream.Publish.Rejected",
            "sequence header",
        ),
        (
            publishing().video(0, b"\x1C\x00\x00\x00\x00"),
            "NetStream.Publish.Rejected",
            "HEVC",
        ),
        (
            publishing().audio(0, b"\x90Opus\x01"),
            "NetStream.Publish.Rejected",
            "Opus",
        ),
        (
            publishing().audio(0, b"\x2F\xFF\xFB"),
            "NetStream.Publish.Rejected",
            "MP3",
        ),
        (
            publishing().audio(0, b"\xAF\x00\x2B\x11\x88\x00"),
            "NetStream.Publish.Rejected",
            "HE-AAC",
        ),
        (
            publishing().audio(0, b"\xAF\x00"),
            "NetStream.Publish.Rejected",
            "AudioSpecificConfig",
        ),
        (
            publishing().video(0, &AVC_HEADER[..9]),
            "NetStream.Publish.Rejected",
            "avcC",
        ),
        (
            Script::new()
                .command("connect", 1.0, &[object(&[("app", text("live"))])])
                .command("play", 2.0, &[null(), text("x")]),
            "NetStream.Failed",
            "publications only",
        ),
        (
            publishing().command("play", 6.0, &[null(), text("x")]),
            "NetStream.Failed",
            "publications only",
        ),
    ];
    for (script, code, reason) in table {
        let Played { end, said, .. } = play(&script.bytes, false).await;
        assert!(matches!(end.cause, EndCause::Refused(_)), "{reason}: {end:?}");
        assert!(said.contains(code) && said.contains(reason), "{reason}: {end:?}");
        assert!(!said.contains(KEY));
    }
}

#[tokio::test(start_paused = true)]
async fn obs_is_told_on_its_next_attempt_what_it_did_not_read_before() {
    let metadata = |encoder| {
        let properties = [("encoder", text(encoder))];
        [text("@setDataFrame"), text("onMetaData"), array(&properties)].concat()
    };
    for (encoder, told) in [
        ("obs-output module (libobs version 29.0.2)", true),
        ("Lavf59.27.100", false),
    ] {
        let (reception, _publications) = reception();
        let publishing = publishing().message(4, 0, 18, &metadata(encoder));
        let first = play_to(&reception, &publishing.video(0, b"\x90vvc1\x01").bytes, false).await;
        assert!(first.contains("VVC"));
        let second = play_to(&reception, &self::publishing().bytes, true).await;
        assert_eq!(second.contains("VVC"), told, "{encoder}");
        assert!(
            play_to(&reception, &self::publishing().bytes, true)
                .await
                .contains("Publish.Start")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn broken_protocol_ends_one_session_and_holds_little() {
    let connect = || Script::new().command("connect", 1.0, &[object(&[("app", text("live"))])]);
    let raw = |bytes: &[u8]| {
        let mut script = publishing();
        script.bytes.extend_from_slice(bytes);
        script
    };
    let many_streams: Vec<u8> = (0..=255)
        .flat_map(|id| [0, id, 0, 0, 0, 0, 0, 1, 99, 1, 0, 0, 0, 0])
        .collect();
    let deep = [text("connect"), [10, 0, 0, 0, 1].repeat(10_000)].concat();
    let huge = [text("connect"), vec![0; 9], vec![10, 0xFF, 0xFF, 0xFF, 0xFF]].concat();
    let table: [(&str, Script); 13] = [
        ("chunk size 0", publishing().message(2, 0, 1, &[0; 4])),
        (
            "chunk size over 31 bits",
            publishing().message(2, 0, 1, &[0xFF; 4]),
        ),
        ("half a chunk size", publishing().message(2, 0, 1, &[0])),
        ("a compressed header first", raw(&[0xC0 | 40])),
        ("a chunk stream for each byte", raw(&many_streams)),
        (
            "a message inside another",
            raw(&[7, 0, 0, 0, 0, 0x40, 0, 9, 1, 0, 0, 0].repeat(400)),
        ),
        ("nested AMF", Script::new().message(3, 0, 20, &deep)),
        (
            "AMF of four billion values",
            Script::new().message(3, 0, 20, &huge),
        ),
        ("a command that is none", Script::new().message(3, 0, 20, &[5])),
        (
            "connect without a name",
            Script::new().command("connect", 1.0, &[null()]),
        ),
        (
            "connect twice",
            connect().command("connect", 2.0, &[object(&[("app", text("live"))])]),
        ),
        (
            "publish before connect",
            Script::new().command("publish", 1.0, &[null(), text(KEY)]),
        ),
        (
            "endless commands",
            (0..100).fold(connect(), |script, _| {
                script.command("createStream", 2.0, &[null()])
            }),
        ),
    ];
    for (name, script) in table {
        let Played { end, said, .. } = play(&script.bytes, false).await;
        assert!(
            matches!(end.cause, EndCause::Ended(EndReason::ProtocolError(_))),
            "{name}: {end:?}"
        );
        assert!(said.contains("NetStream.Failed"), "{name}");
        assert!(end.peak_held_bytes < 200_000, "{name}: {}", end.peak_held_bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn stray_data_does_no_harm() {
    let stray = publishing()
        .metadata()
        .message(4, 0, 18, &[0xFF; 40])
        .message(4, 0, 18, &text("onTextData"))
        .message(4, 0, 15, &[])
        .message(5, 0, 99, b"unknown")
        .message(2, 0, 4, &[0, 3])
        .video(0, &[])
        .audio(0, &[])
        .headers()
        .video(0, &[0x27, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1])
        .video(0, AVC_HEADER)
        .audio(0, AAC_HEADER)
        .frames(3)
        .command("FCUnpublish", 6.0, &[null(), text(KEY)]);
    let Played { end, publication, .. } = play(&stray.bytes, false).await;
    assert!(
        matches!(end.cause, EndCause::Ended(EndReason::Unpublished)),
        "{end:?}"
    );
    let publication = publication.unwrap();
    assert_eq!(publication.arrivals.len(), 7, "repeated headers are no arrivals");
}

#[tokio::test]
async fn connections_have_limits_and_a_free_channel_is_free_again() {
    let settings = RtmpSettings {
        max_connections_per_address: 2,
        ..RtmpSettings::default()
    };
    let server = Server::start(settings).await;
    let connect = || tokio::net::TcpStream::connect(("127.0.0.1", server.port));
    let first = connect().await.unwrap();
    let _second = connect().await.unwrap();
    let mut third = connect().await.unwrap();
    let read = third.read(&mut [0]).await;
    assert!(
        matches!(read, Ok(0) | Err(_)),
        "the third is closed at once: {read:?}"
    );
    drop(first);
    // A place is free as soon as the server has seen the first leave.
    let shaken = async {
        loop {
            let mut next = connect().await.unwrap();
            let _ = next.write_all(&handshake()[..1537]).await;
            if matches!(next.read(&mut [0]).await, Ok(1)) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), shaken)
        .await
        .unwrap();
    server.stop().await;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_never_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let script = publishing().metadata().headers().frames(2);
    play(&script.bytes, true).await;
    // A key pasted into the wrong field, and a wrong key that may be right elsewhere.
    play(&Script::new().publish(&format!("live/{KEY}"), "").bytes, false).await;
    play(&Script::new().publish("live", &format!("{KEY}x")).bytes, false).await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("encoder accepted") && log.contains("wrong stream key"),
        "{log}"
    );
    assert!(!log.contains(KEY), "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_reaches_a_peer_that_keeps_sending() {
    let (reception, mut publications) = reception();
    let (mut client, server) = duplex(64 * 1024);
    let script = publishing().metadata().headers().frames(30);
    let sender = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(&mut client);
        let mut said = Vec::new();
        let talk = async {
            let mut bytes = script.bytes;
            // Then messages that mean nothing, for ever.
            while to.write_all(&bytes).await.is_ok() {
                bytes = [5, 0, 0, 0, 0, 0, 1, 99, 1, 0, 0, 0, 0].repeat(100);
            }
        };
        let listen = from.read_to_end(&mut said);
        tokio::select! { biased; _ = listen => {}, () = talk => {} }
        String::from_utf8_lossy(&said).into_owned()
    });
    tokio::spawn(async move {
        let mut publication = publications.recv().await.unwrap();
        publication.arrivals.recv().await.unwrap();
        publication.refuse(Refusal::NotPackageable {
            reason: "a test".into(),
        });
    });
    let (_stop, stopped) = watch::channel(false);
    let peer = "127.0.0.1:9".parse().unwrap();
    let end = serve_connection(server, peer, &reception, &RtmpSettings::default(), stopped).await;
    assert!(
        matches!(end.cause, EndCause::Refused(Refusal::NotPackageable { .. })),
        "{end:?}"
    );
    assert!(
        sender
            .await
            .unwrap()
            .contains("the stream cannot be packaged: a test")
    );
}
