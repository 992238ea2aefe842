//! What a part costs once, however many viewers wait for it: its chunk, and the playlist that lists it. Beside each figure
//! stands the limit of the same run: what the same bytes cost when they are only copied, or only compressed.

#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use flate2::Compression;
use flate2::write::GzEncoder;
use vitrine_packager::cmaf::chunk::{Chunk, PlacedSample};
use vitrine_packager::media::{MediaTime, Timescale, WallTime};
use vitrine_packager::request::{Directives, Position, Skip};
use vitrine_packager::snapshot::{RenditionSnapshot, Resolution};
use vitrine_packager::timeline::{Timeline, TimelineSettings};

const FRAME: i64 = 3000;

fn ticks(ticks: i64) -> MediaTime {
    MediaTime::new(ticks, Timescale::VIDEO)
}

/// Two minutes of segments of two seconds, six parts each, and three parts of the next.
fn two_minutes() -> Timeline {
    let mut timeline = Timeline::new(TimelineSettings {
        target_duration_s: 2,
        part_target: ticks(10 * FRAME),
        window_s: 120,
        anchor: WallTime(1_795_530_987_654),
    });
    timeline.set_init(Bytes::from_static(b"init"));
    for segment in 0..70 {
        timeline.begin_segment(ticks(segment * 60 * FRAME), false);
        let parts = if segment == 69 { 3 } else { 6 };
        (0..parts)
            .for_each(|part| timeline.add_part(ticks(10 * FRAME), part == 0, Bytes::from_static(b"chunk")));
    }
    timeline
}

fn text(snapshot: &RenditionSnapshot, skip: Option<Skip>) -> Bytes {
    match snapshot.resolve(&Directives {
        skip,
        ..Directives::default()
    }) {
        Resolution::Ready(playlist) => playlist.plain,
        _ => Bytes::new(),
    }
}

/// The playlists' own compression, alone.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 6), Compression::new(4));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A third of a second at 2.5 Mbit/s: an IDR and nine frames.
fn samples() -> Vec<PlacedSample> {
    let sample = |n: usize| PlacedSample {
        duration_ticks: 3000,
        composition_ticks: 0,
        is_idr: n == 0,
        received: None,
        data: vec![n as u8; if n == 0 { 40_000 } else { 7_000 }].into(),
    };
    (0..10).map(sample).collect()
}

fn encode(samples: &[PlacedSample]) -> Bytes {
    let chunk = Chunk {
        sequence_number: 1,
        opens_segment: true,
        decode_time: ticks(0),
        wall_time: WallTime(1_795_530_987_654),
        messages: &[],
        samples,
    };
    chunk.encode().unwrap()
}

/// The least time of a call, over enough calls for half a second.
fn least<T>(mut call: impl FnMut() -> T) -> Duration {
    let end = Instant::now() + Duration::from_millis(500);
    let mut least = Duration::MAX;
    while Instant::now() < end {
        let start = Instant::now();
        black_box(call());
        least = least.min(start.elapsed());
    }
    least
}

fn ratio(name: &str, ours: Duration, limit_name: &str, limit: Duration) {
    let times = ours.as_secs_f64() / limit.as_secs_f64();
    println!("{name}: {ours:?}, {times:.2} times {limit_name} ({limit:?})");
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();

    let mut timeline = two_minutes();
    let reports = [(
        "audio-128k".to_owned(),
        Position {
            msn: 69,
            part: Some(2),
        },
    )];
    let snapshot = timeline.snapshot(&reports);
    let (full, delta) = (text(&snapshot, None), text(&snapshot, Some(Skip::Segments)));
    let samples = samples();
    let media: Vec<&[u8]> = samples.iter().map(|sample| &sample.data[..]).collect();

    let mut group = criterion.benchmark_group("playlists of two minutes, full and delta, plain and gzip");
    group.throughput(Throughput::Bytes((full.len() + delta.len()) as u64));
    group.bench_function("snapshot", |bencher| bencher.iter(|| timeline.snapshot(&reports)));
    group.bench_function("their compression alone", |bencher| {
        bencher.iter(|| (gzip(&full), gzip(&delta)))
    });
    group.finish();

    let mut group = criterion.benchmark_group("a part of 103 kB");
    group.throughput(Throughput::Bytes(
        media.iter().map(|data| data.len() as u64).sum(),
    ));
    group.bench_function("chunk", |bencher| bencher.iter(|| encode(&samples)));
    group.bench_function("a copy of its media", |bencher| bencher.iter(|| media.concat()));
    group.finish();

    println!("\nplaylists: {} and {} bytes plain", full.len(), delta.len());
    let compressed = least(|| (gzip(&full), gzip(&delta)));
    ratio(
        "a snapshot",
        least(|| timeline.snapshot(&reports)),
        "the compression of its playlists",
        compressed,
    );
    ratio(
        "a chunk",
        least(|| encode(&samples)),
        "a copy of its media",
        least(|| media.concat()),
    );
    criterion.final_summary();
}
