//! Why a show event is not taken.

/// Why a show event is not taken, and what its sender can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The body is longer than any event.
    #[error("the event has {bytes} bytes, over {limit}: send one event, with shorter texts and addresses")]
    TooLarge {
        /// Bytes of the body.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The body is not JSON.
    #[error("the body is not JSON: {problem}")]
    NotJson {
        /// What the parser met, with line and column.
        problem: String,
    },
    /// A field is missing, unknown, or holds a value that is not allowed.
    #[error("{field}: {problem}")]
    Field {
        /// Path of the field, such as `product.price.currency`.
        field: String,
        /// What is wrong with it and what is allowed.
        problem: String,
    },
    /// The event speaks of something that is not on air at its time.
    #[error("{what} {id} is not on air then ({})", on_air_text(.what, .on_air))]
    NotOnAir {
        /// Path of the field that names it.
        field: String,
        /// What kind of thing it is.
        what: &'static str,
        /// What the event names.
        id: String,
        /// What is on air of that kind, separated by commas.
        on_air: String,
    },
    /// The poll takes no votes any more.
    #[error("poll {id} is closed: open it anew with poll.open")]
    PollClosed {
        /// The poll.
        id: String,
    },
    /// There is no room for one more.
    #[error("there are {limit} {what}s on air, the most that are taken: make room with {remedy}")]
    Full {
        /// Path of the field that names the new one.
        field: &'static str,
        /// What kind of thing it is.
        what: &'static str,
        /// How many there may be.
        limit: usize,
        /// The event that makes room.
        remedy: &'static str,
    },
    /// The state that every segment repeats would be too long.
    #[error(
        "with this event the show's state would have {bytes} bytes, over {limit}: take something off first, or send shorter texts"
    )]
    StateTooLarge {
        /// Bytes of its JSON.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// So many events on one stretch of the timeline would swell its parts.
    #[error("{limit} within one second of the show are taken at most: send it again in {retry_after_ms} ms")]
    TooMany {
        /// What there is too much of: `100 events` or `32 KB of events`.
        limit: &'static str,
        /// Milliseconds of media time until there is room.
        retry_after_ms: u32,
    },
    /// More is scheduled than is remembered.
    #[error(
        "{limit} events are scheduled, the most that are taken: wait until some are on air, or cancel some"
    )]
    TooManyScheduled {
        /// How many there may be.
        limit: usize,
    },
    /// A media time without a session.
    #[error("at.media_time: nothing is on air, so there is no media time: give at.pdt")]
    NoMediaTime,
    /// One event of a batch is not taken, and so none is.
    #[error("event {index} of the batch: {error}")]
    InBatch {
        /// Which one, from 0.
        index: usize,
        /// Why.
        error: Box<EventError>,
    },
    /// The show's numbers are used up.
    #[error("this show has had {0} events, the most that one can number: start a new session")]
    OutOfNumbers(u32),
}

impl EventError {
    /// Path of the field that is at fault, where one is.
    pub fn field(&self) -> Option<String> {
        match self {
            Self::Field { field, .. } | Self::NotOnAir { field, .. } => Some(field.clone()),
            Self::Full { field, .. } => Some((*field).to_owned()),
            Self::PollClosed { .. } => Some("poll.id".to_owned()),
            Self::NoMediaTime => Some("at.media_time".to_owned()),
            Self::InBatch { index, error } => Some(match error.field().as_deref() {
                None | Some("event") => format!("[{index}]"),
                Some(field) => format!("[{index}].{field}"),
            }),
            _ => None,
        }
    }

    /// The same, of an event in a batch.
    pub fn in_batch(self, index: usize) -> Self {
        Self::InBatch {
            index,
            error: Box::new(self),
        }
    }

    /// The same, said of another field.
    pub(crate) fn at(self, path: String) -> Self {
        match self {
            Self::NotOnAir { what, id, on_air, .. } => Self::NotOnAir {
                field: path,
                what,
                id,
                on_air,
            },
            Self::Field { problem, .. } => Self::Field { field: path, problem },
            other => other,
        }
    }
}

fn on_air_text(what: &str, on_air: &str) -> String {
    match on_air {
        "" => format!("no {what} is"),
        on_air => format!("on air: {on_air}"),
    }
}
