//! A rendition's media in order: continuity, and parts against their segment.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::chunk::Chunk;
use super::init::InitSection;
use super::messages::{Carrier, Messages};
use crate::conformance::findings::Findings;
use crate::conformance::playlist::{Part, Segment};

/// Durations are printed in hundredths of a millisecond.
const PRINTED_S: f64 = 1.1e-5;
/// PDT is printed in milliseconds.
const PDT_PRINTED_US: i64 = 1_000;
/// H.264: an IDR picture's slice.
const NAL_IDR: u8 = 5;

/// What is known of the segment whose parts come.
#[derive(Debug, Default)]
struct Joined {
    msn: Option<u64>,
    bytes: Vec<u8>,
    parts: usize,
    ticks: u64,
    length: Duration,
}

/// Bounded: segments whose size is remembered. Full: the oldest is forgotten.
const MEASURED: usize = 4096;

/// What a rendition's media is, for what the multivariant playlist says of it.
#[derive(Debug, Clone, Default)]
pub struct MediaFacts {
    /// The newest init section.
    pub init: Option<InitSection>,
    /// Bytes and seconds of each segment, oldest first.
    pub segments: VecDeque<(usize, f64)>,
    /// The median sample duration of the newest segment's first chunk, seconds.
    pub sample_s: f64,
}

/// One rendition's media.
#[derive(Debug)]
pub struct Track {
    name: String,
    is_video: bool,
    init: Option<(String, InitSection)>,
    /// Decode time that the next chunk must have, ticks; `None` after a break.
    next_decode: Option<u64>,
    /// PDT of media time zero, microseconds since 1970, since the last discontinuity.
    anchor_us: Option<i64>,
    joined: Joined,
    facts: MediaFacts,
}

impl Track {
    /// The rendition called `name`.
    pub fn new(name: &str, is_video: bool) -> Self {
        Self {
            name: name.to_owned(),
            is_video,
            init: None,
            next_decode: None,
            anchor_us: None,
            joined: Joined::default(),
            facts: MediaFacts::default(),
        }
    }

    /// What is known of it at the end.
    pub fn into_facts(self) -> MediaFacts {
        MediaFacts {
            init: self.init.map(|(_, init)| init),
            ..self.facts
        }
    }

    /// Whether the init section at `uri` is still to be given to [`set_init`](Self::set_init).
    pub fn needs_init(&self, uri: &str) -> bool {
        self.init.as_ref().is_none_or(|(known, _)| known != uri)
    }

    /// Takes the init section that the next parts need.
    pub fn set_init(&mut self, uri: &str, bytes: &[u8], findings: &mut Findings) {
        self.init = InitSection::read(bytes, self.is_video, findings).map(|init| (uri.to_owned(), init));
    }

    /// The init section in use.
    pub fn init(&self) -> Option<&InitSection> {
        self.init.as_ref().map(|(_, init)| init)
    }

    /// Media is missing: what comes next need not follow what came last.
    pub fn lose(&mut self) {
        self.next_decode = None;
    }

    /// A part of segment `msn`, or all of it, is a gap.
    pub fn gap(&mut self, msn: u64, messages: &mut Messages) {
        self.lose();
        messages.gap(&self.name, msn);
    }

    /// Takes part `index` of `segment`.
    pub fn part(
        &mut self,
        segment: &Segment,
        index: usize,
        part: &Part,
        bytes: &Bytes,
        messages: &mut Messages,
        findings: &mut Findings,
    ) {
        self.enter(segment);
        let before = self.joined.length;
        let chunks = Chunk::read_all(bytes, findings);
        let independent = chunks
            .iter()
            .any(|chunk| chunk.samples.iter().any(|sample| sample.is_sync));
        findings.law(22, independent == part.independent || !self.is_video, || {
            format!(
                "part {}.{index} has a sync sample: {independent}, INDEPENDENT: {}",
                segment.msn, part.independent
            )
        });
        let ticks = self.chunks(segment, before, index == 0, &chunks, messages, findings);
        self.length(ticks, part.duration, findings, || {
            format!("part {}.{index}", segment.msn)
        });
        self.joined.bytes.extend_from_slice(bytes);
        self.joined.parts += 1;
        self.joined.length += part.duration;
    }

    /// Takes a whole segment, after those of its parts that were seen.
    pub fn whole(
        &mut self,
        segment: &Segment,
        bytes: &Bytes,
        messages: &mut Messages,
        findings: &mut Findings,
    ) {
        let msn = segment.msn;
        self.enter(segment);
        if self.joined.parts == 0 {
            let chunks = Chunk::read_all(bytes, findings);
            self.chunks(segment, Duration::ZERO, true, &chunks, messages, findings);
        } else {
            findings.law(25, self.same_bytes(bytes), || {
                format!(
                    "segment {msn} of {} bytes is not its {} parts joined, {} bytes",
                    bytes.len(),
                    self.joined.parts,
                    self.joined.bytes.len()
                )
            });
        }
        let ticks = self.joined.ticks;
        self.length(ticks, segment.duration, findings, || format!("segment {msn}"));
        let size = (bytes.len(), segment.duration.as_secs_f64());
        self.facts.segments.push_back(size);
        if self.facts.segments.len() > MEASURED {
            self.facts.segments.pop_front();
        }
    }

    /// Rule 25: byte for byte, allowing a leading styp of the segment's own.
    fn same_bytes(&self, segment: &[u8]) -> bool {
        let without_styp = |bytes: &'_ [u8]| -> usize {
            match super::boxes(bytes).unwrap_or_default().first() {
                Some(first) if first.kind == *b"styp" => first.whole.len(),
                _ => 0,
            }
        };
        let joined = self.joined.bytes.as_slice();
        segment == joined || segment.get(without_styp(segment)..) == joined.get(without_styp(joined)..)
    }

    fn enter(&mut self, segment: &Segment) {
        if self.joined.msn == Some(segment.msn) {
            return;
        }
        // A segment was missed: nothing is known of where this one should begin.
        if self.joined.msn.is_some_and(|msn| msn + 1 != segment.msn) {
            self.next_decode = None;
        }
        if segment.discontinuity {
            (self.next_decode, self.anchor_us) = (None, None);
        }
        self.joined = Joined {
            msn: Some(segment.msn),
            ..Joined::default()
        };
    }

    /// Looks at chunks that follow each other, `before` into `segment`; returns their length in ticks.
    fn chunks(
        &mut self,
        segment: &Segment,
        before: Duration,
        opens_segment: bool,
        chunks: &[Chunk],
        messages: &mut Messages,
        findings: &mut Findings,
    ) -> u64 {
        let Some(init) = self.init().cloned() else {
            findings.broken(
                128,
                format!("segment {} has no readable init section", segment.msn),
            );
            return 0;
        };
        let mut ticks = 0;
        for (index, chunk) in chunks.iter().enumerate() {
            let opens = opens_segment && index == 0;
            let (msn, at) = (segment.msn, chunk.decode_time);
            findings.law(129, chunk.track_id == init.track_id, || {
                format!("a traf of track {} in segment {msn}", chunk.track_id)
            });
            if let Some(expected) = self.next_decode {
                findings.law(130, at == expected, || {
                    format!("tfdt {at} in segment {msn} where {expected} follows")
                });
            }
            let end = at + chunk.duration();
            self.next_decode = Some(end);
            if opens {
                self.opening(segment, chunk, &init, findings);
            }
            let passed = Duration::from_secs_f64(ticks as f64 / f64::from(init.timescale.max(1)));
            self.reference(segment, before + passed, chunk, findings);
            let carrier = Carrier {
                rendition: &self.name,
                is_video: self.is_video,
                msn,
                opens_segment: opens,
                start: at,
                end,
                timescale: init.timescale,
                anchor_us: self.anchor_us,
            };
            messages.observe(carrier, &chunk.messages);
            if !chunk.messages.is_empty() {
                findings.law(162, init.brands.iter().any(|brand| brand == "aid3"), || {
                    "emsg in a track without the brand aid3".to_owned()
                });
            }
            ticks += chunk.duration();
        }
        self.joined.ticks += ticks;
        ticks
    }

    /// The first chunk of a segment: rules 110, 135, 137 and 83.
    fn opening(&mut self, segment: &Segment, chunk: &Chunk, init: &InitSection, findings: &mut Findings) {
        let msn = segment.msn;
        let mut durations: Vec<u32> = chunk.samples.iter().map(|sample| sample.duration).collect();
        durations.sort_unstable();
        let median = durations.get(durations.len() / 2).copied().unwrap_or_default();
        self.facts.sample_s = f64::from(median) / f64::from(init.timescale.max(1));
        findings.law(134, chunk.has_styp, || {
            format!("segment {msn} begins without styp")
        });
        if self.is_video {
            let first = chunk.samples.first();
            findings.law(135, first.is_some_and(|sample| sample.is_sync), || {
                format!("segment {msn} does not begin with a sync sample")
            });
            if let (Some(sample), Some(length_bytes)) = (first, init.nal_length_bytes) {
                let types = nal_types(&sample.data, length_bytes);
                findings.law(135, types.contains(&NAL_IDR), || {
                    format!("segment {msn} begins with NAL units {types:?}, none an IDR")
                });
            }
            let (earliest, at) = (chunk.earliest_presentation(), chunk.decode_time.cast_signed());
            findings.law(137, earliest == Some(at), || {
                format!("segment {msn} begins at {at} and shows first at {earliest:?}")
            });
        }
        let media_us = chunk.decode_time as f64 * 1e6 / f64::from(init.timescale.max(1));
        if let Some(pdt_us) = segment.pdt_us {
            let anchor_us = pdt_us - media_us.round() as i64;
            let known = *self.anchor_us.get_or_insert(anchor_us);
            let wobble_us = anchor_us - known;
            findings.law(83, wobble_us.abs() <= PDT_PRINTED_US, || {
                format!("PDT of segment {msn} is {wobble_us} µs off its media time")
            });
        }
    }

    /// Rule 148: the producer reference time is what PDT says.
    fn reference(&self, segment: &Segment, before: Duration, chunk: &Chunk, findings: &mut Findings) {
        let (Some(reference), Some(pdt_us)) = (chunk.reference, segment.pdt_us) else {
            return;
        };
        let expected_us = pdt_us + i64::try_from(before.as_micros()).unwrap_or(i64::MAX);
        let off_us = reference.wall_us - expected_us;
        let lawful = reference.media_time == chunk.decode_time && off_us.abs() <= 2 * PDT_PRINTED_US;
        findings.law(148, lawful, || {
            format!(
                "prft at {} is {off_us} µs off PDT in segment {}",
                reference.media_time, segment.msn
            )
        });
    }

    /// Rule 10: what is printed is what is in it.
    fn length(&self, ticks: u64, printed: Duration, findings: &mut Findings, what: impl Fn() -> String) {
        let timescale = self.init().map_or(1, |init| init.timescale.max(1));
        let seconds = ticks as f64 / f64::from(timescale);
        findings.law(10, (seconds - printed.as_secs_f64()).abs() <= PRINTED_S, || {
            format!("{} lasts {seconds} s and says {printed:?}", what())
        });
    }
}

/// The types of an H.264 sample's NAL units.
fn nal_types(mut data: &[u8], length_bytes: usize) -> Vec<u8> {
    let mut types = Vec::new();
    while let Some((length, rest)) = data.split_at_checked(length_bytes) {
        let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let Some((unit, later)) = rest.split_at_checked(length) else {
            break;
        };
        types.extend(unit.first().map(|byte| byte & 0x1f));
        data = later;
    }
    types
}
