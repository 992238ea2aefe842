//! What a sender asks for: an event with its time, or several at once.

use serde_json::value::RawValue;

use crate::error::EventError;
use crate::event::{ShowEvent, read};
use crate::time::At;

/// Events of one batch.
pub const MAX_BATCH: usize = 100;
/// The longest body of a batch.
pub const MAX_BATCH_BYTES: usize = 256 * 1024;

/// An event, and when it is to take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRequest {
    /// What happens.
    pub event: ShowEvent,
    /// When; with what the camera sees now, if that is not said.
    pub at: Option<At>,
}

/// A change to an event that is not on air yet. What is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// Another event in its place.
    pub event: Option<ShowEvent>,
    /// Another time.
    pub at: Option<At>,
}

impl EventRequest {
    /// Reads one event, its time in `at`.
    pub fn from_json(body: &[u8]) -> Result<Self, EventError> {
        let mut fields = read::object(body)?;
        let at = take_at(&mut fields)?;
        let event = ShowEvent::from_fields(fields)?;
        Ok(Self { event, at })
    }

    /// Reads one event, or a list of them. Either all are taken or none; the error says which one is wrong.
    pub fn all_from_json(body: &[u8]) -> Result<Vec<Self>, EventError> {
        if body.trim_ascii_start().first() != Some(&b'[') {
            return Ok(vec![Self::from_json(body)?]);
        }
        if body.len() > MAX_BATCH_BYTES {
            return Err(EventError::TooLarge {
                bytes: body.len(),
                limit: MAX_BATCH_BYTES,
            });
        }
        let entries: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| EventError::NotJson {
            problem: error.to_string(),
        })?;
        if entries.is_empty() || entries.len() > MAX_BATCH {
            let problem = format!("has {} events: from 1 to {MAX_BATCH} are taken", entries.len());
            return Err(read::field_error("batch", &problem));
        }
        let read = |(index, entry): (usize, &&RawValue)| {
            Self::from_json(entry.get().as_bytes()).map_err(|error| error.in_batch(index))
        };
        entries.iter().enumerate().map(read).collect()
    }
}

impl ChangeRequest {
    /// Reads a change: `at`, or a whole event, or both.
    pub fn from_json(body: &[u8]) -> Result<Self, EventError> {
        let mut fields = read::object(body)?;
        let at = take_at(&mut fields)?;
        let event = match fields.is_empty() {
            true => None,
            false => Some(ShowEvent::from_fields(fields)?),
        };
        if at.is_none() && event.is_none() {
            return Err(read::field_error(
                "event",
                "nothing to change: give `at`, a whole event, or both",
            ));
        }
        Ok(Self { event, at })
    }
}

fn take_at(fields: &mut serde_json::Map<String, serde_json::Value>) -> Result<Option<At>, EventError> {
    match fields.remove("at") {
        None => Ok(None),
        Some(at) => read::named("", at).map(Some).map_err(|error| match error {
            EventError::Field { field, problem } => {
                let field = if field.is_empty() {
                    "at".to_owned()
                } else {
                    format!("at.{field}")
                };
                EventError::Field { field, problem }
            }
            other => other,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MAX_EVENT_BYTES;

    const HIDE: &str = r#"{"type":"product.hide","product":{"id":"a"}}"#;

    fn refusal(body: &str) -> (String, String) {
        let error = EventRequest::all_from_json(body.as_bytes()).unwrap_err();
        (error.field().unwrap_or_default(), error.to_string())
    }

    #[test]
    fn an_event_may_say_its_time() {
        let request =
            EventRequest::from_json(br#"{"type":"product.hide","at":{"offset":1.5},"product":{"id":"a"}}"#)
                .unwrap();
        assert_eq!(request.event, ShowEvent::from_json(HIDE.as_bytes()).unwrap());
        assert_eq!(request.at, Some(At::Offset(1.5.try_into().unwrap())));
        assert_eq!(EventRequest::from_json(HIDE.as_bytes()).unwrap().at, None);
    }

    #[test]
    fn a_batch_is_read_whole_or_the_wrong_one_is_named() {
        let batch = format!("[{HIDE},\n{HIDE}]");
        assert_eq!(EventRequest::all_from_json(batch.as_bytes()).unwrap().len(), 2);
        assert_eq!(EventRequest::all_from_json(HIDE.as_bytes()).unwrap().len(), 1);
        let long = format!("{HIDE}{}", " ".repeat(MAX_EVENT_BYTES));
        let table = [
            ("[]".to_owned(), "batch", "from 1 to 100"),
            (
                format!("[{}]", vec![HIDE; 101].join(",")),
                "batch",
                "has 101 events",
            ),
            (
                format!("[{HIDE},7]"),
                "[1]",
                "event 1 of the batch: event: must be an object",
            ),
            (format!("[{HIDE},{{}}]"), "[1].type", "missing field `type`"),
            (
                format!("[{HIDE},{}]", HIDE.replace("\"a\"", "\"a b\"")),
                "[1].product.id",
                "event 1 of the batch: product.id: must be 1 to 64",
            ),
            (
                HIDE.replace("{\"type\"", "{\"at\":{\"pdt\":3},\"type\""),
                "at.pdt",
                "invalid type",
            ),
            (
                HIDE.replace("{\"type\"", "{\"at\":\"now\",\"type\""),
                "at",
                "unknown variant",
            ),
            (format!("[{HIDE}"), "", "not JSON"),
            (format!("[{}]", "[".repeat(300)), "", "not JSON"),
            (long, "", "over 8192"),
        ];
        for (body, field, problem) in table {
            let (found, text) = refusal(&body);
            let shown: String = body.chars().take(80).collect();
            assert!(text.contains(problem), "{shown}: {found}: {text}");
            assert_eq!(found, field, "{shown}: {text}");
        }
        let large = format!("[{}]", " ".repeat(MAX_BATCH_BYTES));
        assert!(refusal(&large).1.contains("over 262144"));
    }

    #[test]
    fn an_event_of_a_batch_may_be_as_long_as_one_alone() {
        let padded = |bytes: usize| HIDE.replace(":", &format!(":{}", " ".repeat(bytes)));
        let fits = format!("[{}]", padded(2_000));
        assert_eq!(EventRequest::all_from_json(fits.as_bytes()).unwrap().len(), 1);
        let (_, text) = refusal(&format!("[{HIDE},{}]", padded(4_000)));
        assert!(
            text.starts_with("event 1 of the batch: the event has 12"),
            "{text}"
        );
    }

    #[test]
    fn a_change_is_of_the_time_or_of_the_event_or_both() {
        let read = |body: &str| ChangeRequest::from_json(body.as_bytes());
        assert!(read(r#"{"at":{"offset":3}}"#).unwrap().event.is_none());
        assert!(read(HIDE).unwrap().at.is_none());
        assert_eq!(read("{}").unwrap_err().field().unwrap(), "event");
        assert_eq!(
            read(r#"{"product":{"id":"a"}}"#).unwrap_err().field().unwrap(),
            "type"
        );
    }
}
