//! The URL grammar of playback, shared by origin and edge: delivery directives and media names.
//!
//! ```text
//! /live/{channel}/index.m3u8                              multivariant playlist
//! /live/{channel}/{session}/{rendition}/index.m3u8?_HLS_…  media playlist
//! /live/{channel}/{session}/{rendition}/iframes.m3u8?_HLS_…  I-frame playlist, of video
//! /live/{channel}/{session}/{rendition}/init-{n}.mp4       init section n
//! /live/{channel}/{session}/{rendition}/part-{n}.m4s       the session's n-th part of that rendition
//! /live/{channel}/{session}/{rendition}/seg-{msn}.m4s      a segment
//! ```
//!
//! Parts are numbered through the session, not within their segment: the next part's name is known
//! before it is known whether an IDR opens a new segment with it, so a preload hint is never wrong.

use std::fmt;

/// `_HLS_msn`, `_HLS_part` and `_HLS_skip` of a media playlist request (8216bis 6.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Directives {
    /// Wait until the playlist lists this media sequence number.
    pub wait_for: Option<Position>,
    /// Answer with a playlist delta update.
    pub skip: Option<Skip>,
}

/// A place in a media playlist: a segment, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Media sequence number.
    pub msn: u64,
    /// Part index within the segment; `None` asks for the whole segment.
    pub part: Option<u64>,
}

/// The value of `_HLS_skip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// `YES`: older segments may be skipped.
    Segments,
    /// `v2`: older segments and date ranges may be skipped.
    SegmentsAndDateRanges,
}

/// A query that the draft tells a server to refuse with 400 (8216bis 6.2.5.2, 4.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectiveError {
    /// `_HLS_part` needs the segment it counts in.
    #[error("_HLS_part needs _HLS_msn: add the media sequence number of its segment")]
    PartWithoutMsn,
    /// Not a decimal integer of 64 bits.
    #[error("{name} must be a decimal integer from 0 to 18446744073709551615")]
    NotAnInteger {
        /// The directive's name.
        name: &'static str,
    },
    /// Neither YES nor v2.
    #[error("_HLS_skip must be YES or v2")]
    UnknownSkip,
}

impl Directives {
    /// Reads the directives of a query string (without `?`); other parameters are not looked at.
    ///
    /// Any order is taken and the first of several equal names wins, as SPEC 107 has it.
    pub fn parse(query: &str) -> Result<Self, DirectiveError> {
        let first = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, v)| v)
        };
        let msn = first("_HLS_msn")
            .map(|value| integer("_HLS_msn", value))
            .transpose()?;
        let part = first("_HLS_part")
            .map(|value| integer("_HLS_part", value))
            .transpose()?;
        let skip = match first("_HLS_skip") {
            None => None,
            Some("YES") => Some(Skip::Segments),
            Some("v2") => Some(Skip::SegmentsAndDateRanges),
            Some(_) => return Err(DirectiveError::UnknownSkip),
        };
        let wait_for = match (msn, part) {
            (Some(msn), part) => Some(Position { msn, part }),
            (None, Some(_)) => return Err(DirectiveError::PartWithoutMsn),
            (None, None) => None,
        };
        Ok(Self { wait_for, skip })
    }
}

impl fmt::Display for Directives {
    /// The canonical query: only the directives, in UTF-8 byte order of their names (8216bis 6.3.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(Position { msn, part }) = self.wait_for {
            write!(f, "_HLS_msn={msn}")?;
            if let Some(part) = part {
                write!(f, "&_HLS_part={part}")?;
            }
            separator = "&";
        }
        match self.skip {
            Some(Skip::Segments) => write!(f, "{separator}_HLS_skip=YES"),
            Some(Skip::SegmentsAndDateRanges) => write!(f, "{separator}_HLS_skip=v2"),
            None => Ok(()),
        }
    }
}

fn integer(name: &'static str, value: &str) -> Result<u64, DirectiveError> {
    // `u64::from_str` would take a leading '+'; 8216bis 4.2 does not.
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().map_err(|_| DirectiveError::NotAnInteger { name })
    } else {
        Err(DirectiveError::NotAnInteger { name })
    }
}

/// The last path segment of a playlist's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlaylistName {
    /// The media playlist of a rendition; of a channel, the multivariant playlist.
    Index,
    /// The I-frame playlist of a video rendition.
    IFrames,
}

impl PlaylistName {
    /// Reads `index.m3u8` or `iframes.m3u8`; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "index.m3u8" => Some(Self::Index),
            "iframes.m3u8" => Some(Self::IFrames),
            _ => None,
        }
    }
}

impl fmt::Display for PlaylistName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Index => "index.m3u8",
            Self::IFrames => "iframes.m3u8",
        })
    }
}

/// The last path segment of a media resource's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaName {
    /// Init section, numbered from 0 in each rendition.
    Init(u32),
    /// Part, numbered through the session in each rendition.
    Part(u64),
    /// Segment, by media sequence number.
    Segment(u64),
}

impl MediaName {
    /// Reads `init-0.mp4`, `part-12.m4s` or `seg-3.m4s`; `None` for anything else, leading zeros included.
    pub fn parse(name: &str) -> Option<Self> {
        let (stem, extension) = name.split_once('.')?;
        let (kind, number) = stem.split_once('-')?;
        let canonical = number == "0" || !number.starts_with('0');
        if !canonical || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        match (kind, extension) {
            ("init", "mp4") => Some(Self::Init(number.parse().ok()?)),
            ("part", "m4s") => Some(Self::Part(number.parse().ok()?)),
            ("seg", "m4s") => Some(Self::Segment(number.parse().ok()?)),
            _ => None,
        }
    }
}

impl fmt::Display for MediaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init(number) => write!(f, "init-{number}.mp4"),
            Self::Part(number) => write!(f, "part-{number}.m4s"),
            Self::Segment(msn) => write!(f, "seg-{msn}.m4s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_in_any_order_and_printed_in_one() {
        let table = [
            ("", ""),
            ("_HLS_msn=7", "_HLS_msn=7"),
            (
                "_HLS_skip=YES&_HLS_part=0&_HLS_msn=7",
                "_HLS_msn=7&_HLS_part=0&_HLS_skip=YES",
            ),
            ("token=secret&_HLS_skip=v2", "_HLS_skip=v2"),
            ("_HLS_msn=1&_HLS_msn=2", "_HLS_msn=1"),
        ];
        for (query, canonical) in table {
            assert_eq!(
                Directives::parse(query).unwrap().to_string(),
                canonical,
                "{query}"
            );
        }
    }

    #[test]
    fn wrong_directives_are_refused() {
        let integer = |name| DirectiveError::NotAnInteger { name };
        let table = [
            ("_HLS_part=1", DirectiveError::PartWithoutMsn),
            ("_HLS_msn=-1", integer("_HLS_msn")),
            ("_HLS_msn=+1", integer("_HLS_msn")),
            ("_HLS_msn=", integer("_HLS_msn")),
            ("_HLS_msn=18446744073709551616", integer("_HLS_msn")),
            ("_HLS_msn=1&_HLS_part=x", integer("_HLS_part")),
            ("_HLS_skip=NO", DirectiveError::UnknownSkip),
        ];
        for (query, error) in table {
            assert_eq!(Directives::parse(query), Err(error), "{query}");
        }
    }

    #[test]
    fn playlists_have_two_names() {
        for name in ["index.m3u8", "iframes.m3u8"] {
            assert_eq!(PlaylistName::parse(name).unwrap().to_string(), name);
        }
        for name in ["", "Index.m3u8", "index.m3u", "index.m3u8/"] {
            assert_eq!(PlaylistName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn media_names_have_one_spelling() {
        for name in ["init-0.mp4", "part-12.m4s", "seg-3.m4s"] {
            assert_eq!(MediaName::parse(name).unwrap().to_string(), name);
        }
        for name in [
            "part-01.m4s",
            "part-.m4s",
            "part-1.mp4",
            "seg--1.m4s",
            "part-1.m4s.m4s",
            "seg-99999999999999999999.m4s",
        ] {
            assert_eq!(MediaName::parse(name), None, "{name}");
        }
    }
}
