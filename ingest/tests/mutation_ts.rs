//! 100,000 mutated copies of a valid transport stream: no panic, no hang, and no more memory than a bound. Deterministic but for
//! the stream itself, which FFmpeg makes.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;
use std::sync::atomic::Ordering;

use common::mutants::{Counting, Dice, LIVE, PEAK};
use vitrine_ingest::ts::{Demux, Element, VideoTag};

const MUTANTS: u32 = 100_000;

const PACKET: usize = 188;

/// What a stream of some kilobytes may make the process allocate: its elements, and each buffer grown to twice what is in it.
const MAX_GROWTH: isize = 256 * 1024;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Twelve small pictures with B-frames, and sound.
fn stream() -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
        .args(["-f", "lavfi", "-i", "testsrc2=size=32x32:rate=25"])
        .args(["-f", "lavfi", "-i", "sine=sample_rate=48000"])
        .args([
            "-c:v",
            "libx264",
            "-g",
            "6",
            "-bf",
            "2",
            "-x264-params",
            "sei=0:threads=1",
        ])
        .args(["-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "32k", "-t", "0.48"])
        .args(["-flags", "+bitexact", "-f", "mpegts", "pipe:1"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// One to eight changes. Every second one is in the head of a packet, which is small beside its payload.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.roll(8) {
        if bytes.len() < 2 * PACKET {
            return;
        }
        let packet = dice.roll(bytes.len() / PACKET) * PACKET;
        let reach = if dice.roll(2) == 0 { 24 } else { PACKET };
        let at = packet + dice.roll(reach);
        let some = (1 + dice.roll(16)).min(bytes.len() - at);
        match dice.roll(10) {
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at] = [0, 1, 0x7F, 0x80, 0x47, 0xFF][dice.roll(6)],
            2 => bytes[at] = dice.roll(256) as u8,
            3 => bytes[at..at + some].fill(0xFF),
            4 => drop(bytes.drain(at..at + some)),
            5 => {
                let copy = bytes[at..at + some].to_vec();
                bytes.splice(at..at, copy);
            }
            6 => drop(bytes.drain(packet..packet + PACKET)),
            7 => {
                let copy = bytes[packet..packet + PACKET].to_vec();
                let to = dice.roll(bytes.len() / PACKET) * PACKET;
                bytes.splice(to..to, copy);
            }
            8 => bytes.swap(packet + dice.roll(PACKET), at),
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
}

/// Pictures and sounds that come of a stream; none after a refusal.
fn demux(bytes: &[u8], piece: usize) -> (usize, usize) {
    let mut demux = Demux::default();
    let (mut pictures, mut sounds) = (0, 0);
    let mut taken = Ok(());
    for piece in bytes.chunks(piece) {
        taken = taken.and_then(|()| demux.push(piece));
        while let Some(element) = demux.next_element() {
            match element {
                Element::Video {
                    tag: VideoTag::Frame { data, .. },
                    ..
                } => {
                    assert!(!data.is_empty());
                    pictures += 1;
                }
                Element::Audio { .. } => sounds += 1,
                _ => {}
            }
        }
    }
    if taken.and_then(|()| demux.finish()).is_ok() {
        pictures += std::iter::from_fn(|| demux.next_element()).count();
    }
    (pictures, sounds)
}

#[test]
fn mutants_do_no_harm() {
    let valid = stream();
    let (pictures, sounds) = demux(&valid, 1316);
    assert_eq!(pictures, 12);
    assert!(sounds > 20, "{sounds}");
    let mut dice = Dice(0x5EED_0F75_0000_0001);
    let (mut all, mut worst) = (0, 0);
    for mutant in 0..MUTANTS {
        let mut bytes = valid.clone();
        mutate(&mut bytes, &mut dice);
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let (pictures, _) = demux(&bytes, [1316, 188, 100][dice.roll(3)]);
        let growth = PEAK.load(Ordering::Relaxed) - before;
        assert!(
            growth < MAX_GROWTH,
            "mutant {mutant} made the process grow by {growth} bytes"
        );
        worst = worst.max(growth);
        all += pictures;
    }
    println!(
        "{all} pictures of {MUTANTS} mutants of {} bytes; at most {worst} bytes held",
        valid.len()
    );
    // A damaged packet costs little: most pictures come out.
    assert!(all > 12 * MUTANTS as usize / 2, "{all}");
}
