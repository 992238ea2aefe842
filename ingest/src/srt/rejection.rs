//! Which code tells a caller why it is turned away during the handshake.

use super::stream_id::IdFault;
use crate::refusal::Refusal;

/// Why a handshake is answered with a rejection.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// The publication is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The stream id cannot be read.
    #[error("the stream id is malformed: use #!::r=CHANNEL,m=publish,s=KEY")]
    BadStreamId,
    /// The caller asks to receive.
    #[error("this server takes publications only: add m=publish to the stream id")]
    NoPublication,
    /// Encryption is required here and the caller has none, or the other way around.
    #[error(
        "encryption differs: give the encoder the passphrase of srt.passphrase, or none if there is none"
    )]
    Unsecure,
    /// The passphrases differ.
    #[error("the passphrase is wrong: it must be that of srt.passphrase")]
    BadSecret,
    /// A version of SRT before 1.3, or a handshake that is not of version 5.
    #[error("SRT before 1.3.0 is not supported: update the encoder")]
    OldVersion,
    /// The caller sends files or a stream of bytes.
    #[error("only live mode is supported: set transtype=live")]
    NotLive,
    /// The caller wants forward error correction.
    #[error("packet filters (FEC) are not supported: leave packetfilter out")]
    Filter,
    /// Too many callers.
    #[error("too many connections")]
    Overload,
    /// The handshake contradicts itself.
    #[error("the handshake is malformed")]
    Rogue,
}

impl From<IdFault> for Rejection {
    fn from(fault: IdFault) -> Self {
        match fault {
            IdFault::Malformed => Self::BadStreamId,
            IdFault::NoPublication => Self::NoPublication,
        }
    }
}

impl Rejection {
    /// The reason: below 1000 SRT's own (`SRT_REJECT_REASON`), above the access control codes (`SRT_REJX_…`).
    pub fn code(&self) -> u32 {
        match self {
            Self::Rogue => 4,
            Self::OldVersion => 8,
            Self::BadSecret => 10,
            Self::Unsecure => 11,
            Self::NotLive => 12,
            Self::Filter => 14,
            Self::BadStreamId => 1400,
            Self::NoPublication => 1405,
            Self::Overload => 1402,
            Self::Refused(refusal) => match refusal {
                Refusal::WrongKey => 1401,
                Refusal::TooManyAttempts { .. } => 1403,
                Refusal::UnknownApp { .. } => 1404,
                Refusal::PlayNotSupported => 1405,
                Refusal::ChannelBusy { .. } => 1407,
                Refusal::UnsupportedVideo { .. }
                | Refusal::UnsupportedAudio { .. }
                | Refusal::BadVideoConfig { .. }
                | Refusal::BadAudioConfig { .. }
                | Refusal::GopTooLong { .. }
                | Refusal::OpenGops { .. }
                | Refusal::NotPackageable { .. } => 1415,
                Refusal::ChannelUnavailable { .. } => 1503,
            },
        }
    }
}
