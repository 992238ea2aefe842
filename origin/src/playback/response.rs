//! Answers made of shared bytes.

use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;
use vitrine_packager::playlist::RenderedPlaylist;
use vitrine_packager::snapshot::MediaBody;

use super::headers::{self, Caching};

/// An answer on its way to a viewer.
pub type Answer = Response<SharedBody>;

/// A range of the chunks that a snapshot shares, written without copying; or what comes by and by.
#[derive(Debug, Default)]
pub struct SharedBody {
    chunks: Arc<[Bytes]>,
    /// Index of the chunk that `skip` counts in.
    next: usize,
    /// Bytes of the next chunk that are before the range.
    skip: u64,
    left: u64,
    /// What comes by and by; it ends with its sender.
    coming: Option<mpsc::Receiver<Bytes>>,
}

impl SharedBody {
    /// Whatever is sent, until the sender is dropped.
    pub fn coming(bytes: mpsc::Receiver<Bytes>) -> Self {
        Self {
            coming: Some(bytes),
            ..Self::default()
        }
    }

    /// A single buffer.
    pub fn whole(bytes: Bytes) -> Self {
        let left = bytes.len() as u64;
        Self {
            chunks: Arc::new([bytes]),
            next: 0,
            skip: 0,
            left,
            coming: None,
        }
    }

    /// The bytes `range` of a media body.
    pub fn slice(body: &MediaBody, range: Range<u64>) -> Self {
        let (mut next, mut skip) = (0, range.start);
        for chunk in body.chunks.iter() {
            if skip < chunk.len() as u64 {
                break;
            }
            skip -= chunk.len() as u64;
            next += 1;
        }
        Self {
            chunks: body.chunks.clone(),
            next,
            skip,
            left: range.end.saturating_sub(range.start),
            coming: None,
        }
    }
}

impl Body for SharedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(coming) = &mut self.coming {
            return coming
                .poll_recv(context)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))));
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let Some(chunk) = self.chunks.get(self.next) else {
            return Poll::Ready(None);
        };
        let start = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
        let len = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(chunk.len() - start);
        let data = chunk.slice(start..start + len);
        self.next += 1;
        self.skip = 0;
        self.left -= len as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.coming.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.coming {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.left),
        }
    }
}

/// A playlist, gzipped if the client takes that (SPEC 96).
pub fn playlist(playlist: &RenderedPlaylist, caching: Caching, request: &HeaderMap) -> Answer {
    let gzip = accepts_gzip(request);
    let body = if gzip {
        playlist.gzip.clone()
    } else {
        playlist.plain.clone()
    };
    let mut answer = Response::new(SharedBody::whole(body));
    let fields = answer.headers_mut();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/vnd.apple.mpegurl"),
    );
    fields.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    fields.insert(header::CACHE_CONTROL, caching.cache_control());
    let (name, value) = headers::priority(true);
    fields.insert(name, value);
    answer
}

/// Media, whole or the one range that was asked for (RFC 9110 14.2).
pub fn media(body: &MediaBody, content_type: &'static str, request: &HeaderMap) -> Answer {
    let (status, range) = match request
        .get(header::RANGE)
        .map(|range| parse_range(range, body.len))
    {
        None | Some(Wanted::Everything) => (StatusCode::OK, 0..body.len),
        Some(Wanted::Part(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(Wanted::Outside) => {
            let mut answer = error(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "the range begins after the end",
            );
            if let Ok(value) = HeaderValue::try_from(format!("bytes */{}", body.len)) {
                answer.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return answer;
        }
    };
    let mut answer = Response::new(SharedBody::slice(body, range.clone()));
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) =
            HeaderValue::try_from(format!("bytes {}-{}/{}", range.start, range.end - 1, body.len))
    {
        fields.insert(header::CONTENT_RANGE, value);
    }
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(header::CACHE_CONTROL, Caching::Immutable.cache_control());
    let (name, value) = headers::priority(false);
    fields.insert(name, value);
    answer
}

/// An error as RFC 9457 has it.
pub fn error(status: StatusCode, detail: &str) -> Answer {
    let title = status.canonical_reason().unwrap_or("error");
    let problem = serde_json::json!({ "status": status.as_u16(), "title": title, "detail": detail });
    let mut answer = Response::new(SharedBody::whole(problem.to_string().into()));
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    fields.insert(
        header::CACHE_CONTROL,
        headers::error_caching(status).cache_control(),
    );
    if status == StatusCode::SERVICE_UNAVAILABLE {
        fields.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// What is common to every playback answer; a HEAD answer keeps its length and loses its body.
pub fn finish(mut answer: Answer, method: &Method) -> Answer {
    headers::add_common(answer.headers_mut());
    if method == Method::HEAD {
        let length = answer.body().size_hint().exact().unwrap_or(0);
        answer
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        *answer.body_mut() = SharedBody::default();
    }
    answer
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    let encodings = request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    encodings.flat_map(|list| list.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = matches!(parts.next(), Some("gzip" | "x-gzip" | "*"));
        let refused = parts.any(|weight| {
            weight
                .strip_prefix("q=")
                .is_some_and(|q| q.parse::<f32>() == Ok(0.0))
        });
        named && !refused
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Everything,
    Part(Range<u64>),
    Outside,
}

/// A single byte range; what cannot be read, and lists of ranges, are answered whole (RFC 9110 14.2).
fn parse_range(value: &HeaderValue, len: u64) -> Wanted {
    let spec = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("bytes="))
        .filter(|spec| !spec.contains(','));
    let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else {
        return Wanted::Everything;
    };
    let number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse::<u64>().ok())
            .flatten()
    };
    match (first.is_empty(), last.is_empty()) {
        (true, true) => Wanted::Everything,
        (true, false) => match number(last) {
            Some(0) => Wanted::Outside,
            Some(suffix) => Wanted::Part(len.saturating_sub(suffix)..len),
            None => Wanted::Everything,
        },
        (false, open_ended) => {
            let end = if open_ended {
                Some(len)
            } else {
                number(last).map(|last| last.saturating_add(1).min(len))
            };
            match (number(first), end) {
                (Some(start), Some(_)) if start >= len => Wanted::Outside,
                (Some(start), Some(end)) if start < end => Wanted::Part(start..end),
                _ => Wanted::Everything,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn body() -> MediaBody {
        MediaBody::new([
            Bytes::from_static(b"0123"),
            Bytes::from_static(b"45"),
            Bytes::from_static(b"6789"),
        ])
    }

    #[test]
    fn ranges_of_every_form() {
        let table = [
            ("bytes=0-", Wanted::Part(0..10)),
            ("bytes=3-6", Wanted::Part(3..7)),
            ("bytes=3-99", Wanted::Part(3..10)),
            ("bytes=0-9007199254740992", Wanted::Part(0..10)),
            ("bytes=-4", Wanted::Part(6..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Outside),
            ("bytes=-0", Wanted::Outside),
            ("bytes=5-2", Wanted::Everything),
            ("bytes=0-1,4-5", Wanted::Everything),
            ("bytes=x-", Wanted::Everything),
            ("bytes=99999999999999999999-", Wanted::Everything),
            ("lines=1-2", Wanted::Everything),
        ];
        for (text, wanted) in table {
            assert_eq!(parse_range(&HeaderValue::from_static(text), 10), wanted, "{text}");
        }
    }

    #[tokio::test]
    async fn a_range_over_several_chunks_is_joined() {
        for (range, text) in [(0..10, "0123456789"), (3..7, "3456"), (4..6, "45"), (9..10, "9")] {
            let collected = SharedBody::slice(&body(), range)
                .collect()
                .await
                .unwrap()
                .to_bytes();
            assert_eq!(collected, text);
        }
    }

    #[test]
    fn gzip_is_sent_only_to_those_who_take_it() {
        let table = [
            ("gzip", true),
            ("br, gzip;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("identity", false),
        ];
        for (value, accepted) in table {
            let request = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(accepts_gzip(&request), accepted, "{value}");
        }
    }

    #[test]
    fn head_keeps_the_length() {
        let answer = finish(media(&body(), "video/mp4", &HeaderMap::new()), &Method::HEAD);
        assert_eq!(answer.headers().get(header::CONTENT_LENGTH).unwrap(), "10");
        assert!(answer.body().is_end_stream());
    }
}
