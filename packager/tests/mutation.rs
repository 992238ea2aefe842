//! What comes from outside, mutated 100,000 times, and the fuzz corpora: refused or taken, and no panic. Deterministic.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml's leave for tests does not reach a test file's functions"
)]

mod common;

use std::path::Path;

use bytes::Bytes;
use vitrine_packager::cmaf::init;
use vitrine_packager::codec::{AudioFacts, VideoFacts};
use vitrine_packager::media::{AudioConfig, Timescale, VideoCodec, VideoConfig};
use vitrine_packager::request::{Directives, MediaName};

const MUTANTS: u32 = 100_000;

/// xorshift64*: the same mutants in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below.max(1)
    }
}

/// One to four changes.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.roll(4) {
        if bytes.is_empty() {
            return;
        }
        let at = dice.roll(bytes.len());
        let some = (1 + dice.roll(4)).min(bytes.len() - at);
        match dice.roll(8) {
            0 | 1 => bytes[at] ^= 1 << dice.roll(8),
            2 => bytes[at] = [0, 1, b'0', 0x7F, 0x80, 0xFF][dice.roll(6)],
            3 => bytes[at] = dice.roll(256) as u8,
            4 => bytes[at..at + some].fill(0xFF),
            5 => drop(bytes.drain(at..at + some)),
            6 => {
                let copy = bytes[at..at + some].to_vec();
                bytes.splice(at..at, copy).for_each(drop);
            }
            _ => bytes.truncate(at),
        }
    }
}

/// A corpus of the fuzz targets.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 8, "{name}: {}", paths.len());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Runs `check` on the corpus and on its mutants; it says whether the input was taken. How many of each were.
fn run(name: &str, check: impl Fn(&[u8]) -> bool) -> (usize, usize) {
    let seeds = corpus(name);
    let mut dice = Dice(0x5EED_0F17_0000_0001);
    let taken = seeds.iter().filter(|seed| check(seed)).count();
    let mutants = (0..MUTANTS).filter(|_| {
        let mut bytes = seeds[dice.roll(seeds.len())].clone();
        // The first byte says what the rest is.
        let mut rest = bytes.split_off(1.min(bytes.len()));
        mutate(&mut rest, &mut dice);
        bytes.append(&mut rest);
        check(&bytes)
    });
    (taken, mutants.count())
}

#[test]
fn a_mutated_configuration_is_refused_or_makes_an_init_section() {
    let (taken, mutants) = run("codec", |input| match input {
        [codec @ (b'v' | b'h' | b'1'), record @ ..] => {
            let config = VideoConfig {
                codec: match codec {
                    b'v' => VideoCodec::Avc,
                    b'h' => VideoCodec::Hevc,
                    _ => VideoCodec::Av1,
                },
                ..common::video_config(Bytes::copy_from_slice(record))
            };
            let facts = VideoFacts::read(&config);
            // What the facts are read from is written too, or refused by the writer.
            facts.is_ok_and(|facts| init::video(&config, &facts, Timescale::VIDEO).is_ok())
        }
        [b'a', high, middle, low, channels, asc @ ..] => {
            let config = AudioConfig {
                asc: Bytes::copy_from_slice(asc),
                sample_rate_hz: u32::from_be_bytes([0, *high, *middle, *low]),
                channels: *channels,
                declared_bitrate_bps: None,
            };
            let timescale = Timescale::new(config.sample_rate_hz).unwrap_or(Timescale::VIDEO);
            AudioFacts::read(&config).is_ok_and(|facts| init::audio(&config, &facts, timescale).is_ok())
        }
        _ => false,
    });
    println!("{mutants} of {MUTANTS} mutants were taken");
    assert_eq!(
        taken,
        corpus("codec").len() - 2,
        "all but HE-AAC and an empty SPS"
    );
    assert!(
        mutants > 1000,
        "mutants reach what lies behind the checks: {mutants}"
    );
}

#[test]
fn a_mutated_request_is_refused_or_has_one_spelling() {
    let (taken, mutants) = run("request", |input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return false;
        };
        let directives = Directives::parse(text);
        if let Ok(directives) = directives {
            assert_eq!(
                Directives::parse(&directives.to_string()),
                Ok(directives),
                "{text:?}"
            );
        }
        let name = MediaName::parse(text);
        assert!(name.is_none_or(|name| name.to_string() == text), "{text:?}");
        name.is_some() || directives.is_ok_and(|directives| directives != Directives::default())
    });
    println!("{mutants} of {MUTANTS} mutants were taken");
    assert_eq!(taken, 5);
    assert!(
        mutants > 1000,
        "mutants reach what lies behind the checks: {mutants}"
    );
}
