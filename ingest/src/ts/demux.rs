//! The whole: bytes of a transport stream in, elements of one programme out.

use std::collections::VecDeque;

use bytes::Bytes;
use vitrine_packager::media::VideoCodec;

use super::adts::Adts;
use super::avc::Avc;
use super::bits33::Unwrapping;
use super::packet::{Framing, Packet};
use super::pes::{Assembling, Found, Stamps, Unit};
use super::tables::{self, PAT_PID, Sections, Stream, StreamKind};
use crate::flv::{AudioTag, VideoTag};
use crate::refusal::Refusal;

/// Table ids.
const PAT: u8 = 0;
const PMT: u8 = 2;

/// Ticks of 90 kHz a millisecond.
const TICKS_PER_MS: i64 = 90;

/// What a transport stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// The tracks that the programme has, of those that are taken.
    Announced {
        /// It has video.
        video: bool,
        /// It has audio.
        audio: bool,
    },
    /// As a video message of RTMP.
    Video {
        /// Milliseconds, 32 bits.
        timestamp: u32,
        /// What it holds.
        tag: VideoTag,
    },
    /// As an audio message of RTMP.
    Audio {
        /// Milliseconds, 32 bits.
        timestamp: u32,
        /// What it holds.
        tag: AudioTag,
    },
}

/// Takes a transport stream apart.
#[derive(Debug, Default)]
pub struct Demux {
    framing: Framing,
    programme: Programme,
}

/// The programme as its tables and packets come.
#[derive(Debug, Default)]
struct Programme {
    pat: Sections,
    pmt: Option<(u16, Sections)>,
    streams: Vec<Stream>,
    video: Option<Video>,
    audio: Option<Audio>,
    time: Unwrapping,
    /// Bounded: the caller empties it after each push.
    elements: VecDeque<Element>,
    lost: u64,
}

#[derive(Debug)]
struct Video {
    pid: u16,
    pes: Assembling,
    avc: Avc,
}

#[derive(Debug)]
struct Audio {
    pid: u16,
    pes: Assembling,
    adts: Adts,
    asc: Option<Bytes>,
}

impl Demux {
    /// Takes the next bytes, in pieces of any size.
    ///
    /// # Errors
    /// [`Refusal::UnsupportedVideo`] and [`Refusal::UnsupportedAudio`] for a programme that has no other video or audio,
    /// [`Refusal::BadAudioConfig`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let Self { framing, programme } = self;
        framing.push(bytes, |bytes| match Packet::read(bytes) {
            Some(packet) => programme.take(&packet),
            None => Ok(()),
        })
    }

    /// The next element.
    pub fn next_element(&mut self) -> Option<Element> {
        self.programme.elements.pop_front()
    }

    /// How often packets of the tracks were missing.
    pub fn losses(&self) -> u64 {
        self.programme.lost
    }

    /// Hands on what was begun: no more bytes come.
    ///
    /// # Errors
    /// As [`Demux::push`].
    pub fn finish(&mut self) -> Result<(), Refusal> {
        let mut found = Vec::new();
        if let Some(video) = &mut self.programme.video {
            video.pes.finish(&mut |new| found.push(new));
        }
        self.programme.take_video(found)
    }
}

impl Programme {
    fn take(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let mut tables = Vec::new();
        if packet.pid == PAT_PID {
            self.pat.push(packet, PAT, |fields| tables.push(fields.to_vec()));
            for pid in tables.iter().filter_map(|pat| tables::first_programme(pat)) {
                if self.pmt.as_ref().is_none_or(|(known, _)| *known != pid) {
                    self.pmt = Some((pid, Sections::default()));
                }
            }
            return Ok(());
        }
        if let Some((pid, sections)) = &mut self.pmt
            && packet.pid == *pid
        {
            sections.push(packet, PMT, |fields| tables.push(fields.to_vec()));
            return tables.iter().try_for_each(|pmt| self.map(tables::streams(pmt)));
        }
        let mut found = Vec::new();
        if let Some(video) = self.video.as_mut().filter(|video| video.pid == packet.pid) {
            video.pes.push(packet, &mut |new| found.push(new));
            return self.take_video(found);
        }
        if let Some(audio) = self.audio.as_mut().filter(|audio| audio.pid == packet.pid) {
            audio.pes.push(packet, &mut |new| found.push(new));
            return self.take_audio(found);
        }
        Ok(())
    }

    /// Takes the streams of a PMT, which is repeated; news is only one that differs.
    fn map(&mut self, streams: Vec<Stream>) -> Result<(), Refusal> {
        if streams == self.streams {
            return Ok(());
        }
        let pid_of = |wanted: &StreamKind| {
            let stream = streams.iter().find(|stream| stream.kind == *wanted);
            stream.map(|stream| stream.pid)
        };
        let (video, audio) = (pid_of(&StreamKind::Avc), pid_of(&StreamKind::Adts));
        for stream in &streams {
            match stream.kind {
                StreamKind::OtherVideo(codec) if video.is_none() => {
                    return Err(Refusal::UnsupportedVideo { codec: codec.into() });
                }
                StreamKind::OtherAudio(codec) if audio.is_none() => {
                    return Err(Refusal::UnsupportedAudio { codec: codec.into() });
                }
                _ => {}
            }
        }
        if self.video.as_ref().map(|video| video.pid) != video {
            self.video = video.map(|pid| Video {
                pid,
                pes: Assembling::default(),
                avc: Avc::default(),
            });
        }
        if self.audio.as_ref().map(|audio| audio.pid) != audio {
            self.audio = audio.map(|pid| Audio {
                pid,
                pes: Assembling::default(),
                adts: Adts::default(),
                asc: None,
            });
        }
        self.streams = streams;
        self.elements.push_back(Element::Announced {
            video: video.is_some(),
            audio: audio.is_some(),
        });
        Ok(())
    }

    fn take_video(&mut self, found: Vec<Found>) -> Result<(), Refusal> {
        for found in found {
            let (Found::Unit(Unit { stamps, data }), Some(video)) = (found, &mut self.video) else {
                self.lost += 1;
                continue;
            };
            let unit = video.avc.access_unit(&data);
            // Each picture has a stamp in all streams that are made; one without has no place on the timeline.
            let Some(Stamps { pts, dts }) = stamps else {
                continue;
            };
            let codec = VideoCodec::Avc;
            let decoded_ms = millis(self.time.unwrap(dts));
            let shown_ms = millis(self.time.unwrap(pts));
            let timestamp = wrapping(decoded_ms);
            if let Some(record) = unit.record {
                self.elements.push_back(Element::Video {
                    timestamp,
                    tag: VideoTag::Config { codec, record },
                });
            }
            if !unit.data.is_empty() {
                self.elements.push_back(Element::Video {
                    timestamp,
                    tag: VideoTag::Frame {
                        codec,
                        composition_ms: i32::try_from(shown_ms - decoded_ms).unwrap_or(i32::MAX),
                        data: unit.data,
                    },
                });
            }
        }
        Ok(())
    }

    fn take_audio(&mut self, found: Vec<Found>) -> Result<(), Refusal> {
        for found in found {
            let Some(audio) = &mut self.audio else { break };
            let Found::Unit(Unit { stamps, data }) = found else {
                self.lost += 1;
                audio.adts.lost();
                continue;
            };
            let (elements, asc) = (&mut self.elements, &mut audio.asc);
            let pts = stamps.map(|stamps| self.time.unwrap(stamps.pts));
            audio.adts.push(pts, &data, |frame| {
                let timestamp = wrapping(millis(frame.pts));
                if asc.as_ref() != Some(&frame.asc) {
                    *asc = Some(frame.asc.clone());
                    elements.push_back(Element::Audio {
                        timestamp,
                        tag: AudioTag::Config(frame.asc),
                    });
                }
                elements.push_back(Element::Audio {
                    timestamp,
                    tag: AudioTag::Frame(frame.data),
                });
            })?;
        }
        Ok(())
    }
}

/// Ticks as milliseconds, rounded to the nearest.
fn millis(ticks: i64) -> i64 {
    (ticks + TICKS_PER_MS / 2).div_euclid(TICKS_PER_MS)
}

/// The low 32 bits, as RTMP counts: the publication's clock goes on where they wrap.
fn wrapping(millis: i64) -> u32 {
    (millis & i64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests;
