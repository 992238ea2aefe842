//! Where a request has its signature, and the policy that was signed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use http::request::Parts;

use super::policy;

/// The names of a signed URL's parameters; with `CloudFront-` before them, of the cookies.
const NAMES: [&str; 4] = ["Expires", "Policy", "Signature", "Key-Pair-Id"];
const COOKIE_PREFIX: &str = "CloudFront-";
/// A longer policy or signature is none.
const LONGEST_VALUE: usize = 4096;

/// A signature and what it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters<'a> {
    /// A custom policy, as it is written in URLs; without it, a canned one.
    policy: Option<&'a str>,
    /// Seconds since 1970, of a canned policy.
    expires: Option<&'a str>,
    /// As it is written in URLs.
    pub signature: &'a str,
    /// The key's name.
    pub key_pair_id: &'a str,
}

impl<'a> Parameters<'a> {
    /// Looks into the query, then into cookies; `None` if neither has a signature and a key's name.
    pub fn find(request: &'a Parts) -> Option<Self> {
        let query = request.uri.query().unwrap_or("").split('&');
        Self::of(query).or_else(|| {
            let lines = request.headers.get_all(header::COOKIE).iter();
            let pairs = lines
                .filter_map(|line| line.to_str().ok())
                .flat_map(|line| line.split(';'));
            Self::of(pairs.filter_map(|pair| pair.trim().strip_prefix(COOKIE_PREFIX)))
        })
    }

    fn of(pairs: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut values = [None; NAMES.len()];
        for (name, value) in pairs.filter_map(|pair| pair.split_once('=')) {
            if let Some(slot) = NAMES.iter().position(|known| *known == name)
                && value.len() <= LONGEST_VALUE
            {
                values[slot].get_or_insert(value);
            }
        }
        let [expires, policy, signature, key_pair_id] = values;
        Some(Self {
            policy,
            expires,
            signature: signature?,
            key_pair_id: key_pair_id?,
        })
    }

    /// Path and query that the signature is for: CloudFront's own parameters are no part of it.
    pub fn resource(path: &str, query: &str) -> String {
        let own = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or("");
            !NAMES.contains(&name)
        };
        let query: Vec<_> = query.split('&').filter(own).collect();
        match query.join("&") {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }

    /// The text that was signed.
    pub fn policy_text(&self, url: &str) -> Option<Vec<u8>> {
        match self.policy {
            Some(policy) => decoded(policy),
            None => policy::canned(url, self.expires?),
        }
    }
}

/// Base64 in CloudFront's letters for URLs.
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    let letters: String = text
        .chars()
        .map(|letter| match letter {
            '-' => '+',
            '_' => '=',
            '~' => '/',
            other => other,
        })
        .collect();
    STANDARD.decode(letters).ok()
}
