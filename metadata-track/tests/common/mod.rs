//! Events, parts, and what messages say.

#![allow(dead_code, reason = "each test file uses its own share")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml's leave for tests does not reach a test file's functions"
)]

use serde_json::Value;
use vitrine_metadata_track::{Asked, EventError, Order, Placed, Planned, ShowEvent, ShowTime, Track};
use vitrine_packager::cmaf::emsg::{EventMessage, PartSpan};
use vitrine_packager::media::{MediaTime, WallTime};

/// 2026-11-24T14:36:27.654Z at media time 0.
pub const ANCHOR: WallTime = WallTime(1_795_530_987_654);
/// Bit of the state messages' ids.
pub const STATE: u32 = 0x8000_0000;

pub fn ms(millis: i64) -> MediaTime {
    MediaTime::from_millis(millis)
}

/// The instant of a media time in milliseconds.
pub fn at(millis: i64) -> Asked {
    Asked {
        at: ShowTime::from(ANCHOR).plus_millis(millis),
        soon: false,
    }
}

/// The same, of an event that names no time.
pub fn soon(millis: i64) -> Asked {
    Asked {
        soon: true,
        ..at(millis)
    }
}

pub fn part(start: i64, end: i64) -> PartSpan {
    PartSpan {
        start: ms(start),
        end: ms(end),
        opens_segment: false,
    }
}

pub fn opening(start: i64, end: i64) -> PartSpan {
    PartSpan {
        opens_segment: true,
        ..part(start, end)
    }
}

pub fn event(json: &str) -> ShowEvent {
    ShowEvent::from_json(json.as_bytes()).unwrap()
}

pub fn show(id: &str) -> ShowEvent {
    event(&format!(
        r#"{{"type":"product.show","product":{{"id":"{id}","name":"Desk lamp","image":"/media/lamp.jpg",
        "price":{{"amount":4990,"currency":"EUR"}},"stock":12,"url":"https://shop.example/lamp"}}}}"#
    ))
}

pub fn stock(id: &str, stock: u32) -> ShowEvent {
    event(&format!(
        r#"{{"type":"product.update","product":{{"id":"{id}","stock":{stock}}}}}"#
    ))
}

pub fn hide(id: &str) -> ShowEvent {
    event(&format!(r#"{{"type":"product.hide","product":{{"id":"{id}"}}}}"#))
}

/// A track with a session, and a counter for ids.
pub struct Show {
    pub track: Track,
    taken: u64,
}

impl Show {
    pub fn new() -> Self {
        let mut track = Track::default();
        track.begin_session(ANCHOR);
        Self { track, taken: 0 }
    }

    /// An event as the next one taken: ids count `e1`, `e2`.
    pub fn next(&mut self, event: ShowEvent, asked: Asked) -> Planned {
        self.taken += 1;
        planned(self.taken, event, asked)
    }

    pub fn plan(&mut self, event: ShowEvent, asked: Asked) -> Placed {
        let planned = self.next(event, asked);
        self.track.plan(planned)
    }
}

/// Whether an event would be taken for then.
pub fn admit(track: &Track, event: &ShowEvent, asked: Asked, coming: &[Planned]) -> Result<(), EventError> {
    let new = planned(u64::MAX, event.clone(), asked);
    track.admit(&[new], coming, None).map_err(|(_, error)| error)
}

pub fn planned(number: u64, event: ShowEvent, asked: Asked) -> Planned {
    Planned {
        id: format!("e{number}").into(),
        event: event.into(),
        asked,
        order: Order(number, 0),
    }
}

/// The JSON in a message's tag: the text after the description of its only frame.
pub fn json(message: &EventMessage) -> &str {
    let description = b"vitrine\0";
    let at = message
        .payload
        .windows(description.len())
        .position(|window| window == description);
    std::str::from_utf8(&message.payload[at.unwrap() + description.len()..]).unwrap()
}

pub fn value(message: &EventMessage) -> Value {
    serde_json::from_str(json(message)).unwrap()
}

pub fn is_state(message: &EventMessage) -> bool {
    message.id & STATE != 0
}

pub fn ids(messages: &[EventMessage]) -> Vec<u32> {
    messages.iter().map(|message| message.id).collect()
}

/// The events' own ids, in order.
pub fn names(messages: &[EventMessage]) -> Vec<String> {
    let events = messages.iter().filter(|message| !is_state(message));
    events
        .map(|message| value(message)["id"].as_str().unwrap().to_owned())
        .collect()
}
