//! An answer of the origin's, as it is kept and shared.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, response};

use crate::freshness::{Freshness, Policy};

/// What an object costs beside its body: its key, its fields, its places in the store's tables.
const OVERHEAD_BYTES: usize = 2048;
/// How long an error of the edge's own stands for an object: the crowd must not ask a broken origin all at once, and
/// viewers must not wait longer than need be once it is back (SPEC 103, 226).
const ERROR_LIFE: Duration = Duration::from_secs(1);

/// Fields that belong to one connection (RFC 9110 7.6.1), or that each answer gets anew.
const NOT_KEPT: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::AGE,
];

/// An answer without its body.
#[derive(Debug)]
pub struct Head {
    /// The origin's status.
    pub status: StatusCode,
    /// The origin's fields, but for those of its connection, its length and its age.
    pub fields: HeaderMap,
    /// The body's length in bytes, if the origin told it.
    pub length: Option<u64>,
    /// For how long it may be shown.
    pub freshness: Freshness,
}

impl Head {
    /// Of an answer that came at that time; see [`Policy::read`] for `immutable_stale`.
    pub fn new(parts: response::Parts, came_at: Instant, immutable_stale: Duration) -> Self {
        let policy = match parts.status {
            // A partial answer would be taken for the whole.
            StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED => Policy::NEVER,
            _ => Policy::read(&parts.headers, immutable_stale),
        };
        let length = parts
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let mut fields = parts.headers;
        for name in connection_options(&fields) {
            fields.remove(name);
        }
        for name in NOT_KEPT {
            fields.remove(name);
        }
        Self {
            status: parts.status,
            fields,
            length,
            freshness: Freshness::new(policy, came_at),
        }
    }

    /// Overrules the origin: it may be shown for so long.
    pub fn live_for(&mut self, life: Duration) {
        let policy = Policy {
            life,
            ..Policy::NEVER
        };
        self.freshness = self.freshness.with(policy);
    }

    /// The strong ETag, if it has one.
    pub fn strong_etag(&self) -> Option<&HeaderValue> {
        self.fields
            .get(header::ETAG)
            .filter(|etag| !etag.as_bytes().starts_with(b"W/"))
    }
}

/// What lets players in other sites' pages read an answer of the edge's own, errors included (SPEC 235).
pub(crate) fn cors() -> HeaderMap {
    let fields = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "Age, Content-Encoding, Content-Length, Content-Range, Date, ETag",
        ),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
}

/// The fields that Connection names are the connection's too.
fn connection_options(fields: &HeaderMap) -> Vec<HeaderName> {
    fields
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect()
}

/// A whole answer; clones share everything.
#[derive(Debug, Clone)]
pub struct Object {
    /// Status, fields, freshness.
    pub head: Arc<Head>,
    /// The body.
    pub pieces: Arc<[Bytes]>,
    /// Its length in bytes.
    pub len: u64,
}

impl Object {
    /// Puts head and body together.
    pub fn new(head: Arc<Head>, pieces: Arc<[Bytes]>) -> Self {
        let len = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { head, pieces, len }
    }

    /// An error of the edge's own, as RFC 9457 has it.
    pub fn problem(status: StatusCode, detail: &str, now: Instant) -> Self {
        let title = status.canonical_reason().unwrap_or("error");
        let problem = serde_json::json!({ "status": status.as_u16(), "title": title, "detail": detail });
        let mut fields = cors();
        fields.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        let life = if status == StatusCode::SERVICE_UNAVAILABLE {
            fields.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Duration::ZERO
        } else {
            fields.insert(
                header::CACHE_CONTROL,
                HeaderValue::from_static("public, max-age=1"),
            );
            ERROR_LIFE
        };
        let policy = Policy {
            life,
            ..Policy::NEVER
        };
        let head = Head {
            status,
            fields,
            length: None,
            freshness: Freshness::new(policy, now),
        };
        Self::new(Arc::new(head), Arc::new([problem.to_string().into()]))
    }

    /// What it costs to keep it, in bytes.
    pub fn weight(&self) -> u32 {
        let fields: usize = self.head.fields.iter().map(|(_, value)| value.len()).sum();
        u32::try_from(self.len)
            .unwrap_or(u32::MAX)
            .saturating_add(u32::try_from(OVERHEAD_BYTES + fields).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&'static str, &'static str)]) -> Head {
        let mut answer = http::Response::new(());
        for (name, value) in fields {
            answer
                .headers_mut()
                .append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Head::new(answer.into_parts().0, Instant::now(), Duration::ZERO)
    }

    #[test]
    fn fields_of_the_connection_are_not_shared() {
        let head = head(&[
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "timeout=5"),
            ("age", "3"),
            ("content-length", "10"),
            ("content-type", "video/mp4"),
            ("etag", "\"a\""),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        let mut names: Vec<_> = head.fields.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "date", "etag"]);
        assert_eq!(head.length, Some(10));
    }

    #[test]
    fn a_partial_answer_is_never_kept() {
        let answer = http::Response::builder()
            .status(206)
            .header("cache-control", "max-age=100, immutable")
            .body(())
            .unwrap();
        let head = Head::new(answer.into_parts().0, Instant::now(), Duration::ZERO);
        assert!(!head.freshness.policy().is_kept());
    }

    #[test]
    fn only_a_strong_etag_tells_that_bytes_are_equal() {
        assert!(head(&[("etag", "\"a\"")]).strong_etag().is_some());
        assert!(head(&[("etag", "W/\"a\"")]).strong_etag().is_none());
        assert!(head(&[]).strong_etag().is_none());
    }

    #[test]
    fn an_error_of_our_own_says_how_long_it_stands() {
        let now = Instant::now();
        for (status, kept) in [(502, true), (504, true), (503, false)] {
            let problem = Object::problem(StatusCode::from_u16(status).unwrap(), "why", now);
            assert_eq!(problem.head.freshness.policy().is_kept(), kept, "{status}");
            assert!(problem.weight() > OVERHEAD_BYTES as u32);
        }
    }
}
