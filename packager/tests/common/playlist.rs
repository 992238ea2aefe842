//! A reader of media playlists that shares no code with their writer, and refuses what 8216bis does.

use std::collections::{BTreeMap, BTreeSet};

/// A duration in units of 10 µs, the last digit that is printed.
pub type E5 = i64;

pub type Attributes = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub uri: String,
    pub duration: E5,
    pub independent: bool,
    pub gap: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub msn: u64,
    pub uri: String,
    pub duration: E5,
    pub gap: bool,
    /// Bytes of its EXT-X-BYTERANGE, from the first on.
    pub range: Option<u64>,
    pub opening: Opening,
    pub parts: Vec<Part>,
}

/// What stands before a segment's first part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    pub discontinuity: bool,
    /// Discontinuity sequence number.
    pub discontinuity_sequence: u64,
    /// URI of the init section in force; `None` if this playlist does not say it.
    pub map: Option<String>,
    /// PROGRAM-DATE-TIME in milliseconds since 1970.
    pub pdt_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub msn: u64,
    pub opening: Opening,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playlist {
    pub version: u64,
    pub target_duration_s: i64,
    pub server_control: Attributes,
    pub part_target: E5,
    pub media_sequence: u64,
    pub discontinuity_sequence: u64,
    pub skipped: u64,
    pub segments: Vec<Segment>,
    /// The segment that has parts but no URI yet.
    pub open: Option<Open>,
    pub hints: Vec<Attributes>,
    pub reports: Vec<Attributes>,
    pub ended: bool,
    pub i_frames_only: bool,
}

impl Playlist {
    /// Panics, naming the line, on anything that a strict client would refuse.
    pub fn read(text: &str) -> Self {
        assert!(text.ends_with('\n') && !text.contains('\r'), "lines end with LF");
        let mut reader = Reader::default();
        for (number, line) in text.lines().enumerate() {
            assert!(number > 0 || line == "#EXTM3U", "the first line is #EXTM3U");
            reader.line(line);
        }
        reader.finish()
    }

    /// Media sequence number of the last whole segment.
    pub fn last_msn(&self) -> Option<u64> {
        self.segments.last().map(|segment| segment.msn)
    }

    /// Every listed part with its place, oldest first.
    pub fn parts(&self) -> impl Iterator<Item = (u64, u64, &Part)> {
        let whole = self.segments.iter().map(|segment| (segment.msn, &segment.parts));
        let open = self.open.iter().map(|open| (open.msn, &open.parts));
        whole
            .chain(open)
            .flat_map(|(msn, parts)| (0..).zip(parts).map(move |(index, part)| (msn, index, part)))
    }

    /// Length of the whole segments.
    pub fn duration(&self) -> E5 {
        self.segments.iter().map(|segment| segment.duration).sum()
    }

    /// Length of the open segment's parts.
    pub fn open_duration(&self) -> E5 {
        self.open
            .iter()
            .flat_map(|open| &open.parts)
            .map(|part| part.duration)
            .sum()
    }

    /// URI of the hinted part.
    pub fn hinted(&self) -> Option<&str> {
        self.hints
            .iter()
            .find(|hint| hint["TYPE"] == "PART")
            .map(|hint| hint["URI"].as_str())
    }
}

/// 1234567 for 12.34567.
pub fn e5(decimal: &str) -> E5 {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    assert!(
        digits(whole) && digits(fraction) && !whole.is_empty(),
        "a plain decimal (4.2): {decimal}"
    );
    assert!(fraction.len() <= 5, "{decimal}");
    format!("{whole}{fraction:0<5}").parse().unwrap()
}

#[derive(Default)]
struct Reader {
    once: BTreeSet<String>,
    version: u64,
    target_duration_s: i64,
    server_control: Attributes,
    part_target: E5,
    media_sequence: u64,
    discontinuity_sequence: u64,
    skipped: u64,
    segments: Vec<Segment>,
    hints: Vec<Attributes>,
    reports: Vec<Attributes>,
    ended: bool,
    // The segment being read.
    opening: Opening,
    parts: Vec<Part>,
    extinf: Option<E5>,
    range: Option<u64>,
    gap: bool,
    discontinuities: u64,
    map: Option<String>,
    begun: bool,
}

impl Reader {
    fn line(&mut self, line: &str) {
        assert!(!self.ended, "nothing follows EXT-X-ENDLIST here: {line}");
        if !line.starts_with('#') {
            return self.uri(line);
        }
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXTM3U" | "#EXT-X-INDEPENDENT-SEGMENTS" | "#EXT-X-I-FRAMES-ONLY" => self.once(tag),
            "#EXT-X-BYTERANGE" => {
                let (len, offset) = value.split_once('@').expect("n@o");
                assert_eq!(offset, "0", "from the segment's beginning");
                assert!(self.range.replace(len.parse().unwrap()).is_none());
            }
            "#EXT-X-VERSION" => self.number(tag, value, |reader| &mut reader.version),
            "#EXT-X-TARGETDURATION" => {
                self.once(tag);
                self.target_duration_s = value.parse().unwrap();
            }
            "#EXT-X-SERVER-CONTROL" => {
                self.once(tag);
                self.server_control = attributes(value);
            }
            "#EXT-X-PART-INF" => {
                self.once(tag);
                self.part_target = e5(&attributes(value)["PART-TARGET"]);
            }
            "#EXT-X-MEDIA-SEQUENCE" => self.number(tag, value, |reader| &mut reader.media_sequence),
            "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                self.number(tag, value, |reader| &mut reader.discontinuity_sequence);
            }
            "#EXT-X-SKIP" => {
                assert!(self.once.contains("#EXT-X-DISCONTINUITY-SEQUENCE"), "SPEC 63");
                assert!(
                    self.segments.is_empty() && !self.begun,
                    "EXT-X-SKIP stands before the segments"
                );
                self.once(tag);
                self.skipped = attributes(value)["SKIPPED-SEGMENTS"].parse().unwrap();
            }
            "#EXT-X-DISCONTINUITY" => {
                assert!(!self.opening.discontinuity);
                self.before_parts(tag);
                self.opening.discontinuity = true;
                self.discontinuities += 1;
            }
            "#EXT-X-MAP" => {
                self.before_parts(tag);
                self.map = Some(attributes(value)["URI"].clone());
            }
            "#EXT-X-PROGRAM-DATE-TIME" => {
                assert!(self.opening.pdt_ms.is_none());
                self.before_parts(tag);
                self.opening.pdt_ms = Some(date(value));
            }
            "#EXT-X-PART" => self.part(&attributes(value)),
            "#EXT-X-GAP" => {
                // 8216bis 6.2.1: right behind the first part that is a gap.
                let gaps: Vec<bool> = self.parts.iter().map(|part| part.gap).collect();
                let behind_first = gaps.iter().position(|gap| *gap) == gaps.len().checked_sub(1);
                assert!((behind_first || gaps.is_empty()) && !self.gap, "{gaps:?}");
                self.gap = true;
            }
            "#EXTINF" => {
                let duration = value.strip_suffix(',').expect("EXTINF ends with a comma here");
                assert!(self.extinf.replace(e5(duration)).is_none());
            }
            "#EXT-X-PRELOAD-HINT" => self.hints.push(attributes(value)),
            "#EXT-X-RENDITION-REPORT" => self.reports.push(attributes(value)),
            "#EXT-X-ENDLIST" => self.ended = true,
            _ => panic!("no tag of ours: {line}"),
        }
    }

    fn once(&mut self, tag: &str) {
        assert!(self.once.insert(tag.to_owned()), "SPEC 4: {tag} stands twice");
    }

    fn number(&mut self, tag: &str, value: &str, field: fn(&mut Self) -> &mut u64) {
        self.once(tag);
        *field(self) = value.parse().unwrap();
    }

    /// SPEC 23.
    fn before_parts(&mut self, tag: &str) {
        assert!(
            self.parts.is_empty() && self.extinf.is_none(),
            "{tag} stands before the segment's parts"
        );
        self.begun = true;
    }

    fn part(&mut self, attributes: &Attributes) {
        // SPEC 24: behind EXTINF, a part would be taken for the next segment's.
        assert!(self.extinf.is_none(), "parts stand before their segment's EXTINF");
        self.begun = true;
        let yes = |name: &str| {
            let value = attributes.get(name).map(String::as_str);
            assert!(matches!(value, None | Some("YES")));
            value.is_some()
        };
        self.parts.push(Part {
            uri: attributes["URI"].clone(),
            duration: e5(&attributes["DURATION"]),
            independent: yes("INDEPENDENT"),
            gap: yes("GAP"),
        });
    }

    fn opening(&mut self) -> Opening {
        self.begun = false;
        Opening {
            map: self.map.clone(),
            discontinuity_sequence: self.discontinuity_sequence + self.discontinuities,
            ..std::mem::take(&mut self.opening)
        }
    }

    fn next_msn(&self) -> u64 {
        self.media_sequence + self.skipped + self.segments.len() as u64
    }

    fn uri(&mut self, uri: &str) {
        let segment = Segment {
            msn: self.next_msn(),
            uri: uri.to_owned(),
            duration: self.extinf.take().expect("a URI follows its EXTINF"),
            gap: std::mem::take(&mut self.gap),
            range: self.range.take(),
            opening: self.opening(),
            parts: std::mem::take(&mut self.parts),
        };
        self.segments.push(segment);
    }

    fn finish(mut self) -> Playlist {
        assert!(self.extinf.is_none(), "the last segment has a URI");
        let msn = self.next_msn();
        let open = self.begun.then(|| Open {
            msn,
            opening: self.opening(),
            parts: std::mem::take(&mut self.parts),
        });
        Playlist {
            version: self.version,
            target_duration_s: self.target_duration_s,
            server_control: self.server_control,
            part_target: self.part_target,
            media_sequence: self.media_sequence,
            discontinuity_sequence: self.discontinuity_sequence,
            skipped: self.skipped,
            segments: self.segments,
            open,
            hints: self.hints,
            reports: self.reports,
            ended: self.ended,
            i_frames_only: self.once.contains("#EXT-X-I-FRAMES-ONLY"),
        }
    }
}

/// An attribute list (4.2): no blanks, no name twice. Quotes are taken off.
fn attributes(list: &str) -> Attributes {
    let mut found = Attributes::new();
    let mut rest = list;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').expect("NAME=VALUE");
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'),
            "{list}"
        );
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a closing quote"),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        assert!(!value.contains(char::is_whitespace), "SPEC 3: {list}");
        assert!(
            found.insert(name.to_owned(), value.to_owned()).is_none(),
            "SPEC 3: {name} stands twice"
        );
        rest = match after.strip_prefix(',') {
            Some(more) => more,
            None => {
                assert!(after.is_empty(), "{list}");
                after
            }
        };
    }
    found
}

/// `2026-11-24T14:36:27.654Z` in milliseconds since 1970, counted day by day.
fn date(text: &str) -> i64 {
    let digits: Vec<i64> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok())
        .collect();
    let [year, month, day, hour, minute, second, milli] = digits[..] else {
        panic!("{text}");
    };
    assert!(text.len() == 24 && text.ends_with('Z'), "SPEC 80: {text}");
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_in = |year, month| match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let years: i64 = (1970..year).map(|year| 365 + i64::from(leap(year))).sum();
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    let days = years + months + day - 1;
    (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + milli
}
