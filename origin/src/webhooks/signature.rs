//! How a receiver knows that a notice is ours (Standard Webhooks 1.0.0, "Signature scheme").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::config::Secret;

const PREFIX: &str = "whsec_";

/// Bytes of the shortest secret.
const SHORTEST: usize = 24;

/// Not a secret to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be whsec_ and the base64 of at least {SHORTEST} random bytes: echo whsec_$(openssl rand -base64 32)"
)]
pub struct BadSecret;

/// Signs notices.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// Signs with a secret.
    pub fn new(secret: &Secret) -> Result<Self, BadSecret> {
        let text = secret.expose().strip_prefix(PREFIX).ok_or(BadSecret)?;
        let key = STANDARD.decode(text).map_err(|_| BadSecret)?;
        if key.len() < SHORTEST {
            return Err(BadSecret);
        }
        Hmac::new_from_slice(&key).map(Self).map_err(|_| BadSecret)
    }

    /// The value of `webhook-signature`. `sent_s`: seconds since the epoch.
    pub(super) fn sign(&self, id: &str, sent_s: i64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{sent_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(text: &str) -> Result<Signer, BadSecret> {
        Signer::new(&Secret::from(text.to_owned()))
    }

    /// The example that the scheme's libraries are tested by.
    #[test]
    fn a_notice_is_signed_as_receivers_check_it() {
        let signer = signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signer.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_not_taken() {
        for wrong in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_?",
        ] {
            assert!(signer(wrong).is_err(), "{wrong}");
        }
    }
}
