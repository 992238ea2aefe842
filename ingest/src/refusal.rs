//! Why an encoder is turned away, in words for the person in front of it.

/// Why a publication is not accepted, or no longer. The text is sent to the encoder: it names what to change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The URL's application is not the one served here. What was asked for is not repeated: it may hold a key.
    #[error(
        "no such application: set the server to rtmp://HOST/{app} and put the stream key in its own field"
    )]
    UnknownApp {
        /// The application that is served.
        app: String,
    },
    /// No channel has this stream key.
    #[error("wrong stream key: copy it again from the channel's page")]
    WrongKey,
    /// From this address came so many wrong keys that none is looked at now.
    #[error("too many wrong stream keys: wait {seconds} s, then copy the key again from the channel's page")]
    TooManyAttempts {
        /// After the last wrong one that counted.
        seconds: u64,
    },
    /// Another encoder publishes on the channel.
    #[error("channel {channel} is busy: another encoder is publishing on it; stop that one first")]
    ChannelBusy {
        /// The channel's name.
        channel: String,
    },
    /// The channel takes no publication now.
    #[error("channel {channel} takes no publication now: try again in a moment")]
    ChannelUnavailable {
        /// The channel's name.
        channel: String,
    },
    /// A video codec other than H.264, H.265 and AV1.
    #[error(
        "video codec {codec} is not supported: set OBS → Settings → Output → Video Encoder to an H.264 encoder (x264)"
    )]
    UnsupportedVideo {
        /// The codec as people call it.
        codec: String,
    },
    /// An audio codec other than AAC-LC.
    #[error(
        "audio codec {codec} is not supported: set OBS → Settings → Output → Audio Encoder to AAC (AAC-LC)"
    )]
    UnsupportedAudio {
        /// The codec as people call it.
        codec: String,
    },
    /// The video parameters cannot be used.
    #[error("the video configuration (avcC, hvcC, av1C) is not usable: {reason}")]
    BadVideoConfig {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The AAC parameters cannot be used.
    #[error("the AAC configuration (AudioSpecificConfig) is not usable: {reason}")]
    BadAudioConfig {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// Keyframes are too rare to cut segments at.
    #[error(
        "keyframes are more than {limit_s} s apart: set OBS → Settings → Output → Keyframe Interval to {limit_s} s"
    )]
    GopTooLong {
        /// The longest interval allowed, in seconds.
        limit_s: u32,
    },
    /// Keyframes are there, but segments cannot be cut at them.
    #[error(
        "the encoder makes open GOPs, whose keyframes (CRA) no segment can begin with: switch them off (x265: open-gop=0), with \
         an IDR each {limit_s} s"
    )]
    OpenGops {
        /// The longest interval allowed, in seconds.
        limit_s: u32,
    },
    /// The packager cannot use the stream, for a reason of its own.
    #[error("the stream cannot be packaged: {reason}")]
    NotPackageable {
        /// What the packager found.
        reason: String,
    },
    /// The client asked to play.
    #[error("this server takes publications only: watch at the channel's page")]
    PlayNotSupported,
}
