//! The JSON that messages carry. Its form is a contract with players: `docs/events.md`.

use bytes::Bytes;
use serde::Serialize;
use vitrine_packager::media::{MediaTime, WallTime};

use crate::carriage;
use crate::event::ShowEvent;
use crate::state::ShowState;

/// Version of the payloads' form: raised when a reader of the old one would go wrong.
const FORM: u32 = 1;

/// What an event's message says.
pub(crate) struct Event<'a> {
    pub id: &'a str,
    pub seq: u32,
    pub at: MediaTime,
    pub pdt: WallTime,
    pub event: &'a ShowEvent,
    pub late: bool,
}

#[derive(Serialize)]
struct EventJson<'a> {
    v: u32,
    kind: &'static str,
    id: &'a str,
    seq: u32,
    /// Seconds of media time, to the millisecond.
    time: f64,
    pdt: String,
    #[serde(flatten)]
    event: &'a ShowEvent,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

#[derive(Serialize)]
struct StateJson<'a> {
    v: u32,
    kind: &'static str,
    #[serde(flatten)]
    state: &'a ShowState,
}

impl Event<'_> {
    pub fn render(&self) -> Bytes {
        tagged(&EventJson {
            v: FORM,
            kind: "event",
            id: self.id,
            seq: self.seq,
            time: self.at.millis() as f64 / 1000.0,
            pdt: self.pdt.to_string(),
            event: self.event,
            late: self.late,
        })
    }
}

/// The state message: the same bytes wherever the same state is repeated.
pub(crate) fn state(state: &ShowState) -> Bytes {
    tagged(&StateJson {
        v: FORM,
        kind: "state",
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
