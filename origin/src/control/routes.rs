//! Routing of `/v1/…`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::access::{Access, SharedTokens};
use super::problem::{self, Problem};
use super::stream::{LISTENERS, wants_stream};
use crate::channel::ChannelHandle;
use crate::config::Secret;
use crate::issued_keys::IssuedKeys;
use crate::playback::response::Answer;

/// A channel and who may change its show.
#[derive(Debug)]
pub struct ControlledChannel {
    pub(super) handle: ChannelHandle,
    pub(super) access: Access,
    pub(super) listeners: Arc<Semaphore>,
}

impl ControlledChannel {
    /// A channel that takes events from holders of its own tokens and of those in the file, each at most so often a second.
    pub fn new(handle: ChannelHandle, own: &[Secret], file: SharedTokens, per_second: NonZeroU32) -> Self {
        Self {
            access: Access::new(&handle.feed.name, own, file, per_second),
            handle,
            listeners: Arc::new(Semaphore::new(LISTENERS)),
        }
    }
}

/// The control API of every channel.
#[derive(Debug, Clone)]
pub struct Control {
    channels: Arc<BTreeMap<String, ControlledChannel>>,
    keys: Arc<IssuedKeys>,
}

impl Control {
    /// Serves these channels, and their stream keys.
    pub fn new(channels: impl IntoIterator<Item = ControlledChannel>, keys: IssuedKeys) -> Self {
        let named = |channel: ControlledChannel| (channel.handle.feed.name.clone(), channel);
        Self {
            channels: Arc::new(channels.into_iter().map(named).collect()),
            keys: Arc::new(keys),
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
        let mut path = request.uri.path().split('/').skip(2);
        if path.next() != Some("channels") {
            return Err(no_resource());
        }
        let Some(name) = path.next() else {
            allow(request, &[Method::GET, Method::HEAD])?;
            return Ok(self.all());
        };
        let channel = self
            .channels
            .get(name)
            .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such channel: see /v1/channels"))?;
        match path.collect::<Vec<_>>().as_slice() {
            ["keys", path @ ..] => channel.route_keys(request, path, body, &self.keys).await,
            path => channel.route(request, path, body).await,
        }
    }

    fn all(&self) -> Answer {
        let all: Vec<_> = self
            .channels
            .values()
            .map(|channel| channel.handle.status.borrow().clone())
            .collect();
        let all: Vec<_> = all.iter().map(Arc::as_ref).collect();
        problem::json(StatusCode::OK, &all)
    }
}

impl ControlledChannel {
    async fn route(&self, request: &Parts, path: &[&str], body: Incoming) -> Result<Answer, Problem> {
        match path {
            [] => {
                allow(request, &[Method::GET, Method::HEAD])?;
                let status = self.handle.status.borrow().clone();
                Ok(problem::json(StatusCode::OK, status.as_ref()))
            }
            ["input"] => {
                allow(request, &[Method::POST])?;
                self.switch(request, body).await
            }
            ["state"] => {
                allow(request, &[Method::GET, Method::HEAD])?;
                self.state(request).await
            }
            ["audit"] => {
                allow(request, &[Method::GET, Method::HEAD])?;
                self.audit(request).await
            }
            ["events"] => {
                allow(request, &[Method::GET, Method::HEAD, Method::POST])?;
                match request.method {
                    Method::POST => self.post(request, body).await,
                    Method::GET if wants_stream(request) => self.listen(request),
                    _ => self.events(request).await,
                }
            }
            ["events", id] => {
                allow(
                    request,
                    &[Method::GET, Method::HEAD, Method::PATCH, Method::DELETE],
                )?;
                match request.method {
                    Method::PATCH => self.change(request, id, body).await,
                    Method::DELETE => self.cancel(request, id).await,
                    _ => self.event(request, id).await,
                }
            }
            _ => Err(no_resource()),
        }
    }

    async fn route_keys(
        &self,
        request: &Parts,
        path: &[&str],
        body: Incoming,
        keys: &IssuedKeys,
    ) -> Result<Answer, Problem> {
        match path {
            [] => {
                allow(request, &[Method::GET, Method::HEAD, Method::POST])?;
                match request.method {
                    Method::POST => self.create_key(request, body, keys).await,
                    _ => self.keys(request, keys).await,
                }
            }
            [id] => {
                allow(request, &[Method::DELETE])?;
                self.revoke_key(request, id, keys).await
            }
            _ => Err(no_resource()),
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
