//! Who may watch: signed playback tokens, or what CloudFront takes for one; and how much each address and each token may ask for.
//!
//! ```text
//! request ─► credentials (path, query or cookie) ─► address's rate ─► token: verified once, then remembered
//!              └─ path and query without the token       └─► channel, session, address, rate, streams ─► cache
//! ```
//!
//! A token is looked at here and goes no further: neither into a key of the cache, nor to an origin, nor into a log. However
//! many tokens there are, each object is kept once.

mod address;
pub mod answers;
mod cloudfront;
mod config;
mod credentials;
mod keys;
mod limits;
mod rotation;
#[cfg(test)]
mod tests;
mod token;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::StatusCode;
use http::header;
use http::request::Parts;
use metrics::counter;

pub use address::client_address;
pub use cloudfront::{Cloudfront, CloudfrontError, CloudfrontKey, SignedError};
pub use config::AccessConfig;
pub use credentials::{Credentials, Place};
pub use keys::{KeyError, Keys};
pub use rotation::{Rotation, RotationError};
pub use token::{Grant, TokenError};

use limits::{AddressRates, TokenUses};
use token::Verifier;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is none, and one is needed.
    #[error("a playback token is needed: /t/TOKEN/live/…, ?token=TOKEN or the cookie vitrine_token")]
    NoToken,
    /// It is none of ours, or its time is over.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Neither a signature of CloudFront's scheme.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// It is good, but not for this.
    #[error("the token is for another {0}")]
    Elsewhere(&'static str),
    /// No key has come yet, so nothing can be verified.
    #[error("no key to verify tokens has come yet")]
    NoKeys,
    /// Too many requests.
    #[error("too many requests from one {0}")]
    TooOften(&'static str),
    /// Too many viewers with one token.
    #[error("the token is in use by as many viewers as it may be")]
    TooManyStreams,
}

impl Refused {
    /// The status for the viewer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::Token(_) => StatusCode::UNAUTHORIZED,
            // As CloudFront does.
            Self::Elsewhere(_) | Self::Signed(_) => StatusCode::FORBIDDEN,
            Self::NoKeys => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooOften(_) | Self::TooManyStreams => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The value of the label `reason` of metrics.
    fn label(&self) -> &'static str {
        match self {
            Self::NoToken => "no-token",
            Self::Token(error) => error.label(),
            Self::Signed(error) => error.label(),
            Self::Elsewhere(_) => "elsewhere",
            Self::NoKeys => "no-keys",
            Self::TooOften(_) => "rate",
            Self::TooManyStreams => "streams",
        }
    }
}

/// A request that may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted<'a> {
    /// Its path without a token.
    pub path: &'a str,
    /// Its query; what is no delivery directive is dropped later on.
    pub query: &'a str,
    /// A token was needed: no shared cache may show the answer to others.
    pub personal: bool,
    /// Where the player should ask instead, as a reference relative to the request's path.
    pub redirect: Option<String>,
}

/// Decides on requests.
#[derive(Debug)]
pub struct Access {
    rates: AddressRates,
    trusted_proxies: Vec<ipnet::IpNet>,
    tokens: Option<Tokens>,
    cloudfront: Option<Cloudfront>,
    uses: TokenUses,
}

#[derive(Debug)]
struct Tokens {
    keys: Arc<Rotation>,
    verifier: Verifier,
}

impl Access {
    /// By the configuration; `keys` are there if tokens are taken, `cloudfront` if signatures are.
    pub fn new(config: &AccessConfig, keys: Option<Arc<Rotation>>, cloudfront: Option<Cloudfront>) -> Self {
        Self {
            rates: AddressRates::new(config.requests_per_second_per_address),
            trusted_proxies: config.trusted_proxies.clone(),
            tokens: keys.map(|keys| Tokens {
                keys,
                verifier: Verifier::new(),
            }),
            cloudfront,
            uses: TokenUses::new(config),
        }
    }

    /// Lets a request in, or says why not. `peer` is the connection's other end.
    pub fn admit<'a>(&self, request: &'a Parts, peer: IpAddr) -> Result<Admitted<'a>, Refused> {
        self.decide(request, peer).inspect_err(|refused| {
            counter!("vitrine_edge_refused_total", "reason" => refused.label()).increment(1);
        })
    }

    fn decide<'a>(&self, request: &'a Parts, peer: IpAddr) -> Result<Admitted<'a>, Refused> {
        let address = client_address(peer, &request.headers, &self.trusted_proxies);
        // First of all: a signature costs more to verify than a forged one to send.
        self.rates.admit(address)?;
        let query = request.uri.query().unwrap_or("");
        if self.tokens.is_none() && self.cloudfront.is_none() {
            return Ok(Admitted {
                path: request.uri.path(),
                query,
                personal: false,
                redirect: None,
            });
        }
        let found = Credentials::find(request);
        let personal = found.path.starts_with("/live/");
        if personal {
            self.check(&found, request, address)?;
        }
        Ok(Admitted {
            path: found.path,
            query,
            personal,
            redirect: found.path_form(),
        })
    }

    /// A token, if there is one and tokens are taken; else a signature.
    fn check(&self, found: &Credentials<'_>, request: &Parts, address: IpAddr) -> Result<(), Refused> {
        let agent = request.headers.get(header::USER_AGENT);
        let viewer = (address, agent.map_or(&[][..], |agent| agent.as_bytes()));
        let signed = self.tokens.is_none() || (found.token.is_none() && Cloudfront::is_signed(request));
        if let Some(cloudfront) = self.cloudfront.as_ref().filter(|_| signed) {
            let signature = cloudfront.check(request, found.path, address, SystemTime::now())?;
            return self.uses.admit(signature, None, viewer, Instant::now());
        }
        let tokens = self.tokens.as_ref().ok_or(Refused::NoToken)?;
        let grant = tokens.check(found, address)?;
        self.uses
            .admit(&grant.identity, grant.streams, viewer, Instant::now())
    }
}

impl Tokens {
    fn check(&self, found: &Credentials<'_>, address: IpAddr) -> Result<Arc<Grant>, Refused> {
        let keys = self.keys.now();
        if keys.is_empty() {
            return Err(Refused::NoKeys);
        }
        let token = found.token.ok_or(Refused::NoToken)?;
        let grant = self.verifier.verify(token, &keys, SystemTime::now());
        if grant == Err(TokenError::UnknownKey) {
            self.keys.hurry();
        }
        let grant = grant?;
        let mut names = found.path.split('/').skip(2);
        let (channel, session) = (names.next().unwrap_or(""), names.next().unwrap_or(""));
        if !grant.is_for_channel(channel) {
            return Err(Refused::Elsewhere("channel"));
        }
        // The multivariant playlist is the channel's, and names the session that is on.
        if session != "index.m3u8" && grant.session.as_deref().is_some_and(|bound| bound != session) {
            return Err(Refused::Elsewhere("session"));
        }
        if grant.address.is_some_and(|bound| bound.to_canonical() != address) {
            return Err(Refused::Elsewhere("address"));
        }
        Ok(grant)
    }
}
