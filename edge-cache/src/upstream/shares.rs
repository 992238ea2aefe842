//! Which of several equal origins has an object: rendezvous hashing. Each claims every object with a number of its own, and
//! the largest claim counts: all edges agree without a word, and when one goes, only its own objects move.

use sha1::{Digest, Sha1};

/// The claim of the origin at `url` to the object of that name: the same in every edge, of whatever version.
pub fn claim(url: &str, name: &str) -> u64 {
    let digest = Sha1::new()
        .chain_update(url)
        .chain_update([0])
        .chain_update(name)
        .finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |claim, byte| claim << 8 | u64::from(*byte))
}
