//! What a ladder leaves behind: nothing. A program of its own, as it counts the threads and the memory of the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test file outside of #[test] functions
#![allow(dead_code)] // the other ladder tests use the rest

#[path = "ladder/run.rs"]
mod run;
#[path = "ladder/source.rs"]
mod source;

use std::time::{Duration, Instant};

use vitrine_ingest::ladder::{IdrGrid, Ladder};

use run::{PATIENCE, passed, plan, rung};
use source::{Encoded, encode, words};

/// Names of the ladder's threads that run now.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    let is_ours = |name: &String| name.starts_with("ladder-") || name.starts_with("rung-");
    tasks.filter_map(name).filter(is_ours).collect()
}

fn wait_until_no_thread_is_left(why: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !threads().is_empty() {
        assert!(Instant::now() < deadline, "{why}: {:?} are left", threads());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Memory of this process that is not shared or on disk, in KiB.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn source() -> Encoded {
    encode(
        &words(
            "-f lavfi -i testsrc2=s=640x360:r=30 -f lavfi -i aevalsrc=0.5*sin(2000*PI*t):s=32000 -t 2 \
             -c:v libx264 -preset ultrafast -g 30 -pix_fmt yuv420p -c:a aac",
        ),
        "mp4",
    )
}

#[test]
fn nothing_is_left_of_ladders_that_were_dropped_or_finished() {
    let source = source();
    let plan = plan(&source, vec![passed(), rung(240), rung(180)], vec![64]);
    let start = || Ladder::start(&plan, &source.tracks, IdrGrid::Source).unwrap();

    let (mut ladder, outputs) = start();
    // Threads name themselves, when they first run.
    let deadline = Instant::now() + PATIENCE;
    while threads().len() != 4 {
        assert!(
            Instant::now() < deadline,
            "decoder, two rungs, audio: {:?}",
            threads()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    source.frames.iter().for_each(|frame| {
        ladder.push(frame);
    });
    // Its outputs are not read: the encoders wait with a full queue.
    drop(ladder);
    wait_until_no_thread_is_left("dropped, outputs kept");
    drop(outputs);

    let (mut ladder, outputs) = start();
    source.frames.iter().for_each(|frame| {
        ladder.push(frame);
    });
    drop(outputs);
    wait_for_threads_that_end_by_themselves(&mut ladder, &source);
    drop(ladder);
    wait_until_no_thread_is_left("outputs dropped first");

    let mut after_warm_up = 0;
    for cycle in 0..50 {
        match cycle % 2 {
            0 => drop_in_the_midst(start(), &source),
            _ => drop(run::run(&plan, &source, IdrGrid::Source)),
        }
        wait_until_no_thread_is_left("a cycle");
        if cycle == 19 {
            after_warm_up = memory_kib();
        }
    }
    let grown = memory_kib().saturating_sub(after_warm_up);
    println!("memory: {after_warm_up} KiB after 20 ladders, {grown} KiB more after 30 others");
    // One encoder of these has over 5,000 KiB, one picture 340.
    assert!(grown < 6_000, "{grown} KiB");
}

fn drop_in_the_midst(
    (mut ladder, mut outputs): (
        Ladder,
        tokio::sync::mpsc::Receiver<vitrine_ingest::ladder::LadderOutput>,
    ),
    source: &Encoded,
) {
    for frame in &source.frames {
        ladder.push(frame);
    }
    let deadline = Instant::now() + PATIENCE;
    let mut seen = 0;
    while seen < 20 {
        seen += usize::from(outputs.try_recv().is_ok());
        assert!(Instant::now() < deadline);
    }
}

/// Without a reader, encoders end when they find that out; the decoder goes on with an empty queue.
fn wait_for_threads_that_end_by_themselves(ladder: &mut Ladder, source: &Encoded) {
    for frame in &source.frames {
        ladder.push(frame);
    }
}
