//! From an object to what one viewer gets: conditions, ranges, HEAD, Age.

use std::ops::Range;
use std::time::Instant;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body::Body;

use crate::body::{AnswerBody, FollowingBody, SharedBody};
use crate::fill::{Begun, BrokenOff};
use crate::object::{self, Head, Object};
use crate::range::{self, Wanted};

/// An answer on its way to a viewer.
pub type Answer = Response<AnswerBody>;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It was kept.
    Hit,
    /// Somebody else was waiting for it already.
    Joined,
    /// It was fetched for this viewer.
    Miss,
    /// No origin has to do with it.
    Here,
}

impl Served {
    /// The value of the label `served` of metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Joined => "joined",
            Self::Miss => "miss",
            Self::Here => "here",
        }
    }

    /// The value of Cache-Status (RFC 9211).
    fn cache_status(self) -> Option<HeaderValue> {
        match self {
            Self::Hit => Some(HeaderValue::from_static("vitrine-edge; hit")),
            Self::Joined => Some(HeaderValue::from_static("vitrine-edge; fwd=miss; collapsed")),
            Self::Miss => Some(HeaderValue::from_static("vitrine-edge; fwd=miss")),
            Self::Here => None,
        }
    }
}

/// What a viewer gets of an object that is kept or comes in.
pub fn of(begun: Begun, request: &Parts, served: Served) -> Answer {
    match begun {
        Begun::Whole(object) => whole(&object, request, served, Instant::now()),
        Begun::Growing(head, follower) => {
            let body = |range: Range<u64>, open: bool| {
                let end = (!open).then_some(range.end);
                AnswerBody::Following(FollowingBody::new(follower, range.start, end))
            };
            assemble(&head, head.length, request, served, body)
        }
    }
}

/// What a viewer gets of a whole object.
pub fn whole(object: &Object, request: &Parts, served: Served, now: Instant) -> Answer {
    let body = |range, _: bool| AnswerBody::Shared(SharedBody::slice(object.pieces.clone(), range));
    let mut answer = assemble(&object.head, Some(object.len), request, served, body);
    // SPEC 101: a cache sets Age; without it, players take an answer to be fresh from the origin, as it is when it was
    // waited for.
    if served == Served::Hit {
        let age = object.head.freshness.age(now).as_secs();
        answer.headers_mut().insert(header::AGE, HeaderValue::from(age));
    }
    answer
}

/// `body` makes the body of a range; told that the range is open, it takes what comes.
fn assemble(
    head: &Head,
    length: Option<u64>,
    request: &Parts,
    served: Served,
    body: impl FnOnce(Range<u64>, bool) -> AnswerBody,
) -> Answer {
    let mut answer = Response::new(AnswerBody::empty());
    *answer.status_mut() = head.status;
    *answer.headers_mut() = head.fields.clone();
    let fields = answer.headers_mut();
    if let Some(status) = served.cache_status() {
        fields.append(CACHE_STATUS, status);
    }
    if is_unchanged(head, &request.headers) {
        fields.remove(header::CONTENT_TYPE);
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return answer;
    }
    let range = match wanted(head, length, request) {
        Wanted::Everything => 0..length.unwrap_or(0),
        Wanted::Part(range) => {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            let length = length.unwrap_or(0);
            content_range(
                &mut answer,
                &format!("bytes {}-{}/{length}", range.start, range.end - 1),
            );
            range
        }
        Wanted::Outside => {
            *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            content_range(&mut answer, &format!("bytes */{}", length.unwrap_or(0)));
            return answer;
        }
    };
    if request.method != Method::HEAD {
        *answer.body_mut() = body(range, length.is_none());
    } else if length.is_some() {
        let length = HeaderValue::from(range.end - range.start);
        answer.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    answer
}

fn content_range(answer: &mut Answer, text: &str) {
    if let Ok(value) = HeaderValue::try_from(text) {
        answer.headers_mut().insert(header::CONTENT_RANGE, value);
    }
}

/// RFC 9110 13.1.2: weak comparison.
fn is_unchanged(head: &Head, request: &HeaderMap) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let etag = head.fields.get(header::ETAG).and_then(|etag| etag.to_str().ok());
    let Some(etag) = etag.filter(|_| head.status == StatusCode::OK).map(opaque) else {
        return false;
    };
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|tag| tag.trim() == "*" || opaque(tag) == etag)
}

/// Ranges are given of what the origin gives ranges of, and whose length is known.
fn wanted(head: &Head, length: Option<u64>, request: &Parts) -> Wanted {
    let has_ranges = head
        .fields
        .get(header::ACCEPT_RANGES)
        .is_some_and(|value| value == "bytes");
    // RFC 9110 13.1.5: a range of what has changed is of no use. Dates are not compared: everything is sent.
    let outdated = match request.headers.get(header::IF_RANGE) {
        Some(etag) => head.strong_etag() != Some(etag),
        None => false,
    };
    match length {
        Some(length) if has_ranges && !outdated && head.status == StatusCode::OK => {
            range::wanted(request.headers.get(header::RANGE), length)
        }
        _ => Wanted::Everything,
    }
}

/// An error that the edge answers itself.
pub fn problem(status: StatusCode, detail: &str, request: &Parts) -> Answer {
    let mut answer = whole(
        &Object::problem(status, detail, Instant::now()),
        request,
        Served::Here,
        Instant::now(),
    );
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allow = HeaderValue::from_static("GET, HEAD, OPTIONS");
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

/// The answer to a CORS preflight, as the origin gives it (SPEC 235).
pub fn preflight() -> Answer {
    let mut answer = Response::new(AnswerBody::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let fields = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Range, If-None-Match, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        (header::CACHE_CONTROL, "public, max-age=1"),
    ];
    answer
        .headers_mut()
        .extend(fields.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer.headers_mut().extend(object::cors());
    answer
}

/// Text of the edge's own, kept by nobody.
pub fn text(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(AnswerBody::whole(text.into()));
    *answer.status_mut() = status;
    let fields = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    answer
        .headers_mut()
        .extend(fields.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer
}

/// A HEAD answer keeps its length and loses its body.
pub fn without_body(mut answer: Answer) -> Answer {
    if let Some(length) = answer.body().size_hint().exact() {
        answer
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    *answer.body_mut() = AnswerBody::empty();
    answer
}

/// For a fill that ended without anything to show.
pub fn broken(_: BrokenOff, request: &Parts) -> Answer {
    problem(StatusCode::BAD_GATEWAY, "the origin's answer broke off", request)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use bytes::Bytes;
    use http::Request;
    use http_body_util::BodyExt;

    use super::*;
    use crate::fill::Fill;

    fn request(method: Method, fields: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::builder().method(method);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn head(came_at: Instant) -> Arc<Head> {
        let answer = Response::builder()
            .header("content-type", "video/mp4")
            .header("content-length", "10")
            .header("accept-ranges", "bytes")
            .header("etag", "\"v1\"")
            .header("cache-control", "max-age=100, immutable")
            .body(())
            .unwrap();
        Arc::new(Head::new(answer.into_parts().0, came_at, Duration::ZERO))
    }

    fn object(came_at: Instant) -> Object {
        Object::new(
            head(came_at),
            Arc::new([Bytes::from("0123"), Bytes::from("456789")]),
        )
    }

    async fn show(answer: Answer) -> (u16, String, String) {
        let field = |name: &str| {
            answer
                .headers()
                .get(name)
                .map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        let (status, range) = (answer.status().as_u16(), field("content-range"));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, range, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ranges_and_conditions() {
        type Row = (
            &'static [(&'static str, &'static str)],
            u16,
            &'static str,
            &'static str,
        );
        let table: [Row; 10] = [
            (&[], 200, "", "0123456789"),
            (&[("range", "bytes=2-5")], 206, "bytes 2-5/10", "2345"),
            (&[("range", "bytes=-3")], 206, "bytes 7-9/10", "789"),
            (&[("range", "bytes=10-")], 416, "bytes */10", ""),
            (
                &[("range", "bytes=2-5"), ("if-range", "\"v1\"")],
                206,
                "bytes 2-5/10",
                "2345",
            ),
            (
                &[("range", "bytes=2-5"), ("if-range", "\"v0\"")],
                200,
                "",
                "0123456789",
            ),
            (&[("if-none-match", "\"v1\"")], 304, "", ""),
            (&[("if-none-match", "\"v0\", W/\"v1\"")], 304, "", ""),
            (&[("if-none-match", "\"v0\"")], 200, "", "0123456789"),
            (&[("if-none-match", "*"), ("range", "bytes=0-0")], 304, "", ""),
        ];
        for (fields, status, range, body) in table {
            let request = request(Method::GET, fields);
            let answer = whole(&object(Instant::now()), &request, Served::Hit, Instant::now());
            let expected = (status, range.to_owned(), body.to_owned());
            assert_eq!(show(answer).await, expected, "{fields:?}");
        }
    }

    #[tokio::test]
    async fn a_range_of_what_still_comes() {
        let fill = Arc::new(Fill::default());
        let follower = fill.follow();
        fill.push("0123".into());
        fill.grow(&head(Instant::now()));
        let request = request(Method::GET, &[("range", "bytes=2-5")]);
        let answer = of(follower.begun().await.unwrap(), &request, Served::Joined);
        fill.push("456789".into());
        fill.complete(object(Instant::now()));
        assert_eq!(
            show(answer).await,
            (206, "bytes 2-5/10".to_owned(), "2345".to_owned())
        );
    }

    #[tokio::test]
    async fn head_tells_the_length_of_what_get_would_send() {
        let table: [(&[(&str, &str)], &str); 2] = [(&[], "10"), (&[("range", "bytes=2-5")], "4")];
        for (fields, length) in table {
            let request = request(Method::HEAD, fields);
            let answer = whole(&object(Instant::now()), &request, Served::Hit, Instant::now());
            assert_eq!(answer.headers()["content-length"], length);
            assert_eq!(show(answer).await.2, "");
        }
    }

    #[test]
    fn age_is_told_of_what_was_kept_alone() {
        let came_at = Instant::now();
        let now = came_at + Duration::from_millis(2900);
        let request = request(Method::GET, &[]);
        let table = [
            (Served::Hit, Some("2"), "vitrine-edge; hit"),
            (Served::Joined, None, "vitrine-edge; fwd=miss; collapsed"),
            (Served::Miss, None, "vitrine-edge; fwd=miss"),
        ];
        for (served, age, status) in table {
            let answer = whole(&object(came_at), &request, served, now);
            let found = answer.headers().get("age").map(|age| age.to_str().unwrap());
            assert_eq!(found, age, "{served:?}");
            assert_eq!(answer.headers()["cache-status"], status);
        }
    }
}
