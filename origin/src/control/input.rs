//! Which of a channel's inputs is on air, by hand.

use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use vitrine_ingest::Input;

use super::access::Role;
use super::command::{NoSwitch, SwitchInput};
use super::events::{read, stopping};
use super::problem::{self, Problem};
use super::routes::ControlledChannel;
use crate::playback::response::Answer;

/// Bytes of the longest body.
const MAX_BODY: usize = 256;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    on_air: Input,
}

impl ControlledChannel {
    /// Puts an input on air, from its next IDR on.
    pub(super) async fn switch(&self, request: &Parts, body: Incoming) -> Result<Answer, Problem> {
        let holder = self.access.admit(&request.headers, Role::Operator)?;
        let body = read(body, |_| MAX_BODY).await?;
        let wrong = |error: serde_json::Error| {
            let code = if error.is_data() {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::BAD_REQUEST
            };
            Problem::of_field(
                code,
                "on_air",
                format!("send {{\"on_air\": \"primary\"}} or \"backup\": {error}"),
            )
        };
        let Wish { on_air } = serde_json::from_slice(&body).map_err(wrong)?;
        let (reply, answer) = oneshot::channel();
        let asked = SwitchInput {
            to: on_air,
            by: holder.name,
            reply,
        };
        self.handle
            .switches
            .try_send(asked)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => {
                    Problem::busy("the channel has too much to do: try again in a second")
                }
                mpsc::error::TrySendError::Closed(_) => stopping(),
            })?;
        let switched = answer.await.map_err(|_| stopping())??;
        let code = if switched.switching_to.is_some() {
            StatusCode::ACCEPTED
        } else {
            StatusCode::OK
        };
        Ok(problem::json(code, &switched))
    }
}

impl From<NoSwitch> for Problem {
    fn from(error: NoSwitch) -> Self {
        Self::new(StatusCode::CONFLICT, error.to_string())
    }
}
