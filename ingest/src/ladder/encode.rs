//! One encoder a rung, each on a thread of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use ffmpeg_next::codec::packet::Packet;
use ffmpeg_next::{encoder, frame, picture};
use tokio::sync::mpsc;
use vitrine_packager::media::{
    Frame, RenditionId, TrackConfig, TrackKind, VideoCodec, VideoConfig, WallTime,
};

use super::plan::{Plan, VideoRung};
use super::stats::LadderStats;
use super::{LadderError, LadderOutput, annexb, ffmpeg, spawn};

/// Bounded: pictures that wait for one encoder. Full: the decoder waits, for all rungs.
const PICTURE_QUEUE: usize = 4;
/// Bounded: frames inside an encoder; without look-ahead it holds back none. Full: the oldest is forgotten.
const IN_FLIGHT: usize = 64;
/// NAL unit types of H.264 that the init section has, or that say nothing (SPS, PPS, delimiter, filler).
const LEFT_OUT: [u8; 4] = [7, 8, 9, 12];

/// What a rung's thread is told.
pub(super) enum RungInput {
    /// Encode this.
    Picture {
        picture: frame::Video,
        pts_ms: i64,
        is_idr: bool,
        received: WallTime,
    },
    /// No more pictures come for now.
    Shed { lag_ms: i64 },
    /// Pictures come again.
    Restored,
}

/// The way to a rung's thread.
pub(super) struct Rung {
    pub rendition: RenditionId,
    pub size: (u32, u32),
    pub each_nth_frame: u32,
    queue: SyncSender<RungInput>,
}

impl Rung {
    /// Hands something over; waits while the encoder has enough to do.
    pub(super) fn send(&self, input: RungInput) {
        // A thread that is gone has said why.
        let _ = self.queue.send(input);
    }
}

/// Starts a thread for each encoded video rung.
pub(super) fn start(
    plan: &Plan,
    output: &mpsc::Sender<LadderOutput>,
    stats: &Arc<LadderStats>,
) -> Result<(Vec<Rung>, Vec<JoinHandle<()>>), LadderError> {
    let (mut rungs, mut threads) = (Vec::new(), Vec::new());
    for (rendition, rung) in plan.video_rungs() {
        let (queue, inputs) = sync_channel(PICTURE_QUEUE);
        let worker = Worker {
            rendition,
            rung: rung.clone(),
            encoder: None,
            in_flight: VecDeque::new(),
            output: output.clone(),
            stats: stats.clone(),
        };
        threads.push(spawn(&format!("rung-{}", rung.height), move || {
            worker.run(&inputs)
        })?);
        rungs.push(Rung {
            rendition,
            size: (rung.width, rung.height),
            each_nth_frame: rung.each_nth_frame.max(1),
            queue,
        });
    }
    Ok((rungs, threads))
}

struct Worker {
    rendition: RenditionId,
    rung: VideoRung,
    encoder: Option<encoder::Video>,
    in_flight: VecDeque<(i64, WallTime)>,
    output: mpsc::Sender<LadderOutput>,
    stats: Arc<LadderStats>,
}

impl Worker {
    fn run(mut self, inputs: &Receiver<RungInput>) {
        super::video::yield_to_others();
        if let Err(error) = self.work(inputs) {
            let rendition = self.rendition;
            self.emit(LadderOutput::Failed { rendition, error });
            // Others must not wait for a rung that is dead.
            while inputs.recv().is_ok() {}
        }
    }

    fn work(&mut self, inputs: &Receiver<RungInput>) -> Result<(), LadderError> {
        let rendition = self.rendition;
        while let Ok(input) = inputs.recv() {
            match input {
                RungInput::Picture {
                    picture,
                    pts_ms,
                    is_idr,
                    received,
                } => self.encode(picture, pts_ms, is_idr, received)?,
                RungInput::Shed { lag_ms } => self.emit(LadderOutput::Shed { rendition, lag_ms }),
                RungInput::Restored => self.emit(LadderOutput::Restored { rendition }),
            }
        }
        if let Some(encoder) = &mut self.encoder {
            // An encoder that cannot be drained has nothing more to give.
            let _ = encoder.send_eof();
        }
        self.take_packets();
        Ok(())
    }

    fn encode(
        &mut self,
        mut picture: frame::Video,
        pts_ms: i64,
        is_idr: bool,
        received: WallTime,
    ) -> Result<(), LadderError> {
        let begun = Instant::now();
        if self.encoder.is_none() {
            self.open(&picture)?;
        }
        picture.set_pts(Some(pts_ms));
        picture.set_kind(if is_idr {
            picture::Type::I
        } else {
            picture::Type::None
        });
        self.in_flight.push_back((pts_ms, received));
        if self.in_flight.len() > IN_FLIGHT {
            self.in_flight.pop_front();
        }
        if let Some(encoder) = &mut self.encoder {
            encoder
                .send_frame(&picture)
                .map_err(|source| LadderError::Encoder {
                    name: self.rung.encoder.clone(),
                    source,
                })?;
        }
        let encoded = begun.elapsed();
        self.take_packets();
        if let Some(rung) = self.stats.rung(self.rendition) {
            rung.count(encoded);
        }
        Ok(())
    }

    fn open(&mut self, sample: &frame::Video) -> Result<(), LadderError> {
        let (encoder, headers) = ffmpeg::video_encoder(&self.rung, sample)?;
        let record = annexb::avc_record(&headers).ok_or_else(|| LadderError::Headers {
            name: self.rung.encoder.clone(),
        })?;
        self.encoder = Some(encoder);
        let config = TrackConfig::Video(VideoConfig {
            codec: VideoCodec::Avc,
            record,
            declared_frame_rate: Some(self.rung.frame_rate),
            declared_bitrate_bps: Some(self.rung.bitrate_bps),
        });
        let rendition = self.rendition;
        self.emit(LadderOutput::Track { rendition, config });
        Ok(())
    }

    fn take_packets(&mut self) {
        let mut packet = Packet::empty();
        while self
            .encoder
            .as_mut()
            .is_some_and(|encoder| encoder.receive_packet(&mut packet).is_ok())
        {
            let (Some(pts_ms), Some(data)) = (packet.pts(), packet.data()) else {
                continue;
            };
            let data = annexb::length_prefixed(data, |header| LEFT_OUT.contains(&(header & 0x1F)));
            let received = self.received(pts_ms);
            let frame = Frame {
                track: TrackKind::Video,
                dts_ms: pts_ms,
                pts_ms,
                is_idr: packet.is_key(),
                data,
                received,
            };
            let rendition = self.rendition;
            self.emit(LadderOutput::Frame { rendition, frame });
        }
    }

    /// When the source's frame of that stamp was received; older ones are done.
    fn received(&mut self, pts_ms: i64) -> WallTime {
        let mut found = WallTime(0);
        while let Some((stamp, received)) = self.in_flight.front().copied() {
            if stamp > pts_ms {
                break;
            }
            found = received;
            self.in_flight.pop_front();
        }
        found
    }

    fn emit(&self, output: LadderOutput) {
        // A channel that is gone wants nothing more.
        let _ = self.output.blocking_send(output);
    }
}
