//! Routing of `/v1/…`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::header;
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot};
use vitrine_metadata_track::{MAX_EVENT_BYTES, ShowEvent, ShowState};

use super::command::ChannelCommand;
use super::problem::{self, Problem};
use crate::channel::ChannelHandle;
use crate::config::Secret;
use crate::playback::response::Answer;

/// An event's body must come whole within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A channel and who may post to it.
#[derive(Debug)]
pub struct ControlledChannel {
    handle: ChannelHandle,
    /// Digests of the event tokens: of equal length, so that comparing them tells nothing.
    tokens: Vec<[u8; 32]>,
}

impl ControlledChannel {
    /// A channel that takes events from holders of these tokens.
    pub fn new(handle: ChannelHandle, tokens: &[Secret]) -> Self {
        let digest = |token: &Secret| Sha256::digest(token.expose()).into();
        Self {
            handle,
            tokens: tokens.iter().map(digest).collect(),
        }
    }
}

/// The control API of every channel.
#[derive(Debug, Clone)]
pub struct Control {
    channels: Arc<BTreeMap<String, ControlledChannel>>,
}

impl Control {
    /// Serves these channels.
    pub fn new(channels: impl IntoIterator<Item = ControlledChannel>) -> Self {
        let named = |channel: ControlledChannel| (channel.handle.feed.name.clone(), channel);
        Self {
            channels: Arc::new(channels.into_iter().map(named).collect()),
        }
    }

    /// The channels' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// Answers a request whose path begins with `/v1/`.
    pub async fn serve(&self, request: &Parts, body: Incoming) -> Answer {
        self.route(request, body).await.unwrap_or_else(Answer::from)
    }

    async fn route(&self, request: &Parts, body: Incoming) -> Result<Answer, Problem> {
        let mut segments = request.uri.path().split('/').skip(2);
        let path = (segments.next(), segments.next(), segments.next(), segments.next());
        match path {
            (Some("channels"), None, ..) => {
                allow(request, &[Method::GET, Method::HEAD])?;
                let all: Vec<_> = self
                    .channels
                    .values()
                    .map(|channel| channel.handle.status.borrow().clone())
                    .collect();
                Ok(problem::json(
                    StatusCode::OK,
                    &all.iter().map(Arc::as_ref).collect::<Vec<_>>(),
                ))
            }
            (Some("channels"), Some(name), resource, None) => {
                let channel = self.channels.get(name).ok_or_else(|| {
                    Problem::new(StatusCode::NOT_FOUND, "no such channel: see /v1/channels")
                })?;
                match resource {
                    None => {
                        allow(request, &[Method::GET, Method::HEAD])?;
                        let status = channel.handle.status.borrow().clone();
                        Ok(problem::json(StatusCode::OK, status.as_ref()))
                    }
                    Some("state") => {
                        allow(request, &[Method::GET, Method::HEAD])?;
                        channel.state().await
                    }
                    Some("events") => {
                        allow(request, &[Method::POST])?;
                        channel.post(request, body).await
                    }
                    Some(_) => Err(no_resource()),
                }
            }
            _ => Err(no_resource()),
        }
    }
}

impl ControlledChannel {
    async fn state(&self) -> Result<Answer, Problem> {
        let (reply, answer) = oneshot::channel();
        self.ask(ChannelCommand::State { reply })?;
        let state: ShowState = answer.await.map_err(|_| stopping())?.unwrap_or_default();
        Ok(problem::json(StatusCode::OK, &state))
    }

    async fn post(&self, request: &Parts, body: Incoming) -> Result<Answer, Problem> {
        self.authorize(request)?;
        let body = Limited::new(body, MAX_EVENT_BYTES).collect();
        let body = tokio::time::timeout(BODY_TIMEOUT, body).await.map_err(|_| {
            let seconds = BODY_TIMEOUT.as_secs();
            Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                format!("the body did not come within {seconds} s"),
            )
        })?;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!("an event has at most {MAX_EVENT_BYTES} bytes"),
                )
            } else {
                Problem::new(StatusCode::BAD_REQUEST, "the body could not be read whole")
            }
        })?;
        let event = ShowEvent::from_json(&body.to_bytes())?;
        let (reply, answer) = oneshot::channel();
        self.ask(ChannelCommand::Post {
            event: Box::new(event),
            reply,
        })?;
        let posted = answer.await.map_err(|_| stopping())??;
        let created = json!({
            "id": posted.id,
            "seq": posted.seq,
            "media_time": posted.at.seconds(),
            "pdt": posted.pdt.to_string(),
            "late": posted.late,
        });
        Ok(problem::json(StatusCode::CREATED, &created))
    }

    fn ask(&self, command: ChannelCommand) -> Result<(), Problem> {
        self.handle
            .commands
            .try_send(command)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the channel has too much to do: try again in a second",
                ),
                mpsc::error::TrySendError::Closed(_) => stopping(),
            })
    }

    fn authorize(&self, request: &Parts) -> Result<(), Problem> {
        let bearer = request
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let Some(token) = bearer else {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "send the channel's token: Authorization: Bearer TOKEN",
            ));
        };
        let given: [u8; 32] = Sha256::digest(token).into();
        // Every token is compared, so that the time tells nothing.
        let known = self
            .tokens
            .iter()
            .fold(false, |known, token| known | bool::from(token.ct_eq(&given)));
        if known {
            Ok(())
        } else {
            Err(Problem::new(
                StatusCode::FORBIDDEN,
                "the token is not one of this channel's",
            ))
        }
    }
}

fn allow(request: &Parts, methods: &[Method]) -> Result<(), Problem> {
    if methods.contains(&request.method) {
        return Ok(());
    }
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    Err(Problem::not_allowed(&names.join(", ")))
}

fn no_resource() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no such resource of the control API")
}

fn stopping() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping")
}
