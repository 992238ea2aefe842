//! 100,000 mutated copies of a valid publication: no panic, no hang, and no more memory than a bound. Deterministic.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::Ordering;

use common::mutants::{Counting, Dice, LIVE, PEAK};
use common::wire::{Script, handshake};
use common::{KEY, reception};
use tokio::io::{AsyncWriteExt, duplex};
use tokio::sync::watch;
use tokio::time::{Duration, Instant};
use vitrine_ingest::rtmp::{RtmpSettings, serve_connection};
use vitrine_ingest::{Arrival, Publication};
use vitrine_packager::media::TrackKind;

const MUTANTS: u64 = 100_000;

/// What one peer may make the process allocate, with all that these tests send (under 32 KB) counted in. The
/// largest parts are the read buffer and 64 KB for each of at most 64 chunk streams.
const MAX_GROWTH: isize = 5 * 1024 * 1024;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One to eight changes, nearly always behind the handshake.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let first = if dice.roll(50) == 0 { 0 } else { handshake().len() };
    for _ in 0..=dice.roll(8) {
        if bytes.len() <= first + 1 {
            return;
        }
        // Every second change is among the commands, metadata and headers, which are small beside the frames.
        let reach = bytes.len() - first;
        let reach = if dice.roll(2) == 0 { reach.min(900) } else { reach };
        let at = first + dice.roll(reach);
        let some = (1 + dice.roll(16)).min(bytes.len() - at);
        match dice.roll(8) {
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at] = [0, 1, 0x7F, 0x80, 0xC3, 0xFF][dice.roll(6)],
            2 => bytes[at] = dice.roll(256) as u8,
            3 => bytes[at..at + some].fill(0xFF),
            4 => drop(bytes.drain(at..at + some)),
            5 => {
                let copy = bytes[at..at + some].to_vec();
                bytes.splice(at..at, copy);
            }
            6 => bytes
                .splice(at..at, (0..some).map(|i| (i * 37) as u8))
                .for_each(drop),
            _ if dice.roll(4) == 0 => bytes.truncate(at),
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
}

/// Frames of a publication; panics if a track's clock falls, but where it begins anew.
fn frames(mut publication: Publication) -> usize {
    let mut last = [i64::MIN; 2];
    let mut count = 0;
    while let Ok(arrival) = publication.arrivals.try_recv() {
        match arrival {
            Arrival::Frame(frame) => {
                let track = usize::from(frame.track == TrackKind::Audio);
                assert!(frame.dts_ms >= last[track]);
                last[track] = frame.dts_ms;
                count += 1;
            }
            // The encoder's clock may have been set: its time begins anew.
            Arrival::Reconfigured(_) => last = [i64::MIN; 2],
            Arrival::Ended(_) => {}
        }
    }
    count
}

#[tokio::test(start_paused = true)]
async fn mutants_do_no_harm() {
    let valid = Script::new()
        .publish("live", KEY)
        .metadata()
        .headers()
        .frames(12)
        .bytes;
    let (reception, mut publications) = reception();
    let settings = RtmpSettings::default();
    let (_stop, stopped) = watch::channel(false);
    let peer = "127.0.0.1:9".parse().unwrap();
    let mut dice = Dice(0x5EED_0F17_0000_0001);
    let (mut published, mut taken, mut worst) = (0, 0, 0);
    for mutant in 0..=MUTANTS {
        let mut bytes = valid.clone();
        // The first is the original: it must get through.
        if mutant > 0 {
            mutate(&mut bytes, &mut dice);
        }
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let (mut client, server) = duplex(256 * 1024);
        client.write_all(&bytes).await.unwrap();
        // Half of them leave, half wait to be thrown out.
        if mutant % 2 == 0 {
            client.shutdown().await.unwrap();
        }
        let started = Instant::now();
        serve_connection(server, peer, &reception, &settings, stopped.clone()).await;
        drop(client);
        assert!(
            started.elapsed() < Duration::from_secs(25),
            "mutant {mutant} took {:?}",
            started.elapsed()
        );
        let growth = PEAK.load(Ordering::Relaxed) - before;
        assert!(
            growth < MAX_GROWTH,
            "mutant {mutant} made the process grow by {growth} bytes"
        );
        worst = worst.max(growth);
        while let Ok(publication) = publications.try_recv() {
            published += 1;
            taken += frames(publication);
        }
        assert!(
            mutant > 0 || (published == 1 && taken == 24),
            "the original is served"
        );
    }
    println!(
        "{published} of {MUTANTS} mutants were published, with {taken} frames; at most {worst} bytes held"
    );
    // Many mutants are still good enough to be published: the changes reach what lies behind the commands.
    assert!(published > MUTANTS / 4, "{published}");
}
