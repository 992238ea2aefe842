//! From bytes to a show event. What is refused is refused with the path of its field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ShowEvent;
use crate::error::EventError;

/// The longest body of an event.
pub const MAX_EVENT_BYTES: usize = 8 * 1024;

/// The fields that are lists, wherever they stand.
const LISTS: [&str; 6] = ["variants", "order", "options", "votes", "reactions", "body"];
/// Opaque: whatever is in it is taken as it is.
const OPAQUE: &str = "body";

impl ShowEvent {
    /// Reads one event. Unknown fields are refused, so that a misspelt one is not lost silently; only the
    /// `body` of a custom event is kept as it is.
    pub fn from_json(body: &[u8]) -> Result<Self, EventError> {
        Self::from_fields(object(body)?)
    }

    /// Reads an event of its fields, `type` among them.
    pub(crate) fn from_fields(mut fields: Map<String, Value>) -> Result<Self, EventError> {
        refuse_lists("", &fields)?;
        let event_type = match fields.remove("type") {
            Some(Value::String(event_type)) => event_type,
            Some(_) => return Err(field_error("type", "must be a string")),
            None => return Err(field_error("type", "missing field `type`")),
        };
        let event = Self::read_fields(&event_type, Value::Object(fields))?;
        event.check()?;
        Ok(event)
    }
}

/// The object that a body is.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, EventError> {
    if body.len() > MAX_EVENT_BYTES {
        return Err(EventError::TooLarge {
            bytes: body.len(),
            limit: MAX_EVENT_BYTES,
        });
    }
    let json: Value = serde_json::from_slice(body).map_err(|error| EventError::NotJson {
        problem: error.to_string(),
    })?;
    match json {
        Value::Object(fields) => Ok(fields),
        _ => Err(field_error("event", "must be an object")),
    }
}

pub(super) fn unknown_type(event_type: &str) -> EventError {
    let known: Vec<String> = ShowEvent::TYPES.iter().map(|name| format!("`{name}`")).collect();
    let shown: String = event_type.chars().take(40).collect();
    let problem = format!("unknown variant `{shown}`, expected one of {}", known.join(", "));
    field_error("type", &problem)
}

/// Without this, serde would read a list as an object's fields in order.
fn refuse_lists(path: &str, fields: &Map<String, Value>) -> Result<(), EventError> {
    for (name, value) in fields {
        let path = match path {
            "" => name.clone(),
            _ => format!("{path}.{name}"),
        };
        match value {
            _ if name == OPAQUE => {}
            Value::Array(entries) if LISTS.contains(&name.as_str()) => {
                for (index, entry) in entries.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    match entry {
                        Value::Array(_) => return Err(field_error(&path, "must not be a list")),
                        Value::Object(fields) => refuse_lists(&path, fields)?,
                        _ => {}
                    }
                }
            }
            Value::Array(_) => return Err(field_error(&path, "must not be a list")),
            Value::Object(fields) => refuse_lists(&path, fields)?,
            _ => {}
        }
    }
    Ok(())
}

/// Reads an event's fields; an error names the one that is wrong by its whole path.
pub(super) fn fields<T: DeserializeOwned>(json: Value) -> Result<T, EventError> {
    named("event", json)
}

/// Reads `json`; an error in it as a whole is one of `whole`.
pub(crate) fn named<T: DeserializeOwned>(whole: &str, json: Value) -> Result<T, EventError> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner().to_string();
        let missing = problem
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'));
        let field = match (path.as_str(), missing) {
            (".", Some(missing)) => missing.to_owned(),
            (path, Some(missing)) => format!("{path}.{missing}"),
            (".", None) => whole.to_owned(),
            (path, None) => path.to_owned(),
        };
        EventError::Field { field, problem }
    })
}

pub(crate) fn field_error(field: &str, problem: &str) -> EventError {
    EventError::Field {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests;
