//! A media playlist, read by the letter of 8216bis; independent of the code that writes it.

use std::time::Duration;

use chrono::DateTime;

use super::attributes::{Attributes, decimal, integer};
use super::findings::Findings;

/// Tags that may stand in a playlist once (8216bis 4.4.3).
const ONCE: [&str; 9] = [
    "EXT-X-VERSION",
    "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-PART-INF",
    "EXT-X-SERVER-CONTROL",
    "EXT-X-SKIP",
    "EXT-X-ENDLIST",
];

/// A part as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// As written.
    pub uri: String,
    /// DURATION.
    pub duration: Duration,
    /// INDEPENDENT=YES.
    pub independent: bool,
    /// GAP=YES.
    pub gap: bool,
}

/// A segment as it is listed; the last one of a playlist may still be open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// As written; empty while it is open.
    pub uri: String,
    /// EXTINF; zero while it is open.
    pub duration: Duration,
    /// EXT-X-PROGRAM-DATE-TIME, in microseconds since 1970.
    pub pdt_us: Option<i64>,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// EXT-X-GAP applies to it.
    pub gap: bool,
    /// URI of the EXT-X-MAP that applies to it.
    pub map: Option<String>,
    /// Its listed parts.
    pub parts: Vec<Part>,
}

impl Segment {
    /// EXTINF, or the parts' sum while it is open.
    pub fn length(&self) -> Duration {
        if self.is_open() {
            self.parts.iter().map(|part| part.duration).sum()
        } else {
            self.duration
        }
    }

    /// Whether its URI is not listed yet.
    pub fn is_open(&self) -> bool {
        self.uri.is_empty()
    }
}

/// A place in a playlist: media sequence number and part index.
pub type Position = (u64, u64);

/// EXT-X-RENDITION-REPORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionReport {
    /// As written.
    pub uri: String,
    /// LAST-MSN.
    pub last_msn: Option<u64>,
    /// LAST-PART.
    pub last_part: Option<u64>,
}

/// One version of a media playlist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MediaPlaylist {
    /// EXT-X-VERSION; 1 without the tag.
    pub version: u64,
    /// EXT-X-TARGETDURATION, seconds.
    pub target_duration_s: u64,
    /// PART-TARGET.
    pub part_target: Option<Duration>,
    /// EXT-X-SERVER-CONTROL.
    pub server_control: Option<Attributes>,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: Option<u64>,
    /// EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// SKIPPED-SEGMENTS of a delta update.
    pub skipped: Option<u64>,
    /// Listed segments, oldest first; the last may be open.
    pub segments: Vec<Segment>,
    /// EXT-X-PRELOAD-HINT tags.
    pub hints: Vec<Attributes>,
    /// EXT-X-RENDITION-REPORT tags.
    pub reports: Vec<RenditionReport>,
    /// EXT-X-ENDLIST.
    pub ended: bool,
    /// Tags that no rule here reads, by name.
    pub other_tags: Vec<String>,
}

impl MediaPlaylist {
    /// Reads a playlist; breaches of the syntax (rules 1, 3, 4, 23, 24, 63, 80) are found on the way.
    pub fn parse(text: &str, findings: &mut Findings) -> Self {
        Reader::default().read(text, findings)
    }

    /// The whole segments.
    pub fn whole(&self) -> &[Segment] {
        let open = self.segments.last().is_some_and(Segment::is_open);
        &self.segments[..self.segments.len() - usize::from(open)]
    }

    /// The segment that parts are added to.
    pub fn open(&self) -> Option<&Segment> {
        self.segments.last().filter(|last| last.is_open())
    }

    /// Place of the newest listed part; of the newest segment's first if it lists none.
    pub fn last(&self) -> Option<Position> {
        // An open segment may be announced before its first part.
        let last = self
            .segments
            .iter()
            .rfind(|segment| !segment.is_open() || !segment.parts.is_empty())?;
        Some((last.msn, (last.parts.len() as u64).saturating_sub(1)))
    }

    /// Place of the next part to come: what a blocking request asks for.
    pub fn next(&self) -> Position {
        match self.segments.last() {
            Some(last) if last.is_open() => (last.msn, last.parts.len() as u64),
            Some(last) => (last.msn + 1, 0),
            None => (self.media_sequence, 0),
        }
    }

    /// URI of the part that is hinted at.
    pub fn hinted_part(&self) -> Option<&str> {
        self.hints
            .iter()
            .find(|hint| hint.raw("TYPE") == Some("PART"))?
            .text("URI")
    }

    /// An attribute of EXT-X-SERVER-CONTROL in seconds.
    pub fn control_seconds(&self, name: &str) -> Option<Duration> {
        self.server_control.as_ref()?.seconds(name)
    }

    /// Where the newest media end, in Unix microseconds.
    pub fn end_us(&self) -> Option<i64> {
        let last = self.segments.last()?;
        let length_us = i64::try_from(last.length().as_micros()).ok()?;
        Some(last.pdt_us? + length_us)
    }

    /// Sum of the listed segments, the open one included.
    pub fn length(&self) -> Duration {
        self.segments.iter().map(Segment::length).sum()
    }
}

/// A playlist on its way through the lines.
#[derive(Default)]
struct Reader {
    playlist: MediaPlaylist,
    seen_once: Vec<&'static str>,
    /// The segment whose URI has not come yet.
    next: Segment,
    begun: bool,
    extinf: bool,
    map: Option<String>,
}

impl Reader {
    fn read(mut self, text: &str, findings: &mut Findings) -> MediaPlaylist {
        self.playlist.version = 1;
        let control = |letter: char| letter.is_control() && letter != '\n' && letter != '\r';
        findings.law(
            1,
            !text.starts_with('\u{feff}') && !text.contains(control),
            || "a byte order mark or control characters".to_owned(),
        );
        findings.law(1, text.lines().next() == Some("#EXTM3U"), || {
            format!("the first line is {:?}", text.lines().next())
        });
        for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
            if let Some(tag) = line.strip_prefix('#') {
                if tag.starts_with("EXT") {
                    let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
                    self.tag(name, value, findings);
                }
            } else {
                self.uri(line, findings);
            }
        }
        if self.begun {
            let mut open = std::mem::take(&mut self.next);
            open.map = self.map.clone();
            self.playlist.segments.push(open);
        }
        let (sequence, skipped) = (self.playlist.media_sequence, self.playlist.skipped);
        let first = sequence.saturating_add(skipped.unwrap_or(0));
        for (msn, segment) in (first..).zip(&mut self.playlist.segments) {
            segment.msn = msn;
        }
        self.playlist
    }

    fn uri(&mut self, uri: &str, findings: &mut Findings) {
        findings.law(24, self.extinf, || format!("{uri} has no EXTINF"));
        let mut segment = std::mem::take(&mut self.next);
        segment.uri = uri.to_owned();
        segment.map = self.map.clone();
        self.playlist.segments.push(segment);
        (self.begun, self.extinf) = (false, false);
    }

    fn tag(&mut self, name: &str, value: &str, findings: &mut Findings) {
        if let Some(once) = ONCE.iter().find(|once| **once == name) {
            let repeated = self.seen_once.contains(once);
            findings.law(4, !repeated, || format!("{name} is repeated"));
            self.seen_once.push(once);
        }
        match name {
            "EXT-X-VERSION" => self.playlist.version = number(name, value, findings),
            "EXT-X-INDEPENDENT-SEGMENTS" => self.playlist.independent_segments = true,
            "EXT-X-TARGETDURATION" => self.playlist.target_duration_s = number(name, value, findings),
            "EXT-X-MEDIA-SEQUENCE" => {
                self.before_skip(name, findings);
                self.playlist.media_sequence = number(name, value, findings);
            }
            "EXT-X-DISCONTINUITY-SEQUENCE" => {
                self.before_skip(name, findings);
                self.playlist.discontinuity_sequence = Some(number(name, value, findings));
            }
            "EXT-X-PART-INF" => {
                self.playlist.part_target = Attributes::parse(value, findings).seconds("PART-TARGET");
            }
            "EXT-X-SERVER-CONTROL" => {
                self.playlist.server_control = Some(Attributes::parse(value, findings));
            }
            "EXT-X-SKIP" => {
                self.playlist.skipped = Attributes::parse(value, findings).integer("SKIPPED-SEGMENTS");
            }
            "EXT-X-ENDLIST" => self.playlist.ended = true,
            "EXT-X-PRELOAD-HINT" => self.playlist.hints.push(Attributes::parse(value, findings)),
            "EXT-X-RENDITION-REPORT" => self.report(value, findings),
            _ => self.segment_tag(name, value, findings),
        }
    }

    fn segment_tag(&mut self, name: &str, value: &str, findings: &mut Findings) {
        match name {
            "EXT-X-DISCONTINUITY" => {
                self.before_parts(name, findings);
                self.next.discontinuity = true;
            }
            "EXT-X-MAP" => {
                self.before_parts(name, findings);
                self.map = Attributes::parse(value, findings).text("URI").map(str::to_owned);
            }
            "EXT-X-PROGRAM-DATE-TIME" => {
                self.before_parts(name, findings);
                let time = DateTime::parse_from_rfc3339(value).ok();
                let exact = value.split_once('.').is_some_and(|(_, rest)| rest.len() > 3);
                findings.law(80, time.is_some() && exact, || {
                    format!("PROGRAM-DATE-TIME {value:?} needs a zone and milliseconds")
                });
                self.next.pdt_us = time.map(|time| time.timestamp_micros());
            }
            "EXT-X-GAP" => self.next.gap = true,
            "EXT-X-PART" => self.part(value, findings),
            "EXTINF" => {
                let (seconds, _) = value.split_once(',').unwrap_or((value, ""));
                let duration = decimal(seconds);
                findings.law(3, duration.is_some(), || format!("EXTINF {value:?}"));
                self.next.duration = duration.unwrap_or_default();
                self.extinf = true;
            }
            _ => {
                self.playlist.other_tags.push(name.to_owned());
                return;
            }
        }
        self.begun = true;
    }

    fn part(&mut self, value: &str, findings: &mut Findings) {
        findings.law(24, !self.extinf, || {
            "EXT-X-PART between its segment's EXTINF and URI".to_owned()
        });
        let attributes = Attributes::parse(value, findings);
        let (uri, duration) = (attributes.text("URI"), attributes.seconds("DURATION"));
        findings.law(3, uri.is_some() && duration.is_some(), || {
            format!("EXT-X-PART:{value} needs URI and DURATION")
        });
        self.next.parts.push(Part {
            uri: uri.unwrap_or_default().to_owned(),
            duration: duration.unwrap_or_default(),
            independent: attributes.is_yes("INDEPENDENT"),
            gap: attributes.is_yes("GAP"),
        });
    }

    fn report(&mut self, value: &str, findings: &mut Findings) {
        let attributes = Attributes::parse(value, findings);
        self.playlist.reports.push(RenditionReport {
            uri: attributes.text("URI").unwrap_or_default().to_owned(),
            last_msn: attributes.integer("LAST-MSN"),
            last_part: attributes.integer("LAST-PART"),
        });
    }

    /// 8216bis 4.4.4.9: what applies to a parent segment stands before its first part.
    fn before_parts(&self, name: &str, findings: &mut Findings) {
        findings.law(23, self.next.parts.is_empty(), || {
            format!("{name} behind the first part of its segment")
        });
    }

    fn before_skip(&self, name: &str, findings: &mut Findings) {
        findings.law(63, self.playlist.skipped.is_none(), || {
            format!("{name} behind EXT-X-SKIP")
        });
    }
}

fn number(name: &str, value: &str, findings: &mut Findings) -> u64 {
    let number = integer(value);
    findings.law(3, number.is_some(), || format!("{name}:{value}"));
    number.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_and_the_next_to_come() {
        let head = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:4\n";
        let part = "#EXT-X-PART:DURATION=1.0,URI=\"p\"\n";
        let end = "#EXTINF:2.0,\nseg\n";
        let pdt = "#EXT-X-PROGRAM-DATE-TIME:2026-11-24T10:00:00.000Z\n";
        let table = [
            (vec![], None, (4, 0)),
            (vec![part], Some((4, 0)), (4, 1)),
            (vec![part, part, end], Some((4, 1)), (5, 0)),
            (vec![part, part, end, pdt], Some((4, 1)), (5, 0)),
            (vec![part, part, end, pdt, part], Some((5, 0)), (5, 1)),
            (vec![end, end], Some((5, 0)), (6, 0)),
        ];
        for (lines, last, next) in table {
            let text = format!("{head}{}", lines.concat());
            let playlist = MediaPlaylist::parse(&text, &mut Findings::default());
            assert_eq!((playlist.last(), playlist.next()), (last, next), "{text}");
        }
    }
}
