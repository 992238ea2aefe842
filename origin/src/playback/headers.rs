//! The cache rules, in one place (SPEC 101-106, 225-236).

use std::sync::LazyLock;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

/// What an answer is, as far as caches care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// A playlist asked for without `_HLS_msn`: half a target duration.
    PlainPlaylist {
        /// TARGETDURATION in seconds.
        target_duration_s: u32,
    },
    /// A playlist that was waited for: six target durations, since every answer to its URL will do.
    BlockingPlaylist {
        /// TARGETDURATION in seconds.
        target_duration_s: u32,
    },
    /// Init sections, parts, segments: their URLs are never used again.
    Immutable,
    /// A 4xx that can turn into a 200 a moment later (SPEC 103).
    EarlyError,
    /// Anything that must be asked for each time.
    Never,
}

impl Caching {
    /// The value of Cache-Control. Lives are whole seconds (SPEC 104).
    pub fn cache_control(self) -> HeaderValue {
        let seconds = match self {
            Self::PlainPlaylist { target_duration_s } => (target_duration_s / 2).max(1),
            Self::BlockingPlaylist { target_duration_s } => target_duration_s * 6,
            Self::Immutable => return HeaderValue::from_static("public, max-age=31536000, immutable"),
            Self::EarlyError => 1,
            Self::Never => return HeaderValue::from_static("no-store"),
        };
        HeaderValue::try_from(format!("public, max-age={seconds}"))
            .unwrap_or(HeaderValue::from_static("no-store"))
    }
}

/// Headers that every playback answer carries, errors included (SPEC 235).
static COMMON: LazyLock<HeaderMap> = LazyLock::new(|| {
    let pairs = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "Age, Content-Encoding, Content-Length, Content-Range, Date, ETag",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
});

/// What a preflight asks (SPEC 235).
static PREFLIGHT: LazyLock<HeaderMap> = LazyLock::new(|| {
    let pairs = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Range, If-None-Match, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
});

/// Adds what every playback answer carries.
pub fn add_common(headers: &mut HeaderMap) {
    headers.extend(COMMON.iter().map(|(name, value)| (name.clone(), value.clone())));
}

/// Adds the answer to a CORS preflight.
pub fn add_preflight(headers: &mut HeaderMap) {
    headers.extend(
        PREFLIGHT
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
}

/// RFC 9218 urgency: playlists before media (SPEC 95).
pub fn priority(playlist: bool) -> (HeaderName, HeaderValue) {
    (
        HeaderName::from_static("priority"),
        HeaderValue::from_static(if playlist { "u=1" } else { "u=3" }),
    )
}

/// How an error answer is cached: 503 never, the rest briefly.
pub fn error_caching(status: StatusCode) -> Caching {
    if status.is_server_error() || status == StatusCode::METHOD_NOT_ALLOWED {
        Caching::Never
    } else {
        Caching::EarlyError
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_answer_has_its_life() {
        let table = [
            (
                Caching::PlainPlaylist { target_duration_s: 1 },
                "public, max-age=1",
            ),
            (
                Caching::PlainPlaylist { target_duration_s: 6 },
                "public, max-age=3",
            ),
            (
                Caching::BlockingPlaylist { target_duration_s: 2 },
                "public, max-age=12",
            ),
            (Caching::Immutable, "public, max-age=31536000, immutable"),
            (Caching::EarlyError, "public, max-age=1"),
            (Caching::Never, "no-store"),
        ];
        for (caching, value) in table {
            assert_eq!(caching.cache_control(), value);
        }
    }
}
