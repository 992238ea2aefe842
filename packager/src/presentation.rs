//! The renditions of a session together: aligned cuts, gaps and discontinuities for all, rendition reports.
//!
//! ```text
//! Frame ──► grid ──► Sample ──► cutter ──► Cut ──► chunk ──► Timeline ──► RenditionSnapshot
//!                        video's cuts ──► audio's cutter
//! ```

use std::sync::Arc;

use crate::cmaf::chunk::Chunk;
use crate::cmaf::emsg::{EventMessage, PartSpan};
use crate::cmaf::{BoxError, init};
use crate::codec::{AudioFacts, CodecError, VideoFacts};
use crate::grid::{
    AudioFrames, AudioGrid, Origin, PartGrid, RateEstimate, VideoGrid, frame_ticks, timescale_for,
};
use crate::media::{
    AudioConfig, Frame, FrameRate, MediaTime, Timescale, TrackConfig, TrackKind, VideoConfig, WallTime,
};
use crate::playlist::RenderedPlaylist;
use crate::playlist::multivariant::{self, AudioLine, BandwidthMeter, VideoLine};
use crate::request::Position;
use crate::segmenter::{AudioCutter, Cut, CutPart, GopTooLong, VideoCutter};
use crate::snapshot::RenditionSnapshot;
use crate::startup::claims;
use crate::timeline::{Segment, Timeline, TimelineSettings};

/// Asked for the messages of each part of the renditions that carry them, as it is written.
pub type MessageSource<'a> = dyn FnMut(&PartSpan) -> Vec<EventMessage> + 'a;

/// Audio this far behind the video has stopped: silence takes its place, so that viewers play on.
const AUDIO_LAG_LIMIT_S: f64 = 3.0;

/// Why a frame cannot be packaged.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Keyframes are too far apart.
    #[error(transparent)]
    Gop(#[from] GopTooLong),
    /// A box could not be written.
    #[error(transparent)]
    Box(#[from] BoxError),
}

/// Why a returning encoder cannot go on with the session; it needs a new one.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The parameter sets are unusable.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Video or audio came or went.
    #[error("the encoder came back with other tracks: a new session starts")]
    OtherTracks,
    /// Its frames do not fill the session's parts.
    #[error(
        "the encoder came back with a frame rate that does not fill the session's parts: a new session starts"
    )]
    OtherRate,
    /// An init section could not be written.
    #[error(transparent)]
    Box(#[from] BoxError),
}

/// A publication's video, as it enters a session.
#[derive(Debug)]
pub(crate) struct VideoSource {
    pub config: VideoConfig,
    pub facts: VideoFacts,
    pub grid: VideoGrid,
    pub rate: FrameRate,
}

/// A publication's audio, as it enters a session.
#[derive(Debug)]
pub(crate) struct AudioSource {
    pub config: AudioConfig,
    pub facts: AudioFacts,
}

/// A rendition that changed, and what its readers see from now on.
#[derive(Debug)]
pub struct RenditionUpdate {
    /// Its name, as in its URL.
    pub name: String,
    /// The new snapshot.
    pub snapshot: RenditionSnapshot,
}

/// A rendition, described for the channel's status.
#[derive(Debug, Clone, PartialEq)]
pub struct RenditionInfo {
    /// Its name, as in its URL.
    pub name: String,
    /// What it carries.
    pub kind: TrackKind,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Measured peak, bits per second.
    pub bandwidth_bps: u64,
}

type VideoTrack = (VideoConfig, VideoFacts, FrameRate);
type AudioTrack = (AudioConfig, AudioFacts);

#[derive(Debug)]
struct Rendition {
    name: String,
    timeline: Timeline,
    meter: BandwidthMeter,
    /// Chunks written so far.
    chunks: u32,
    /// Whether the next segment begins after a break of the timeline.
    discontinuity: bool,
    changed: bool,
}

#[derive(Debug)]
struct Video {
    source: VideoSource,
    cutter: VideoCutter,
    rendition: Rendition,
}

#[derive(Debug)]
struct Audio {
    source: AudioSource,
    grid: AudioGrid,
    cutter: AudioCutter,
    rendition: Rendition,
}

/// One session's renditions.
#[derive(Debug)]
pub struct Presentation {
    settings: TimelineSettings,
    parts: PartGrid,
    video: Option<Video>,
    audio: Option<Audio>,
    away: bool,
    multivariant_changed: bool,
}

impl Presentation {
    pub(crate) fn new(
        settings: TimelineSettings,
        parts: PartGrid,
        video: Option<VideoSource>,
        audio: Option<AudioSource>,
        origin: Origin,
    ) -> Result<Self, BoxError> {
        let video = match video {
            Some(source) => {
                let mut rendition = Rendition::new(format!("video-{}p", source.facts.height), settings);
                let timescale = source.grid.frame_duration().timescale;
                rendition
                    .timeline
                    .set_init(init::video(&source.config, &source.facts, timescale)?);
                let cutter = video_cutter(&source, parts, settings, MediaTime::new(0, timescale));
                Some(Video {
                    source,
                    cutter,
                    rendition,
                })
            }
            None => None,
        };
        let audio = match audio {
            Some(source) => {
                let mut rendition = Rendition::new(audio_name(&source.config), settings);
                let start = MediaTime::new(0, source.timescale());
                rendition
                    .timeline
                    .set_init(init::audio(&source.config, &source.facts, source.timescale())?);
                let grid = AudioGrid::new(&source.facts, origin, start);
                let cutter = audio_cutter(&source, parts, settings, start, video.is_none());
                Some(Audio {
                    source,
                    grid,
                    cutter,
                    rendition,
                })
            }
            None => None,
        };
        Ok(Self {
            settings,
            parts,
            video,
            audio,
            away: false,
            multivariant_changed: false,
        })
    }

    /// Takes the next frame of either track. Ignored while the encoder is away.
    pub fn push(&mut self, frame: &Frame, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        if self.away {
            return Ok(());
        }
        match frame.track {
            TrackKind::Video => self.push_video(frame, messages),
            TrackKind::Audio => self.push_audio(frame, messages),
        }
    }

    fn push_video(&mut self, frame: &Frame, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        let Some(video) = &mut self.video else {
            return Ok(());
        };
        let mut cuts = Vec::new();
        video.cutter.push(video.source.grid.place(frame), &mut cuts)?;
        let decided_until = video.cutter.decided_until();
        self.multivariant_changed |= video.rendition.write(&cuts, &self.settings, messages)?;
        self.follow_video(&cuts, decided_until)
    }

    fn follow_video(&mut self, video_cuts: &[Cut], decided_until: MediaTime) -> Result<(), PushError> {
        let Some(audio) = &mut self.audio else {
            return Ok(());
        };
        let mut cuts = Vec::new();
        audio.cutter.follow(video_cuts, decided_until, &mut cuts);
        if decided_until.seconds() - audio.cutter.end().seconds() > AUDIO_LAG_LIMIT_S {
            audio
                .grid
                .fill_until(decided_until, |sample| audio.cutter.push(sample, &mut cuts));
        }
        self.multivariant_changed |= audio
            .rendition
            .write(&cuts, &self.settings, &mut |_| Vec::new())?;
        Ok(())
    }

    fn push_audio(&mut self, frame: &Frame, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        let Some(audio) = &mut self.audio else {
            return Ok(());
        };
        let mut cuts = Vec::new();
        audio
            .grid
            .place(frame, |sample| audio.cutter.push(sample, &mut cuts));
        // SPEC 163: messages ride in the video, and in the audio only when there is no video.
        let changed = if self.video.is_some() {
            audio
                .rendition
                .write(&cuts, &self.settings, &mut |_| Vec::new())?
        } else {
            audio.rendition.write(&cuts, &self.settings, messages)?
        };
        self.multivariant_changed |= changed;
        Ok(())
    }

    /// The encoder went away: what is open is closed, and [`fill_gap`](Self::fill_gap) keeps the cadence.
    pub fn encoder_lost(&mut self, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        if self.away {
            return Ok(());
        }
        if let Some(video) = &mut self.video {
            let mut cuts = Vec::new();
            video.cutter.flush(&mut cuts);
            let end = video.cutter.decided_until();
            video.rendition.write(&cuts, &self.settings, messages)?;
            self.follow_video(&cuts, end)?;
            if let Some(audio) = &mut self.audio {
                let mut cuts = Vec::new();
                audio
                    .grid
                    .fill_until(end, |sample| audio.cutter.push(sample, &mut cuts));
                audio.cutter.flush(&mut cuts);
                audio
                    .rendition
                    .write(&cuts, &self.settings, &mut |_| Vec::new())?;
            }
        } else if let Some(audio) = &mut self.audio {
            let mut cuts = Vec::new();
            audio.cutter.flush(&mut cuts);
            audio.rendition.write(&cuts, &self.settings, messages)?;
        }
        for rendition in self.renditions_mut() {
            rendition.complete_segment();
            rendition.changed = true;
        }
        // The segments that were closed here count for BANDWIDTH like any other (SPEC 111).
        self.multivariant_changed = true;
        self.away = true;
        Ok(())
    }

    /// Adds the gap parts and segments (EXT-X-GAP) that are due by `now` (SPEC 27, 28, 87).
    pub fn fill_gap(&mut self, now: WallTime) {
        if self.away {
            let until = MediaTime::from_millis(now.millis_since(self.settings.anchor));
            self.extend_gap(until, false);
        }
    }

    /// Gap parts of whole length up to `until`; with `exactly`, a last one that ends there.
    fn extend_gap(&mut self, until: MediaTime, exactly: bool) {
        let part_s = self.gap_part_seconds();
        let parts_in_segment = (f64::from(self.settings.target_duration_s) / part_s + 1e-6)
            .floor()
            .max(1.0);
        for rendition in self.renditions_mut() {
            rendition.extend_gap(until, part_s, parts_in_segment as usize, exactly);
        }
    }

    fn gap_part_seconds(&self) -> f64 {
        match &self.video {
            Some(video) => {
                f64::from(self.parts.video_frames_at(video.source.rate).max(1)) / video.source.rate.fps()
            }
            None => self.settings.part_target.seconds(),
        }
    }

    /// The encoder is back, its first IDR at hand: the timeline goes on where the wall clock stands, after a
    /// discontinuity (SPEC 88). Push that frame next.
    pub fn resume(&mut self, tracks: &[TrackConfig], first: &Frame) -> Result<MediaTime, ResumeError> {
        let (video, audio) = self.matching(tracks)?;
        let wall = MediaTime::from_millis(first.received.millis_since(self.settings.anchor));
        let at = self.end_time().map_or(wall, |end| end.max(wall));
        self.extend_gap(at, true);
        if let (Some(current), Some((config, facts, rate))) = (&mut self.video, video) {
            let timescale = timescale_for(rate);
            let estimate = RateEstimate { rate, constant: true };
            let start = at.rescale(timescale);
            let grid = VideoGrid::new(estimate, timescale, first, start);
            current
                .rendition
                .timeline
                .set_init(init::video(&config, &facts, timescale)?);
            current.source = VideoSource {
                config,
                facts,
                grid,
                rate,
            };
            current.cutter = video_cutter(&current.source, self.parts, self.settings, start);
        }
        let origin = Origin {
            encoder_ms: first.pts_ms,
            media: at,
        };
        let alone = self.video.is_none();
        if let (Some(current), Some((config, facts))) = (&mut self.audio, audio) {
            current.source = AudioSource { config, facts };
            let (timescale, source) = (current.source.timescale(), &current.source);
            current
                .rendition
                .timeline
                .set_init(init::audio(&source.config, &source.facts, timescale)?);
            let start = at.rescale(timescale);
            current.grid = AudioGrid::new(&source.facts, origin, start);
            current.cutter = audio_cutter(source, self.parts, self.settings, start, alone);
        }
        for rendition in self.renditions_mut() {
            rendition.complete_segment();
            rendition.discontinuity = true;
        }
        self.away = false;
        Ok(at)
    }

    fn matching(
        &self,
        tracks: &[TrackConfig],
    ) -> Result<(Option<VideoTrack>, Option<AudioTrack>), ResumeError> {
        let (mut video, mut audio) = (None, None);
        for track in tracks {
            match track {
                TrackConfig::Video(config) => {
                    let facts = VideoFacts::read(config)?;
                    let before = self.video.as_ref().map(|video| video.source.rate);
                    let rate = claims(track, &facts)
                        .first()
                        .copied()
                        .or(before)
                        .ok_or(ResumeError::OtherTracks)?;
                    if !self.parts.takes(rate) {
                        return Err(ResumeError::OtherRate);
                    }
                    video = Some((config.clone(), facts, rate));
                }
                TrackConfig::Audio(config) => audio = Some((config.clone(), AudioFacts::read(config)?)),
            }
        }
        let same_rate = match (&self.audio, &audio) {
            (Some(before), Some((_, facts))) => before.source.facts.sample_rate_hz == facts.sample_rate_hz,
            _ => true,
        };
        let same_tracks = video.is_some() == self.video.is_some() && audio.is_some() == self.audio.is_some();
        if same_tracks && same_rate {
            Ok((video, audio))
        } else {
            Err(ResumeError::OtherTracks)
        }
    }

    /// Ends the show: every playlist gets EXT-X-ENDLIST.
    pub fn end(&mut self, messages: &mut MessageSource<'_>) -> Result<(), PushError> {
        let flushed = self.encoder_lost(messages);
        for rendition in self.renditions_mut() {
            rendition.complete_segment();
            rendition.timeline.end();
            rendition.changed = true;
        }
        flushed
    }

    /// Whether every rendition has a whole segment, so that players may be let in (SPEC 56).
    pub fn is_live(&self) -> bool {
        self.renditions()
            .all(|rendition| rendition.timeline.listed().next().is_some())
    }

    /// Media time of the next frame to come: "now", for an event that the camera sees now.
    pub fn live_edge(&self) -> MediaTime {
        let end = self.end_time().unwrap_or(MediaTime::from_millis(0));
        match &self.video {
            Some(video) if !self.away => {
                let decided = video.cutter.decided_until();
                let frame = video
                    .source
                    .grid
                    .frame_duration()
                    .rescale(decided.timescale)
                    .ticks;
                // The floor is a tick past the last frame's decode time, or the next part's beginning.
                let next = MediaTime::new(decided.ticks - 1 + frame, decided.timescale);
                let opens_part = self.end_time().is_some_and(|end| end == decided);
                if opens_part { decided } else { next }
            }
            _ => end,
        }
    }

    /// Media time up to which parts are written in every rendition that carries messages.
    pub fn written_until(&self) -> Option<MediaTime> {
        let carrier = self
            .video
            .as_ref()
            .map(|video| &video.rendition)
            .or(self.audio.as_ref().map(|audio| &audio.rendition));
        carrier.and_then(|rendition| rendition.timeline.end_time())
    }

    /// Media time at which the next part begins in the rendition that is furthest ahead.
    fn end_time(&self) -> Option<MediaTime> {
        self.renditions()
            .filter_map(|rendition| rendition.timeline.end_time())
            .max()
    }

    /// PROGRAM-DATE-TIME of a media time.
    pub fn wall_time(&self, at: MediaTime) -> WallTime {
        self.settings.anchor.plus_millis(at.millis())
    }

    /// The constants that every timeline of the session shares.
    pub fn settings(&self) -> &TimelineSettings {
        &self.settings
    }

    /// The renditions' names and measured rates.
    pub fn describe(&self) -> Vec<RenditionInfo> {
        let video = self.video.iter().map(|video| {
            (
                TrackKind::Video,
                video.source.facts.codec_string.clone(),
                &video.rendition,
            )
        });
        let audio = self.audio.iter().map(|audio| {
            (
                TrackKind::Audio,
                AudioFacts::CODEC_STRING.to_owned(),
                &audio.rendition,
            )
        });
        let info = |(kind, codec, rendition): (TrackKind, String, &Rendition)| RenditionInfo {
            name: rendition.name.clone(),
            kind,
            codec,
            bandwidth_bps: rendition.meter.peak_bps(),
        };
        video.chain(audio).map(info).collect()
    }

    /// New snapshots of the renditions that changed since the last call.
    pub fn take_updates(&mut self) -> Vec<RenditionUpdate> {
        let positions: Vec<(String, Position)> = self
            .renditions()
            .filter_map(|rendition| Some((rendition.name.clone(), rendition.timeline.last_position()?)))
            .collect();
        let mut updates = Vec::new();
        for rendition in self.renditions_mut().filter(|rendition| rendition.changed) {
            rendition.changed = false;
            let others: Vec<_> = positions
                .iter()
                .filter(|(name, _)| *name != rendition.name)
                .cloned()
                .collect();
            updates.push(RenditionUpdate {
                name: rendition.name.clone(),
                snapshot: rendition.timeline.snapshot(&others),
            });
        }
        updates
    }

    /// The multivariant playlist, if a whole segment was added since the last call. `session` is the path to the renditions.
    pub fn take_multivariant(&mut self, session: &str) -> Option<RenderedPlaylist> {
        if !std::mem::take(&mut self.multivariant_changed) {
            return None;
        }
        let uri = |rendition: &Rendition| format!("{session}/{}/index.m3u8", rendition.name);
        let video: Vec<VideoLine<'_>> = self
            .video
            .iter()
            .map(|video| VideoLine {
                uri: uri(&video.rendition),
                facts: &video.source.facts,
                frame_rate: video.source.rate,
                meter: &video.rendition.meter,
            })
            .collect();
        let audio = self.audio.as_ref().map(|audio| AudioLine {
            uri: uri(&audio.rendition),
            codec: AudioFacts::CODEC_STRING,
            channels: audio.source.facts.channels,
            meter: &audio.rendition.meter,
        });
        Some(RenderedPlaylist::new(multivariant::render(
            &video,
            audio.as_ref(),
        )))
    }

    fn renditions(&self) -> impl Iterator<Item = &Rendition> {
        self.video
            .iter()
            .map(|video| &video.rendition)
            .chain(self.audio.iter().map(|audio| &audio.rendition))
    }

    fn renditions_mut(&mut self) -> impl Iterator<Item = &mut Rendition> {
        let video = self.video.iter_mut().map(|video| &mut video.rendition);
        video.chain(self.audio.iter_mut().map(|audio| &mut audio.rendition))
    }
}

impl AudioSource {
    fn timescale(&self) -> Timescale {
        Timescale::new(self.facts.sample_rate_hz).unwrap_or(Timescale::VIDEO)
    }
}

fn audio_name(config: &AudioConfig) -> String {
    config
        .declared_bitrate_bps
        .map_or("audio".to_owned(), |bps| format!("audio-{}k", (bps + 500) / 1000))
}

fn video_cutter(
    source: &VideoSource,
    parts: PartGrid,
    settings: TimelineSettings,
    start: MediaTime,
) -> VideoCutter {
    let frames = i64::from(parts.video_frames_at(source.rate).max(1));
    let part = MediaTime::new(
        frames * frame_ticks(source.rate, start.timescale),
        start.timescale,
    );
    VideoCutter::new(start, part, settings.target_duration_s)
}

fn audio_cutter(
    source: &AudioSource,
    parts: PartGrid,
    settings: TimelineSettings,
    start: MediaTime,
    alone: bool,
) -> AudioCutter {
    if !alone {
        return AudioCutter::following(start, parts);
    }
    let frames = AudioFrames {
        samples: source.facts.frame_samples,
        rate_hz: source.facts.sample_rate_hz,
    };
    let per_segment = settings.target_duration_s * frames.rate_hz / frames.samples.max(1);
    AudioCutter::alone(
        start,
        parts,
        MediaTime::new(i64::from(per_segment * frames.samples), start.timescale),
    )
}

impl Rendition {
    fn new(name: String, settings: TimelineSettings) -> Self {
        Self {
            name,
            timeline: Timeline::new(settings),
            meter: BandwidthMeter::new(settings.target_duration_s),
            chunks: 0,
            discontinuity: false,
            changed: false,
        }
    }

    /// Writes what was cut; `true` if a segment was completed.
    fn write(
        &mut self,
        cuts: &[Cut],
        settings: &TimelineSettings,
        messages: &mut MessageSource<'_>,
    ) -> Result<bool, BoxError> {
        let mut completed = false;
        for cut in cuts {
            self.changed = true;
            match cut {
                Cut::Segment { at } => {
                    let discontinuity = std::mem::take(&mut self.discontinuity);
                    let segment = self.timeline.begin_segment(*at, discontinuity, false);
                    completed |= self.measure(segment);
                }
                Cut::Part(part) => self.write_part(part, settings, messages)?,
            }
        }
        Ok(completed)
    }

    fn write_part(
        &mut self,
        part: &CutPart,
        settings: &TimelineSettings,
        messages: &mut MessageSource<'_>,
    ) -> Result<(), BoxError> {
        let opens_segment = self.timeline.opens_segment();
        let span = PartSpan {
            start: part.start,
            end: part.end,
            opens_segment,
        };
        self.chunks = self.chunks.wrapping_add(1);
        let chunk = Chunk {
            sequence_number: self.chunks,
            opens_segment,
            decode_time: part.start,
            wall_time: settings.anchor.plus_millis(part.start.millis()),
            messages: &messages(&span),
            samples: &part.samples,
        };
        let duration = MediaTime::new(part.end.ticks - part.start.ticks, part.start.timescale);
        self.timeline
            .add_part(duration, part.is_independent(), chunk.encode()?);
        Ok(())
    }

    fn complete_segment(&mut self) {
        let segment = self.timeline.complete_segment();
        self.measure(segment);
    }

    fn measure(&mut self, segment: Option<Arc<Segment>>) -> bool {
        let Some(segment) = segment else { return false };
        if !segment.gap {
            self.meter.add(segment.body.len, segment.duration.seconds());
        }
        true
    }

    fn extend_gap(&mut self, until: MediaTime, part_s: f64, parts_in_segment: usize, exactly: bool) {
        let Some(mut end) = self.timeline.end_time() else {
            return;
        };
        let timescale = end.timescale;
        let part_ticks = ((part_s * f64::from(timescale.get())).round() as i64).max(1);
        let until = until.rescale(timescale).ticks;
        while end.ticks < until {
            let ticks = part_ticks.min(until - end.ticks);
            if ticks < part_ticks && !exactly {
                break;
            }
            if self
                .timeline
                .open_parts()
                .is_none_or(|parts| parts >= parts_in_segment)
            {
                self.timeline.begin_segment(end, false, true);
            }
            self.timeline.add_gap_part(MediaTime::new(ticks, timescale));
            end = MediaTime::new(end.ticks + ticks, timescale);
            self.changed = true;
        }
    }
}
