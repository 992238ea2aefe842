//! One encoder a rung, each on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use ffmpeg_next::codec::packet::Packet;
use ffmpeg_next::{encoder, frame, picture};
use vitrine_packager::media::{
    Frame, FrameRate, RenditionId, TrackConfig, TrackKind, VideoCodec, VideoConfig, WallTime,
};

use super::encoders::codec_of;
use super::outlet::Outlet;
use super::plan::{Plan, VideoRung};
use super::stats::LadderStats;
use super::tags::{Tag, Tags};
use super::{LadderError, LadderOutput, bitstream, ffmpeg, spawn};

/// Bounded: pictures that wait for one encoder. Full: the decoder waits, for all rungs, and looks whether this one must go.
const PICTURE_QUEUE: usize = 4;
/// Places in the queue besides, for what is said to the thread and for what filters held back.
const SPARE_PLACES: usize = 4;

/// What a rung's thread is told.
pub(super) enum RungInput {
    /// Encode this.
    Picture { picture: frame::Video, tag: Tag },
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
    is_off: Arc<AtomicBool>,
    waiting: Arc<AtomicUsize>,
    queue: SyncSender<RungInput>,
}

impl Rung {
    /// Hands something over; waits only where it was not asked for [room](Self::has_room).
    pub(super) fn send(&self, input: RungInput) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // A thread that is gone has said why.
        let _ = self.queue.send(input);
    }

    /// Whether the encoder can be given another picture.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < PICTURE_QUEUE
    }

    /// Off, the pictures that wait are left out, and what is made of the one in hand: a slow encoder must not be waited for
    /// before it is let go.
    pub(super) fn set_off(&self, is_off: bool) {
        self.is_off.store(is_off, Ordering::Relaxed);
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
        let (queue, inputs) = sync_channel(PICTURE_QUEUE + SPARE_PLACES);
        let (is_off, waiting) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let worker = Worker {
            rendition,
            codec: codec_of(&rung.encoder).ok_or_else(|| LadderError::unknown_encoder(&rung.encoder))?,
            rung: rung.clone(),
            encoder: None,
            described: false,
            is_off: is_off.clone(),
            waiting: waiting.clone(),
            in_flight: Tags::default(),
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
            is_off,
            waiting,
            queue,
        });
    }
    Ok((rungs, threads))
}

struct Worker {
    rendition: RenditionId,
    rung: VideoRung,
    codec: VideoCodec,
    encoder: Option<encoder::Video>,
    /// Whether the track's parameters have gone out.
    described: bool,
    is_off: Arc<AtomicBool>,
    waiting: Arc<AtomicUsize>,
    in_flight: Tags,
    outlet: Outlet,
    stats: Arc<LadderStats>,
}

impl Worker {
    fn run(mut self, inputs: &Receiver<RungInput>) {
        super::video::yield_to_others();
        if let Err(error) = self.work(inputs) {
            self.outlet.fail([self.rendition], &error);
            // Others must not wait for a rung that is dead.
            while self.next(inputs).is_some() {}
        }
    }

    fn work(&mut self, inputs: &Receiver<RungInput>) -> Result<(), LadderError> {
        let rendition = self.rendition;
        while let Some(input) = self.next(inputs) {
            if self.outlet.is_abandoned() {
                return Ok(());
            }
            match input {
                RungInput::Picture { .. } if self.is_off.load(Ordering::Relaxed) => {}
                RungInput::Picture { picture, tag } => self.encode(picture, tag)?,
                RungInput::Restored => self.outlet.send(LadderOutput::Restored { rendition }),
            }
        }
        if let Some(encoder) = &mut self.encoder {
            // An encoder that cannot be drained has nothing more to give.
            let _ = encoder.send_eof();
        }
        self.take_packets()
    }

    fn next(&self, inputs: &Receiver<RungInput>) -> Option<RungInput> {
        let input = inputs.recv().ok()?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(input)
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
        self.in_flight.remember(tag);
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
            let tag = self.in_flight.recall(pts_ms);
            if tag.is_some_and(|tag| tag.is_idr) && !packet.is_key() {
                return Err(LadderError::NoIdr {
                    name: self.rung.encoder.clone(),
                });
            }
            let frame = Frame {
                track: TrackKind::Video,
                dts_ms: pts_ms,
                pts_ms,
                is_idr: packet.is_key(),
                data,
                received: tag.map_or(WallTime(0), |tag| tag.received),
            };
            let rendition = self.rendition;
            if !self.is_off.load(Ordering::Relaxed) {
                self.outlet.send(LadderOutput::Frame { rendition, frame });
            }
        }
        Ok(())
    }
}
