//! I-frame playlists (rules 32 and 119), and the bytes that they point at.

use std::fmt::Write;

use super::super::attributes::integer;
use super::super::cmaf::chunk::Chunk;
use super::super::findings::Findings;

/// An I-frame as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IFrame {
    /// URI of its segment, as written.
    pub uri: String,
    /// Bytes of the segment, from its first.
    pub len: u64,
}

impl IFrame {
    /// The value of a Range field that asks for it.
    pub fn range(&self) -> String {
        format!("bytes=0-{}", self.len.saturating_sub(1))
    }
}

/// Reads an I-frame playlist; those of its segments that have an I-frame.
pub fn read(text: &str, findings: &mut Findings) -> Vec<IFrame> {
    for tag in ["#EXT-X-I-FRAMES-ONLY", "#EXT-X-TARGETDURATION:", "#EXT-X-MAP:"] {
        let found = text.lines().any(|line| line.starts_with(tag));
        findings.law(119, found, || format!("no {tag} in an I-frame playlist"));
    }
    let parts = text
        .lines()
        .filter(|line| line.starts_with("#EXT-X-PART:") || line.starts_with("#EXT-X-PRELOAD-HINT:"));
    let parts = parts.count();
    findings.law(32, parts == 0, || format!("{parts} parts in an I-frame playlist"));
    let (mut frames, mut range, mut gap) = (Vec::new(), None, false);
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("#EXT-X-BYTERANGE:") {
            range = value
                .split_once('@')
                .and_then(|(len, offset)| Some((integer(len)?, integer(offset)?)));
        } else if line == "#EXT-X-GAP" {
            gap = true;
        } else if !line.starts_with('#') && !line.is_empty() {
            let range = range.take();
            let from_the_beginning = range.filter(|(len, offset)| *len > 0 && *offset == 0);
            findings.law(119, gap || from_the_beginning.is_some(), || {
                format!("{line}: a range from the segment's first byte is wanted, not {range:?}")
            });
            if let Some((len, _)) = from_the_beginning.filter(|_| !gap) {
                let uri = line.to_owned();
                frames.push(IFrame { uri, len });
            }
            gap = false;
        }
    }
    frames
}

/// A range's bytes are the segment's first ones, up to the end of its first sample, an IDR.
pub fn bytes(frame: &IFrame, range: &[u8], segment: &[u8], findings: &mut Findings) {
    let uri = &frame.uri;
    findings.law(
        119,
        range.len() as u64 == frame.len && segment.starts_with(range),
        || format!("{uri}: {} bytes of a range of {}", range.len(), frame.len),
    );
    let chunks = Chunk::read_all(segment, findings);
    let first = chunks.first().and_then(|chunk| chunk.samples.first());
    let shown = first.is_some_and(|sample| sample.is_sync && range.ends_with(&sample.data));
    findings.law(119, shown, || {
        let mut what = format!("{uri}: the range does not end with the segment's first sample");
        if let Some(sample) = first {
            let _ = write!(what, " (sync: {}, {} bytes)", sample.is_sync, sample.data.len());
        }
        what
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-I-FRAMES-ONLY\n\
        #EXT-X-MAP:URI=\"init-0.mp4\"\n#EXT-X-BYTERANGE:900@0\n#EXTINF:2.00000,\nseg-0.m4s\n\
        #EXT-X-GAP\n#EXTINF:2.00000,\nseg-1.m4s\n#EXT-X-BYTERANGE:800@0\n#EXTINF:2.00000,\nseg-2.m4s\n";

    fn violations(text: &str) -> usize {
        let mut findings = Findings::at("test");
        read(text, &mut findings);
        findings.count()
    }

    #[test]
    fn a_good_playlist_has_the_frames_that_are_no_gaps() {
        let mut findings = Findings::at("test");
        let frames = read(GOOD, &mut findings);
        assert_eq!(findings.count(), 0, "{:?}", findings.violations());
        let named: Vec<(&str, u64)> = frames
            .iter()
            .map(|frame| (frame.uri.as_str(), frame.len))
            .collect();
        assert_eq!(named, [("seg-0.m4s", 900), ("seg-2.m4s", 800)]);
        assert_eq!(frames[0].range(), "bytes=0-899");
    }

    #[test]
    fn what_is_missing_or_too_much_is_found() {
        for (from, to) in [
            ("#EXT-X-I-FRAMES-ONLY\n", ""),
            ("#EXT-X-MAP:URI=\"init-0.mp4\"\n", ""),
            ("#EXT-X-BYTERANGE:900@0\n", ""),
            ("900@0", "900@12"),
            ("#EXT-X-GAP\n", ""),
            (
                "#EXT-X-GAP\n",
                "#EXT-X-GAP\n#EXT-X-PART:DURATION=0.3,URI=\"part-1.m4s\"\n",
            ),
        ] {
            assert_eq!(violations(&GOOD.replacen(from, to, 1)), 1, "{from:?} → {to:?}");
        }
    }

    #[test]
    fn another_range_is_found() {
        let frame = IFrame {
            uri: "seg-0.m4s".to_owned(),
            len: 4,
        };
        let mut findings = Findings::at("test");
        bytes(&frame, b"abc", b"abcdef", &mut findings);
        assert!(findings.count() >= 2, "{:?}", findings.violations());
    }
}
