//! Why a frame cannot be cut into parts and segments.

/// Why the lead's next frame is not taken.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CutError {
    /// Keyframes are too far apart to be cut into segments.
    #[error(transparent)]
    Gop(#[from] GopTooLong),
    /// A part grows without getting longer: the encoder's timestamps stand still.
    #[error(
        "over {} MiB of video within {part_ms} ms of its timestamps: lower the bitrate, and restart the encoder if its clock stands still",
        limit_bytes >> 20
    )]
    PartTooLarge {
        /// The longest part, in milliseconds.
        part_ms: i64,
        /// The most that a part may hold.
        limit_bytes: usize,
    },
}

/// Keyframes are too far apart to be cut into segments.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "keyframes are more than {limit_s} s apart: set the encoder's keyframe interval to {limit_s} s (OBS: Settings, Output, Keyframe Interval)"
)]
pub struct GopTooLong {
    /// TARGETDURATION in seconds.
    pub limit_s: u32,
}
