//! The keys that tokens are verified by: a JWK Set (RFC 7517), each key for one algorithm.
//!
//! A token's header does not choose the algorithm: it is the key's, by its kind. So no token is verified by a public key taken
//! for a secret, and none without a signature (RFC 8725 3.1).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Keys of one set; a token without `kid` is tried with each of its algorithm.
const MOST_KEYS: usize = 32;
/// RFC 7518 3.2: a secret is at least as long as the hash.
const SHORTEST_SECRET: usize = 32;

/// Why a set of keys is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a set of keys.
    #[error("not a JWK Set (RFC 7517): {0}: give {{\"keys\": […]}}")]
    NotASet(#[from] serde_json::Error),
    /// Nothing in it can be used.
    #[error(
        "no key in it can be used: give HS256 (kty oct), ES256 (EC, P-256) or EdDSA (OKP, Ed25519), for signatures"
    )]
    NoneOfUse,
    /// Too many.
    #[error("{count} keys, more than {MOST_KEYS}: leave out those whose tokens have expired")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A secret that can be guessed.
    #[error("a secret (kty oct) of {bytes} bytes: make one of at least {SHORTEST_SECRET} random bytes")]
    ShortSecret {
        /// Its length.
        bytes: usize,
    },
}

/// Where a set comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A file of the operator's: secrets may be in it.
    File,
    /// A URL, that others read as well: a secret in it is none, and is passed over.
    Published,
}

/// One key.
pub struct Key {
    /// `kid`.
    pub id: Option<String>,
    /// The one algorithm that it is for.
    pub algorithm: Algorithm,
    /// The key itself.
    pub decoding: DecodingKey,
}

/// A set of keys.
#[derive(Default)]
pub struct Keys(Vec<Key>);

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// Reads a set. What this program has no use for (RSA keys, keys for encryption) is passed over.
    pub fn read(json: &[u8], trust: Trust) -> Result<Self, KeyError> {
        let Set { keys: values } = serde_json::from_slice(json)?;
        if values.len() > MOST_KEYS {
            return Err(KeyError::TooMany { count: values.len() });
        }
        let mut keys = Vec::new();
        for value in values {
            let jwk = serde_json::from_value::<Jwk>(value).ok();
            if let Some(key) = jwk.map(|jwk| Key::read(&jwk, trust)).transpose()?.flatten() {
                keys.push(key);
            }
        }
        match keys.is_empty() {
            true => Err(KeyError::NoneOfUse),
            false => Ok(Self(keys)),
        }
    }

    /// This set and another one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is one of that algorithm, and that id if one is named.
    pub fn fitting(&self, algorithm: Algorithm, id: Option<&str>) -> impl Iterator<Item = &Key> {
        self.0
            .iter()
            .filter(move |key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id))
    }
}

impl Key {
    /// `None`: nothing for us.
    fn read(jwk: &Jwk, trust: Trust) -> Result<Option<Self>, KeyError> {
        let (algorithm, own) = match &jwk.algorithm {
            AlgorithmParameters::OctetKey(_) if trust == Trust::File => {
                (Algorithm::HS256, KeyAlgorithm::HS256)
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return Ok(None),
        };
        let is_for_it = jwk.common.key_algorithm.is_none_or(|named| named == own);
        let is_for_signing = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let Some(decoding) = DecodingKey::from_jwk(jwk)
            .ok()
            .filter(|_| is_for_it && is_for_signing)
        else {
            return Ok(None);
        };
        if algorithm == Algorithm::HS256 {
            let bytes = decoding.try_get_as_bytes().map_or(0, <[u8]>::len);
            if bytes < SHORTEST_SECRET {
                return Err(KeyError::ShortSecret { bytes });
            }
        }
        Ok(Some(Self {
            id: jwk.common.key_id.clone(),
            algorithm,
            decoding,
        }))
    }
}

/// Secrets are shown to nobody.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named = self.0.iter().map(|key| (key.algorithm, key.id.as_deref()));
        f.debug_list().entries(named).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = r#"{"kty":"oct","kid":"s","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#;
    const EC: &str = r#"{"kty":"EC","crv":"P-256","kid":"e","use":"sig","x":"6tj-NH_taZAr_0RTahNztKnH2TZ-kbCQMLYRzQ5skck","y":"R8APIdyL_94r1FCz_t7GOJ6S0DhDli-ZNUo5neKHe1g"}"#;
    const ED: &str =
        r#"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn read(keys: &[&str], trust: Trust) -> String {
        match Keys::read(format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes(), trust) {
            Ok(keys) => format!("{keys:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_kind_of_key_is_for_one_algorithm() {
        let all = r#"[(HS256, Some("s")), (ES256, Some("e")), (EdDSA, None)]"#;
        assert_eq!(read(&[SECRET, EC, ED], Trust::File), all);
        // A published secret is none.
        let published = r#"[(ES256, Some("e")), (EdDSA, None)]"#;
        assert_eq!(read(&[SECRET, EC, ED], Trust::Published), published);
    }

    #[test]
    fn what_is_of_no_use_is_passed_over_and_what_is_dangerous_refused() {
        let rsa = r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#;
        let p384 = EC.replace("P-256", "P-384");
        let encrypting = ED.replace("\"crv\"", "\"use\":\"enc\",\"crv\"");
        let for_another = SECRET.replace("\"kid\"", "\"alg\":\"HS512\",\"kid\"");
        let unknown = r#"{"kty":"from-the-future"}"#;
        let only = r#"[(EdDSA, None)]"#;
        let all = [rsa, &p384, &encrypting, &for_another, unknown, ED];
        assert_eq!(read(&all, Trust::File), only);
        let table: [(&[&str], &str); 3] = [
            (&[rsa], "no key in it can be used"),
            (
                &[r#"{"kty":"oct","k":"c2hvcnQ"}"#],
                "a secret (kty oct) of 5 bytes",
            ),
            (&[ED; 33], "33 keys"),
        ];
        for (keys, expected) in table {
            let message = read(keys, Trust::File);
            assert!(message.starts_with(expected), "{message}");
        }
        assert!(Keys::read(b"[]", Trust::File).is_err());
    }
}
