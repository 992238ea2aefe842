//! Timed metadata messages and the span of media that asks for them.

use bytes::Bytes;

use crate::media::MediaTime;

/// One `emsg` version 1 box to be (ISO/IEC 23009-1 5.10.3.3), its payload opaque to the packager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMessage {
    /// Equal in every rendition and repeat of the same message, never used for another one in the session.
    pub id: u32,
    /// When the message takes effect; inside the part that carries it.
    pub presentation_time: MediaTime,
    /// Names the payload's form, such as `https://aomedia.org/emsg/ID3`.
    pub scheme_id_uri: &'static str,
    /// The identifier space within the scheme.
    pub value: &'static str,
    /// The message itself.
    pub payload: Bytes,
}

/// The media that a part covers, `[start, end)`, as it is about to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartSpan {
    /// Presentation time at which the part begins.
    pub start: MediaTime,
    /// The next part's beginning.
    pub end: MediaTime,
    /// Whether the part is its segment's first.
    pub opens_segment: bool,
}
