//! Sources that the ffmpeg command encodes, read back as an encoder's frames.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use ffmpeg_next::codec::Parameters;
use ffmpeg_next::{Rescale, codec, format, media};
use vitrine_ingest::ladder::{AudioSource, Source, VideoSource};
use vitrine_packager::media::{
    AudioConfig, Frame, FrameRate, TrackConfig, TrackKind, VideoCodec, VideoConfig, WallTime,
};

/// A moving picture with sharp edges, of that size and rate.
pub fn test_picture(size: &str, rate: &str) -> Vec<String> {
    words(&format!("-f lavfi -i testsrc2=s={size}:r={rate}"))
}

/// Command-line words.
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// An encoder's tracks and frames.
#[derive(Clone)]
pub struct Encoded {
    pub tracks: Vec<TrackConfig>,
    pub frames: Vec<Frame>,
    /// Luma columns and rows.
    pub size: (u32, u32),
}

/// A file that is deleted with this value.
pub struct TemporaryFile(pub PathBuf);

impl TemporaryFile {
    pub fn new(extension: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "vitrine-ladder-{}-{}.{extension}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the ffmpeg command makes of these arguments, as `extension` (flv, mp4, mkv).
pub fn encode(arguments: &[String], extension: &str) -> Encoded {
    let file = TemporaryFile::new(extension);
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"])
        .args(arguments)
        .arg(&file.0)
        .stdin(Stdio::null())
        .output()
        .expect("the ffmpeg command");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    read(&file.0)
}

/// The tracks and frames of a file, on a clock of milliseconds, in the order of decoding.
pub fn read(path: &Path) -> Encoded {
    ffmpeg_next::init().unwrap();
    let mut input = format::input(path).unwrap();
    let tracks = input.streams().map(|stream| track(&stream)).collect();
    let size = input.streams().best(media::Type::Video).map_or((0, 0), |stream| {
        let parameters = stream.parameters();
        // SAFETY: sizes are plain numbers.
        unsafe {
            (
                (*parameters.as_ptr()).width as u32,
                (*parameters.as_ptr()).height as u32,
            )
        }
    });
    let mut frames = Vec::new();
    for (stream, packet) in input.packets() {
        let millis = |stamp: i64| stamp.rescale(stream.time_base(), (1, 1000));
        let (pts, dts) = (packet.pts().unwrap(), packet.dts().unwrap());
        frames.push(Frame {
            track: kind(&stream.parameters()),
            dts_ms: millis(dts),
            pts_ms: millis(pts),
            is_idr: packet.is_key(),
            data: Bytes::copy_from_slice(packet.data().unwrap_or_default()),
            received: WallTime(millis(dts)),
        });
    }
    Encoded { tracks, frames, size }
}

fn kind(parameters: &Parameters) -> TrackKind {
    match parameters.medium() {
        media::Type::Video => TrackKind::Video,
        media::Type::Audio => TrackKind::Audio,
        other => panic!("{other:?}"),
    }
}

fn track(stream: &format::stream::Stream<'_>) -> TrackConfig {
    let parameters = stream.parameters();
    let record = Bytes::from(extradata(&parameters));
    let codec = match parameters.id() {
        codec::Id::H264 => VideoCodec::Avc,
        codec::Id::HEVC => VideoCodec::Hevc,
        codec::Id::AV1 => VideoCodec::Av1,
        codec::Id::AAC => {
            let audio = codec::Context::from_parameters(parameters)
                .unwrap()
                .decoder()
                .audio()
                .unwrap();
            return TrackConfig::Audio(AudioConfig {
                asc: record,
                sample_rate_hz: audio.rate(),
                channels: u8::try_from(audio.channels()).unwrap(),
                declared_bitrate_bps: None,
            });
        }
        other => panic!("{other:?}"),
    };
    let rate = stream.avg_frame_rate();
    TrackConfig::Video(VideoConfig {
        codec,
        record,
        declared_frame_rate: FrameRate::new(rate.numerator() as u32, rate.denominator() as u32),
        declared_bitrate_bps: None,
    })
}

fn extradata(parameters: &Parameters) -> Vec<u8> {
    // SAFETY: parameters' extradata is null or points to extradata_size bytes that live as long as they do.
    unsafe {
        let raw = parameters.as_ptr();
        if (*raw).extradata.is_null() {
            return Vec::new();
        }
        std::slice::from_raw_parts((*raw).extradata, (*raw).extradata_size as usize).to_vec()
    }
}

impl Encoded {
    /// The frames of one kind.
    pub fn of(&self, kind: TrackKind) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(move |frame| frame.track == kind)
    }

    /// The audio track and its frames.
    pub fn audio(&self) -> (&TrackConfig, Vec<Frame>) {
        let track = self.tracks.iter().find(|track| track.kind() == TrackKind::Audio);
        (track.unwrap(), self.of(TrackKind::Audio).cloned().collect())
    }

    /// The frames of video.
    pub fn video(&self) -> Vec<Frame> {
        self.of(TrackKind::Video).cloned().collect()
    }

    /// Stamps of the pictures, in the order in which they are shown.
    pub fn shown(&self) -> Vec<i64> {
        let mut shown: Vec<i64> = self.of(TrackKind::Video).map(|frame| frame.pts_ms).collect();
        shown.sort_unstable();
        shown
    }

    /// Stamps of the source's IDRs.
    pub fn idrs(&self) -> Vec<i64> {
        let idrs = self.of(TrackKind::Video).filter(|frame| frame.is_idr);
        idrs.map(|frame| frame.pts_ms).collect()
    }

    /// What a plan must know of it.
    pub fn source(&self, gop_fits: bool) -> Source {
        let video = self.tracks.iter().find_map(|track| match track {
            TrackConfig::Video(config) => Some(self.video_source(config, gop_fits)),
            TrackConfig::Audio(_) => None,
        });
        let audio = self.tracks.iter().find_map(|track| match track {
            TrackConfig::Audio(config) => Some(AudioSource {
                sample_rate_hz: config.sample_rate_hz,
                channels: config.channels,
                bitrate_bps: None,
            }),
            TrackConfig::Video(_) => None,
        });
        Source { video, audio }
    }

    fn video_source(&self, config: &VideoConfig, gop_fits: bool) -> VideoSource {
        VideoSource {
            width: self.size.0,
            height: self.size.1,
            rate: config.declared_frame_rate.unwrap(),
            codec: config.codec,
            gop_fits,
            is_playable: true,
            bitrate_bps: None,
        }
    }
}
