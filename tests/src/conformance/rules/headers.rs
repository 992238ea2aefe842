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
