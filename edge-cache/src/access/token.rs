//! A token: what it says (RFC 7519), and whether that is true.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Validation, decode, decode_header};
use moka::sync::Cache;
use serde::Deserialize;

use super::keys::Keys;

/// Clocks of issuer and edge may be so far apart.
const LEEWAY: Duration = Duration::from_secs(5);
/// Verified tokens that are remembered, in bytes.
const REMEMBERED_BYTES: u64 = 32 << 20;
/// What a remembered token costs beside its own bytes.
const OVERHEAD_BYTES: usize = 512;

/// Why a token is not believed. Viewers and logs learn no more than this: not the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token, or of an algorithm that no key here is for (`none` among them).
    #[error("that is no token of this service")]
    NotOurs,
    /// Its `kid` is of no key here; perhaps the keys are about to be fetched.
    #[error("the token's key is not known here")]
    UnknownKey,
    /// The signature is not the key's, or a claim that is needed is missing.
    #[error("the token is not valid")]
    Invalid,
    /// Its time is over, or has not begun.
    #[error("the token's time is not now")]
    NotNow,
}

impl TokenError {
    /// The value of the label `reason` of metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotOurs => "not-ours",
            Self::UnknownKey => "unknown-key",
            Self::Invalid => "invalid",
            Self::NotNow => "not-now",
        }
    }
}

/// What a token says.
#[derive(Debug, Deserialize)]
struct Claims {
    /// Seconds since 1970.
    exp: f64,
    nbf: Option<f64>,
    channel: Channels,
    session: Option<String>,
    ip: Option<IpAddr>,
    jti: Option<String>,
    streams: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Channels {
    One(String),
    Several(Vec<String>),
}

/// What a verified token allows.
#[derive(Debug, PartialEq)]
pub struct Grant {
    channels: Vec<String>,
    /// Only this session of the channel.
    pub session: Option<String>,
    /// Only from this address.
    pub address: Option<IpAddr>,
    /// So many viewers at one time, if the token says it.
    pub streams: Option<u32>,
    /// Tokens of one identity share their limits: `jti`, else the token itself.
    pub identity: String,
    expires_s: f64,
    begins_s: f64,
}

impl Grant {
    /// Whether it is for that channel.
    pub fn is_for_channel(&self, channel: &str) -> bool {
        self.channels.iter().any(|allowed| allowed == channel)
    }

    fn is_now(&self, now: SystemTime) -> bool {
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let leeway = LEEWAY.as_secs_f64();
        now < self.expires_s + leeway && now >= self.begins_s - leeway
    }
}

/// Verifies tokens. A signature costs a tenth of a millisecond, and a player asks ten times a second: each token is verified
/// once, for as long as the keys stay the same.
#[derive(Debug)]
pub struct Verifier {
    /// Bounded: [`REMEMBERED_BYTES`]. Full: one that is seldom used is forgotten, and verified anew.
    remembered: Cache<String, Remembered>,
}

#[derive(Debug, Clone)]
struct Remembered {
    grant: Arc<Grant>,
    keys: Arc<Keys>,
}

impl Verifier {
    /// Remembers nothing yet.
    pub fn new() -> Self {
        let weigh = |token: &String, _: &Remembered| {
            u32::try_from(2 * token.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            remembered: Cache::builder()
                .weigher(weigh)
                .max_capacity(REMEMBERED_BYTES)
                .time_to_idle(Duration::from_secs(600))
                .build(),
        }
    }

    /// What the token allows, by one of these keys.
    pub fn verify(&self, token: &str, keys: &Arc<Keys>, now: SystemTime) -> Result<Arc<Grant>, TokenError> {
        let known = self.remembered.get(token);
        let grant = match known.filter(|known| Arc::ptr_eq(&known.keys, keys)) {
            Some(known) => known.grant,
            None => {
                let grant = Arc::new(verify(token, keys)?);
                let remembered = Remembered {
                    grant: grant.clone(),
                    keys: keys.clone(),
                };
                // One that has expired is not worth a place.
                if grant.is_now(now) {
                    self.remembered.insert(token.to_owned(), remembered);
                }
                grant
            }
        };
        match grant.is_now(now) {
            true => Ok(grant),
            false => Err(TokenError::NotNow),
        }
    }
}

/// Signature and claims, but for the time.
fn verify(token: &str, keys: &Keys) -> Result<Grant, TokenError> {
    let header = decode_header(token).map_err(|_| TokenError::NotOurs)?;
    // RFC 7515 4.1.11: whoever does not understand what is critical must refuse.
    if header.crit.is_some() {
        return Err(TokenError::NotOurs);
    }
    let mut fitting = keys.fitting(header.alg, header.kid.as_deref()).peekable();
    if fitting.peek().is_none() {
        let is_known = keys.fitting(header.alg, None).next().is_some();
        return Err(if is_known {
            TokenError::UnknownKey
        } else {
            TokenError::NotOurs
        });
    }
    let claims = fitting
        .find_map(|key| {
            let mut validation = Validation::new(key.algorithm);
            // The time is looked at here, for each request. The audience is the channel.
            validation.validate_exp = false;
            validation.validate_aud = false;
            decode::<Claims>(token, &key.decoding, &validation).ok()
        })
        .ok_or(TokenError::Invalid)?
        .claims;
    Ok(Grant {
        channels: match claims.channel {
            Channels::One(channel) => vec![channel],
            Channels::Several(channels) => channels,
        },
        session: claims.session,
        address: claims.ip,
        streams: claims.streams,
        identity: claims.jti.unwrap_or_else(|| token.to_owned()),
        expires_s: claims.exp,
        begins_s: claims.nbf.unwrap_or(0.0),
    })
}
