//! Between the scaled pictures and a rung's encoder: on or off.

use ffmpeg_next::frame;
use vitrine_packager::media::{FrameRate, RenditionId};

use super::LadderOutput;
use super::captions::Captions;
use super::encode::{Rung, RungInput};
use super::outlet::Outlet;
use super::stats::LadderStats;
use super::tags::Tag;

/// One rung, as the decoding thread sees it.
pub(super) struct RungSwitch {
    rung: Rung,
    on: Switch,
    captions: Captions,
    cost_when_shed: CostWhenShed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Switch {
    On,
    Off,
    /// On from the next IDR.
    Returning,
}

/// What a rung needed when it was shed, and the rungs below it: what it would need now is judged by what they need now.
#[derive(Debug, Clone, Copy, Default)]
struct CostWhenShed {
    own: f64,
    below: f64,
}

impl RungSwitch {
    pub(super) fn new(rung: Rung) -> Self {
        Self {
            on: Switch::On,
            captions: Captions::default(),
            cost_when_shed: CostWhenShed::default(),
            rung,
        }
    }

    /// Which rendition.
    pub(super) fn rendition(&self) -> RenditionId {
        self.rung.rendition
    }

    /// Luma columns and rows.
    pub(super) fn size(&self) -> (u32, u32) {
        self.rung.size
    }

    /// It takes one of so many of the source's frames.
    pub(super) fn each_nth_frame(&self) -> u32 {
        self.rung.each_nth_frame
    }

    /// Frames a second.
    pub(super) fn frame_rate(&self) -> FrameRate {
        self.rung.frame_rate
    }

    /// Threads of its encoder.
    pub(super) fn threads(&self) -> u32 {
        self.rung.threads
    }

    /// Whether it is encoded.
    pub(super) fn is_on(&self) -> bool {
        self.on == Switch::On
    }

    /// Whether it has all it can do.
    pub(super) fn is_full(&self) -> bool {
        self.is_on() && !self.rung.has_room()
    }

    /// The share of one processor that its encoder needs, of late.
    pub(super) fn share(&self, stats: &LadderStats) -> f64 {
        stats
            .rung(self.rendition())
            .map_or(0.0, super::stats::RungStats::share)
    }

    /// No more pictures; `below` are the rungs that are on still. Its thread may be long at one picture, so it is not asked to say
    /// so.
    pub(super) fn shed(&mut self, below: &[RungSwitch], lag_ms: i64, stats: &LadderStats, outlet: &Outlet) {
        self.cost_when_shed = CostWhenShed {
            own: self.share(stats),
            below: sum_of_shares(below, stats),
        };
        self.set_shed(true, stats);
        self.on = Switch::Off;
        self.rung.set_off(true);
        outlet.send(LadderOutput::Shed {
            rendition: self.rendition(),
            lag_ms,
        });
    }

    /// Pictures again, from the next IDR on.
    pub(super) fn restore(&mut self, stats: &LadderStats) {
        self.set_shed(false, stats);
        self.on = Switch::Returning;
    }

    /// The share of one processor that it would probably need now: encoders take longer on a machine that does something else.
    pub(super) fn share_if_restored(&self, below: &[RungSwitch], stats: &LadderStats) -> f64 {
        let CostWhenShed { own, below: then } = self.cost_when_shed;
        if then > 0.0 {
            own * sum_of_shares(below, stats) / then
        } else {
            own
        }
    }

    /// Takes the next of the source's pictures, in this rung's size.
    pub(super) fn hand_over(&mut self, mut picture: frame::Video, tag: Tag) {
        if tag.is_idr && self.on == Switch::Returning {
            self.on = Switch::On;
            self.rung.set_off(false);
            self.rung.send(RungInput::Restored);
        }
        if self.is_on() {
            self.captions.put_on(&mut picture);
            self.rung.send(RungInput::Picture { picture, tag });
        } else {
            self.captions.forget();
        }
    }

    /// The source's next picture is not for this rung.
    pub(super) fn leave_out(&mut self, picture: &frame::Video) {
        if self.is_on() {
            self.captions.keep_of(picture);
        }
    }

    fn set_shed(&self, shed: bool, stats: &LadderStats) {
        if let Some(rung) = stats.rung(self.rendition()) {
            rung.set_shed(shed);
        }
    }
}

fn sum_of_shares(rungs: &[RungSwitch], stats: &LadderStats) -> f64 {
    rungs.iter().map(|rung| rung.share(stats)).sum()
}
