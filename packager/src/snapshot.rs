//! What readers see of a rendition: an immutable snapshot, made after each part.

use std::sync::Arc;

use bytes::Bytes;

use crate::request::{Directives, MediaName};

/// A playlist, rendered once and shared by every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedPlaylist {
    /// UTF-8 text.
    pub plain: Bytes,
    /// The same, gzipped.
    pub gzip: Bytes,
}

/// The bytes of a media resource: the same chunks that were published, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaBody {
    /// One for an init section or a part; one for each part of a segment.
    pub chunks: Arc<[Bytes]>,
    /// Sum of the chunks' lengths in bytes.
    pub len: u64,
}

/// What a snapshot says of a media name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// Here it is.
    Found(MediaBody),
    /// The part that the playlist hints at: hold the request until the next snapshot (8216bis 6.2.6).
    Hinted,
    /// Listed as a gap, gone, or never heard of: 404.
    Unknown,
}

/// What a snapshot says of a playlist request (8216bis 6.2.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Answer with this.
    Ready(RenderedPlaylist),
    /// Not listed yet: ask the next snapshot.
    Wait,
    /// Further ahead than a client may ask: 400.
    TooFarAhead,
}

/// What readers may ask of a rendition. Implemented by the timeline's snapshots.
#[derive(Debug, Clone)]
pub struct RenditionSnapshot {
    pub(crate) _private: (),
}

impl RenditionSnapshot {
    /// The answer to a playlist request at this instant.
    pub fn resolve(&self, _directives: &Directives) -> Resolution {
        Resolution::Wait
    }

    /// The bytes behind a media name at this instant.
    pub fn lookup(&self, _name: MediaName) -> Lookup {
        Lookup::Unknown
    }

    /// Whether the playlist ends with EXT-X-ENDLIST.
    pub fn ended(&self) -> bool {
        false
    }
}
