//! The track itself: what is on the timeline, and what each part must carry.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use vitrine_packager::cmaf::emsg::{EventMessage, PartSpan};
use vitrine_packager::media::{MediaTime, Timescale, WallTime};

use crate::carriage;
use crate::error::EventError;
use crate::event::ShowEvent;
use crate::payload;
use crate::state::{ShowState, StateHash};

/// Events on any second of the timeline; a part is shorter, so it carries no more. Full: `post` refuses.
const SECOND_MAX_EVENTS: usize = 32;
/// Bytes of event payloads on any second of the timeline. Full: `post` refuses.
const SECOND_MAX_BYTES: usize = 12 * 1024;
/// The stretch of the timeline that the two limits above are counted over.
const SECOND_MILLIS: i64 = 1_000;
/// Share of a second's limits that events out of a gap may take, so that there is room for new ones.
const GAP_SHARE: usize = 2;
/// Events remembered. Full: the oldest is folded into the base state, as by [`Track::forget_before`].
/// At the limits above this is more than half a minute of media, and no part is open that long.
const HISTORY_MAX_EVENTS: usize = 1_024;
/// State messages are numbered by the same seq as events, with this bit set.
const STATE_ID_BIT: u32 = 0x8000_0000;

/// A session's show events on its media timeline.
///
/// Times never fall: an event asked for before an earlier event's time stands at that event's time, and
/// one asked for in media that is already written ([`Track::written_to`]) at the first instant that is not.
#[derive(Debug, Clone)]
pub struct Track {
    session: String,
    /// State before the first event of `history`.
    base: Arc<ShowState>,
    /// By time, then seq.
    history: VecDeque<Entry>,
    written_to: Option<MediaTime>,
}

/// An event on the timeline.
#[derive(Debug, Clone)]
struct Entry {
    seq: u32,
    event: ShowEvent,
    at: MediaTime,
    pdt: WallTime,
    late: bool,
    hash: StateHash,
    payload: Bytes,
    state_after: Arc<ShowState>,
}

/// Where an event was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Unique beyond the session: `{session}-{seq}`.
    pub id: String,
    /// Number of the event within the session, from 1; also its emsg id.
    pub seq: u32,
    /// When it takes effect.
    pub at: MediaTime,
    /// The same on the wall clock.
    pub pdt: WallTime,
    /// Whether the media of the time asked for was already written.
    pub late: bool,
}

/// What [`Track::skip_gap`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GapSkip {
    /// Events moved behind the gap.
    pub moved: usize,
    /// Events that stayed in the gap, since later ones fill the second behind it. No part carries them;
    /// the state does.
    pub state_only: usize,
}

impl Track {
    /// An empty track of the session with this id (a few characters: it is part of every event's id).
    pub fn new(session: &str) -> Self {
        Self {
            session: session.to_owned(),
            base: Arc::default(),
            history: VecDeque::new(),
            written_to: None,
        }
    }

    /// Puts `event` on the timeline at `at`, which is `pdt` on the wall clock, or later as said above.
    ///
    /// It is judged by the state after all events posted so far, which is the state at its own time.
    pub fn post(&mut self, event: ShowEvent, at: MediaTime, pdt: WallTime) -> Result<Posted, EventError> {
        let seq = self.next_seq()?;
        let state_after = Arc::new(self.state_now().after(&event, seq)?);
        let hash = state_after.hash();
        let late = self.written_to.is_some_and(|written_to| at < written_to);
        let earliest = self.written_to.max(self.history.back().map(|entry| entry.at));
        let effective = earliest.map_or(at, |earliest| earliest.max(at));
        let mut entry = Entry {
            seq,
            event,
            at: effective,
            pdt: pdt.plus_millis(effective.millis() - at.millis()),
            late,
            hash,
            payload: Bytes::new(),
            state_after,
        };
        entry.payload = self.render(&entry);
        self.refuse_crowding(&entry)?;
        let posted = Posted {
            id: self.event_id(seq),
            seq,
            at: entry.at,
            pdt: entry.pdt,
            late,
        };
        self.history.push_back(entry);
        if self.history.len() > HISTORY_MAX_EVENTS {
            self.forget_oldest();
        }
        Ok(posted)
    }

    /// What the part that covers `span` must carry, in the order of their boxes.
    ///
    /// A part that opens a segment first repeats the state in force before its own events, from the first
    /// event on (SPEC 165). Asking changes nothing: every rendition asks for its own spans, and gets the
    /// same ids, with each event in exactly one of its parts.
    pub fn messages(&self, span: &PartSpan) -> Vec<EventMessage> {
        let mut messages = Vec::new();
        let before = self.state_before(span.start);
        if span.opens_segment && before.seq > 0 {
            let id = STATE_ID_BIT | before.seq;
            messages.push(message(id, span.start, payload::state(before)));
        }
        let first = self.history.partition_point(|entry| entry.at < span.start);
        let inside = self
            .history
            .range(first..)
            .take_while(|entry| entry.at < span.end);
        messages
            .extend(inside.map(|entry| message(entry.seq, inside_of(span, entry.at), entry.payload.clone())));
        messages
    }

    /// Tells that every rendition's parts up to `time` are written: later events go there or behind.
    pub fn written_to(&mut self, time: MediaTime) {
        self.written_to = self.written_to.max(Some(time));
    }

    /// Moves the events of `[from, to)`, a stretch without media, to `to`, where it goes on, marked late.
    ///
    /// At most half of what a second may carry is moved, the newest; the others are in the state only.
    /// May be called again as a gap grows: then what was moved to its old end moves on to the new one.
    pub fn skip_gap(&mut self, from: MediaTime, to: MediaTime) -> GapSkip {
        self.written_to(to);
        let first = self.history.partition_point(|entry| entry.at < from);
        let end = self.history.partition_point(|entry| entry.at < to);
        let (mut kept, mut bytes) = (0, 0);
        for entry in self.history.range(first..end).rev() {
            bytes += entry.payload.len();
            if kept == SECOND_MAX_EVENTS / GAP_SHARE || bytes > SECOND_MAX_BYTES / GAP_SHARE {
                break;
            }
            kept += 1;
        }
        for index in end - kept..end {
            self.postpone(index, to);
        }
        GapSkip {
            moved: kept,
            state_only: end - first - kept,
        }
    }

    /// The state that a viewer at `time` sees: after all events up to and at it.
    ///
    /// Before what [`Track::forget_before`] has folded away, the oldest state remembered.
    pub fn state_at(&self, time: MediaTime) -> &ShowState {
        self.state_after_first(self.history.partition_point(|entry| entry.at <= time))
    }

    /// The state after every event posted, on air already or not.
    pub fn state_now(&self) -> &ShowState {
        self.state_after_first(self.history.len())
    }

    /// Forgets the events before `time`, keeping the state that they made. No part that begins before
    /// `time` may be asked for afterwards.
    pub fn forget_before(&mut self, time: MediaTime) {
        while self.history.front().is_some_and(|entry| entry.at < time) {
            self.forget_oldest();
        }
    }

    fn state_before(&self, time: MediaTime) -> &ShowState {
        self.state_after_first(self.history.partition_point(|entry| entry.at < time))
    }

    fn state_after_first(&self, count: usize) -> &ShowState {
        let last = count.checked_sub(1).and_then(|index| self.history.get(index));
        last.map_or(&self.base, |entry| &entry.state_after)
    }

    fn forget_oldest(&mut self) {
        if let Some(entry) = self.history.pop_front() {
            self.base = entry.state_after;
        }
    }

    fn next_seq(&self) -> Result<u32, EventError> {
        let seq = self.state_now().seq + 1;
        if seq >= STATE_ID_BIT {
            return Err(EventError::OutOfNumbers(STATE_ID_BIT - 1));
        }
        Ok(seq)
    }

    fn event_id(&self, seq: u32) -> String {
        format!("{}-{seq}", self.session)
    }

    fn render(&self, entry: &Entry) -> Bytes {
        payload::Event {
            id: &self.event_id(entry.seq),
            seq: entry.seq,
            at: entry.at,
            pdt: entry.pdt,
            event: &entry.event,
            late: entry.late,
            hash: entry.hash,
        }
        .render()
    }

    fn postpone(&mut self, index: usize, to: MediaTime) {
        let Some(mut entry) = self.history.get(index).cloned() else {
            return;
        };
        entry.pdt = entry.pdt.plus_millis(to.millis() - entry.at.millis());
        entry.at = to;
        entry.late = true;
        entry.payload = self.render(&entry);
        if let Some(slot) = self.history.get_mut(index) {
            *slot = entry;
        }
    }

    fn refuse_crowding(&self, new: &Entry) -> Result<(), EventError> {
        let age = |entry: &Entry| new.at.millis() - entry.at.millis();
        let (mut events, mut bytes) = (1, new.payload.len());
        for entry in self
            .history
            .iter()
            .rev()
            .take_while(|entry| age(entry) < SECOND_MILLIS)
        {
            events += 1;
            bytes += entry.payload.len();
            let limit = match (events > SECOND_MAX_EVENTS, bytes > SECOND_MAX_BYTES) {
                (true, _) => "32 events",
                (_, true) => "12 KB of events",
                _ => continue,
            };
            let retry_after_ms = u32::try_from(SECOND_MILLIS - age(entry)).unwrap_or(0);
            return Err(EventError::TooMany {
                limit,
                retry_after_ms,
            });
        }
        Ok(())
    }
}

fn message(id: u32, presentation_time: MediaTime, payload: Bytes) -> EventMessage {
    EventMessage {
        id,
        presentation_time,
        scheme_id_uri: carriage::SCHEME,
        value: carriage::VALUE,
        payload,
    }
}

/// `at` on the track's own ticks. Rounding must not carry it out of the part (ID3E 2.2.1: presentation_time
/// lies inside the fragment).
fn inside_of(span: &PartSpan, at: MediaTime) -> MediaTime {
    let unit: Timescale = span.start.timescale;
    let last = MediaTime::new(span.end.rescale(unit).ticks - 1, unit);
    at.rescale(unit).min(last).max(span.start)
}
