//! What a viewer's URL names, in the one spelling that is cached and asked of the origin.
//!
//! Only what the origin could have is let through: an invented path costs the origin nothing, and no query but the
//! delivery directives is part of a key, or goes upstream (SPEC 66, 78, 107, 222, 223).

use std::fmt;

use http::StatusCode;
use vitrine_packager::request::{Directives, MediaName, PlaylistName};

/// A longer path and query is none of ours.
const LONGEST_TARGET: usize = 2048;
/// The JSON Schemas that the origin declares, below `/schemas/`.
const SCHEMAS: [&str; 4] = ["events.json", "events/2.json", "messages.json", "messages/2.json"];
/// The longest name of a channel, session or rendition.
const LONGEST_NAME: usize = 40;

/// What kind of thing a URL names; caching is by the origin's headers, so this steers little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The multivariant playlist, or a media playlist asked for without `_HLS_msn`.
    PlainPlaylist,
    /// A media playlist that is waited for.
    BlockingPlaylist,
    /// An init section, a part or a segment.
    Media,
    /// A channel's status, that the watch page asks for every two seconds.
    Status,
    /// A page, or a file that a page needs.
    Page,
}

impl Kind {
    /// The value of the label `kind` of metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::PlainPlaylist => "playlist",
            Self::BlockingPlaylist => "blocking-playlist",
            Self::Media => "media",
            Self::Status => "status",
            Self::Page => "page",
        }
    }
}

/// The content coding that is asked of the origin. Each is an object of its own, as the origin has both ready
/// (SPEC 96): a playlist costs the origin at most two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// As it is.
    Identity,
    /// Gzip, if the origin has it so.
    Gzip,
}

/// The name under which an object is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    /// Canonical path, and canonical query if there is one.
    pub path_and_query: Box<str>,
    /// The coding asked for.
    pub coding: Coding,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path_and_query)
    }
}

/// A URL that the origin may have an answer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The object's name.
    pub key: ObjectKey,
    /// Its kind.
    pub kind: Kind,
    /// Length of the prefix of the path that says which origin has it: the session if there is one, else the channel.
    affinity: usize,
    channel: Option<(usize, usize)>,
}

/// A URL that is answered without the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// With this status.
    pub status: StatusCode,
    /// And this explanation.
    pub detail: String,
}

impl Refusal {
    fn new(status: StatusCode, detail: &str) -> Self {
        Self {
            status,
            detail: detail.to_owned(),
        }
    }
}

impl Target {
    /// Reads a request's path and query.
    pub fn parse(path: &str, query: &str, accepts_gzip: bool) -> Result<Self, Refusal> {
        if path.len() + query.len() > LONGEST_TARGET {
            return Err(Refusal::new(
                StatusCode::URI_TOO_LONG,
                "no URL of this server is so long",
            ));
        }
        let unknown = || Refusal::new(StatusCode::NOT_FOUND, "no such resource");
        let (kind, directives) = classify(path, query)?.ok_or_else(unknown)?;
        let coding = match kind {
            Kind::Media => Coding::Identity,
            _ if accepts_gzip => Coding::Gzip,
            _ => Coding::Identity,
        };
        let path_and_query = match directives.to_string() {
            query if query.is_empty() => path.into(),
            query => format!("{path}?{query}").into(),
        };
        let channel = channel(path);
        let session = path.starts_with("/live/").then(|| nth_slash(path, 4)).flatten();
        Ok(Self {
            key: ObjectKey {
                path_and_query,
                coding,
            },
            kind,
            affinity: session.or(channel.map(|(_, end)| end)).unwrap_or(0),
            channel,
        })
    }

    /// The channel, if the URL is a channel's.
    pub fn channel(&self) -> Option<&str> {
        self.channel
            .and_then(|(start, end)| self.key.path_and_query.get(start..end))
    }

    /// `/live/{channel}/{session}` if there is a session in the path, else the path to the channel; empty for pages.
    /// What one origin has of it, it has all of.
    pub fn affinity(&self) -> &str {
        self.key.path_and_query.get(..self.affinity).unwrap_or("")
    }
}

fn classify(path: &str, query: &str) -> Result<Option<(Kind, Directives)>, Refusal> {
    let plain = |kind| Ok(Some((kind, Directives::default())));
    let Some((root, rest)) = path
        .strip_prefix('/')
        .map(|path| path.split_once('/').unwrap_or((path, "")))
    else {
        return Ok(None);
    };
    let mut segments = rest.split('/');
    let mut next = || segments.next();
    match (root, next(), next(), next(), next(), next()) {
        ("live", Some(channel), Some("index.m3u8"), None, ..) if is_name(channel) => {
            plain(Kind::PlainPlaylist)
        }
        ("live", Some(channel), Some(session), Some(rendition), Some(file), None)
            if is_name(channel) && is_name(session) && is_name(rendition) =>
        {
            if PlaylistName::parse(file).is_none() {
                return Ok(MediaName::parse(file).map(|_| (Kind::Media, Directives::default())));
            }
            let directives = Directives::parse(query)
                .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, &error.to_string()))?;
            let kind = match directives.wait_for {
                Some(_) => Kind::BlockingPlaylist,
                None => Kind::PlainPlaylist,
            };
            Ok(Some((kind, directives)))
        }
        ("v1", Some("channels"), Some(channel), None, ..) if is_name(channel) => plain(Kind::Status),
        ("watch", Some(channel), None, ..) if is_name(channel) => plain(Kind::Page),
        ("assets", Some(_), ..) if is_asset(rest) => plain(Kind::Page),
        _ if path == "/" => plain(Kind::Page),
        ("schemas", Some(_), ..) if SCHEMAS.contains(&rest) => plain(Kind::Page),
        _ => Ok(None),
    }
}

fn is_name(text: &str) -> bool {
    let lawful = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(lawful)
}

fn is_asset(path: &str) -> bool {
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    path.split('/')
        .all(|segment| !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(lawful))
}

/// Where the channel's name is in a path.
fn channel(path: &str) -> Option<(usize, usize)> {
    let start = ["/live/", "/watch/", "/v1/channels/"]
        .into_iter()
        .find(|prefix| path.starts_with(prefix))?
        .len();
    let len = path.get(start..)?.find('/');
    Some((start, len.map_or(path.len(), |len| start + len)))
}

/// The index of the n-th slash, from 1.
fn nth_slash(path: &str, n: usize) -> Option<usize> {
    path.match_indices('/').nth(n - 1).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = "/live/demo/mfq2k1/video-720p";

    fn parse(target: &str) -> Result<Target, Refusal> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Target::parse(path, query, true)
    }

    #[test]
    fn one_object_has_one_key() {
        let table = [
            ("/live/demo/index.m3u8?token=secret", "/live/demo/index.m3u8"),
            ("/live/demo/index.m3u8?_HLS_msn=3&CMCD=x", "/live/demo/index.m3u8"),
            (
                &format!("{LIVE}/index.m3u8?_HLS_part=2&t=1&_HLS_msn=7"),
                &format!("{LIVE}/index.m3u8?_HLS_msn=7&_HLS_part=2"),
            ),
            (
                &format!("{LIVE}/iframes.m3u8?_HLS_msn=7&t=1"),
                &format!("{LIVE}/iframes.m3u8?_HLS_msn=7"),
            ),
            (
                &format!("{LIVE}/index.m3u8?_HLS_skip=YES&_HLS_msn=07"),
                &format!("{LIVE}/index.m3u8?_HLS_msn=7&_HLS_skip=YES"),
            ),
            (
                &format!("{LIVE}/part-12.m4s?nc=1&_HLS_msn=2"),
                &format!("{LIVE}/part-12.m4s"),
            ),
            ("/watch/demo?utm_source=mail", "/watch/demo"),
            ("/?x", "/"),
        ];
        for (target, key) in table {
            assert_eq!(&*parse(target).unwrap().key.path_and_query, key, "{target}");
        }
    }

    #[test]
    fn kinds_and_codings() {
        let table = [
            ("/live/demo/index.m3u8", Kind::PlainPlaylist, Coding::Gzip),
            (&format!("{LIVE}/index.m3u8"), Kind::PlainPlaylist, Coding::Gzip),
            (
                &format!("{LIVE}/index.m3u8?_HLS_skip=v2"),
                Kind::PlainPlaylist,
                Coding::Gzip,
            ),
            (
                &format!("{LIVE}/index.m3u8?_HLS_msn=1"),
                Kind::BlockingPlaylist,
                Coding::Gzip,
            ),
            (&format!("{LIVE}/seg-1.m4s"), Kind::Media, Coding::Identity),
            (&format!("{LIVE}/init-0.mp4"), Kind::Media, Coding::Identity),
            ("/v1/channels/demo", Kind::Status, Coding::Gzip),
            ("/assets/demo/lamp.svg", Kind::Page, Coding::Gzip),
            ("/schemas/events.json", Kind::Page, Coding::Gzip),
            ("/schemas/messages/2.json", Kind::Page, Coding::Gzip),
        ];
        for (target, kind, coding) in table {
            let parsed = parse(target).unwrap();
            assert_eq!((parsed.kind, parsed.key.coding), (kind, coding), "{target}");
        }
        let plain = Target::parse("/watch/demo", "", false).unwrap();
        assert_eq!(plain.key.coding, Coding::Identity);
    }

    #[test]
    fn what_the_origin_cannot_have_is_refused_here() {
        let table = [
            ("/live/demo", 404),
            ("/live/demo/", 404),
            ("/live/DEMO/index.m3u8", 404),
            ("/live/de%6do/index.m3u8", 404),
            ("/live/demo//video-720p/index.m3u8", 404),
            (&format!("{LIVE}/part-012.m4s"), 404),
            (&format!("{LIVE}/secret.txt"), 404),
            (&format!("{LIVE}/part-1.m4s/x"), 404),
            (&format!("{LIVE}/../x/index.m3u8"), 404),
            (&format!("{LIVE}/index.m3u8?_HLS_part=1"), 400),
            (&format!("{LIVE}/index.m3u8?_HLS_msn=-1"), 400),
            (&format!("{LIVE}/index.m3u8?{}", "x".repeat(3000)), 414),
            ("/v1/channels", 404),
            ("/v1/channels/demo/events", 404),
            ("/v1/channels/demo/state", 404),
            ("/metrics", 404),
            ("/openapi.json", 404),
            ("/assets/../metrics", 404),
            ("/assets/.git", 404),
            ("/assets/", 404),
            ("/schemas/invented.json", 404),
            ("/schemas/events/999.json", 404),
            ("/schemas/", 404),
            ("//", 404),
            ("*", 404),
        ];
        for (target, status) in table {
            let refusal = parse(target).unwrap_err();
            assert_eq!(refusal.status.as_u16(), status, "{target}");
        }
    }

    #[test]
    fn what_decides_the_origin() {
        let table = [
            ("/live/demo/index.m3u8", Some("demo"), "/live/demo"),
            (&format!("{LIVE}/part-1.m4s"), Some("demo"), "/live/demo/mfq2k1"),
            ("/watch/demo", Some("demo"), "/watch/demo"),
            ("/v1/channels/demo", Some("demo"), "/v1/channels/demo"),
            ("/assets/x.js", None, ""),
        ];
        for (target, channel, affinity) in table {
            let parsed = parse(target).unwrap();
            assert_eq!(
                (parsed.channel(), parsed.affinity()),
                (channel, affinity),
                "{target}"
            );
        }
    }
}
