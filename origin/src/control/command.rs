//! What the control API asks of a channel's task.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::oneshot;
use vitrine_ingest::Input;
use vitrine_metadata_track::{
    ChangeRequest, EventError, EventRequest, Order, RequestKey, ShowState, ShowTime,
};

use super::record::{AuditRecord, EventRecord, EventStatus};

/// Something that changes the show. It is answered when it is written down.
#[derive(Debug)]
pub enum ChannelCommand {
    /// Plan events: all of them, or none.
    Post {
        /// In their order.
        requests: Vec<EventRequest>,
        /// Whose token it was.
        by: Arc<str>,
        /// What the sender calls its request.
        key: Option<RequestKey>,
        /// The events as they are planned.
        reply: oneshot::Sender<Result<Taken, Refusal>>,
    },
    /// Change an event that waits for its time.
    Change {
        /// Its id.
        id: Arc<str>,
        /// What changes.
        change: Box<ChangeRequest>,
        /// Whose token it was.
        by: Arc<str>,
        /// The event as it is then.
        reply: oneshot::Sender<Result<Taken, Refusal>>,
    },
    /// Take an event back that waits for its time.
    Cancel {
        /// Its id.
        id: Arc<str>,
        /// Whose token it was.
        by: Arc<str>,
        /// The event as it was.
        reply: oneshot::Sender<Result<Taken, Refusal>>,
    },
}

/// Something that is only looked at. It never takes a command's place in the queue.
#[derive(Debug)]
pub enum ChannelQuery {
    /// The state at an instant.
    State {
        /// Which instant.
        at: ShowTime,
        /// The answer.
        reply: oneshot::Sender<Arc<ShowState>>,
    },
    /// One event.
    Event {
        /// Its id.
        id: Arc<str>,
        /// The answer.
        reply: oneshot::Sender<Option<EventRecord>>,
    },
    /// Events in the order of taking.
    Events {
        /// Which ones.
        page: Page,
        /// The answer.
        reply: oneshot::Sender<Vec<EventRecord>>,
    },
    /// Who asked for what.
    Audit {
        /// The position before the first.
        after: u64,
        /// At most so many.
        limit: usize,
        /// The answer.
        reply: oneshot::Sender<Vec<AuditRecord>>,
    },
}

/// Somebody wants another of the channel's inputs on air.
#[derive(Debug)]
pub struct SwitchInput {
    /// Which one.
    pub to: Input,
    /// Whose token it was.
    pub by: Arc<str>,
    /// What came of it.
    pub reply: oneshot::Sender<Result<Switched, NoSwitch>>,
}

/// What is on air, and what will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Switched {
    /// The input that viewers see.
    pub on_air: Option<Input>,
    /// The input that they see from its next keyframe on.
    pub switching_to: Option<Input>,
}

/// Nothing can be seen by that input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody publishes to the {} input: start that encoder first", input.name())]
pub struct NoSwitch {
    /// The input that was asked for.
    pub input: Input,
}

/// A page of the history.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The place before the first.
    pub after: Option<Order>,
    /// At most so many.
    pub limit: usize,
    /// Only these.
    pub status: Option<EventStatus>,
}

/// What was done.
#[derive(Debug)]
pub struct Taken {
    /// The events that it is about.
    pub records: Vec<EventRecord>,
    /// It was done before, for a request of the same Idempotency-Key.
    pub repeated: bool,
}

/// Why a command was not obeyed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing is on air.
    #[error(
        "the channel is not live, so there is nothing that the camera sees now: say when, by at.pdt or at.offset"
    )]
    NotLive,
    /// The event does not fit the show.
    #[error(transparent)]
    Event(#[from] EventError),
    /// There is no such event, or it is forgotten.
    #[error("no such event: see GET …/events")]
    NoEvent,
    /// The event does not wait any more.
    #[error("the event is {0}: only a scheduled one can be changed or cancelled")]
    NotWaiting(EventStatus),
    /// A request of the same Idempotency-Key has another body.
    #[error("this Idempotency-Key was used with another body: choose a new one for a new request")]
    OtherBody,
    /// A request of the same Idempotency-Key is being obeyed.
    #[error("the request of this Idempotency-Key is still going on: ask again")]
    StillGoingOn,
    /// More commands wait than there is room for.
    #[error("the channel has too much to do: try again in a second")]
    TooMuchToDo,
    /// The disk refuses.
    #[error("the event could not be written down ({0}), and was not taken: try again")]
    NotWritten(String),
}
