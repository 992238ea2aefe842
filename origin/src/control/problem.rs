//! JSON answers and RFC 9457 errors.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use vitrine_metadata_track::EventError;

use super::command::Refusal;
use crate::playback::response::{Answer, SharedBody};

/// A JSON answer that no cache keeps.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    match serde_json::to_vec(body) {
        Ok(body) => with_type(status, "application/json", body.into()),
        Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into(),
    }
}

/// An answer of any type that no cache keeps.
pub(super) fn with_type(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(SharedBody::whole(body));
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// What went wrong, for the client.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    code: StatusCode,
    status: u16,
    title: &'static str,
    detail: String,
    /// Path of the field, or name of the parameter or header, that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
    /// The methods that the resource takes.
    #[serde(skip)]
    allow: Option<String>,
}

impl Problem {
    pub(super) fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        let title = code.canonical_reason().unwrap_or("error");
        Self {
            code,
            status: code.as_u16(),
            title,
            detail: detail.into(),
            field: None,
            retry_after_s: None,
            allow: None,
        }
    }

    /// The field, parameter or header of that name is at fault.
    pub(super) fn of_field(code: StatusCode, field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(code, detail)
        }
    }

    /// The token's holder asks too often (RFC 6585 4).
    pub(super) fn too_often(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000);
        Self {
            retry_after_s: u32::try_from(seconds).ok(),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "this token asks too often: wait {} ms, or send batches",
                    wait.as_millis()
                ),
            )
        }
    }

    /// What it is answered as.
    #[cfg(test)]
    pub(super) fn code(&self) -> StatusCode {
        self.code
    }

    /// There is no room at the moment.
    pub(super) fn busy(detail: &str) -> Self {
        Self {
            retry_after_s: Some(1),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// The resource takes these methods only (RFC 9110 15.5.6).
    pub(super) fn not_allowed(methods: &str) -> Self {
        let detail = format!("this resource takes {methods}");
        Self {
            allow: Some(methods.to_owned()),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        }
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut answer = with_type(problem.code, "application/problem+json", body.into());
        if let Some(seconds) = problem.retry_after_s {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = problem
            .allow
            .and_then(|methods| HeaderValue::try_from(methods).ok())
        {
            answer.headers_mut().insert(header::ALLOW, methods);
        }
        if problem.code == StatusCode::UNAUTHORIZED {
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

impl From<EventError> for Problem {
    fn from(error: EventError) -> Self {
        Self {
            field: error.field(),
            retry_after_s: retry_after_s(&error),
            ..Self::new(status_of(&error), error.to_string())
        }
    }
}

fn status_of(error: &EventError) -> StatusCode {
    match error {
        EventError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        EventError::NotJson { .. } => StatusCode::BAD_REQUEST,
        EventError::Field { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        EventError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        EventError::NotOnAir { .. }
        | EventError::Full { .. }
        | EventError::PollClosed { .. }
        | EventError::StateTooLarge { .. }
        | EventError::TooManyScheduled { .. }
        | EventError::NoMediaTime
        | EventError::OutOfNumbers(_) => StatusCode::CONFLICT,
        EventError::InBatch { error, .. } => status_of(error),
    }
}

fn retry_after_s(error: &EventError) -> Option<u32> {
    match error {
        EventError::TooMany { retry_after_ms, .. } => Some(retry_after_ms.div_ceil(1000)),
        EventError::InBatch { error, .. } => retry_after_s(error),
        _ => None,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Event(event) => event.into(),
            Refusal::NoEvent => Self::new(StatusCode::NOT_FOUND, detail),
            Refusal::NotLive | Refusal::NotWaiting(_) => Self::new(StatusCode::CONFLICT, detail),
            // As draft-ietf-httpapi-idempotency-key-header 2.7 has it.
            Refusal::OtherBody => Self::of_field(StatusCode::UNPROCESSABLE_ENTITY, "Idempotency-Key", detail),
            Refusal::StillGoingOn => Self {
                retry_after_s: Some(1),
                ..Self::new(StatusCode::CONFLICT, detail)
            },
            Refusal::TooMuchToDo | Refusal::NotWritten(_) => Self::busy(&detail),
        }
    }
}
