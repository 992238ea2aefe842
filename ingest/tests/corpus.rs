//! The fuzz corpus, run in each test: what a fuzzer once found stays found.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::play;
use common::wire::handshake;

#[tokio::test(start_paused = true)]
async fn the_corpus_does_no_harm() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/session");
    let (mut files, mut published) = (0, 0);
    for entry in std::fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        let bytes = [handshake(), std::fs::read(&path).unwrap()].concat();
        for leave in [true, false] {
            let played = play(&bytes, leave).await;
            published += u32::from(played.publication.is_some());
            assert!(played.end.peak_held_bytes < 1024 * 1024, "{}", path.display());
        }
        files += 1;
    }
    // The seeds reach the media, or they would be worth nothing.
    assert!(
        files >= 9 && published >= 12,
        "{files} files, {published} published"
    );
}
