//! CloudFront's signed URLs and signed cookies, checked by an edge: one credential for viewers who come through the CDN and for those
//! who are sent to an edge.
//!
//! ```text
//! query or cookies ─► Parameters ─► the policy's text ─► RSA-SHA1 by the key that is named ─► Policy: URL, time, address
//! ```
//!
//! As the CloudFront Developer Guide has it, "Serving private content with signed URLs and signed cookies".

mod parameters;
mod policy;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::request::Parts;
use moka::sync::Cache;
use rsa::RsaPublicKey;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::DecodePublicKey;
use rsa::signature::Verifier;
use serde::Deserialize;
use sha1::Sha1;

use super::AccessConfig;
use parameters::Parameters;
use policy::Policy;

/// Policies that are remembered. Full: the one that is least used is forgotten, and verified anew.
const REMEMBERED: u64 = 20_000;

/// `[[access.cloudfront_key]]`
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CloudfrontKey {
    /// CloudFront's name for it: `Key-Pair-Id`.
    pub id: String,
    /// PEM file of the public key, as it was given to CloudFront.
    pub public_key: PathBuf,
}

/// Why the keys of the configuration are of no use.
#[derive(Debug, thiserror::Error)]
pub enum CloudfrontError {
    /// There is no such file.
    #[error("access.cloudfront_key {id}: {}: {source}", path.display())]
    Read {
        /// The key's name.
        id: String,
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no key.
    #[error("access.cloudfront_key {id}: give the PEM file of an RSA public key (BEGIN PUBLIC KEY)")]
    NotAKey {
        /// The key's name.
        id: String,
    },
    /// What is signed is a whole URL.
    #[error(
        "access.cloudfront_url: give what viewers' URLs begin with, as it is signed: https://live.example.com"
    )]
    NoUrl,
}

/// Why a signature does not open anything. Viewers and logs learn no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// There is none.
    #[error("a signed URL or signed cookies are needed")]
    Missing,
    /// Its key is not known here.
    #[error("the signature's key is not known here")]
    UnknownKey,
    /// The signature is not the key's, or the policy is none that is understood.
    #[error("the signature or its policy is not valid")]
    Invalid,
    /// Its time is over, or has not begun.
    #[error("the policy's time is not now")]
    NotNow,
    /// It is good, but not for this.
    #[error("the policy is for another {0}")]
    Elsewhere(&'static str),
}

impl SignedError {
    /// The value of the label `reason` of metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Missing => "no-signature",
            Self::UnknownKey => "unknown-key",
            Self::Invalid => "invalid",
            Self::NotNow => "not-now",
            Self::Elsewhere(_) => "elsewhere",
        }
    }
}

/// Checks signatures. One costs some tenths of a millisecond, and a player asks ten times a second: each is verified once.
#[derive(Debug)]
pub struct Cloudfront {
    keys: HashMap<String, VerifyingKey<Sha1>>,
    /// What viewers' URLs begin with: scheme and host.
    base: String,
    /// Bounded: [`REMEMBERED`].
    remembered: Cache<Signed, Arc<Policy>>,
}

/// What was verified: the policy's text, its signature, and the key's name.
type Signed = (Box<[u8]>, Box<str>, Box<str>);

impl Cloudfront {
    /// The keys of the configuration; none, if there are none.
    pub fn load(config: &AccessConfig) -> Result<Option<Self>, CloudfrontError> {
        if config.cloudfront_keys.is_empty() {
            return Ok(None);
        }
        let base = config.cloudfront_url.as_deref().unwrap_or("");
        let host = base
            .strip_prefix("https://")
            .or_else(|| base.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
            return Err(CloudfrontError::NoUrl);
        }
        let mut keys = HashMap::new();
        for CloudfrontKey { id, public_key } in &config.cloudfront_keys {
            let pem = std::fs::read_to_string(public_key).map_err(|source| CloudfrontError::Read {
                id: id.clone(),
                path: public_key.clone(),
                source,
            })?;
            keys.insert(
                id.clone(),
                read(&pem).ok_or(CloudfrontError::NotAKey { id: id.clone() })?,
            );
        }
        Ok(Some(Self {
            keys,
            base: base.to_owned(),
            remembered: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_idle(Duration::from_secs(600))
                .build(),
        }))
    }

    /// Whether the request has a signature, good or not.
    pub fn is_signed(request: &Parts) -> bool {
        Parameters::find(request).is_some()
    }

    /// The signature that opens `path` for that address; viewers with one signature share its limits.
    pub fn check<'a>(
        &self,
        request: &'a Parts,
        path: &str,
        address: IpAddr,
        now: SystemTime,
    ) -> Result<&'a str, SignedError> {
        let found = Parameters::find(request).ok_or(SignedError::Missing)?;
        let query = request.uri.query().unwrap_or("");
        let url = format!("{}{}", self.base, Parameters::resource(path, query));
        let text = found.policy_text(&url).ok_or(SignedError::Invalid)?;
        let policy = self.verified(&text, &found)?;
        policy.allows(&url, address, now)?;
        Ok(found.signature)
    }

    fn verified(&self, text: &[u8], found: &Parameters<'_>) -> Result<Arc<Policy>, SignedError> {
        let signed = (text.into(), found.signature.into(), found.key_pair_id.into());
        if let Some(policy) = self.remembered.get(&signed) {
            return Ok(policy);
        }
        let key = self.keys.get(found.key_pair_id).ok_or(SignedError::UnknownKey)?;
        let bytes = parameters::decoded(found.signature).ok_or(SignedError::Invalid)?;
        let signature = Signature::try_from(bytes.as_slice()).map_err(|_| SignedError::Invalid)?;
        key.verify(text, &signature).map_err(|_| SignedError::Invalid)?;
        let policy = Arc::new(Policy::read(text).ok_or(SignedError::Invalid)?);
        self.remembered.insert(signed, policy.clone());
        Ok(policy)
    }
}

fn read(pem: &str) -> Option<VerifyingKey<Sha1>> {
    RsaPublicKey::from_public_key_pem(pem).ok().map(VerifyingKey::new)
}
