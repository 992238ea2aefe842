//! The thread that encodes audio which cannot be passed through, or is wanted at several bit rates.

use std::sync::Arc;

use ffmpeg_next::codec::packet::Packet;
use ffmpeg_next::{ChannelLayout, decoder, encoder, frame};
use vitrine_packager::media::{AudioConfig, Frame, RenditionId, TrackConfig, TrackKind, WallTime};

use super::ffmpeg::{self, AUDIO_HZ, Graph, MILLIS};
use super::outlet::Outlet;
use super::plan::{AudioRung, Plan};
use super::queue::SourceQueue;
use super::stats::LadderStats;
use super::{LadderError, LadderOutput};

/// Samples are counted, not stamped: the source's stamps are rounded to milliseconds. Off them by more than this (in samples at
/// 48 kHz, 5 ms), the count follows the stamps: they are where the source's audio is meant to be heard.
const STRAYED: i64 = 240;

/// Encodes one source's audio.
pub(super) struct Pipeline {
    decoder: decoder::Audio,
    graph: Option<(SoundShape, Graph)>,
    rungs: Vec<Rung>,
    outlet: Outlet,
    stats: Arc<LadderStats>,
    received: WallTime,
    failed: bool,
}

struct Rung {
    rendition: RenditionId,
    plan: AudioRung,
    encoder: encoder::Audio,
    frame_samples: u32,
    /// Stamp of the next frame's first sample, in samples.
    next: Option<i64>,
    last_pts_ms: Option<i64>,
}

/// What the filters are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SoundShape {
    rate: u32,
    format: ffmpeg_next::format::Sample,
    layout: ChannelLayout,
}

impl Pipeline {
    /// Opens the decoder and the encoders, whose parameters do not depend on the sound.
    pub(super) fn new(
        config: &AudioConfig,
        plan: &Plan,
        outlet: Outlet,
        stats: Arc<LadderStats>,
    ) -> Result<Self, LadderError> {
        let open = |(rendition, plan): (RenditionId, AudioRung)| {
            let (encoder, asc, frame_samples) = ffmpeg::audio_encoder(plan)?;
            let rung = Rung {
                rendition,
                plan,
                encoder,
                frame_samples,
                next: None,
                last_pts_ms: None,
            };
            Ok((rung, asc))
        };
        let opened: Vec<(Rung, Vec<u8>)> = plan.audio_rungs().map(open).collect::<Result<_, _>>()?;
        let mut rungs = Vec::with_capacity(opened.len());
        for (rung, asc) in opened {
            let config = TrackConfig::Audio(AudioConfig {
                asc: asc.into(),
                sample_rate_hz: AUDIO_HZ,
                channels: rung.plan.channels,
                declared_bitrate_bps: Some(rung.plan.bitrate_bps),
            });
            let rendition = rung.rendition;
            // The queue was made for this ladder and has room for more than it has renditions: this does not wait.
            outlet.send(LadderOutput::Track { rendition, config });
            rungs.push(rung);
        }
        Ok(Self {
            decoder: ffmpeg::audio_decoder(&config.asc)?,
            graph: None,
            rungs,
            outlet,
            stats,
            received: WallTime(0),
            failed: false,
        })
    }

    /// Works until the queue is closed and empty, then lets out what is left.
    pub(super) fn run(mut self, frames: &SourceQueue) {
        while let Some(waiting) = frames.pop() {
            let frame = waiting.frame;
            self.received = frame.received;
            let mut packet = Packet::copy(&frame.data);
            packet.set_pts(Some(frame.pts_ms));
            packet.set_dts(Some(frame.dts_ms));
            if let Err(error) = self.decoder.send_packet(&packet) {
                self.stats.count_undecodable();
                tracing::debug!(%error, "an audio frame could not be decoded");
            }
            self.take_sound();
        }
        if self.outlet.is_abandoned() {
            return;
        }
        // What cannot be drained has nothing more to give.
        let _ = self.decoder.send_eof();
        self.take_sound();
        if let Some((_, graph)) = &mut self.graph {
            graph.flush();
        }
        self.encode();
        for rung in &mut self.rungs {
            let _ = rung.encoder.send_eof();
            rung.take_packets(&self.outlet, self.received);
        }
    }

    fn take_sound(&mut self) {
        let mut sound = frame::Audio::empty();
        while self.decoder.receive_frame(&mut sound).is_ok() {
            if sound.channel_layout().is_empty() {
                sound.set_channel_layout(ChannelLayout::default(i32::from(sound.channels())));
            }
            if let Err(error) = self.filter(&sound) {
                self.fail(&error);
                return;
            }
            self.encode();
        }
    }

    fn filter(&mut self, sound: &frame::Audio) -> Result<(), LadderError> {
        let shape = SoundShape {
            rate: sound.rate(),
            format: sound.format(),
            layout: sound.channel_layout(),
        };
        if self.graph.as_ref().is_none_or(|(known, _)| *known != shape) {
            let graph = self.build(shape)?;
            self.graph = Some((shape, graph));
        }
        match &mut self.graph {
            Some((_, graph)) => graph
                .push(sound)
                .map_err(|error| LadderError::NoFilter(error.to_string())),
            None => Ok(()),
        }
    }

    fn build(&self, shape: SoundShape) -> Result<Graph, LadderError> {
        let arguments = format!(
            "time_base={}/{}:sample_rate={}:sample_fmt={}:channel_layout=0x{:x}",
            MILLIS.0,
            MILLIS.1,
            shape.rate,
            shape.format.name(),
            shape.layout.bits()
        );
        let stereo = self.rungs.iter().any(|rung| rung.plan.channels > 1);
        let outputs: String = (0..self.rungs.len())
            .map(|index| format!("[out{index}]"))
            .collect();
        let spec = format!(
            "[in]aresample={AUDIO_HZ},aformat=sample_fmts=fltp:channel_layouts={},asettb=1/{AUDIO_HZ},asplit={}{outputs}",
            if stereo { "stereo" } else { "mono" },
            self.rungs.len()
        );
        let mut graph = Graph::new(("abuffer", &arguments), "abuffersink", self.rungs.len(), &spec)?;
        for (index, rung) in self.rungs.iter().enumerate() {
            graph.set_frame_size(index, rung.frame_samples);
        }
        Ok(graph)
    }

    fn encode(&mut self) {
        let Some((_, graph)) = &mut self.graph else { return };
        for (index, rung) in self.rungs.iter_mut().enumerate() {
            let mut sound = frame::Audio::empty();
            while graph.pull(index, &mut sound) {
                rung.stamp(&mut sound);
                if let Err(error) = rung.encoder.send_frame(&sound) {
                    tracing::debug!(%error, "an audio frame could not be encoded");
                }
                // An encoder whose packets are not taken refuses the next frame but one.
                rung.take_packets(&self.outlet, self.received);
            }
        }
    }

    fn fail(&mut self, error: &LadderError) {
        if !std::mem::replace(&mut self.failed, true) {
            self.outlet
                .fail(self.rungs.iter().map(|rung| rung.rendition), error);
        }
    }
}

impl Rung {
    fn stamp(&mut self, sound: &mut frame::Audio) {
        let told = sound.pts();
        let counted = self.next.or(told).unwrap_or(0);
        let at = match told {
            Some(told) if (told - counted).abs() > STRAYED => told,
            _ => counted,
        };
        sound.set_pts(Some(at));
        self.next = Some(at + i64::try_from(sound.samples()).unwrap_or(0));
    }

    fn take_packets(&mut self, outlet: &Outlet, received: WallTime) {
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            if let Some(frame) = self.frame(&packet, received) {
                let rendition = self.rendition;
                outlet.send(LadderOutput::Frame { rendition, frame });
            }
        }
    }

    /// An encoder's packet as a frame; `None` where the source has more sound than time, and this is too much of it.
    fn frame(&mut self, packet: &Packet, received: WallTime) -> Option<Frame> {
        let (pts, data) = (packet.pts()?, packet.data()?);
        // The encoder's own delay is in its stamps already: its first packet is before the first sample (SPEC 145), and sounds
        // as silence.
        let pts_ms = (pts * 1000 + i64::from(AUDIO_HZ) / 2).div_euclid(AUDIO_HZ.into());
        if self.last_pts_ms.is_some_and(|last| pts_ms <= last) {
            return None;
        }
        self.last_pts_ms = Some(pts_ms);
        Some(Frame {
            track: TrackKind::Audio,
            dts_ms: pts_ms,
            pts_ms,
            is_idr: true,
            data: bytes::Bytes::copy_from_slice(data),
            received,
        })
    }
}
