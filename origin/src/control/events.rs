//! A channel's show over HTTP: events posted, listed, changed and cancelled; the state; the audit.

use std::time::Duration;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderName, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use vitrine_metadata_track::{ChangeRequest, EventRequest, MAX_BATCH_BYTES, MAX_EVENT_BYTES, RequestKey};

use super::access::{Holder, Role};
use super::command::{ChannelCommand, ChannelQuery, Page, Refusal, Taken};
use super::problem::{self, Problem};
use super::query::Query;
use super::record::LiveState;
use super::routes::ControlledChannel;
use crate::playback::response::{Answer, SharedBody};
use vitrine_ingest::wall_clock;

/// An event's body must come whole within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// What is not written down within this time (by a bus that is away) is answered 503, and may be written down later.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Records on one page, if nothing else is asked for, and at most.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1_000;
/// The longest Idempotency-Key.
const MAX_KEY: usize = 255;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPEATED: HeaderName = HeaderName::from_static("idempotency-replayed");

impl ControlledChannel {
    /// The state in force, or the one at `at`.
    pub(super) async fn state(&self, request: &Parts) -> Result<Answer, Problem> {
        let query = Query::of(request, &["at"])?;
        let Some(at) = query.time("at")? else {
            let state = self.handle.show.state.borrow().clone();
            return Ok(state_answer(request, &state));
        };
        if at > wall_clock() {
            // What is scheduled is nobody's business yet.
            self.access.admit(&request.headers, Role::ReadOnly)?;
        }
        let (reply, answer) = oneshot::channel();
        self.look(ChannelQuery::State { at: at.into(), reply })?;
        let state = answer.await.map_err(|_| stopping())?;
        Ok(state_answer(request, &LiveState::new(state)))
    }

    /// Posts an event or a batch.
    pub(super) async fn post(&self, request: &Parts, body: Incoming) -> Result<Answer, Problem> {
        let holder = self.access.admit(&request.headers, Role::Merchandiser)?;
        let body = read(body, post_limit).await?;
        let key = request_key(request, &holder, &body)?;
        let requests = EventRequest::all_from_json(&body)?;
        let (reply, answer) = oneshot::channel();
        self.ask(ChannelCommand::Post {
            requests,
            by: holder.name,
            key,
            reply,
        })?;
        let taken = taken(answer).await?;
        let mut answer = match taken.records.first() {
            Some(record) if !is_batch(&body) => problem::json(StatusCode::CREATED, record),
            _ => problem::json(StatusCode::CREATED, &json!({ "events": taken.records })),
        };
        if taken.repeated {
            let fields = answer.headers_mut();
            fields.insert(REPEATED, HeaderValue::from_static("true"));
        }
        Ok(answer)
    }

    /// A page of the history.
    pub(super) async fn events(&self, request: &Parts) -> Result<Answer, Problem> {
        self.access.admit(&request.headers, Role::ReadOnly)?;
        let query = Query::of(request, &["after", "limit", "status"])?;
        let page = Page {
            after: query.place("after")?,
            limit: query.number("limit", PAGE, MAX_PAGE)?,
            status: query.status("status")?,
        };
        let (reply, answer) = oneshot::channel();
        self.look(ChannelQuery::Events { page, reply })?;
        let events = answer.await.map_err(|_| stopping())?;
        let next = events.last().filter(|_| events.len() == page.limit);
        let next = next.map(|last| last.cursor.clone());
        Ok(problem::json(
            StatusCode::OK,
            &json!({ "events": events, "next": next }),
        ))
    }

    /// One event.
    pub(super) async fn event(&self, request: &Parts, id: &str) -> Result<Answer, Problem> {
        self.access.admit(&request.headers, Role::ReadOnly)?;
        let (reply, answer) = oneshot::channel();
        self.look(ChannelQuery::Event { id: id.into(), reply })?;
        let record = answer.await.map_err(|_| stopping())?.ok_or(Refusal::NoEvent)?;
        Ok(problem::json(StatusCode::OK, &record))
    }

    /// Changes an event that waits for its time.
    pub(super) async fn change(&self, request: &Parts, id: &str, body: Incoming) -> Result<Answer, Problem> {
        let holder = self.access.admit(&request.headers, Role::Merchandiser)?;
        let change = ChangeRequest::from_json(&read(body, |_| MAX_EVENT_BYTES).await?)?;
        let (reply, answer) = oneshot::channel();
        self.ask(ChannelCommand::Change {
            id: id.into(),
            change: Box::new(change),
            by: holder.name,
            reply,
        })?;
        only(taken(answer).await?)
    }

    /// Takes an event back that waits for its time.
    pub(super) async fn cancel(&self, request: &Parts, id: &str) -> Result<Answer, Problem> {
        let holder = self.access.admit(&request.headers, Role::Merchandiser)?;
        let (reply, answer) = oneshot::channel();
        self.ask(ChannelCommand::Cancel {
            id: id.into(),
            by: holder.name,
            reply,
        })?;
        only(taken(answer).await?)
    }

    /// Who asked for what.
    pub(super) async fn audit(&self, request: &Parts) -> Result<Answer, Problem> {
        self.access.admit(&request.headers, Role::Operator)?;
        let query = Query::of(request, &["after", "limit"])?;
        let after = query.number("after", 0, usize::MAX)? as u64;
        let limit = query.number("limit", PAGE, MAX_PAGE)?;
        let (reply, answer) = oneshot::channel();
        self.look(ChannelQuery::Audit { after, limit, reply })?;
        let commands = answer.await.map_err(|_| stopping())?;
        let next = commands.last().filter(|_| commands.len() == limit);
        let next = next.map(|last| last.position);
        Ok(problem::json(
            StatusCode::OK,
            &json!({ "commands": commands, "next": next }),
        ))
    }

    fn ask(&self, command: ChannelCommand) -> Result<(), Problem> {
        self.handle
            .commands
            .try_send(command)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Refusal::TooMuchToDo.into(),
                mpsc::error::TrySendError::Closed(_) => stopping(),
            })
    }

    fn look(&self, query: ChannelQuery) -> Result<(), Problem> {
        self.handle.queries.try_send(query).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Problem::busy("too many look at once: try again in a second")
            }
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })
    }
}

/// Reads a body whole, as far as it may go: `limit` says how far by how it begins.
pub(super) async fn read(mut body: Incoming, limit: fn(&[u8]) -> usize) -> Result<Vec<u8>, Problem> {
    let whole = async {
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            let unreadable = |_| Problem::new(StatusCode::BAD_REQUEST, "the body could not be read whole");
            if let Ok(data) = frame.map_err(unreadable)?.into_data() {
                read.extend_from_slice(&data);
            }
            let limit = limit(&read);
            if read.len() > limit {
                let detail = format!("the body is over {limit} bytes: send less at once");
                return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
            }
        }
        Ok(read)
    };
    tokio::time::timeout(BODY_TIMEOUT, whole).await.map_err(|_| {
        let seconds = BODY_TIMEOUT.as_secs();
        let detail = format!("the body did not come within {seconds} s");
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
    })?
}

fn is_batch(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}

/// The longest body of a post.
fn post_limit(body: &[u8]) -> usize {
    if is_batch(body) {
        MAX_BATCH_BYTES
    } else {
        MAX_EVENT_BYTES
    }
}

/// The request's own name, with what it was sent with.
fn request_key(request: &Parts, holder: &Holder, body: &[u8]) -> Result<Option<RequestKey>, Problem> {
    let Some(key) = request.headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(Problem::of_field(
            StatusCode::BAD_REQUEST,
            "Idempotency-Key",
            format!("Idempotency-Key must have 1 to {MAX_KEY} characters"),
        ));
    }
    let own = Sha256::new()
        .chain_update(holder.name.as_bytes())
        .chain_update([0])
        .chain_update(key.as_bytes());
    Ok(Some(RequestKey {
        key: hex(&own.finalize()).into(),
        body: hex(&Sha256::digest(body)).into(),
    }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn taken(answer: oneshot::Receiver<Result<Taken, Refusal>>) -> Result<Taken, Problem> {
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => Ok(answer.map_err(|_| stopping())??),
        Err(_) => Err(Problem::busy(
            "it is not written down yet, and may be later: send it again with the same Idempotency-Key to learn what became of it",
        )),
    }
}

fn only(taken: Taken) -> Result<Answer, Problem> {
    let record = taken.records.first().ok_or(Refusal::NoEvent)?;
    Ok(problem::json(StatusCode::OK, record))
}

/// A state, or that the client has it (RFC 9110 13.1.2).
fn state_answer(request: &Parts, state: &LiveState) -> Answer {
    let known = request
        .headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag == state.etag);
    let mut answer = if known {
        let mut answer = Response::new(SharedBody::default());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        problem::with_type(StatusCode::OK, "application/json", state.body.clone())
    };
    let fields = answer.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(&state.etag) {
        fields.insert(header::ETAG, etag);
    }
    // Kept, but asked for anew each time.
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

pub(super) fn stopping() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping")
}
