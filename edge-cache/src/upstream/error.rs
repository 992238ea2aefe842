//! Why there is no answer from an origin.

use std::io;

use http::StatusCode;

/// Why there is no answer from an origin. Viewers get [`detail`](Self::detail), the log the whole.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection.
    #[error("{origin}: {source}: is the origin running, and is [[origin]] url right?")]
    Connect {
        /// The origin's URL.
        origin: String,
        /// What the system said.
        source: io::Error,
    },
    /// No connection in time.
    #[error("{origin}: no connection in time: is the origin overloaded, or a firewall in between?")]
    ConnectTooLate {
        /// The origin's URL.
        origin: String,
    },
    /// Somebody else's attempt to connect, that this request waited for, failed.
    #[error("{origin}: cannot be reached: see the message before this one")]
    Unreachable {
        /// The origin's URL.
        origin: String,
    },
    /// TLS is spoken, but not HTTP/2.
    #[error("{origin}: no HTTP/2 by TLS: allow h2 there, or leave out the proxy in between")]
    NotHttp2 {
        /// The origin's URL.
        origin: String,
    },
    /// The connection broke, or what came was not HTTP/2.
    #[error("{origin}: {source}: does it speak HTTP/2 without TLS (h2c)? vitrine does")]
    Broken {
        /// The origin's URL.
        origin: String,
        /// What happened.
        source: hyper::Error,
    },
    /// Nobody answered in time.
    #[error(
        "no answer in time: raise upstream.answer_timeout_seconds over three target durations, or see the origin"
    )]
    TooLate,
    /// No origin is configured for the channel.
    #[error("no [[origin]] has this channel: add it to its channels")]
    NobodyHasIt,
}

impl UpstreamError {
    /// The status for viewers.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLate => StatusCode::GATEWAY_TIMEOUT,
            Self::NobodyHasIt => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// The explanation for viewers; it names no address.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::TooLate => "the origin did not answer in time",
            Self::NobodyHasIt => "no such channel",
            Self::Connect { .. } | Self::ConnectTooLate { .. } | Self::Unreachable { .. } => {
                "the origin cannot be reached"
            }
            Self::NotHttp2 { .. } | Self::Broken { .. } => "the origin's connection broke",
        }
    }
}
