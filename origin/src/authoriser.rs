//! Asks a service over HTTP who may publish.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use vitrine_ingest::{Authorised, Input, Question, Questions};

use crate::outbound::{CallError, Service};

/// Questions on their way. More wait in ingest's queue.
const AT_ONCE: usize = 64;

#[derive(Serialize)]
struct Asked<'a> {
    action: &'static str,
    protocol: &'static str,
    address: String,
    channel: Option<&'a str>,
    key: &'a str,
}

#[derive(Deserialize)]
struct Allowed {
    channel: String,
    #[serde(default)]
    input: Input,
}

/// Why there is no yes.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("its answer is not {{\"channel\": NAME}}: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Puts each question to the service, until nobody asks any more. An answer that comes later than `patience` is of no use.
pub async fn answer(mut questions: Questions, service: Service, patience: Duration) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some((question, reply)) = questions.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let service = service.clone();
        tokio::spawn(async move {
            let _place = place;
            // Ingest refuses the encoder when its patience is over, and says so: this only gives the place back.
            let asked = tokio::time::timeout(2 * patience, ask(&service, &question)).await;
            let authorised = match asked {
                Ok(Ok(authorised)) => authorised,
                Ok(Err(error)) => {
                    tracing::error!(%error, "the authoriser gives no answer: the encoder is refused");
                    None
                }
                Err(_) => return,
            };
            let _ = reply.send(authorised);
        });
    }
}

async fn ask(service: &Service, question: &Question) -> Result<Option<Authorised>, NoAnswer> {
    let asked = Asked {
        action: "publish",
        protocol: question.protocol,
        address: question.from.to_string(),
        channel: question.channel.as_deref(),
        key: &question.key,
    };
    let (status, body) = service.post(&[], serde_json::to_vec(&asked)?.into()).await?;
    if status != StatusCode::OK {
        return Ok(None);
    }
    let Allowed { channel, input } = serde_json::from_slice(&body)?;
    Ok(Some(Authorised { channel, input }))
}
