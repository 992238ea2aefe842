//! Which status code says what, so that the person at the encoder gets to read it.
//!
//! What encoders do with an `onStatus` (read in OBS's librtmp and FFmpeg 5.1, and seen with OBS 29):
//!
//! | when | OBS | FFmpeg |
//! | --- | --- | --- |
//! | answer to `connect` | `_error` is only logged for debugging, and OBS waits; an `onStatus` with `NetConnection.Connect.InvalidApp` ends it: so both are sent | prints `Server error: DESCRIPTION` of the `_error` and exits |
//! | answer to `publish` | the codes below end it with "Could not access the specified channel or stream key"; code and description stand in its log (Help → Log Files) | prints `Server error: DESCRIPTION` when the level is `error` and exits |
//! | while publishing | OBS does not read what the server says; it sees the closed connection and connects again after 2 s: that attempt is answered with the reason (see [`Admission::refused`]) | the same as for `publish` |
//!
//! OBS ends at once on `NetStream.Failed`, `NetStream.Publish.Rejected`, `NetStream.Publish.Denied` and
//! `NetStream.Publish.BadName`; on any other code it would wait for the connection to close. So only these are used.
//!
//! [`Admission::refused`]: crate::Admission::refused

use crate::publication::EndReason;
use crate::refusal::Refusal;

/// The unknown application's code, sent in the `_error` and in an `onStatus`.
pub const INVALID_APP: &str = "NetConnection.Connect.InvalidApp";

/// The code of a refusal.
pub fn refusal_code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownApp { .. } => INVALID_APP,
        Refusal::WrongKey | Refusal::TooManyAttempts { .. } => "NetStream.Publish.Denied",
        Refusal::ChannelBusy { .. } => "NetStream.Publish.BadName",
        Refusal::PlayNotSupported => "NetStream.Failed",
        Refusal::ChannelUnavailable { .. }
        | Refusal::UnsupportedVideo { .. }
        | Refusal::UnsupportedAudio { .. }
        | Refusal::BadVideoConfig { .. }
        | Refusal::BadAudioConfig { .. }
        | Refusal::GopTooLong { .. }
        | Refusal::OpenGops { .. }
        | Refusal::NotPackageable { .. } => "NetStream.Publish.Rejected",
    }
}

/// Level and code for the end of a publication.
pub fn end_status(reason: &EndReason) -> (&'static str, &'static str) {
    match reason {
        EndReason::Unpublished => ("status", "NetStream.Unpublish.Success"),
        EndReason::ShuttingDown => ("status", "NetConnection.Connect.Closed"),
        EndReason::Silent { .. } => ("error", "NetStream.Publish.Idle"),
        EndReason::Replaced => ("error", "NetStream.Publish.BadName"),
        EndReason::KeyRevoked => ("error", "NetStream.Publish.Denied"),
        EndReason::ConnectionLost | EndReason::ProtocolError(_) => ("error", "NetStream.Failed"),
    }
}
