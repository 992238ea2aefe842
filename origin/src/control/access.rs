//! Who may do what: tokens and their roles.

use std::sync::Arc;

use http::header;
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::config::Secret;

/// What a token's holder may do; each may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// See what is scheduled, the history and the live events.
    ReadOnly,
    /// Post, change and cancel events.
    Merchandiser,
    /// See who did what.
    Operator,
}

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    /// The token's name, for the audit.
    pub name: Arc<str>,
    pub role: Role,
}

/// A token as it is kept: its digest. Digests are of equal length, so that comparing them tells nothing, and tokens are long
/// and random, so that one round of SHA-256 is as good as a slow hash: there is nothing to guess.
#[derive(Debug, Clone)]
struct Token {
    digest: [u8; 32],
    holder: Holder,
}

/// The tokens of a channel.
#[derive(Debug, Clone, Default)]
pub(super) struct Access {
    tokens: Vec<Token>,
}

impl Access {
    /// Those of the channel's own table in the configuration.
    pub fn new(event_tokens: &[Secret]) -> Self {
        let token = |(index, token): (usize, &Secret)| Token {
            digest: Sha256::digest(token.expose()).into(),
            holder: Holder {
                name: format!("event_tokens[{index}]").into(),
                role: Role::Merchandiser,
            },
        };
        Self {
            tokens: event_tokens.iter().enumerate().map(token).collect(),
        }
    }

    /// Lets the holder of a token in, if its role is at least `least`.
    pub fn admit(&self, fields: &HeaderMap, least: Role) -> Result<Holder, Problem> {
        let Some(token) = bearer(fields) else {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "send the channel's token: Authorization: Bearer TOKEN",
            ));
        };
        let given: [u8; 32] = Sha256::digest(token).into();
        // Every token is compared, so that the time tells nothing.
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.digest.ct_eq(&given)) {
                found = Some(&token.holder);
            }
        }
        match found {
            Some(holder) if holder.role >= least => Ok(holder.clone()),
            Some(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "the token's role does not allow this",
            )),
            None => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "the token is not one of this channel's",
            )),
        }
    }
}

fn bearer(fields: &HeaderMap) -> Option<&str> {
    let value = fields.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
