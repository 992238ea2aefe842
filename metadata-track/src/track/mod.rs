//! The track itself: what is on the timeline, what will be, and what each part must carry.
//!
//! ```text
//! plan ─► pending ─► carry(part): on air ─► history ─► EventMessage
//!            └── change, cancel                 └─► state at any time
//! ```

mod admit;
mod carry;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use vitrine_packager::media::{MediaTime, WallTime};

use crate::error::EventError;
use crate::event::ShowEvent;
use crate::state::ShowState;
use crate::time::{Asked, Clock, ShowTime};

/// Events on any second of the timeline; a part is shorter, so it carries no more. Full: the next goes on air later.
const SECOND_MAX_EVENTS: usize = 100;
/// Bytes of event payloads on any second of the timeline, by the same rule.
const SECOND_MAX_BYTES: usize = 32 * 1024;
/// The stretch of the timeline that the two limits above are counted over.
const SECOND_MILLIS: i64 = 1_000;
/// Events on air that are remembered, so that the state of any time of the session is known. Full: the oldest is
/// folded into the state that the rest begins with.
const HISTORY_MAX_EVENTS: usize = 16_384;
/// Events that wait for their time. Full: [`Track::admit`] refuses the next.
pub const MAX_SCHEDULED: usize = 1_024;
/// State messages are numbered by the same seq as events, with this bit set.
const STATE_ID_BIT: u32 = 0x8000_0000;
/// How much later than asked an event may stand before it is called late, in microseconds: what a wall clock rounds.
const LATE_AFTER_US: i64 = 1_000;
/// The same for an event that names no time: what it takes to write it down for good.
const SOON_LATE_AFTER_US: i64 = 500_000;

/// A show's events: those on air in the session that runs, and those that wait for their time.
///
/// Times on air never fall: an event asked for in media that is already written stands at the first instant that
/// is not, in the order of the times asked for; of equal times, in the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub struct Track {
    clock: Option<Clock>,
    /// State before the first event of `history`.
    base: Arc<ShowState>,
    /// On air, by seq, and so by time.
    history: VecDeque<Entry>,
    pending: BTreeMap<Turn, Planned>,
    /// Everything before this is written.
    floor: Option<MediaTime>,
    aired: Vec<Aired>,
}

/// Where an event stands in the order in which events were taken: the position of its command, its place in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Order(pub u64, pub u16);

/// When an event's turn is: by the time asked for, then by the order of taking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    due: ShowTime,
    order: Order,
}

/// An event that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its id, unique for ever.
    pub id: Arc<str>,
    /// What happens.
    pub event: Arc<ShowEvent>,
    /// When it was asked for.
    pub asked: Asked,
    /// Its place among others of that time.
    pub order: Order,
}

/// Where an event stands, or will as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// On the session's media timeline; `None` without a session.
    pub media_time: Option<MediaTime>,
    /// The same on the show's clock.
    pub pdt: WallTime,
    /// Whether that is later than was asked for.
    pub late: bool,
}

/// An event that went on air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aired {
    /// Its id.
    pub id: Arc<str>,
    /// Its number in the show, from 1; also its emsg id.
    pub seq: u32,
    /// Where it stands.
    pub placed: Placed,
    /// Whether it changed nothing, since it did not fit the state when its time came.
    pub without_effect: bool,
}

/// An event on the timeline.
#[derive(Debug, Clone)]
struct Entry {
    seq: u32,
    at: MediaTime,
    /// `None`: no part carries it, the state does.
    payload: Option<Bytes>,
    state_after: Arc<ShowState>,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.payload.as_ref().map_or(0, Bytes::len)
    }
}

impl Planned {
    fn turn(&self) -> Turn {
        Turn {
            due: self.asked.at,
            order: self.order,
        }
    }
}

impl Track {
    /// The track of a show that goes on from `state`.
    pub fn with_state(state: Arc<ShowState>) -> Self {
        Self {
            base: state,
            ..Self::default()
        }
    }

    /// A session begins, whose media time zero was captured at `anchor`. The state goes on.
    pub fn begin_session(&mut self, anchor: WallTime) {
        self.end_session();
        self.clock = Some(Clock::new(anchor));
    }

    /// The session is over: what is planned waits for another one.
    pub fn end_session(&mut self) {
        self.base = self.state_now().clone();
        self.history.clear();
        self.clock = None;
        self.floor = None;
    }

    /// A new show began at `at`: nothing is on air, numbers begin with 1. Gives the events whose time passed while
    /// there was no show: they will not go on air.
    pub fn begin_show(&mut self, at: ShowTime) -> Vec<Arc<str>> {
        let kept = self.pending.split_off(&Turn {
            due: at,
            order: Order(0, 0),
        });
        let missed = std::mem::replace(&mut self.pending, kept);
        self.base = Arc::default();
        self.history.clear();
        missed.into_values().map(|planned| planned.id).collect()
    }

    /// Puts an event on the timeline or into the plan; gives where it will stand, as far as is known.
    pub fn plan(&mut self, planned: Planned) -> Placed {
        let placed = self.placed(planned.asked);
        self.pending.insert(planned.turn(), planned);
        placed
    }

    /// Takes an event out of the plan; `None` if it is not in it (any more).
    pub fn take(&mut self, id: &str) -> Option<Planned> {
        let turn = self
            .pending
            .iter()
            .find(|(_, planned)| planned.id.as_ref() == id)
            .map(|(turn, _)| *turn)?;
        self.pending.remove(&turn)
    }

    /// Plans an event anew; `None` if it is not in the plan (any more).
    pub fn replan(&mut self, planned: Planned) -> Option<Placed> {
        self.take(&planned.id)?;
        Some(self.plan(planned))
    }

    /// Where an event asked for then would stand.
    pub fn placed(&self, asked: Asked) -> Placed {
        let Some(clock) = self.clock else {
            return Placed {
                media_time: None,
                pdt: asked.at.into(),
                late: false,
            };
        };
        let at = clock.media(asked.at);
        let at = self.earliest().map_or(at, |earliest| earliest.max(at));
        placed(clock, asked, at)
    }

    /// An event went on air before this program started: the state goes on from there. To be told in the order of seq,
    /// and before a session begins.
    pub fn restore(&mut self, id: &str, seq: u32) -> bool {
        let Some(planned) = self.take(id) else {
            return false;
        };
        self.base = Arc::new(self.state_now().fold(&planned.event, seq));
        true
    }

    /// Lets the state have what was due before `at`, without a message: it went on air elsewhere.
    pub fn absorb(&mut self, at: ShowTime) {
        let later = self.pending.split_off(&Turn {
            due: at,
            order: Order(0, 0),
        });
        for planned in std::mem::replace(&mut self.pending, later).into_values() {
            let Some(seq) = self.next_seq() else { return };
            let state_after = Arc::new(self.state_now().fold(&planned.event, seq));
            match (self.clock, self.earliest()) {
                (Some(clock), Some(at)) => {
                    let entry = Entry {
                        seq,
                        at,
                        payload: None,
                        state_after,
                    };
                    self.put_on_air(entry, &planned, clock);
                }
                _ => {
                    self.aired.push(Aired {
                        id: planned.id.clone(),
                        seq,
                        placed: self.placed(planned.asked),
                        without_effect: self.state_now().after(&planned.event, seq).is_err(),
                    });
                    self.base = state_after;
                }
            }
        }
    }

    /// Tells that parts up to `time` are written, or will never be: what was asked for there goes behind it.
    pub fn written_to(&mut self, time: MediaTime) {
        self.floor = self.floor.max(Some(time));
    }

    /// What went on air since this was last asked.
    pub fn take_aired(&mut self) -> Vec<Aired> {
        std::mem::take(&mut self.aired)
    }

    /// The events that wait for their time, in its order.
    pub fn pending(&self) -> impl Iterator<Item = &Planned> {
        self.pending.values()
    }

    /// The state after every event on air.
    pub fn state_now(&self) -> &Arc<ShowState> {
        self.state_after_first(self.history.len())
    }

    /// The state that a viewer at `at` sees: after all events up to and at it. In media that is still to come, what is
    /// planned until then counts too.
    ///
    /// Before what is remembered, it is the oldest state remembered.
    pub fn state_at(&self, at: ShowTime) -> Arc<ShowState> {
        let written = match (self.clock, self.floor) {
            (Some(clock), Some(floor)) => clock.media(at) < floor,
            _ => false,
        };
        match self.clock {
            Some(clock) if written => {
                let at = clock.media(at);
                let count = self.history.partition_point(|entry| entry.at <= at);
                self.state_after_first(count).clone()
            }
            _ => self.projected(at),
        }
    }

    /// The clock of the session that runs.
    pub fn clock(&self) -> Option<Clock> {
        self.clock
    }

    /// Where the next event may stand at the earliest.
    fn earliest(&self) -> Option<MediaTime> {
        self.floor.max(self.history.back().map(|entry| entry.at))
    }

    fn state_before(&self, time: MediaTime) -> &Arc<ShowState> {
        self.state_after_first(self.history.partition_point(|entry| entry.at < time))
    }

    fn state_after_first(&self, count: usize) -> &Arc<ShowState> {
        let last = count.checked_sub(1).and_then(|index| self.history.get(index));
        last.map_or(&self.base, |entry| &entry.state_after)
    }

    /// `None` when the numbers are used up.
    fn next_seq(&self) -> Option<u32> {
        Some(self.state_now().seq + 1).filter(|seq| *seq < STATE_ID_BIT)
    }
}

fn placed(clock: Clock, asked: Asked, at: MediaTime) -> Placed {
    let shown = clock.show(at);
    let tolerance_us = if asked.soon {
        SOON_LATE_AFTER_US
    } else {
        LATE_AFTER_US
    };
    Placed {
        media_time: Some(at),
        pdt: shown.into(),
        late: shown.micros_since(asked.at) > tolerance_us,
    }
}

/// The numbers are used up: no event is taken any more.
fn out_of_numbers() -> EventError {
    EventError::OutOfNumbers(STATE_ID_BIT - 1)
}
