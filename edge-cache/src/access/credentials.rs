//! Where a token is in a request.
//!
//! The path form, `/t/TOKEN/live/…`, is the one that playlists keep by themselves: their URIs are relative, so that a player
//! resolves each of them behind the token, native ones on television sets included. A cookie does the same where the page and
//! the edge share a site. A query is lost with the first relative URI; so a multivariant playlist asked for by query is
//! answered with a redirect into the path form, which every player follows, and takes as the base of what is in it.

use http::header;
use http::request::Parts;

/// The name of the query's parameter.
const PARAMETER: &str = "token";
/// The name of the cookie.
const COOKIE: &str = "vitrine_token";
/// A longer one is none.
const LONGEST_TOKEN: usize = 4096;

/// Where a token was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `/t/TOKEN/…`
    Path,
    /// `?token=TOKEN`
    Query,
    /// `Cookie: vitrine_token=TOKEN`
    Cookie,
}

/// A request's token, and its path without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The token; `None`: there is none that could be one.
    pub token: Option<&'a str>,
    /// Where it was, if there is one.
    pub place: Place,
    /// The path without it.
    pub path: &'a str,
}

impl<'a> Credentials<'a> {
    /// Looks into path, then query, then cookies; the first one counts, good or not.
    pub fn find(request: &'a Parts) -> Self {
        let path = request.uri.path();
        if let Some((token, at)) = in_path(path) {
            return Self {
                token: lawful(token),
                place: Place::Path,
                path: path.get(at..).unwrap_or(""),
            };
        }
        let query = request.uri.query().unwrap_or("");
        let (token, place) = match named(query.split('&'), PARAMETER) {
            Some(token) => (Some(token), Place::Query),
            None => (in_cookies(request), Place::Cookie),
        };
        Self {
            token: token.and_then(lawful),
            place,
            path,
        }
    }

    /// Of a multivariant playlist asked for by query: the same in the path form, relative to the request's path.
    pub fn path_form(&self) -> Option<String> {
        let (token, Place::Query) = (self.token?, self.place) else {
            return None;
        };
        let mut names = self.path.split('/').skip(1);
        match (names.next(), names.next(), names.next(), names.next()) {
            (Some("live"), Some(channel), Some("index.m3u8"), None) => {
                Some(format!("../../t/{token}/live/{channel}/index.m3u8"))
            }
            _ => None,
        }
    }
}

/// The token of `/t/TOKEN/…`, and where the rest begins.
fn in_path(path: &str) -> Option<(&str, usize)> {
    let rest = path.strip_prefix("/t/")?;
    let len = rest.find('/')?;
    Some((rest.get(..len)?, "/t/".len() + len))
}

fn in_cookies(request: &Parts) -> Option<&str> {
    let lines = request.headers.get_all(header::COOKIE);
    let lines = lines.iter().filter_map(|line| line.to_str().ok());
    named(lines.flat_map(|line| line.split(';')).map(str::trim), COOKIE)
}

fn named<'a>(mut pairs: impl Iterator<Item = &'a str>, wanted: &str) -> Option<&'a str> {
    pairs.find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name == wanted).then_some(value)
    })
}

/// RFC 7515 7.1: three parts in base64url, with points between.
fn lawful(token: &str) -> Option<&str> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_lawful = (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(letter);
    is_lawful.then_some(token)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn the_first_place_counts_and_the_path_is_left() {
        let live = "/live/demo/index.m3u8";
        let table = [
            (format!("/t/a.b.c{live}"), "", Some("a.b.c"), live),
            (
                format!("/t/a.b.c{live}?token=x.y.z"),
                "vitrine_token=q.r.s",
                Some("a.b.c"),
                live,
            ),
            (
                format!("{live}?_HLS_msn=1&token=x.y.z"),
                "vitrine_token=q.r.s",
                Some("x.y.z"),
                live,
            ),
            (
                format!("{live}?mytoken=x.y.z"),
                "a=1; vitrine_token=q.r.s",
                Some("q.r.s"),
                live,
            ),
            (live.to_owned(), "xvitrine_token=q.r.s", None, live),
            (format!("/t/{live}"), "", None, live),
            (format!("{live}?token=a%2Eb"), "vitrine_token=q.r.s", None, live),
            ("/t/a.b.c".to_owned(), "", None, "/t/a.b.c"),
        ];
        for (target, cookie, token, path) in table {
            let request = Request::get(target.as_str())
                .header("cookie", cookie)
                .body(())
                .unwrap();
            let (parts, ()) = request.into_parts();
            let found = Credentials::find(&parts);
            assert_eq!((found.token, found.path), (token, path), "{target}");
        }
    }

    #[test]
    fn only_a_multivariant_playlist_by_query_is_sent_on() {
        let table = [
            (
                "/live/demo/index.m3u8?token=a.b.c",
                Some("../../t/a.b.c/live/demo/index.m3u8"),
            ),
            ("/live/demo/s1/video/index.m3u8?token=a.b.c", None),
            ("/live/demo/s1/video/part-1.m4s?token=a.b.c", None),
            ("/t/a.b.c/live/demo/index.m3u8", None),
            ("/live/demo/index.m3u8", None),
        ];
        for (target, expected) in table {
            let (parts, ()) = Request::get(target).body(()).unwrap().into_parts();
            assert_eq!(
                Credentials::find(&parts).path_form().as_deref(),
                expected,
                "{target}"
            );
        }
    }
}
