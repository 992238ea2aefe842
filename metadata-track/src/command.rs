//! What is written down of a channel, and travels between its origins: every command, in one order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vitrine_packager::media::WallTime;

use crate::event::ShowEvent;
use crate::text::DateTime;
use crate::time::Asked;

/// One thing that was asked of a channel, by whom and when. Its place in the order is not in it: whoever keeps the
/// order tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Unique for ever. An event that was posted alone has the same id.
    pub id: Arc<str>,
    /// When it was taken, on the wall clock of the origin that took it.
    pub at: DateTime,
    /// The origin that took it.
    pub node: Arc<str>,
    /// The token's name, or `node` itself where nobody asked.
    pub by: Arc<str>,
    /// What the sender calls its request, so that it is obeyed once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<RequestKey>,
    /// What is to be done.
    #[serde(flatten)]
    pub action: Action,
}

/// An Idempotency-Key and what it was sent with, as digests: neither can be read from the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestKey {
    /// Of token name and key.
    pub key: Arc<str>,
    /// Of the request's body.
    pub body: Arc<str>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Events are planned, all or none.
    Post {
        /// In the order of the batch.
        events: Vec<PostedEvent>,
    },
    /// An event that is not on air yet is changed.
    Change {
        /// Its id.
        event: Arc<str>,
        /// What happens instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Arc<ShowEvent>>,
        /// When it is asked for now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<Asked>,
    },
    /// An event that is not on air yet will not be.
    Cancel {
        /// Its id.
        event: Arc<str>,
    },
    /// An origin goes on air.
    SessionStarted {
        /// The session's id.
        session: Arc<str>,
        /// Whether a new show begins with it: state and numbers begin anew.
        new_show: bool,
    },
    /// An origin is off air.
    SessionEnded {
        /// The session's id.
        session: Arc<str>,
    },
}

/// An event of a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedEvent {
    /// Unique for ever.
    pub id: Arc<str>,
    /// When it was asked for.
    pub asked: Asked,
    /// What happens.
    pub event: Arc<ShowEvent>,
}

impl Command {
    /// When it was taken.
    pub fn taken_at(&self) -> WallTime {
        self.at.0
    }
}
