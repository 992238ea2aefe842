//! Why a show event is not taken.

/// Why a show event is not taken, and what its sender can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The body is longer than any event.
    #[error(
        "the event has {bytes} bytes, over {limit}: send one event, with a shorter name and shorter addresses"
    )]
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
    /// An update or hide of a product that the show does not show.
    #[error("product {id} is not on air ({}): send product.show for it first", on_air_text(.on_air.as_deref()))]
    NotOnAir {
        /// The product that the event names.
        id: String,
        /// The product that is on air.
        on_air: Option<String>,
    },
    /// So many events on one stretch of the timeline would swell its parts.
    #[error("{limit} within one second of the show are taken at most: send it again in {retry_after_ms} ms")]
    TooMany {
        /// What there is too much of: `32 events` or `12288 bytes`.
        limit: &'static str,
        /// Milliseconds of media time until there is room.
        retry_after_ms: u32,
    },
    /// The session's numbers are used up.
    #[error("this session has had {0} events, the most that one can number: start a new session")]
    OutOfNumbers(u32),
}

fn on_air_text(on_air: Option<&str>) -> String {
    match on_air {
        Some(id) => format!("on air: {id}"),
        None => "no product is on air".to_owned(),
    }
}
