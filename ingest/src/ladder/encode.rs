//! One encoder a rung, each on a thread of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use ffmpeg_next::codec::packet::Packet;
use ffmpeg_next::{encoder, frame, picture};
use vitrine_packager::media::{
    Frame, FrameRate, RenditionId, TrackConfig, TrackKind, VideoCodec, VideoConfig, WallTime,
};

use super::encoders::codec_of;
use super::outlet::Outlet;
use super::plan::{Plan, VideoRung};
use super::stats::LadderStats;
use super::video::Tag;
use super::{LadderError, LadderOutput, bitstream, ffmpeg, spawn};

/// Bounded: pictures that wait for one encoder. Full: the decoder waits, for all rungs.
const PICTURE_QUEUE: usize = 4;
/// Bounded: frames inside an encoder; without look-ahead it holds back none. Full: the oldest is forgotten.
const IN_FLIGHT: usize = 64;

/// What a rung's thread is told.
pub(super) enum RungInput {
    /// Encode this.
    Picture { picture: frame::Video, tag: Tag },
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
    pub frame_rate: FrameRate,
    pub threads: u32,
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
    outlet: &Outlet,
    stats: &Arc<LadderStats>,
) -> Result<(Vec<Rung>, Vec<JoinHandle<()>>), LadderError> {
    let (mut rungs, mut threads) = (Vec::new(), Vec::new());
    for (rendition, rung) in plan.video_rungs() {
        let (queue, inputs) = sync_channel(PICTURE_QUEUE);
        let worker = Worker {
            rendition,
            codec: codec_of(&rung.encoder).ok_or_else(|| LadderError::unknown_encoder(&rung.encoder))?,
            rung: rung.clone(),
            encoder: None,
            described: false,
            in_flight: VecDeque::new(),
            outlet: outlet.clone(),
            stats: stats.clone(),
        };
        threads.push(spawn(&format!("rung-{}", rung.height), move || {
            worker.run(&inputs)
        })?);
        rungs.push(Rung {
            rendition,
            size: (rung.width, rung.height),
            each_nth_frame: rung.each_nth_frame.max(1),
            frame_rate: rung.frame_rate,
            threads: rung.threads.max(1),
            queue,
        });
    }
    Ok((rungs, threads))
}

/// Opens a rung's encoder and closes it again.
pub(super) fn check(rung: &VideoRung) -> Result<(), LadderError> {
    if codec_of(&rung.encoder).is_none() {
        return Err(LadderError::unknown_encoder(&rung.encoder));
    }
    let picture = frame::Video::new(ffmpeg_next::format::Pixel::YUV420P, rung.width, rung.height);
    ffmpeg::video_encoder(rung, &picture).map(|_| ())
}

struct Worker {
    rendition: RenditionId,
    rung: VideoRung,
    codec: VideoCodec,
    encoder: Option<encoder::Video>,
    /// Whether the track's parameters have gone out.
    described: bool,
    in_flight: VecDeque<Tag>,
    outlet: Outlet,
    stats: Arc<LadderStats>,
}

impl Worker {
    fn run(mut self, inputs: &Receiver<RungInput>) {
        super::video::yield_to_others();
        if let Err(error) = self.work(inputs) {
            self.outlet.fail([self.rendition], &error);
            // Others must not wait for a rung that is dead.
            while inputs.recv().is_ok() {}
        }
    }

    fn work(&mut self, inputs: &Receiver<RungInput>) -> Result<(), LadderError> {
        let rendition = self.rendition;
        while let Ok(input) = inputs.recv() {
            if self.outlet.is_abandoned() {
                return Ok(());
            }
            match input {
                RungInput::Picture { picture, tag } => self.encode(picture, tag)?,
                RungInput::Shed { lag_ms } => self.outlet.send(LadderOutput::Shed { rendition, lag_ms }),
                RungInput::Restored => self.outlet.send(LadderOutput::Restored { rendition }),
            }
        }
        if let Some(encoder) = &mut self.encoder {
            // An encoder that cannot be drained has nothing more to give.
            let _ = encoder.send_eof();
        }
        self.take_packets()
    }

    fn encode(&mut self, mut picture: frame::Video, tag: Tag) -> Result<(), LadderError> {
        let begun = Instant::now();
        if self.encoder.is_none() {
            let (encoder, headers) = ffmpeg::video_encoder(&self.rung, &picture)?;
            self.encoder = Some(encoder);
            self.describe(&headers);
        }
        picture.set_pts(Some(tag.pts_ms));
        picture.set_kind(if tag.is_idr {
            picture::Type::I
        } else {
            picture::Type::None
        });
        self.in_flight.push_back(tag);
        if self.in_flight.len() > IN_FLIGHT {
            self.in_flight.pop_front();
        }
        if let Some(encoder) = &mut self.encoder {
            let sent = encoder.send_frame(&picture);
            sent.map_err(|source| LadderError::encoder(&self.rung.encoder, source))?;
        }
        let encoded = begun.elapsed();
        self.take_packets()?;
        if let Some(rung) = self.stats.rung(self.rendition) {
            rung.count(encoded, tag.since.elapsed());
        }
        Ok(())
    }

    /// Says what the track is, if `headers` do: those of most encoders are known when they open, those of some are in their
    /// first packet.
    fn describe(&mut self, headers: &[u8]) {
        if let (false, Some(record)) = (self.described, bitstream::record(self.codec, headers)) {
            let config = TrackConfig::Video(VideoConfig {
                codec: self.codec,
                record,
                declared_frame_rate: Some(self.rung.frame_rate),
                declared_bitrate_bps: Some(self.rung.bitrate_bps),
            });
            let rendition = self.rendition;
            self.outlet.send(LadderOutput::Track { rendition, config });
            self.described = true;
        }
    }

    fn take_packets(&mut self) -> Result<(), LadderError> {
        let mut packet = Packet::empty();
        while self
            .encoder
            .as_mut()
            .is_some_and(|encoder| encoder.receive_packet(&mut packet).is_ok())
        {
            let (Some(pts_ms), Some(data)) = (packet.pts(), packet.data()) else {
                continue;
            };
            self.describe(data);
            if !self.described {
                return Err(LadderError::Headers {
                    name: self.rung.encoder.clone(),
                });
            }
            let data = bitstream::sample(self.codec, data);
            self.emit(pts_ms, packet.is_key(), data);
        }
        Ok(())
    }

    fn emit(&mut self, pts_ms: i64, is_idr: bool, data: Bytes) {
        let frame = Frame {
            track: TrackKind::Video,
            dts_ms: pts_ms,
            pts_ms,
            is_idr,
            data,
            received: self.received(pts_ms),
        };
        let rendition = self.rendition;
        self.outlet.send(LadderOutput::Frame { rendition, frame });
    }

    /// When the source's frame of that stamp was received; older ones are done.
    fn received(&mut self, pts_ms: i64) -> WallTime {
        let mut found = WallTime(0);
        while let Some(tag) = self.in_flight.front().filter(|tag| tag.pts_ms <= pts_ms) {
            found = tag.received;
            self.in_flight.pop_front();
        }
        found
    }
}
