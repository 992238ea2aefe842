//! The sample show: servers, an encoder, and events on the frames that they belong to.
//!
//! ```text
//! script ──► picture (FFmpeg's filter graph) ──► encoder ──RTMP──► vitrine ──► vitrine-edge ──► the page
//!        └─► events, each posted when the encoder is at its frame ──► vitrine
//! ```

mod encoder;
mod picture;
mod program;
mod script;

use std::path::PathBuf;
use std::time::Duration;

pub use encoder::{Encoder, EncoderError};
pub use program::Program;
use script::{SHOW_SECONDS, events};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::client::{Client, ClientError};

/// Where the sample show is played.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The origin: `http://127.0.0.1:8080`.
    pub origin: String,
    /// The channel's name.
    pub channel: String,
    /// A token for its events.
    pub token: String,
}

/// Why the show cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The encoder.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// The origin does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An event was refused.
    #[error("the origin answered {status} to an event: {problem}")]
    Refused {
        /// Its answer.
        status: StatusCode,
        /// Its words.
        problem: String,
    },
    /// A program of ours does not start.
    #[error("{name} does not start: {source}: run make demo, which builds it")]
    Start {
        /// Which.
        name: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program of ours ended.
    #[error("{name} ended ({status}): see {}", log.display())]
    Ended {
        /// Which.
        name: &'static str,
        /// How.
        status: String,
        /// What it said.
        log: PathBuf,
    },
    /// The page's picture could not be taken.
    #[error("the page's picture could not be taken: {0}")]
    Picture(String),
    /// Something did not come.
    #[error("not within {} s: {what}; see the logs in {}", patience.as_secs(), logs.display())]
    TooLate {
        /// What was waited for.
        what: &'static str,
        /// How long.
        patience: Duration,
        /// Where the programs' logs are.
        logs: PathBuf,
    },
}

impl Stage {
    /// The channel's status, as the origin tells it: `idle`, `starting`, `live`, `away` or `ended`.
    pub async fn status(&self, client: &Client) -> Result<String, DemoError> {
        let url = format!("{}/v1/channels/{}", self.origin, self.channel);
        let answer = client.get(&url).await?.json();
        Ok(answer
            .get("status")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned())
    }

    /// Posts one event; `false` if the channel is not on air just now.
    pub async fn post(&self, client: &Client, event: &Value) -> Result<bool, DemoError> {
        let url = format!("{}/v1/channels/{}/events", self.origin, self.channel);
        let bearer = format!("Bearer {}", self.token);
        let fields = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = Bytes::from(event.to_string());
        let answer = client.ask(Method::POST, &url, &fields, body).await?;
        match answer.status {
            StatusCode::CREATED => Ok(true),
            StatusCode::CONFLICT => Ok(false),
            status => Err(DemoError::Refused {
                status,
                problem: answer.text(),
            }),
        }
    }
}

/// Posts the show's events as the encoder reaches their frames, round after round, for as long as the encoder runs.
///
/// # Errors
/// When the encoder ends, or the origin refuses an event for another reason than that nothing is on air.
pub async fn follow_script(stage: &Stage, encoder: &mut Encoder) -> Result<(), DemoError> {
    let client = Client::http1();
    let events = events();
    let mut done_s = encoder.position_s().await?;
    // Begun in the middle of a round, the card catches up with the picture.
    for (_, event) in events.iter().filter(|(at_s, _)| *at_s <= done_s % SHOW_SECONDS) {
        stage.post(&client, event).await?;
    }
    loop {
        let now_s = encoder.position_s().await?;
        for event in due(&events, done_s, now_s) {
            stage.post(&client, event).await?;
        }
        done_s = now_s;
    }
}

/// The events after `done_s` and until `now_s`, seconds since the show's first round began.
fn due(events: &[(f64, Value)], done_s: f64, now_s: f64) -> impl Iterator<Item = &Value> {
    let first_round = (done_s / SHOW_SECONDS).floor().max(0.0) as u32;
    let last_round = (now_s / SHOW_SECONDS).floor().max(0.0) as u32;
    (first_round..=last_round).flat_map(move |round| {
        let begun_s = f64::from(round) * SHOW_SECONDS;
        let is_due = move |at_s: f64| done_s < begun_s + at_s && begun_s + at_s <= now_s;
        events
            .iter()
            .filter(move |(at_s, _)| is_due(*at_s))
            .map(|(_, event)| event)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_due_once_in_each_round_and_in_order() {
        let events = events();
        let mut posted = Vec::new();
        let mut done_s = 0.5;
        while done_s < 2.0 * SHOW_SECONDS + 0.5 {
            let now_s = done_s + 0.7;
            posted.extend(due(&events, done_s, now_s).cloned());
            done_s = now_s;
        }
        let round: Vec<Value> = events.iter().map(|(_, event)| event.clone()).collect();
        let expected: Vec<Value> = round
            .iter()
            .skip(1)
            .chain(&round)
            .chain(round.first())
            .cloned()
            .collect();
        assert_eq!(posted, expected);
    }
}
