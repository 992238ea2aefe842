//! A session as the origin runs it, and the encoder that feeds it: the only place that knows how they are made.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "each test target uses its share; clippy.toml's leave for tests does not reach this file's functions"
)]

pub mod boxes;
pub mod playlist;

use std::collections::BTreeMap;

use bytes::Bytes;
use vitrine_packager::cmaf::emsg::{EventMessage, PartSpan};
use vitrine_packager::media::{
    AudioConfig, Frame, FrameRate, MediaTime, RenditionId, TrackConfig, TrackKind, VideoCodec, VideoConfig,
    WallTime,
};
use vitrine_packager::opening::RenditionConfig;
use vitrine_packager::presentation::{Presentation, ResumeError};
use vitrine_packager::request::{Directives, MediaName, Position, Skip};
use vitrine_packager::snapshot::{Lookup, MediaBody, RenditionSnapshot, Resolution};
use vitrine_packager::startup::{PackagingSettings, Startup};

use playlist::Playlist;

/// 2026-11-24T14:36:27.654Z, when an encoder's stamp 0 is received.
pub const EPOCH: WallTime = WallTime(1_795_530_987_654);

/// What the encoders of the tests send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Encoder {
    /// Frames in so many seconds; 0 frames: no video.
    pub rate: (u32, u32),
    /// Frames that the encoder shows before one that it decoded earlier.
    pub b_frames: u32,
    /// Samples per second of AAC-LC; 0: no audio.
    pub audio_hz: u32,
    /// Channels of the audio.
    pub channels: u8,
    /// Stamp at which it starts.
    pub begins_ms: i64,
    /// What onMetaData says of the rate, if that is not true.
    pub claimed_rate: Option<(u32, u32)>,
}

impl Encoder {
    /// 30 fps without B-frames, and stereo at 48 kHz.
    pub const USUAL: Self = Self {
        rate: (30, 1),
        b_frames: 0,
        audio_hz: 48_000,
        channels: 2,
        begins_ms: 0,
        claimed_rate: None,
    };

    pub fn has_video(&self) -> bool {
        self.rate.0 > 0
    }

    pub fn tracks(&self) -> Vec<TrackConfig> {
        let record = Bytes::from_static(include_bytes!("../../testdata/720p30.avcc"));
        let (frames, seconds) = self.claimed_rate.unwrap_or(self.rate);
        let video = TrackConfig::Video(VideoConfig {
            declared_frame_rate: FrameRate::new(frames, seconds),
            declared_bitrate_bps: Some(2_500_000),
            ..video_config(record)
        });
        let rate_index = if self.audio_hz == 44_100 { 4_u16 } else { 3 };
        // AAC-LC, that rate, that many channels (ISO/IEC 14496-3 1.6.2.1).
        let asc = 2 << 11 | rate_index << 7 | u16::from(self.channels) << 3;
        let audio = TrackConfig::Audio(AudioConfig {
            asc: Bytes::copy_from_slice(&asc.to_be_bytes()),
            sample_rate_hz: self.audio_hz,
            channels: self.channels,
            declared_bitrate_bps: Some(128_000),
        });
        let mut tracks = Vec::new();
        tracks.extend(self.has_video().then_some(video));
        tracks.extend((self.audio_hz > 0).then_some(audio));
        tracks
    }

    /// The `n`-th video frame of a publication in decode order, stamped in rounded milliseconds: the one at `place` in a
    /// GOP of `length`. No two frames have the same bytes.
    pub fn video(&self, n: u32, place: u32, length: u32) -> Frame {
        let ms = |frames: u32| {
            let (fps, per) = (f64::from(self.rate.0), f64::from(self.rate.1));
            self.begins_ms + (f64::from(frames) * 1000.0 * per / fps).round() as i64
        };
        // Decode order I P B B …: a P is shown after the B-frames that follow it.
        let shown = match place {
            0 => n,
            _ if (place - 1).is_multiple_of(self.b_frames + 1) => n + self.b_frames.min(length - 1 - place),
            _ => n - 1,
        };
        // A frame's delay is enough for every frame to be shown after it is decoded.
        let (dts_ms, pts_ms) = (ms(n), ms(shown + u32::from(self.b_frames > 0)));
        frame(
            TrackKind::Video,
            dts_ms,
            pts_ms,
            place == 0,
            format!("v{n:06}@{dts_ms}"),
        )
    }

    /// The `n`-th audio frame of a publication.
    pub fn audio(&self, n: u32) -> Frame {
        let ms = f64::from(n) * 1024.0 * 1000.0 / f64::from(self.audio_hz);
        let stamp = self.begins_ms + ms.round() as i64;
        frame(TrackKind::Audio, stamp, stamp, true, format!("a{n:06}@{stamp}"))
    }

    /// A publication of GOPs of these lengths in frames, in the order of decode stamps; audio `audio_lag_ms` behind.
    pub fn publication(&self, gops: &[u32], audio_lag_ms: i64) -> Vec<Frame> {
        let total: u32 = gops.iter().sum();
        let mut frames = Vec::new();
        let mut n = 0;
        for length in gops.iter().filter(|_| self.has_video()) {
            frames.extend((0..*length).map(|place| self.video(n + place, place, *length)));
            n += length;
        }
        // Without video a GOP's frame lasts as long as at 30 fps.
        let fps = if self.has_video() { self.rate } else { (30, 1) };
        let length_ms = f64::from(total) * 1000.0 * f64::from(fps.1) / f64::from(fps.0);
        if self.audio_hz > 0 {
            let count = (length_ms * f64::from(self.audio_hz) / 1_024_000.0) as u32;
            frames.extend((0..count).map(|n| self.audio(n)));
        }
        let lag = |frame: &Frame| {
            if frame.track == TrackKind::Audio {
                audio_lag_ms
            } else {
                0
            }
        };
        frames.sort_by_key(|frame| (frame.dts_ms + lag(frame), frame.track));
        frames
    }
}

/// H.264 with this AVCDecoderConfigurationRecord, and nothing else known of it.
pub fn video_config(record: Bytes) -> VideoConfig {
    VideoConfig {
        codec: VideoCodec::Avc,
        record,
        declared_frame_rate: None,
        declared_bitrate_bps: None,
    }
}

fn frame(track: TrackKind, dts_ms: i64, pts_ms: i64, is_idr: bool, data: String) -> Frame {
    Frame {
        track,
        dts_ms,
        pts_ms,
        is_idr,
        data: data.into(),
        received: EPOCH.plus_millis(pts_ms),
    }
}

/// A rendition as its readers saw it change.
#[derive(Debug, Default)]
pub struct History {
    /// Every snapshot, with the number of the step after which it was published.
    pub versions: Vec<(usize, RenditionSnapshot)>,
}

impl History {
    pub fn latest(&self) -> &RenditionSnapshot {
        &self.versions.last().unwrap().1
    }

    pub fn playlists(&self) -> Vec<Playlist> {
        self.versions
            .iter()
            .map(|(_, snapshot)| Playlist::read(&full(snapshot)))
            .collect()
    }
}

/// What a part is to carry.
type Messages = Box<dyn Fn(&PartSpan) -> Vec<EventMessage>>;

/// A running session with everything that its readers ever saw.
pub struct Session {
    pub presentation: Presentation,
    pub histories: BTreeMap<String, History>,
    /// Steps taken; each ends with the snapshots being published.
    pub steps: usize,
    /// Put into each part that asks.
    messages: Messages,
}

impl Session {
    /// The session that `frames` start, of which it takes as many as it needs: at least the first GOP.
    pub fn start(
        settings: PackagingSettings,
        encoder: &Encoder,
        frames: &mut impl Iterator<Item = Frame>,
    ) -> Self {
        let mut startup = Startup::new(settings, &encoder.tracks()).unwrap();
        while !startup
            .push(frames.next().expect("frames enough for a session"))
            .unwrap()
        {}
        Self::begin(startup.start(&mut |_| Vec::new()).unwrap())
    }

    /// A session of any renditions.
    pub fn begin(presentation: Presentation) -> Self {
        let mut session = Self {
            presentation,
            histories: BTreeMap::new(),
            steps: 0,
            messages: Box::new(|_| Vec::new()),
        };
        session.publish();
        session
    }

    /// A session to the end of `frames`.
    pub fn of(settings: PackagingSettings, encoder: &Encoder, frames: Vec<Frame>) -> Self {
        let mut frames = frames.into_iter();
        let mut session = Self::start(settings, encoder, &mut frames);
        frames.for_each(|frame| session.push(&frame));
        session
    }

    /// The messages that parts carry from now on.
    pub fn set_messages(&mut self, messages: impl Fn(&PartSpan) -> Vec<EventMessage> + 'static) {
        self.messages = Box::new(messages);
    }

    pub fn push(&mut self, frame: &Frame) {
        let id = self.presentation.passed_through(frame.track).unwrap();
        self.push_to(id, frame);
    }

    /// A frame of any rendition.
    pub fn push_to(&mut self, id: RenditionId, frame: &Frame) {
        let messages = &self.messages;
        self.presentation
            .push(id, frame, &mut |span| messages(span))
            .unwrap();
        self.publish();
    }

    pub fn shed(&mut self, id: RenditionId) {
        let messages = &self.messages;
        self.presentation.shed(id, &mut |span| messages(span)).unwrap();
        self.publish();
    }

    pub fn restore(&mut self, id: RenditionId) {
        self.presentation.restore(id);
        self.publish();
    }

    pub fn lose_encoder(&mut self) {
        let messages = &self.messages;
        self.presentation
            .encoder_lost(&mut |span| messages(span))
            .unwrap();
        self.publish();
    }

    /// The encoder stays away until the wall clock shows `EPOCH` plus `until_ms`; gaps are filled as the origin does.
    pub fn wait(&mut self, from_ms: i64, until_ms: i64) {
        for now in (from_ms..until_ms).step_by(50).chain([until_ms]) {
            self.presentation.fill_gap(EPOCH.plus_millis(now));
            self.publish();
        }
    }

    /// The encoder returns with `frames`, received as their stamps say; the first must be an IDR.
    pub fn resume(&mut self, encoder: &Encoder, frames: &[Frame]) -> Result<MediaTime, ResumeError> {
        let tracks = encoder.tracks();
        let at = self
            .presentation
            .resume(&tracks, &passed_through(&tracks), &frames[0])?;
        frames.iter().for_each(|frame| self.push(frame));
        Ok(at)
    }

    pub fn end(&mut self) {
        let messages = &self.messages;
        self.presentation.end(&mut |span| messages(span)).unwrap();
        self.publish();
    }

    /// The newest snapshot of a rendition.
    pub fn latest(&self, rendition: &str) -> &RenditionSnapshot {
        self.histories[rendition].latest()
    }

    fn publish(&mut self) {
        self.steps += 1;
        for update in self.presentation.take_updates() {
            let history = self.histories.entry(update.name).or_default();
            history.versions.push((self.steps, update.snapshot));
        }
    }
}

/// The tracks as renditions of their own.
pub fn passed_through(tracks: &[TrackConfig]) -> Vec<RenditionConfig> {
    let config = |track: &TrackConfig| RenditionConfig {
        name: String::new(),
        track: track.clone(),
        passed_through: true,
    };
    tracks.iter().map(config).collect()
}

/// The full playlist of a snapshot.
pub fn full(snapshot: &RenditionSnapshot) -> String {
    text(snapshot, &Directives::default())
}

/// The playlist that a request with `_HLS_skip=YES` gets.
pub fn delta(snapshot: &RenditionSnapshot) -> String {
    delta_for(snapshot, None)
}

/// The delta update for a client who waits for that segment.
pub fn delta_from(snapshot: &RenditionSnapshot, msn: u64) -> String {
    delta_for(snapshot, Some(Position { msn, part: None }))
}

fn delta_for(snapshot: &RenditionSnapshot, wait_for: Option<Position>) -> String {
    let skip = Some(Skip::Segments);
    text(snapshot, &Directives { wait_for, skip })
}

fn text(snapshot: &RenditionSnapshot, directives: &Directives) -> String {
    match snapshot.resolve(directives) {
        Resolution::Ready(playlist) => String::from_utf8(playlist.plain.to_vec()).unwrap(),
        other => panic!("a request that waits for nothing is answered: {other:?}"),
    }
}

/// The full I-frame playlist of a video rendition.
pub fn i_frames(snapshot: &RenditionSnapshot) -> String {
    match snapshot.resolve_i_frames(&Directives::default()) {
        Some(Resolution::Ready(playlist)) => String::from_utf8(playlist.plain.to_vec()).unwrap(),
        other => panic!("video has an I-frame playlist: {other:?}"),
    }
}

/// The answer to a blocking request.
pub fn blocking(snapshot: &RenditionSnapshot, msn: u64, part: Option<u64>) -> Resolution {
    let wait_for = Some(Position { msn, part });
    snapshot.resolve(&Directives { wait_for, skip: None })
}

/// What a snapshot has behind a URI of its playlist.
pub fn lookup(snapshot: &RenditionSnapshot, uri: &str) -> Lookup {
    snapshot.lookup(MediaName::parse(uri).unwrap())
}

/// The bytes behind a URI that must be there.
pub fn fetch(snapshot: &RenditionSnapshot, uri: &str) -> Bytes {
    match lookup(snapshot, uri) {
        Lookup::Found(body) => joined(&body),
        other => panic!("{uri}: {other:?}"),
    }
}

pub fn joined(body: &MediaBody) -> Bytes {
    body.chunks.concat().into()
}
