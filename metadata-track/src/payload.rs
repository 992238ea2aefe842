//! The JSON that messages carry. Its form is a contract with players: `docs/events.md`.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use vitrine_packager::media::{MediaTime, WallTime};

use crate::carriage;
use crate::event::ShowEvent;
use crate::state::{ShowState, StateHash};

/// Version of the form: raised when a reader of the old one would go wrong.
///
/// 1 had one product on air, in `product`; 2 has several, and everything else that a state holds.
pub(crate) const FORM: u32 = 2;

/// What an event's message says.
pub(crate) struct Event<'a> {
    pub id: &'a str,
    pub seq: u32,
    pub at: MediaTime,
    pub pdt: WallTime,
    pub event: &'a ShowEvent,
    pub late: bool,
    pub hash: StateHash,
}

/// A show event that takes effect.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventMessage")]
pub(crate) struct EventJson<'a> {
    /// Version of this form: 2.
    v: u32,
    kind: EventKind,
    /// The event's id, the same in every rendition and repeat.
    id: &'a str,
    /// Number of the event within the show, from 1: of two events, the one with the higher takes effect later.
    seq: u32,
    /// Seconds of the session's media time, to the millisecond.
    time: f64,
    /// The same on the show's clock, RFC 3339 with milliseconds.
    pdt: String,
    /// Fingerprint of the state after the event.
    hash: String,
    #[serde(flatten)]
    event: &'a ShowEvent,
    /// It takes effect later than was asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

/// The state in force, repeated at each segment's start.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StateMessage")]
pub(crate) struct StateJson<'a> {
    /// Version of this form: 2.
    v: u32,
    kind: StateKind,
    /// Fingerprint of the state: whoever has applied an event with this `hash` has this state.
    hash: String,
    #[serde(flatten)]
    state: &'a ShowState,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum EventKind {
    Event,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum StateKind {
    State,
}

impl Event<'_> {
    pub fn render(&self) -> Bytes {
        tagged(&EventJson {
            v: FORM,
            kind: EventKind::Event,
            id: self.id,
            seq: self.seq,
            time: self.at.millis() as f64 / 1000.0,
            pdt: self.pdt.to_string(),
            hash: self.hash.to_string(),
            event: self.event,
            late: self.late,
        })
    }
}

/// The state message: the same bytes wherever the same state is repeated.
pub(crate) fn state(state: &ShowState) -> Bytes {
    tagged(&StateJson {
        v: FORM,
        kind: StateKind::State,
        hash: state.hash().to_string(),
        state,
    })
}

fn tagged<T: Serialize>(payload: &T) -> Bytes {
    match serde_json::to_string(payload) {
        Ok(json) => carriage::tag(&json),
        // Only maps with keys that are no strings, and failing writers, make serde_json fail.
        Err(error) => unreachable!("a struct in memory: {error}"),
    }
}
