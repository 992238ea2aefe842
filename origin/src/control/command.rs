//! What the control API asks of a channel's task.

use tokio::sync::oneshot;
use vitrine_metadata_track::{EventError, Posted, ShowEvent, ShowState};

/// One request to a channel's task.
#[derive(Debug)]
pub enum ChannelCommand {
    /// Put an event on the timeline.
    Post {
        /// Already validated.
        event: Box<ShowEvent>,
        /// Where it was put.
        reply: oneshot::Sender<Result<Posted, PostError>>,
    },
    /// The show's state; `None` without a session.
    State {
        /// The answer.
        reply: oneshot::Sender<Option<ShowState>>,
    },
}

/// Why an event was not put on the timeline.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// Nothing is on air.
    #[error("the channel is not live: post events while an encoder publishes")]
    NotLive,
    /// The event does not fit the show.
    #[error(transparent)]
    Event(#[from] EventError),
}
