//! Why a session does not take a frame, or an encoder that came back.

use crate::cmaf::BoxError;
use crate::codec::CodecError;
use crate::segmenter::CutError;

/// Why a frame cannot be packaged.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// It fits no part.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// A box could not be written.
    #[error(transparent)]
    Box(#[from] BoxError),
}

/// Why a returning encoder cannot go on with the session; it needs a new one.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The parameter sets are unusable.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Video or audio came or went.
    #[error("the encoder came back with other tracks: a new session starts")]
    OtherTracks,
    /// Its frames do not fill the session's parts.
    #[error(
        "the encoder came back with a frame rate that does not fill the session's parts: a new session starts"
    )]
    OtherRate,
    /// An init section could not be written.
    #[error(transparent)]
    Box(#[from] BoxError),
}
