//! Laws that hold for every show, whatever its encoder sends, loses and does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy.toml's leave for tests does not reach a test file's functions"
)]

#[path = "../common/mod.rs"]
mod common;

mod blocking;
mod history;
mod iframes;
mod ladder;
mod lawful;
mod media;
mod renditions;
mod rungs;
mod script;
mod sync;

use proptest::test_runner::{Config, RngSeed};

/// Shows for each law, unless PROPTEST_CASES asks for more. A show is half a minute of media, and its law looks at every
/// playlist of it.
fn shows() -> Config {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    Config {
        cases: asked.unwrap_or(24),
        // The same shows each time; whoever asks for a number of cases looks for new ones.
        rng_seed: asked.map_or(RngSeed::Fixed(0x5EED), |_| RngSeed::Random),
        ..Config::default()
    }
}
