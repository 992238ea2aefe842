//! Names that are never used twice.

use std::hash::{BuildHasher, Hasher, RandomState};

use vitrine_packager::media::WallTime;

use vitrine_ingest::wall_clock;

/// The id of a command or an event: milliseconds since the epoch and 48 random bits, so that origins that never met give
/// different ones.
pub(crate) fn unique_id() -> String {
    base36(u128::from(wall_clock().0.unsigned_abs()) << 48 | u128::from(random() & 0xFFFF_FFFF_FFFF))
}

/// Milliseconds since the epoch and 20 random bits, in base 36: short, and never used twice by one channel, though clocks are
/// set back and origins have clocks of their own (SPEC 106).
pub(super) fn session_id(now: WallTime) -> String {
    base36(u128::from(now.0.unsigned_abs()) << 20 | u128::from(random() & 0xF_FFFF))
}

/// The standard library's hashers are keyed at random.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn base36(mut rest: u128) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::new();
    while rest > 0 {
        digits.push(char::from(
            DIGITS.get((rest % 36) as usize).copied().unwrap_or(b'0'),
        ));
        rest /= 36;
    }
    digits.iter().rev().collect()
}
