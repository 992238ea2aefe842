//! Header fields of answers: types, cache lives, CORS, gzip.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::client::Answer;
use crate::conformance::findings::Findings;

/// Media at URLs that are never used again should live at least a day.
const IMMUTABLE_S: u64 = 86_400;
/// An unzipped playlist is at most so many bytes.
const LONGEST_PLAYLIST: u64 = 16 << 20;

/// What was asked for, as far as header fields go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A playlist without `_HLS_msn`.
    PlainPlaylist,
    /// A playlist that was waited for.
    BlockingPlaylist,
    /// An init section, a part or a segment with video.
    Video,
    /// The same with audio.
    Audio,
    /// A 4xx that may turn into a 200 a moment later.
    EarlyError,
}

/// Looks at the header fields of `answer` in a session of that target duration.
pub fn check(kind: Kind, target_duration_s: u64, answer: &Answer, findings: &mut Findings) {
    findings.law(94, !answer.status.is_redirection(), || {
        format!("redirected: {}", answer.status)
    });
    findings.law(101, !answer.headers.contains_key("age"), || {
        "an origin sent Age".to_owned()
    });
    findings.law(236, !answer.header("date").is_empty(), || "no Date".to_owned());
    cors(answer, findings);
    content_type(kind, answer, findings);
    let control = answer.header("cache-control");
    findings.law(225, !control.is_empty(), || "no Cache-Control".to_owned());
    let max_age = control
        .split(',')
        .find_map(|directive| directive.trim().strip_prefix("max-age="))
        .and_then(|seconds| seconds.parse::<u64>().ok());
    let (spec, holds) = match kind {
        // 104: half a second is no whole number.
        Kind::PlainPlaylist => (
            102,
            max_age.is_some_and(|age| age <= (target_duration_s / 2).max(1)),
        ),
        Kind::BlockingPlaylist => (102, max_age == Some(6 * target_duration_s)),
        Kind::Video | Kind::Audio => (106, max_age.is_some_and(|age| age >= IMMUTABLE_S)),
        Kind::EarlyError => (103, control == "no-store" || max_age.is_some_and(|age| age <= 1)),
    };
    findings.law(spec, holds, || format!("{kind:?} with Cache-Control {control:?}"));
}

fn cors(answer: &Answer, findings: &mut Findings) {
    let origin = answer.header("access-control-allow-origin");
    let exposed = answer
        .header("access-control-expose-headers")
        .to_ascii_lowercase();
    let exposes = |name: &str| exposed.split(',').any(|field| field.trim() == name);
    findings.law(235, origin == "*" && exposes("age") && exposes("date"), || {
        format!("Access-Control-Allow-Origin {origin:?}, exposed {exposed:?}")
    });
}

fn content_type(kind: Kind, answer: &Answer, findings: &mut Findings) {
    let found = answer.header("content-type");
    let (spec, allowed): (u16, &[&str]) = match kind {
        Kind::PlainPlaylist | Kind::BlockingPlaylist => (2, &["application/vnd.apple.mpegurl"]),
        Kind::Video => (127, &["video/mp4", "video/iso.segment"]),
        Kind::Audio => (127, &["audio/mp4", "audio/iso.segment", "video/mp4"]),
        Kind::EarlyError => {
            let playlist = found.starts_with("application/vnd.apple.mpegurl");
            findings.law(2, !playlist, || "an error body with a playlist's type".to_owned());
            return;
        }
    };
    findings.law(spec, allowed.contains(&found), || {
        format!("Content-Type {found:?} for {kind:?}")
    });
}

/// The text of a playlist's answer, unzipped if need be; rule 96 is looked at.
pub fn playlist_text(answer: &Answer, asked_for_gzip: bool, findings: &mut Findings) -> String {
    let varies = answer
        .header("vary")
        .to_ascii_lowercase()
        .contains("accept-encoding");
    findings.law(96, varies, || "no Vary: Accept-Encoding".to_owned());
    let encoding = answer.header("content-encoding");
    let expected = if asked_for_gzip { "gzip" } else { "" };
    findings.law(96, encoding == expected, || {
        format!("Content-Encoding {encoding:?} where {expected:?} was asked for")
    });
    if encoding != "gzip" {
        return answer.text();
    }
    let mut text = String::new();
    let read = GzDecoder::new(answer.body.as_ref())
        .take(LONGEST_PLAYLIST)
        .read_to_string(&mut text);
    findings.law(96, read.is_ok(), || format!("gzip cannot be read: {read:?}"));
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write;
    use std::time::Instant;

    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::StatusCode;
    use http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    /// The header fields of a good playlist; `Content-Type` and `Cache-Control` are given.
    fn answer(content_type: &str, cache_control: &str) -> Answer {
        let pairs = [
            ("content-type", content_type),
            ("cache-control", cache_control),
            ("date", "Tue, 24 Nov 2026 22:34:27 GMT"),
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", "Age, Date"),
            ("vary", "Accept-Encoding"),
        ];
        let now = Instant::now();
        Answer {
            status: StatusCode::OK,
            headers: pairs
                .into_iter()
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_str(value).unwrap(),
                    )
                })
                .collect::<HeaderMap>(),
            body: Bytes::new(),
            asked: now,
            head_at: now,
            first_byte_at: now,
            whole_at: now,
        }
    }

    fn specs(findings: &Findings) -> BTreeSet<u16> {
        findings
            .violations()
            .iter()
            .map(|violation| violation.spec)
            .collect()
    }

    fn breaks(kind: Kind, answer: &Answer) -> BTreeSet<u16> {
        let mut findings = Findings::default();
        check(kind, 2, answer, &mut findings);
        specs(&findings)
    }

    #[test]
    fn types_and_cache_lives_are_those_of_the_kind() {
        const PLAYLIST: &str = "application/vnd.apple.mpegurl";
        const YEAR: &str = "public, max-age=31536000, immutable";
        let table: [(Kind, &str, &str, &[u16]); 14] = [
            (Kind::PlainPlaylist, PLAYLIST, "public, max-age=1", &[]),
            (Kind::PlainPlaylist, PLAYLIST, "public, max-age=2", &[102]),
            (Kind::PlainPlaylist, PLAYLIST, "", &[102, 225]),
            (Kind::PlainPlaylist, "text/plain", "max-age=1", &[2]),
            (Kind::BlockingPlaylist, PLAYLIST, "public, max-age=12", &[]),
            (Kind::BlockingPlaylist, PLAYLIST, "no-cache", &[102]),
            (Kind::Video, "video/mp4", YEAR, &[]),
            (Kind::Video, "audio/mp4", YEAR, &[127]),
            (Kind::Video, "video/mp4", "max-age=60", &[106]),
            (Kind::Audio, "audio/mp4", YEAR, &[]),
            (
                Kind::EarlyError,
                "application/problem+json",
                "public, max-age=1",
                &[],
            ),
            (Kind::EarlyError, "application/problem+json", "no-store", &[]),
            (Kind::EarlyError, "application/problem+json", "max-age=8", &[103]),
            (Kind::EarlyError, PLAYLIST, "no-store", &[2]),
        ];
        for (kind, content_type, cache_control, expected) in table {
            let found = breaks(kind, &answer(content_type, cache_control));
            let expected = expected.iter().copied().collect();
            assert_eq!(found, expected, "{kind:?} {content_type} {cache_control}");
        }
    }

    #[test]
    fn what_every_answer_needs_and_must_not_have() {
        let good = answer("video/mp4", "max-age=86400");
        for (field, value, spec) in [
            ("age", Some("1"), 101),
            ("date", None, 236),
            ("access-control-allow-origin", None, 235),
            ("access-control-allow-origin", Some("https://shop.example"), 235),
            ("access-control-expose-headers", Some("Content-Length"), 235),
        ] {
            let mut answer = good.clone();
            match value {
                Some(value) => answer.headers.insert(field, HeaderValue::from_static(value)),
                None => answer.headers.remove(field),
            };
            assert_eq!(
                breaks(Kind::Video, &answer),
                BTreeSet::from([spec]),
                "{field} {value:?}"
            );
        }
        let mut redirected = good;
        redirected.status = StatusCode::FOUND;
        assert_eq!(breaks(Kind::Video, &redirected), BTreeSet::from([94]));
    }

    #[test]
    fn gzip_is_what_was_asked_for_and_can_be_read() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"#EXTM3U\n").unwrap();
        let zipped = encoder.finish().unwrap();
        let with = |encoding: Option<&'static str>, body: &[u8]| {
            let mut answer = answer("", "");
            if let Some(encoding) = encoding {
                answer
                    .headers
                    .insert("content-encoding", HeaderValue::from_static(encoding));
            }
            answer.body = Bytes::copy_from_slice(body);
            answer
        };
        let mut findings = Findings::default();
        let text = playlist_text(&with(Some("gzip"), &zipped), true, &mut findings);
        assert_eq!((text.as_str(), specs(&findings)), ("#EXTM3U\n", BTreeSet::new()));
        let broken = [
            (with(Some("gzip"), &zipped[..12]), true),
            (with(Some("gzip"), &zipped), false),
            (with(None, b"#EXTM3U\n"), true),
            (with(Some("br"), b""), false),
        ];
        for (answer, asked_for_gzip) in broken {
            let mut findings = Findings::default();
            playlist_text(&answer, asked_for_gzip, &mut findings);
            assert_eq!(specs(&findings), BTreeSet::from([96]), "{answer:?}");
        }
    }
}
