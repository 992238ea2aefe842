//! emsg boxes, and the log of all messages of a presentation (AOM "Carriage of ID3 Timed Metadata in CMAF" 1.0).

use std::collections::{BTreeMap, BTreeSet};

use id3::Tag;

use super::Fields;
use crate::conformance::findings::Findings;

/// What the scheme is called (ID3E 2.2.1), and what it was called before.
const SCHEMES: [&str; 2] = [
    "https://aomedia.org/emsg/ID3",
    "https://developer.apple.com/streaming/emsg-id3",
];
/// Bounded: messages that are kept for the caller. Full: later ones are checked, and not kept.
const KEPT: usize = 10_000;
/// Bounded: segments whose messages are compared between video renditions. Full: the oldest is compared and forgotten.
const COMPARED: usize = 64;

/// An emsg box, version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Of `presentation_time`, a second.
    pub timescale: u32,
    /// Ticks on the media timeline.
    pub presentation_time: u64,
    /// All ones: none of its own.
    pub event_duration: u32,
    /// Same id, scheme and value: same event.
    pub id: u32,
    /// scheme_id_uri.
    pub scheme: String,
    /// The space of its ids.
    pub value: String,
    /// The ID3 tag.
    pub data: Vec<u8>,
}

impl Message {
    /// Reads the body of an emsg box; rules 151 to 155 are looked at.
    pub(super) fn read(body: &[u8], findings: &mut Findings) -> Option<Self> {
        let read = Self::fields(body);
        findings.law(151, read.is_some(), || {
            "an emsg that is not of version 1".to_owned()
        });
        let message = read?;
        let scheme = &message.scheme;
        findings.law(152, SCHEMES.contains(&scheme.as_str()), || {
            format!("scheme_id_uri {scheme:?}")
        });
        findings.law(153, !message.value.is_empty(), || {
            format!("emsg {} has no value", message.id)
        });
        findings.law(154, message.is_whole_tag(), || {
            format!("emsg {}: its data is not one ID3v2.4 tag", message.id)
        });
        findings.law(155, message.event_duration == u32::MAX, || {
            format!("emsg {}: event_duration {}", message.id, message.event_duration)
        });
        Some(message)
    }

    fn fields(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        let [1, 0, 0, 0] = fields.bytes::<4>()? else {
            return None;
        };
        Some(Self {
            timescale: fields.u32().filter(|timescale| *timescale > 0)?,
            presentation_time: fields.u64()?,
            event_duration: fields.u32()?,
            id: fields.u32()?,
            scheme: fields.text()?.to_owned(),
            value: fields.text()?.to_owned(),
            data: fields.0.to_vec(),
        })
    }

    /// `ID3`, version 4.0, and a synchsafe size that is all that follows; readable by the `id3` crate.
    fn is_whole_tag(&self) -> bool {
        let Some((header, rest)) = self.data.split_first_chunk::<10>() else {
            return false;
        };
        let [b'I', b'D', b'3', 4, 0, _flags, size @ ..] = *header else {
            return false;
        };
        let synchsafe = size.iter().all(|byte| byte & 0x80 == 0);
        let size = size.iter().fold(0, |sum, byte| sum << 7 | usize::from(*byte));
        synchsafe && size == rest.len() && !self.texts().is_empty()
    }

    /// The texts of its TXXX frames.
    pub fn texts(&self) -> Vec<String> {
        let tag = Tag::read_from2(std::io::Cursor::new(&self.data)).unwrap_or_default();
        tag.extended_texts().map(|text| text.value.clone()).collect()
    }

    /// Presentation time in seconds of media time.
    pub fn seconds(&self) -> f64 {
        self.presentation_time as f64 / f64::from(self.timescale)
    }
}

/// The part that a message came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carrier<'a> {
    pub rendition: &'a str,
    pub is_video: bool,
    /// Media sequence number of its segment.
    pub msn: u64,
    pub opens_segment: bool,
    /// Ticks of `timescale`: the part is `[start, end)`.
    pub start: u64,
    pub end: u64,
    pub timescale: u32,
    /// PDT of media time zero, in microseconds since 1970.
    pub anchor_us: Option<i64>,
}

/// A message as it was seen, for whoever knows what was sent.
#[derive(Debug, Clone)]
pub struct SeenMessage {
    /// The rendition's name.
    pub rendition: String,
    /// emsg id.
    pub id: u32,
    /// Seconds of media time.
    pub media_time_s: f64,
    /// The same by PDT, microseconds since 1970.
    pub pdt_us: Option<i64>,
    /// Whether its part opens a segment.
    pub opens_segment: bool,
    /// Text of its first TXXX frame.
    pub text: String,
}

type Occurrence = (u32, u64);

/// All messages of a presentation.
#[derive(Debug)]
pub struct Messages {
    by_id: BTreeMap<u32, Message>,
    /// For each segment and video rendition, what came in it.
    by_segment: BTreeMap<u64, BTreeMap<String, BTreeSet<Occurrence>>>,
    /// Bounded: segments with a gap. Full: the oldest is forgotten.
    incomplete: BTreeSet<(u64, String)>,
    /// Renditions whose segments begin with a message since one did.
    repeating: BTreeSet<String>,
    in_video: bool,
    in_audio: bool,
    seen: Vec<SeenMessage>,
    findings: Findings,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_segment: BTreeMap::new(),
            incomplete: BTreeSet::new(),
            repeating: BTreeSet::new(),
            in_video: false,
            in_audio: false,
            seen: Vec::new(),
            findings: Findings::at("messages"),
        }
    }
}

impl Messages {
    pub(super) fn observe(&mut self, carrier: Carrier<'_>, messages: &[Message]) {
        if carrier.opens_segment {
            if self.repeating.contains(carrier.rendition) {
                self.findings.law(165, !messages.is_empty(), || {
                    format!(
                        "{}: segment {} does not repeat the state",
                        carrier.rendition, carrier.msn
                    )
                });
            } else if !messages.is_empty() {
                self.repeating.insert(carrier.rendition.to_owned());
            }
        }
        let times: Vec<u64> = messages.iter().map(|message| message.presentation_time).collect();
        self.findings.law(166, times.is_sorted(), || {
            format!("messages of one part at {times:?}")
        });
        if carrier.is_video {
            let segment = self.by_segment.entry(carrier.msn).or_default();
            let own = segment.entry(carrier.rendition.to_owned()).or_default();
            own.extend(messages.iter().map(|message| (message.id, millis(message))));
        }
        for message in messages {
            self.one(carrier, message);
        }
        while self.by_segment.len() > COMPARED {
            self.compare_oldest();
        }
    }

    /// A part of segment `msn` is a gap in `rendition`: its messages cannot be compared with those of others.
    pub(in crate::conformance) fn gap(&mut self, rendition: &str, msn: u64) {
        self.incomplete.insert((msn, rendition.to_owned()));
        while self.incomplete.len() > COMPARED {
            self.incomplete.pop_first();
        }
    }

    fn one(&mut self, carrier: Carrier<'_>, message: &Message) {
        self.in_video |= carrier.is_video;
        self.in_audio |= !carrier.is_video;
        let (id, at, findings) = (message.id, message.presentation_time, &mut self.findings);
        findings.law(159, message.timescale == carrier.timescale, || {
            format!(
                "emsg {id}: timescale {} of a track with {}",
                message.timescale, carrier.timescale
            )
        });
        findings.law(156, (carrier.start..carrier.end).contains(&at), || {
            format!(
                "emsg {id} at {at} came in the part [{}, {}) of {}",
                carrier.start, carrier.end, carrier.rendition
            )
        });
        let known = self.by_id.entry(id).or_insert_with(|| message.clone());
        let same =
            known.scheme == message.scheme && known.value == message.value && known.data == message.data;
        findings.law(160, same, || {
            format!("emsg {id} stands for two different messages")
        });
        if self.seen.len() < KEPT {
            let media_us = (message.seconds() * 1e6).round() as i64;
            self.seen.push(SeenMessage {
                rendition: carrier.rendition.to_owned(),
                id,
                media_time_s: message.seconds(),
                pdt_us: carrier.anchor_us.map(|anchor| anchor + media_us),
                opens_segment: carrier.opens_segment,
                text: message.texts().into_iter().next().unwrap_or_default(),
            });
        }
    }

    /// Rule 163: a segment has the same messages in every video rendition.
    fn compare_oldest(&mut self) {
        let Some((msn, renditions)) = self.by_segment.pop_first() else {
            return;
        };
        let whole = renditions
            .iter()
            .filter(|(name, _)| !self.incomplete.contains(&(msn, (*name).clone())));
        let mut sets = whole.map(|(_, set)| set);
        let first = sets.next();
        for other in sets {
            self.findings.law(163, Some(other) == first, || {
                format!("segment {msn} has other messages in another video rendition")
            });
        }
    }

    /// Compares what is left, but for the newest segments, which one rendition may be ahead in.
    pub fn finish(mut self) -> (Vec<SeenMessage>, Findings) {
        while self.by_segment.len() > 2 {
            self.compare_oldest();
        }
        let both = self.in_video && self.in_audio;
        self.findings.law(163, !both, || {
            "messages in audio beside video: players deliver them twice".to_owned()
        });
        (self.seen, self.findings)
    }

    /// Whether any message came.
    pub fn any(&self) -> bool {
        self.in_video || self.in_audio
    }
}

fn millis(message: &Message) -> u64 {
    (message.seconds() * 1000.0).round() as u64
}
