//! The thread that decodes the source and hands each rung its pictures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ffmpeg_next::codec::packet::Packet;
use ffmpeg_next::{decoder, frame};
use vitrine_packager::media::FrameRate;

use super::encode::Rung;
use super::keyframes::Keyframes;
use super::lane::Lane;
use super::outlet::Outlet;
use super::queue::{SourceQueue, Waiting};
use super::shed::{Action, Load, Shedding};
use super::stats::LadderStats;
use super::switch::RungSwitch;
use super::tags::{Tag, Tags};
use super::{IdrGrid, LadderError};

/// The longest burst of frames that is believed to be one, in milliseconds.
const LONGEST_BURST_MS: i64 = 2_400;
/// How long the decoder sleeps before it looks again whether an encoder has room.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// How much the encoders yield to everything else on the machine.
const NICENESS: i32 = 5;

/// Decodes one source.
pub(super) struct Pipeline {
    queue: Arc<SourceQueue>,
    decoder: decoder::Video,
    rungs: Vec<RungSwitch>,
    source_rate: FrameRate,
    keyframes: Keyframes,
    lanes: Vec<Lane>,
    shedding: Shedding,
    /// Frames on their way through the decoder.
    decoding: Tags,
    /// Pictures were left out: the next that is encoded must be an IDR.
    awaits_idr: bool,
    last_pts_ms: Option<i64>,
    begun: Instant,
    /// The decode stamp of the frame at hand, and when it came in.
    at_hand: (i64, Instant),
    /// For how long encoders have made the decoder wait with it.
    waited: Duration,
    outlet: Outlet,
    stats: Arc<LadderStats>,
    failed: bool,
    turned: bool,
}

impl Pipeline {
    pub(super) fn new(
        queue: Arc<SourceQueue>,
        decoder: decoder::Video,
        rungs: Vec<Rung>,
        source_rate: FrameRate,
        idrs: IdrGrid,
        outlet: Outlet,
        stats: Arc<LadderStats>,
    ) -> Self {
        let rungs: Vec<RungSwitch> = rungs.into_iter().map(RungSwitch::new).collect();
        Self {
            queue,
            decoder,
            shedding: Shedding::new(rungs.len()),
            lanes: Lane::all(&rungs),
            rungs,
            source_rate,
            keyframes: Keyframes::new(idrs, source_rate),
            decoding: Tags::default(),
            awaits_idr: true,
            last_pts_ms: None,
            begun: Instant::now(),
            at_hand: (0, Instant::now()),
            waited: Duration::ZERO,
            outlet,
            stats,
            failed: false,
            turned: false,
        }
    }

    /// Works until the queue is closed and empty, then lets out what is left.
    pub(super) fn run(mut self) {
        yield_to_others();
        while let Some(waiting) = self.queue.pop() {
            self.waited = Duration::ZERO;
            let begun = Instant::now();
            self.decode(&waiting);
            // An encoder that is slow makes the decoder wait: that is not the decoder's own time.
            self.stats
                .count_decoded(begun.elapsed().saturating_sub(self.waited));
        }
        if self.outlet.is_abandoned() {
            return;
        }
        // A decoder that cannot be drained has nothing more to give.
        let _ = self.decoder.send_eof();
        self.take_pictures();
        for lane in &mut self.lanes {
            lane.flush(&mut self.rungs);
        }
    }

    fn decode(&mut self, waiting: &Waiting) {
        let frame = &waiting.frame;
        self.at_hand = (frame.dts_ms, waiting.since);
        self.watch();
        let mut packet = Packet::copy(&frame.data);
        packet.set_pts(Some(frame.pts_ms));
        packet.set_dts(Some(frame.dts_ms));
        if frame.is_idr {
            self.keyframes.expect(frame.pts_ms);
        }
        self.decoding.remember(Tag {
            pts_ms: frame.pts_ms,
            is_idr: false,
            received: frame.received,
            since: waiting.since,
        });
        // Damaged frames are shown as well as they can be; the next IDR mends the rest.
        if let Err(error) = self.decoder.send_packet(&packet) {
            self.stats.count_undecodable();
            tracing::debug!(%error, "a frame could not be decoded");
        }
        self.take_pictures();
    }

    /// Looks how far behind the source the frame at hand is.
    fn watch(&mut self) {
        let (dts_ms, since) = self.at_hand;
        let lag_ms = millis(since.elapsed());
        self.stats.set_lag_ms(lag_ms);
        // The source's clock may jump between two frames that wait: no frame is further behind than by what it has waited
        // and a burst that came with it.
        let behind_ms = self
            .queue
            .behind_ms(dts_ms)
            .min(lag_ms.saturating_add(LONGEST_BURST_MS));
        let Self {
            rungs,
            stats,
            source_rate,
            ..
        } = self;
        let load = |next| load(rungs, stats, *source_rate, next);
        let action = self
            .shedding
            .observe(millis(self.begun.elapsed()), behind_ms, load);
        match action {
            Some(Action::Shed(index)) => {
                if let Some((rung, below)) = self.rungs.get_mut(index..).and_then(<[_]>::split_first_mut) {
                    rung.shed(below, behind_ms, &self.stats, &self.outlet);
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

    /// Waits until every rung can be given a picture, or is shed.
    fn wait_for_room(&mut self) {
        let begun = Instant::now();
        while self.rungs.iter().any(RungSwitch::is_full) && !self.outlet.is_abandoned() {
            std::thread::sleep(LOOK_AGAIN);
            self.watch();
        }
        self.waited += begun.elapsed();
    }

    fn take_pictures(&mut self) {
        let mut picture = frame::Video::empty();
        while self.decoder.receive_frame(&mut picture).is_ok() {
            if let Some(tag) = picture.pts().and_then(|pts_ms| self.decoding.recall(pts_ms)) {
                self.take_picture(&picture, tag);
            }
        }
    }

    fn take_picture(&mut self, picture: &frame::Video, tag: Tag) {
        // Encoders want rising stamps; a decoder that mends damage may show a picture twice.
        if self.last_pts_ms.is_some_and(|last| tag.pts_ms <= last) {
            return;
        }
        self.wait_for_room();
        let is_idr = self.keyframes.is_idr(tag.pts_ms);
        let skips = self.shedding.skips();
        self.awaits_idr |= skips;
        if self.awaits_idr && (!is_idr || skips) {
            self.stats.count_dropped(1);
            return;
        }
        self.awaits_idr = false;
        self.last_pts_ms = Some(tag.pts_ms);
        self.warn_of_rotation(picture);
        let tag = Tag { is_idr, ..tag };
        for lane in &mut self.lanes {
            if let Err(error) = lane.take(picture, tag, &mut self.rungs) {
                return self.fail(&error);
            }
        }
    }

    fn warn_of_rotation(&mut self, picture: &frame::Video) {
        let is_turned = || picture.side_data(frame::side_data::Type::DisplayMatrix).is_some();
        if !self.turned && is_turned() {
            self.turned = true;
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

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Pass-through and delivery come first on a machine that is short of time.
pub(super) fn yield_to_others() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the ladder runs at the common priority");
    }
}
