//! Events, states and commands as the control API shows them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use vitrine_metadata_track::{
    Action, Command, DateTime, Order, Placed, Record, ShowEvent, ShowState, Status, Track,
};
use vitrine_packager::media::WallTime;

/// An event, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct EventRecord {
    /// Unique for ever; the same in the media.
    pub id: Arc<str>,
    /// What became of it.
    pub status: EventStatus,
    /// Its number in the show, once it is on air.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u32>,
    /// When it was asked for; of one that names no time, when it was taken.
    pub asked_for: String,
    /// When it takes effect, or will as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pdt: Option<String>,
    /// The same in seconds of the session's media time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_time: Option<f64>,
    /// Whether that is later than was asked for.
    pub late: bool,
    /// Whether it changed nothing, since it did not fit the show any more when its time came.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_effect: bool,
    /// The name of the token that it was posted by.
    pub by: Arc<str>,
    /// When it was posted.
    pub taken_at: String,
    /// Its place in the history.
    pub cursor: String,
    /// The event itself.
    pub event: Arc<ShowEvent>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// It waits for its time.
    Scheduled,
    /// It took effect.
    OnAir,
    /// It was taken back.
    Cancelled,
    /// Its time passed while nothing was on air.
    Missed,
}

impl fmt::Display for EventStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheduled => "scheduled",
            Self::OnAir => "on air",
            Self::Cancelled => "cancelled",
            Self::Missed => "missed",
        })
    }
}

impl EventRecord {
    /// The record of the event at `order`; `track` knows where it will stand.
    pub fn new(order: Order, record: &Record, track: &Track) -> Self {
        let (seq, placed, without_effect) = match record.status {
            Status::Scheduled => (None, Some(track.placed(record.asked)), false),
            Status::OnAir {
                seq,
                placed,
                without_effect,
            } => (Some(seq), Some(placed), without_effect),
            Status::Cancelled | Status::Missed => (None, None, false),
        };
        let media_time = placed.and_then(|placed: Placed| placed.media_time);
        Self {
            id: record.id.clone(),
            status: Self::status_of(record),
            seq,
            asked_for: WallTime::from(record.asked.at).to_string(),
            pdt: placed.map(|placed| placed.pdt.to_string()),
            media_time: media_time.map(|at| at.millis() as f64 / 1000.0),
            late: placed.is_some_and(|placed| placed.late),
            without_effect,
            by: record.by.clone(),
            taken_at: record.taken_at.to_string(),
            cursor: cursor(order),
            event: record.event.clone(),
        }
    }

    /// What became of it, in a word.
    pub fn status_of(record: &Record) -> EventStatus {
        match record.status {
            Status::Scheduled => EventStatus::Scheduled,
            Status::OnAir { .. } => EventStatus::OnAir,
            Status::Cancelled => EventStatus::Cancelled,
            Status::Missed => EventStatus::Missed,
        }
    }
}

/// An event's place in the history, as text.
fn cursor(order: Order) -> String {
    format!("{}-{}", order.0, order.1)
}

/// The place that a cursor names.
pub(super) fn place(cursor: &str) -> Option<Order> {
    let (position, index) = cursor.split_once('-')?;
    Some(Order(position.parse().ok()?, index.parse().ok()?))
}

/// Something that happened to an event.
#[derive(Debug)]
pub struct Notice {
    /// `scheduled`, `changed`, `cancelled`, `on_air` or `missed`.
    pub what: &'static str,
    /// The event since.
    pub record: EventRecord,
}

/// A state, ready to be sent.
#[derive(Debug)]
pub struct LiveState {
    /// The state itself.
    pub state: Arc<ShowState>,
    /// Its JSON, with its hash.
    pub body: Bytes,
    /// The hash, quoted.
    pub etag: String,
}

impl LiveState {
    /// Renders a state.
    pub fn new(state: Arc<ShowState>) -> Self {
        #[derive(Serialize)]
        struct Json<'a> {
            hash: String,
            #[serde(flatten)]
            state: &'a ShowState,
        }
        let hash = state.hash().to_string();
        let etag = format!("\"{hash}\"");
        let body = serde_json::to_vec(&Json { hash, state: &state });
        Self {
            body: body.unwrap_or_default().into(),
            etag,
            state,
        }
    }
}

/// Who asked for what, and when.
#[derive(Debug, Clone, Serialize)]
pub struct AuditRecord {
    /// Its place in the channel's order.
    pub position: u64,
    /// When it was taken.
    pub at: DateTime,
    /// The name of the token.
    pub by: Arc<str>,
    /// The origin that took it.
    pub node: Arc<str>,
    /// What was asked.
    #[serde(flatten)]
    pub action: Action,
}

impl AuditRecord {
    /// The record of the command at `position`.
    pub fn new(position: u64, command: &Command) -> Self {
        Self {
            position,
            at: command.at,
            by: command.by.clone(),
            node: command.node.clone(),
            action: command.action.clone(),
        }
    }
}
