//! A real FFmpeg publishes: what comes out, and what it is told when it may not.

mod common;

use std::time::Duration;

use common::{AAC, H264, KEY, PICTURE, Server, TONE, ffmpeg, take_all, words};
use vitrine_ingest::rtmp::RtmpSettings;
use vitrine_ingest::{EndReason, Refusal};
use vitrine_packager::media::{FrameRate, TrackConfig, TrackKind};

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_with_b_frames_arrives_whole_and_in_order() {
    let mut server = Server::start(RtmpSettings::default()).await;
    let url = server.url("live", &format!("{KEY}?from=test"));
    let arguments = [&PICTURE[..], &TONE, &H264, &AAC, &["-t", "3"]].concat();
    let output = tokio::spawn(async move { ffmpeg(&arguments, &url).await });
    let publication = server.publication().await;
    assert_eq!(
        (publication.channel.as_str(), publication.protocol),
        ("demo", "rtmp")
    );
    assert!(
        publication
            .encoder
            .as_deref()
            .is_some_and(|name| name.starts_with("Lavf")),
        "{:?}",
        publication.encoder
    );
    let taken = take_all(publication).await;
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", words(&output));

    let [TrackConfig::Video(video), TrackConfig::Audio(audio)] = &taken.tracks[..] else {
        panic!("{:?}", taken.tracks)
    };
    assert_eq!(video.declared_frame_rate, FrameRate::new(30, 1));
    // FFmpeg means 1,024 bits by a kilobit, OBS 1,000.
    assert_eq!(video.declared_bitrate_bps, Some(390_625));
    assert_eq!((audio.sample_rate_hz, audio.channels), (48_000, 1));

    let of = |kind| taken.frames.iter().filter(move |frame| frame.track == kind);
    assert_eq!(of(TrackKind::Video).count(), 90);
    assert!((140..=143).contains(&of(TrackKind::Audio).count()));
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let stamps: Vec<i64> = of(kind).map(|frame| frame.dts_ms).collect();
        assert!(stamps.is_sorted(), "{kind:?} {stamps:?}");
        assert!(stamps.last().unwrap() - stamps.first().unwrap() > 2_900);
    }
    assert!(of(TrackKind::Video).next().unwrap().is_idr);
    assert_eq!(of(TrackKind::Video).filter(|frame| frame.is_idr).count(), 2);
    // B-frames: shown in another order than decoded, each of 30 a second once.
    let mut shown: Vec<i64> = of(TrackKind::Video).map(|frame| frame.pts_ms).collect();
    assert!(!shown.is_sorted());
    shown.sort_unstable();
    assert!(
        shown
            .windows(2)
            .all(|pair| (33..=34).contains(&(pair[1] - pair[0]))),
        "{shown:?}"
    );
    assert!(of(TrackKind::Video).all(|frame| frame.pts_ms >= frame.dts_ms));
    assert_eq!(taken.end, Some(EndReason::Unpublished));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_track_is_enough_and_is_not_waited_on() {
    let mut server = Server::start(RtmpSettings::default()).await;
    let table: [(TrackKind, Vec<&str>); 2] = [
        (TrackKind::Video, [&PICTURE[..], &H264, &["-t", "1"]].concat()),
        (TrackKind::Audio, [&TONE[..], &AAC, &["-t", "1"]].concat()),
    ];
    for (kind, arguments) in table {
        let url = server.url("live", KEY);
        let encoder = tokio::spawn(async move { ffmpeg(&arguments, &url).await });
        let publication = server.publication().await;
        assert_eq!(
            publication
                .tracks
                .iter()
                .map(TrackConfig::kind)
                .collect::<Vec<_>>(),
            [kind]
        );
        let taken = take_all(publication).await;
        assert!(encoder.await.unwrap().status.success());
        assert!(taken.frames.len() >= 30 && taken.frames.iter().all(|frame| frame.track == kind));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_reads_why_it_is_refused() {
    let server = Server::start(RtmpSettings::default()).await;
    let source = [&PICTURE[..], &TONE].concat();
    let good = [&source[..], &H264, &AAC, &["-t", "20"]].concat();
    let mp3 = [
        &source[..],
        &H264,
        &["-c:a", "libmp3lame", "-ar", "44100", "-t", "20"],
    ]
    .concat();
    let h263 = [&source[..], &["-c:v", "flv1"], &AAC, &["-t", "20"]].concat();
    let table = [
        ("live", "wrong", &good, "wrong stream key"),
        ("shows", KEY, &good, "set the server to rtmp://HOST/live"),
        ("live", KEY, &mp3, "audio codec MP3 is not supported"),
        ("live", KEY, &h263, "video codec Sorenson H.263 is not supported"),
    ];
    for (app, key, arguments, reason) in table {
        let arguments = [&["-re"], &arguments[..]].concat();
        let output = ffmpeg(&arguments, &server.url(app, key)).await;
        assert!(!output.status.success(), "{reason}");
        assert!(words(&output).contains(reason), "{reason}: {}", words(&output));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_has_one_publisher_and_may_refuse_it_while_it_publishes() {
    let mut server = Server::start(RtmpSettings::default()).await;
    let arguments = [
        &["-re"],
        &PICTURE[..],
        &["-re"],
        &TONE,
        &H264,
        &AAC,
        &["-t", "20"],
    ]
    .concat();
    let url = server.url("live", KEY);
    let first = tokio::spawn({
        let (arguments, url) = (arguments.clone(), url.clone());
        async move { ffmpeg(&arguments, &url).await }
    });
    let mut publication = server.publication().await;

    let second = ffmpeg(&arguments, &url).await;
    assert!(!second.status.success());
    assert!(
        words(&second).contains("channel demo is busy"),
        "{}",
        words(&second)
    );

    assert!(
        publication.arrivals.recv().await.is_some(),
        "the first is not disturbed"
    );
    publication.refuse(Refusal::GopTooLong { limit_s: 4 });
    let first = first.await.unwrap();
    assert!(!first.status.success());
    assert!(
        words(&first).contains("Keyframe Interval to 4 s"),
        "{}",
        words(&first)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_stops_the_encoder_and_not_for_ever() {
    let settings = RtmpSettings {
        stall: Duration::from_millis(500),
        ..RtmpSettings::default()
    };
    let mut server = Server::start(settings).await;
    let url = server.url("live", KEY);
    let arguments = [&PICTURE[..], &TONE, &H264, &AAC, &["-t", "60"]].concat();
    let encoder = tokio::spawn(async move { ffmpeg(&arguments, &url).await });
    let publication = server.publication().await;
    // Nobody takes frames: the queue fills, the socket is not read, then the encoder is dropped.
    let output = encoder.await.unwrap();
    assert!(!output.status.success());
    assert!(publication.arrivals.len() <= 256);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_the_server_ends_publications_and_closes_connections() {
    let mut server = Server::start(RtmpSettings::default()).await;
    let url = server.url("live", KEY);
    let arguments = [
        &["-re"],
        &PICTURE[..],
        &["-re"],
        &TONE,
        &H264,
        &AAC,
        // Far longer than anybody waits for the server's end.
        &["-t", "600"],
    ]
    .concat();
    let encoder = tokio::spawn(async move { ffmpeg(&arguments, &url).await });
    let publication = server.publication().await;
    let taken = tokio::spawn(take_all(publication));
    server.stop().await;
    assert_eq!(taken.await.unwrap().end, Some(EndReason::ShuttingDown));
    assert!(!encoder.await.unwrap().status.success());
}
