//! A channel's stream keys over HTTP: created, listed and revoked, without a restart.

use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use vitrine_ingest::Input;

use super::access::Role;
use super::events::read;
use super::problem::{self, Problem};
use super::routes::ControlledChannel;
use crate::issued_keys::{IssuedKeys, IssuedKeysError, KeyRecord};
use crate::playback::response::Answer;

/// Bytes of the longest body.
const MAX_BODY: usize = 1024;
/// Characters of the longest name.
const MAX_NAME: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    name: String,
    #[serde(default)]
    input: Input,
}

/// A key as the API shows it: never its hash, and the key itself only to whom it is created for.
#[derive(Debug, Serialize)]
struct ShownKey<'a> {
    id: &'a str,
    name: &'a str,
    input: Input,
    created_at: &'a str,
    created_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl<'a> From<&'a KeyRecord> for ShownKey<'a> {
    fn from(record: &'a KeyRecord) -> Self {
        Self {
            id: &record.id,
            name: &record.name,
            input: record.input,
            created_at: &record.created_at,
            created_by: &record.created_by,
            revoked_at: record.revoked_at.as_deref(),
            revoked_by: record.revoked_by.as_deref(),
            key: None,
        }
    }
}

impl ControlledChannel {
    /// The channel's keys that were created here; those of the configuration stand there.
    pub(super) async fn keys(&self, request: &Parts, keys: &IssuedKeys) -> Result<Answer, Problem> {
        #[derive(Serialize)]
        struct Keys<'a> {
            keys: Vec<ShownKey<'a>>,
        }
        self.access.admit(&request.headers, Role::Operator)?;
        let records = keys.list(&self.handle.feed.name).await;
        let keys = records.iter().map(ShownKey::from).collect();
        Ok(problem::json(StatusCode::OK, &Keys { keys }))
    }

    /// Creates a key, and shows it this once.
    pub(super) async fn create_key(
        &self,
        request: &Parts,
        body: Incoming,
        keys: &IssuedKeys,
    ) -> Result<Answer, Problem> {
        let holder = self.access.admit(&request.headers, Role::Operator)?;
        let body = read(body, |_| MAX_BODY).await?;
        let wrong = |error: serde_json::Error| {
            let code = if error.is_data() {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::BAD_REQUEST
            };
            let detail =
                format!("send {{\"name\": \"van 2\", \"input\": \"primary\"}} or \"backup\": {error}");
            Problem::new(code, detail)
        };
        let Wish { name, input } = serde_json::from_slice(&body).map_err(wrong)?;
        let is_lawful = (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if !is_lawful {
            let detail = format!("the name must be 1 to {MAX_NAME} characters, on one line");
            return Err(Problem::of_field(
                StatusCode::UNPROCESSABLE_ENTITY,
                "name",
                detail,
            ));
        }
        let (record, key) = keys
            .create(&self.handle.feed.name, name, input, &holder.name)
            .await?;
        let shown = ShownKey {
            key: Some(&key),
            ..ShownKey::from(&record)
        };
        Ok(problem::json(StatusCode::CREATED, &shown))
    }

    /// Revokes a key; who publishes with it is sent away.
    pub(super) async fn revoke_key(
        &self,
        request: &Parts,
        id: &str,
        keys: &IssuedKeys,
    ) -> Result<Answer, Problem> {
        let holder = self.access.admit(&request.headers, Role::Operator)?;
        let revoked = keys.revoke(&self.handle.feed.name, id, &holder.name).await?;
        let none = || Problem::new(StatusCode::NOT_FOUND, "the channel has no such key in force");
        let record = revoked.ok_or_else(none)?;
        Ok(problem::json(StatusCode::OK, &ShownKey::from(&record)))
    }
}

impl From<IssuedKeysError> for Problem {
    fn from(error: IssuedKeysError) -> Self {
        let code = match error {
            IssuedKeysError::NoFile | IssuedKeysError::TooMany => StatusCode::CONFLICT,
            IssuedKeysError::File { .. } | IssuedKeysError::Parse { .. } | IssuedKeysError::Random(_) => {
                tracing::error!(%error, "stream keys cannot be changed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::new(code, error.to_string())
    }
}
