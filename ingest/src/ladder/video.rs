//! The thread that decodes the source and hands each rung its pictures.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{SystemTime, UNIX_EPOCH};

use ffmpeg_next::codec::packet::Packet;
use ffmpeg_next::{decoder, frame};
use tokio::sync::mpsc;
use vitrine_packager::media::{Frame, WallTime};

use super::encode::{Rung, RungInput};
use super::ffmpeg::PictureShape;
use super::keyframes::Keyframes;
use super::pictures::Pictures;
use super::shed::{Action, Shedding};
use super::stats::LadderStats;
use super::{IdrGrid, LadderOutput};

/// Bounded: frames inside the decoder, or the filters. Full: the oldest is forgotten.
const IN_FLIGHT: usize = 128;
/// Frames of a source whose rate is not known last about so long, in milliseconds.
const USUAL_FRAME_MS: f64 = 1000.0 / 30.0;
/// How much the encoders yield to everything else on the machine.
const NICENESS: i32 = 5;

/// Decodes one source.
pub(super) struct Pipeline {
    decoder: decoder::Video,
    rungs: Vec<RungState>,
    keyframes: Keyframes,
    pictures: Option<Pictures>,
    shedding: Shedding,
    /// Frames on their way through the decoder.
    decoding: VecDeque<Tag>,
    /// Pictures on their way through the filters.
    filtering: VecDeque<Tag>,
    /// Pictures were left out: the next that is encoded must be an IDR.
    awaits_idr: bool,
    output: mpsc::Sender<LadderOutput>,
    stats: Arc<LadderStats>,
    failed: bool,
}

struct RungState {
    rung: Rung,
    on: Switch,
    /// Frames since the last IDR.
    count: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Switch {
    On,
    Off,
    /// On from the next IDR.
    Returning,
}

/// What is remembered of a frame while FFmpeg has it.
#[derive(Clone, Copy)]
struct Tag {
    pts_ms: i64,
    is_idr: bool,
    received: WallTime,
}

impl Pipeline {
    pub(super) fn new(
        decoder: decoder::Video,
        rungs: Vec<Rung>,
        idrs: IdrGrid,
        output: mpsc::Sender<LadderOutput>,
        stats: Arc<LadderStats>,
    ) -> Self {
        let shedding = Shedding::new(rungs.len(), now().0);
        let on = |rung| RungState {
            rung,
            on: Switch::On,
            count: 0,
        };
        Self {
            decoder,
            rungs: rungs.into_iter().map(on).collect(),
            keyframes: Keyframes::new(idrs, USUAL_FRAME_MS),
            pictures: None,
            shedding,
            decoding: VecDeque::new(),
            filtering: VecDeque::new(),
            awaits_idr: true,
            output,
            stats,
            failed: false,
        }
    }

    /// Works until the queue's other end is dropped, then lets out what is left.
    pub(super) fn run(mut self, frames: &Receiver<Frame>) {
        yield_to_others();
        while let Ok(frame) = frames.recv() {
            self.decode(&frame);
        }
        // A decoder that cannot be drained has nothing more to give.
        let _ = self.decoder.send_eof();
        self.take_pictures();
        if let Some(pictures) = &mut self.pictures {
            pictures.flush();
        }
        self.hand_over();
    }

    fn decode(&mut self, frame: &Frame) {
        let mut packet = Packet::copy(&frame.data);
        packet.set_pts(Some(frame.pts_ms));
        packet.set_dts(Some(frame.dts_ms));
        remember(
            &mut self.decoding,
            Tag {
                pts_ms: frame.pts_ms,
                is_idr: frame.is_idr,
                received: frame.received,
            },
        );
        // Damaged frames are shown as well as they can be; the next IDR mends the rest.
        if let Err(error) = self.decoder.send_packet(&packet) {
            tracing::debug!(%error, "a frame could not be decoded");
        }
        self.take_pictures();
    }

    fn take_pictures(&mut self) {
        let mut picture = frame::Video::empty();
        while self.decoder.receive_frame(&mut picture).is_ok() {
            if let Some(tag) = picture
                .pts()
                .and_then(|pts_ms| recall(&mut self.decoding, pts_ms))
            {
                self.take_picture(&mut picture, tag);
            }
        }
    }

    fn take_picture(&mut self, picture: &mut frame::Video, tag: Tag) {
        let now = now();
        let lag_ms = now.millis_since(tag.received);
        self.stats.set_lag_ms(lag_ms);
        let action = self.shedding.observe(now.0, lag_ms);
        self.act(action, lag_ms);
        let is_idr = self.keyframes.is_idr(tag.pts_ms, tag.is_idr);
        if self.shedding.skips() {
            self.awaits_idr = true;
        }
        if self.awaits_idr && (!is_idr || self.shedding.skips()) {
            self.stats.count_dropped();
            return;
        }
        self.awaits_idr = false;
        if let Err(error) = self.filter(picture) {
            self.fail(error);
            return;
        }
        remember(&mut self.filtering, Tag { is_idr, ..tag });
        self.hand_over();
    }

    fn filter(&mut self, picture: &frame::Video) -> Result<(), super::LadderError> {
        let shape = PictureShape::of(picture);
        if !self
            .pictures
            .as_ref()
            .is_some_and(|pictures| pictures.takes(shape))
        {
            if let Some(pictures) = &mut self.pictures {
                pictures.flush();
            }
            self.hand_over();
            let sizes: Vec<(u32, u32)> = self.rungs.iter().map(|state| state.rung.size).collect();
            self.pictures = Some(Pictures::new(shape, &sizes)?);
        }
        match &mut self.pictures {
            Some(pictures) => pictures
                .push(picture)
                .map_err(|error| super::LadderError::NoFilter(error.to_string())),
            None => Ok(()),
        }
    }

    /// Takes the rungs' pictures out of the filters, and hands them to their encoders.
    fn hand_over(&mut self) {
        let Some(pictures) = &mut self.pictures else {
            return;
        };
        // Every rung has a picture for each of the source's, in the same order.
        loop {
            let mut tag = None;
            for (index, state) in self.rungs.iter_mut().enumerate() {
                let Some(picture) = pictures.pull(index) else {
                    continue;
                };
                if tag.is_none() {
                    tag = picture
                        .pts()
                        .and_then(|pts_ms| recall(&mut self.filtering, pts_ms));
                }
                if let Some(tag) = tag {
                    state.hand_over(picture, tag);
                }
            }
            if tag.is_none() {
                return;
            }
        }
    }

    fn act(&mut self, action: Option<Action>, lag_ms: i64) {
        let (index, shed) = match action {
            Some(Action::Shed(index)) => (index, true),
            Some(Action::Restore(index)) => (index, false),
            None => return,
        };
        let Some(state) = self.rungs.get_mut(index) else {
            return;
        };
        if let Some(rung) = self.stats.rung(state.rung.rendition) {
            rung.set_shed(shed);
        }
        if shed {
            state.on = Switch::Off;
            state.rung.send(RungInput::Shed { lag_ms });
        } else {
            state.on = Switch::Returning;
        }
    }

    /// Without filters no rung has pictures.
    fn fail(&mut self, error: super::LadderError) {
        if std::mem::replace(&mut self.failed, true) {
            return;
        }
        for state in &self.rungs {
            let failed = LadderOutput::Failed {
                rendition: state.rung.rendition,
                error: error.clone(),
            };
            let _ = self.output.blocking_send(failed);
        }
    }
}

impl RungState {
    fn hand_over(&mut self, picture: frame::Video, tag: Tag) {
        if tag.is_idr {
            self.count = 0;
            if self.on == Switch::Returning {
                self.on = Switch::On;
                self.rung.send(RungInput::Restored);
            }
        }
        let wanted = self.count.is_multiple_of(self.rung.each_nth_frame);
        self.count = self.count.wrapping_add(1);
        if wanted && self.on == Switch::On {
            self.rung.send(RungInput::Picture {
                picture,
                pts_ms: tag.pts_ms,
                is_idr: tag.is_idr,
                received: tag.received,
            });
        }
    }
}

fn remember(tags: &mut VecDeque<Tag>, tag: Tag) {
    tags.push_back(tag);
    if tags.len() > IN_FLIGHT {
        tags.pop_front();
    }
}

/// Pictures come out in another order than frames went in, so only this one is forgotten.
fn recall(tags: &mut VecDeque<Tag>, pts_ms: i64) -> Option<Tag> {
    let place = tags.iter().position(|tag| tag.pts_ms == pts_ms)?;
    tags.remove(place)
}

/// Pass-through and delivery come first on a machine that is short of time.
pub(super) fn yield_to_others() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the ladder runs at the common priority");
    }
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
