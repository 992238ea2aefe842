//! Runs a ladder over a source, and decodes what came out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ffmpeg_next::codec::{Context, Id, Parameters};
use ffmpeg_next::{Packet, decoder, ffi, frame};
use tokio::sync::mpsc;
use vitrine_ingest::ladder::{
    IdrGrid, Ladder, LadderChoice, LadderError, LadderOutput, LadderSettings, Plan, RungSettings,
};
use vitrine_packager::media::{Frame, RenditionId, TrackConfig, TrackKind, VideoCodec};

use crate::source::Encoded;

/// What is made in this time on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// So few frames in the queue that the ladder never lags: these tests are not of real time.
const AHEAD: usize = 3;
/// Segments of two seconds.
pub const TWO_SECONDS: IdrGrid = IdrGrid::Every {
    interval_ms: 2000,
    begin_at_ms: None,
};

/// Everything that came out of a ladder.
#[derive(Default)]
pub struct Made {
    pub tracks: BTreeMap<RenditionId, TrackConfig>,
    pub frames: BTreeMap<RenditionId, Vec<Frame>>,
    pub failed: Vec<(RenditionId, LadderError)>,
    pub shed: Vec<(RenditionId, bool)>,
}

impl Made {
    /// Notes an output; the order of what is said of a rendition is checked.
    pub fn take(&mut self, output: LadderOutput) {
        match output {
            LadderOutput::Track { rendition, config } => {
                assert!(
                    self.tracks.insert(rendition, config).is_none(),
                    "{rendition:?} twice"
                );
            }
            LadderOutput::Frame { rendition, frame } => {
                assert!(
                    self.tracks.contains_key(&rendition),
                    "a frame of {rendition:?} before its parameters"
                );
                self.frames.entry(rendition).or_default().push(frame);
            }
            LadderOutput::Shed { rendition, .. } => self.shed.push((rendition, true)),
            LadderOutput::Restored { rendition } => self.shed.push((rendition, false)),
            LadderOutput::Failed { rendition, error } => self.failed.push((rendition, error)),
        }
    }

    /// The stamps of a rendition's frames.
    pub fn stamps(&self, rendition: u16) -> Vec<i64> {
        self.frames[&RenditionId(rendition)]
            .iter()
            .map(|frame| frame.pts_ms)
            .collect()
    }

    /// The stamps of a rendition's IDRs.
    pub fn idrs(&self, rendition: u16) -> Vec<i64> {
        let idrs = self.frames[&RenditionId(rendition)]
            .iter()
            .filter(|frame| frame.is_idr);
        idrs.map(|frame| frame.pts_ms).collect()
    }

    /// A rendition's pictures.
    pub fn pictures(&self, rendition: u16) -> Vec<frame::Video> {
        let id = RenditionId(rendition);
        pictures(&self.tracks[&id], &self.frames[&id])
    }
}

/// A rung of so many rows, encoded as cheaply as can be.
pub fn rung(height: u32) -> RungSettings {
    RungSettings {
        height: Some(height),
        preset: Some("ultrafast".into()),
        ..RungSettings::default()
    }
}

/// The source, passed through.
pub fn passed() -> RungSettings {
    RungSettings {
        passthrough: true,
        ..RungSettings::default()
    }
}

/// The plan of these rungs for a source.
pub fn plan(source: &Encoded, rungs: Vec<RungSettings>, audio_bitrates_kbps: Vec<u32>) -> Plan {
    let settings = LadderSettings {
        ladder: LadderChoice::Rungs(rungs),
        audio_bitrates_kbps,
    };
    Plan::new(&settings, &source.source(true), 2).unwrap()
}

/// Puts all of a source through a ladder, as fast as it goes; nothing is left out.
pub fn run(plan: &Plan, source: &Encoded, idrs: IdrGrid) -> Made {
    let (made, dropped) = run_counting(plan, source, idrs);
    assert_eq!(dropped, 0);
    made
}

/// The same; also how many frames were left out.
pub fn run_counting(plan: &Plan, source: &Encoded, idrs: IdrGrid) -> (Made, u64) {
    let (mut ladder, mut outputs) = Ladder::start(plan, &source.tracks, idrs).unwrap();
    let mut made = Made::default();
    let deadline = Instant::now() + PATIENCE;
    for frame in &source.frames {
        while ladder.backlog() >= AHEAD {
            drain(&mut outputs, &mut made);
            assert!(Instant::now() < deadline, "the ladder stands still");
            std::thread::sleep(Duration::from_micros(200));
        }
        ladder.push(frame);
        drain(&mut outputs, &mut made);
    }
    ladder.finish();
    finish(&mut outputs, &mut made);
    assert!(made.shed.is_empty(), "this is no test of overload");
    (made, ladder.stats().dropped())
}

/// Takes what there is.
pub fn drain(outputs: &mut mpsc::Receiver<LadderOutput>, made: &mut Made) {
    while let Ok(output) = outputs.try_recv() {
        made.take(output);
    }
}

/// Takes all that comes until the outputs end.
pub fn finish(outputs: &mut mpsc::Receiver<LadderOutput>, made: &mut Made) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match outputs.try_recv() {
            Ok(output) => made.take(output),
            Err(mpsc::error::TryRecvError::Disconnected) => return,
            Err(mpsc::error::TryRecvError::Empty) => std::thread::sleep(Duration::from_millis(1)),
        }
        assert!(Instant::now() < deadline, "the outputs do not end");
    }
}

/// A decoder as a player has it: of the track's parameters, and nothing else.
pub fn decoder(track: &TrackConfig) -> Context {
    ffmpeg_next::init().unwrap();
    let (id, record) = match track {
        TrackConfig::Video(config) => (
            match config.codec {
                VideoCodec::Avc => Id::H264,
                VideoCodec::Hevc => Id::HEVC,
                VideoCodec::Av1 => Id::AV1,
            },
            &config.record,
        ),
        TrackConfig::Audio(config) => (Id::AAC, &config.asc),
    };
    let codec = decoder::find(id).unwrap();
    let mut parameters = Parameters::new();
    // SAFETY: the parameters are ours; their extradata is allocated as they want it, and freed with them.
    unsafe {
        let raw = parameters.as_mut_ptr();
        let size = record.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
        let extradata = ffi::av_mallocz(size).cast::<u8>();
        std::ptr::copy_nonoverlapping(record.as_ptr(), extradata, record.len());
        (*raw).codec_type = match track.kind() {
            TrackKind::Video => ffi::AVMediaType::AVMEDIA_TYPE_VIDEO,
            TrackKind::Audio => ffi::AVMediaType::AVMEDIA_TYPE_AUDIO,
        };
        (*raw).codec_id = id.into();
        (*raw).extradata = extradata;
        (*raw).extradata_size = record.len() as i32;
    }
    let mut context = Context::new_with_codec(codec);
    context.set_parameters(parameters).unwrap();
    // SAFETY: the context is ours and not open yet.
    unsafe {
        (*context.as_mut_ptr()).pkt_timebase = ffi::AVRational { num: 1, den: 1000 };
        assert_eq!(
            ffi::avcodec_open2(context.as_mut_ptr(), codec.as_ptr(), std::ptr::null_mut()),
            0
        );
    }
    context
}

/// Frames decoded, as they are shown; a single error fails the test.
pub fn pictures(track: &TrackConfig, frames: &[Frame]) -> Vec<frame::Video> {
    decoded(track, frames)
        .into_iter()
        .map(frame::Video::from)
        .collect()
}

/// Frames decoded, as they are heard.
pub fn sounds(track: &TrackConfig, frames: &[Frame]) -> Vec<frame::Audio> {
    decoded(track, frames)
        .into_iter()
        .map(frame::Audio::from)
        .collect()
}

fn decoded(track: &TrackConfig, frames: &[Frame]) -> Vec<frame::Frame> {
    let mut decoder = ffmpeg_next::codec::decoder::Opened(decoder(track).decoder());
    let mut out = Vec::new();
    let mut take = |decoder: &mut ffmpeg_next::codec::decoder::Opened| {
        loop {
            let mut frame = frame::Video::empty();
            if decoder.receive_frame(&mut frame).is_err() {
                break;
            }
            assert!(
                !frame.is_corrupt() && !frame.has_decode_errors(),
                "{:?}",
                frame.pts()
            );
            // SAFETY: an empty frame that was filled, moved out of its typed wrapper.
            let mut plain = unsafe { frame::Frame::empty() };
            unsafe { ffi::av_frame_move_ref(plain.as_mut_ptr(), frame.as_mut_ptr()) };
            out.push(plain);
        }
    };
    for frame in frames {
        let mut packet = Packet::copy(&frame.data);
        packet.set_pts(Some(frame.pts_ms));
        packet.set_dts(Some(frame.dts_ms));
        decoder.send_packet(&packet).unwrap();
        take(&mut decoder);
    }
    decoder.send_eof().unwrap();
    take(&mut decoder);
    out
}
