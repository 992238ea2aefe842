//! The thread that decodes the source and hands each rung its pictures.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use ffmpeg_next::codec::packet::Packet;
use ffmpeg_next::{decoder, frame};
use vitrine_packager::media::{FrameRate, WallTime};

use super::encode::Rung;
use super::ffmpeg::PictureShape;
use super::keyframes::Keyframes;
use super::outlet::Outlet;
use super::pictures::Pictures;
use super::queue::{SourceQueue, Waiting};
use super::shed::{Action, Load, Shedding};
use super::stats::LadderStats;
use super::switch::RungSwitch;
use super::{IdrGrid, LadderError};

/// Bounded: frames inside the decoder, or the filters. Full: the oldest is forgotten.
const IN_FLIGHT: usize = 128;
/// How much the encoders yield to everything else on the machine.
const NICENESS: i32 = 5;

/// Decodes one source.
pub(super) struct Pipeline {
    decoder: decoder::Video,
    rungs: Vec<RungSwitch>,
    source_rate: FrameRate,
    keyframes: Keyframes,
    pictures: Option<Pictures>,
    shedding: Shedding,
    /// Frames on their way through the decoder.
    decoding: VecDeque<Tag>,
    /// Pictures on their way through the filters.
    filtering: VecDeque<Tag>,
    /// Pictures were left out: the next that is encoded must be an IDR.
    awaits_idr: bool,
    last_pts_ms: Option<i64>,
    begun: Instant,
    outlet: Outlet,
    stats: Arc<LadderStats>,
    failed: bool,
    turned: bool,
}

/// What is remembered of a frame while FFmpeg has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    pub pts_ms: i64,
    pub is_idr: bool,
    pub received: WallTime,
    /// When it came into the ladder.
    pub since: Instant,
}

impl Pipeline {
    pub(super) fn new(
        decoder: decoder::Video,
        rungs: Vec<Rung>,
        source_rate: FrameRate,
        idrs: IdrGrid,
        outlet: Outlet,
        stats: Arc<LadderStats>,
    ) -> Self {
        Self {
            decoder,
            shedding: Shedding::new(rungs.len(), 0),
            rungs: rungs.into_iter().map(RungSwitch::new).collect(),
            source_rate,
            keyframes: Keyframes::new(idrs, source_rate),
            pictures: None,
            decoding: VecDeque::new(),
            filtering: VecDeque::new(),
            awaits_idr: true,
            last_pts_ms: None,
            begun: Instant::now(),
            outlet,
            stats,
            failed: false,
            turned: false,
        }
    }

    /// Works until the queue is closed and empty, then lets out what is left.
    pub(super) fn run(mut self, frames: &SourceQueue) {
        yield_to_others();
        while let Some(waiting) = frames.pop() {
            let (begun, waited) = (Instant::now(), self.waited());
            self.decode(&waiting);
            // An encoder that is slow makes the decoder wait: that is not the decoder's own time.
            self.stats
                .count_decoded(begun.elapsed().saturating_sub(self.waited() - waited));
        }
        if self.outlet.is_abandoned() {
            return;
        }
        // A decoder that cannot be drained has nothing more to give.
        let _ = self.decoder.send_eof();
        self.take_pictures();
        if let Some(pictures) = &mut self.pictures {
            pictures.flush();
        }
        self.hand_over();
    }

    /// For how long encoders have made the decoder wait so far.
    fn waited(&self) -> std::time::Duration {
        self.rungs.iter().map(RungSwitch::waited).sum()
    }

    fn decode(&mut self, waiting: &Waiting) {
        let frame = &waiting.frame;
        self.watch(waiting.since);
        let mut packet = Packet::copy(&frame.data);
        packet.set_pts(Some(frame.pts_ms));
        packet.set_dts(Some(frame.dts_ms));
        if frame.is_idr {
            self.keyframes.expect(frame.pts_ms);
        }
        remember(
            &mut self.decoding,
            Tag {
                pts_ms: frame.pts_ms,
                is_idr: false,
                received: frame.received,
                since: waiting.since,
            },
        );
        // Damaged frames are shown as well as they can be; the next IDR mends the rest.
        if let Err(error) = self.decoder.send_packet(&packet) {
            self.stats.count_undecodable();
            tracing::debug!(%error, "a frame could not be decoded");
        }
        self.take_pictures();
    }

    /// Looks how long the frame at hand, which came `since`, has waited.
    fn watch(&mut self, since: Instant) {
        let millis = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let (now, lag_ms) = (millis(self.begun.elapsed()), millis(since.elapsed()));
        self.stats.set_lag_ms(lag_ms);
        let Self {
            rungs,
            stats,
            source_rate,
            ..
        } = self;
        let action = self
            .shedding
            .observe(now, lag_ms, |next| load(rungs, stats, *source_rate, next));
        match action {
            Some(Action::Shed(index)) => {
                if let Some((rung, below)) = self.rungs.get_mut(index..).and_then(<[_]>::split_first_mut) {
                    rung.shed(below, lag_ms, &self.stats);
                }
            }
            Some(Action::Restore(index)) => {
                if let Some(rung) = self.rungs.get_mut(index) {
                    rung.restore(&self.stats);
                }
            }
            None => {}
        }
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
        // Encoders want rising stamps; a decoder that mends damage may show a picture twice.
        if self.last_pts_ms.is_some_and(|last| tag.pts_ms <= last) {
            return;
        }
        let is_idr = self.keyframes.is_idr(tag.pts_ms);
        let skips = self.shedding.skips();
        self.awaits_idr |= skips;
        if self.awaits_idr && (!is_idr || skips) {
            self.stats.count_dropped(1);
            return;
        }
        self.awaits_idr = false;
        self.last_pts_ms = Some(tag.pts_ms);
        if let Err(error) = self.filter(picture) {
            self.fail(&error);
            return;
        }
        remember(&mut self.filtering, Tag { is_idr, ..tag });
        self.hand_over();
    }

    fn filter(&mut self, picture: &frame::Video) -> Result<(), LadderError> {
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
            let sizes: Vec<(u32, u32)> = self.rungs.iter().map(RungSwitch::size).collect();
            self.pictures = Some(Pictures::new(shape, &sizes)?);
            self.warn_of_rotation(picture);
        }
        match &mut self.pictures {
            Some(pictures) => pictures
                .push(picture)
                .map_err(|error| LadderError::NoFilter(error.to_string())),
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
            for (index, rung) in self.rungs.iter_mut().enumerate() {
                let Some(picture) = pictures.pull(index) else {
                    continue;
                };
                if tag.is_none() {
                    tag = picture
                        .pts()
                        .and_then(|pts_ms| recall(&mut self.filtering, pts_ms));
                }
                if let Some(tag) = tag {
                    rung.hand_over(picture, tag);
                }
            }
            if tag.is_none() {
                return;
            }
        }
    }

    fn warn_of_rotation(&mut self, picture: &frame::Video) {
        let matrix = picture.side_data(frame::side_data::Type::DisplayMatrix);
        if matrix.is_some() && !std::mem::replace(&mut self.turned, true) {
            tracing::warn!(
                "the source asks to be shown turned: encoded rungs are not; turn the camera's output instead"
            );
        }
    }

    /// Without filters no rung has pictures.
    fn fail(&mut self, error: &LadderError) {
        if !std::mem::replace(&mut self.failed, true) {
            self.outlet
                .fail(self.rungs.iter().map(RungSwitch::rendition), error);
        }
    }
}

/// How busy the ladder is, and would be with the rung of that index back.
fn load(rungs: &[RungSwitch], stats: &LadderStats, source_rate: FrameRate, next: usize) -> Load {
    let decoding = stats.decode_time().as_secs_f64() * source_rate.fps();
    let encoding: f64 = rungs
        .iter()
        .filter(|rung| rung.is_on())
        .map(|rung| rung.share(stats))
        .sum();
    let returning = rungs.get(next);
    Load {
        busy: decoding + encoding,
        returning: returning.map_or(0.0, |rung| {
            rung.share_if_restored(rungs.get(next + 1..).unwrap_or_default(), stats)
        }),
        returning_threads: returning.map_or(1, RungSwitch::threads),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
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
