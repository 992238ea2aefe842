//! Who may do what, and how often: tokens and their roles.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::header;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vitrine_packager::media::WallTime;

use super::problem::Problem;
use super::tokens::FileToken;
use crate::config::Secret;
use vitrine_ingest::wall_clock;

/// What a token's holder may do; each may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// See what is scheduled, the history and the live events.
    ReadOnly,
    /// Post, change and cancel events.
    Merchandiser,
    /// See who did what.
    Operator,
}

/// The tokens of the file, renewed when it changes.
pub type SharedTokens = Arc<ArcSwap<Vec<FileToken>>>;

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    /// The token's name, for the audit.
    pub name: Arc<str>,
    role: Role,
    expires: Option<WallTime>,
}

/// The tokens of a channel. They are kept as digests, which are of equal length, so that comparing them tells nothing; and
/// tokens are long and random, so that one round of SHA-256 is as good as a slow hash: there is nothing to guess.
#[derive(Debug)]
pub(super) struct Access {
    channel: String,
    own: Vec<([u8; 32], Holder)>,
    file: SharedTokens,
    /// By token. Bounded by the number of tokens: only who was let in is counted.
    limiter: DefaultKeyedRateLimiter<Arc<str>>,
}

impl Access {
    /// The tokens of the channel's own table in the configuration, and those of the file.
    pub fn new(channel: &str, own: &[Secret], file: SharedTokens, per_second: NonZeroU32) -> Self {
        let token = |(index, token): (usize, &Secret)| {
            let holder = Holder {
                name: format!("event_tokens[{index}]").into(),
                role: Role::Operator,
                expires: None,
            };
            (Sha256::digest(token.expose()).into(), holder)
        };
        Self {
            channel: channel.to_owned(),
            own: own.iter().enumerate().map(token).collect(),
            file,
            limiter: RateLimiter::keyed(Quota::per_second(per_second)),
        }
    }

    /// Lets the holder of a token in, if its role is at least `least`, and if it does not ask too often.
    pub fn admit(&self, fields: &HeaderMap, least: Role) -> Result<Holder, Problem> {
        let unauthorized = |detail| Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
        let Some(token) = bearer(fields) else {
            return unauthorized("send the channel's token: Authorization: Bearer TOKEN");
        };
        let holder = self
            .holder(token)
            .ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "the token is not one of this channel's"))?;
        if holder.expires.is_some_and(|expires| expires <= wall_clock()) {
            return unauthorized("the token has expired: ask for a new one");
        }
        if holder.role < least {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "the token's role does not allow this",
            ));
        }
        match self.limiter.check_key(&holder.name) {
            Ok(()) => Ok(holder),
            Err(too_soon) => {
                let wait = too_soon.wait_time_from(DefaultClock::default().now());
                Err(Problem::too_often(wait.max(Duration::from_millis(1))))
            }
        }
    }

    /// Every token is compared, so that the time tells nothing.
    fn holder(&self, token: &str) -> Option<Holder> {
        let given: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        for (digest, holder) in &self.own {
            if bool::from(digest.ct_eq(&given)) {
                found = Some(holder.clone());
            }
        }
        for token in self.file.load().iter() {
            if bool::from(token.sha256.0.ct_eq(&given)) && token.is_of(&self.channel) {
                found = Some(Holder {
                    name: token.name.clone(),
                    role: token.role,
                    expires: token.expires.map(|expires| expires.0),
                });
            }
        }
        found
    }
}

fn bearer(fields: &HeaderMap) -> Option<&str> {
    let value = fields.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::tokens;

    fn access(file: &str, per_second: u32) -> Access {
        let file = Arc::new(ArcSwap::from_pointee(tokens::parse(file).unwrap()));
        let own: Secret = serde_json::from_str(r#""own""#).unwrap();
        Access::new("demo", &[own], file, NonZeroU32::new(per_second).unwrap())
    }

    fn asked(token: &str) -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        fields
    }

    fn entry(token: &str, role: &str, more: &str) -> String {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("[[token]]\nname = \"{token}\"\nsha256 = \"{digest}\"\nrole = \"{role}\"\n{more}\n")
    }

    #[test]
    fn each_role_may_do_what_the_ones_before_it_may() {
        let file = [
            entry("viewer", "read-only", ""),
            entry("shop", "merchandiser", "channels = [\"demo\", \"other\"]"),
            entry("boss", "operator", ""),
            entry("stranger", "operator", "channels = [\"other\"]"),
            entry("old", "operator", "expires = \"2020-01-01T00:00:00Z\""),
            entry("young", "operator", "expires = \"2099-01-01T00:00:00Z\""),
        ];
        let access = access(&file.concat(), 1_000);
        let table = [
            ("viewer", [200, 403, 403]),
            ("shop", [200, 200, 403]),
            ("boss", [200, 200, 200]),
            ("own", [200, 200, 200]),
            ("young", [200, 200, 200]),
            ("stranger", [403, 403, 403]),
            ("nobody", [403, 403, 403]),
            ("old", [401, 401, 401]),
        ];
        for (token, expected) in table {
            let found = [Role::ReadOnly, Role::Merchandiser, Role::Operator].map(|least| {
                match access.admit(&asked(token), least) {
                    Ok(_) => 200,
                    Err(problem) => problem.code().as_u16(),
                }
            });
            assert_eq!(found, expected, "{token}");
        }
        let nothing = access.admit(&HeaderMap::new(), Role::ReadOnly).unwrap_err();
        assert_eq!(nothing.code(), StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn who_asks_too_often_is_told_so_and_nobody_else() {
        let access = access(&entry("shop", "merchandiser", ""), 5);
        let outcomes: Vec<bool> = (0..50)
            .map(|_| access.admit(&asked("shop"), Role::ReadOnly).is_ok())
            .collect();
        assert!(outcomes[..5].iter().all(|taken| *taken), "{outcomes:?}");
        assert!(outcomes.iter().any(|taken| !taken), "{outcomes:?}");
        assert!(access.admit(&asked("own"), Role::ReadOnly).is_ok());
    }
}
