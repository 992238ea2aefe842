//! Stream keys: only their hashes are held and compared.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// How a key that is hashed begins in the configuration.
const HASHED: &str = "sha256:";

/// A secret that admits an encoder to a channel, as its SHA-256. Never printed; compared in constant time.
///
/// A fast hash is right for keys that are long and random, as `vitrine key new` makes them: nobody guesses 160 bits, however fast. A
/// slow one (argon2) would protect short keys, but has to be computed for each attempt of each stranger: the port would be a
/// lever to keep the processors busy.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamKey([u8; 32]);

/// A hash of a key that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sha256: must be followed by 64 hexadecimal digits: make it with `vitrine key hash`")]
pub struct BadHash;

impl StreamKey {
    /// A key in plain text; the text is not changed. One with a `?` in it matches nothing: what follows a `?` in an
    /// encoder's key is a query.
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(Sha256::digest(key.as_ref().as_bytes()).into())
    }

    /// A key as it stands in the config: in plain text, or `sha256:` and the hash of it.
    ///
    /// # Errors
    /// [`BadHash`].
    pub fn parse(text: &str) -> Result<Self, BadHash> {
        if Self::is_hashed(text) {
            Self::parse_hash(text)
        } else {
            Ok(Self::new(text))
        }
    }

    /// A key of which only the hash is kept: `sha256:` and the hash.
    ///
    /// # Errors
    /// [`BadHash`].
    pub fn parse_hash(text: &str) -> Result<Self, BadHash> {
        let digits = text.strip_prefix(HASHED).ok_or(BadHash)?;
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() || !digits.is_ascii() {
            return Err(BadHash);
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            let pair = digits.get(2 * at..2 * at + 2).ok_or(BadHash)?;
            // `from_str_radix` takes a sign too.
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(BadHash);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| BadHash)?;
        }
        Ok(Self(hash))
    }

    /// Whether a key of the config is hashed.
    pub fn is_hashed(text: &str) -> bool {
        text.starts_with(HASHED)
    }

    /// As it stands in the config when it is hashed.
    pub fn hash(&self) -> String {
        let digits = self.0.iter().map(|byte| format!("{byte:02x}"));
        std::iter::once(HASHED.to_owned()).chain(digits).collect()
    }

    /// Whether both are one key.
    pub(super) fn matches(&self, offered: &Self) -> Choice {
        self.0.ct_eq(&offered.0)
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_key_and_its_hash_are_one() {
        let plain = StreamKey::new("abc");
        assert_eq!(plain.hash(), ABC);
        for text in ["abc", ABC, &ABC.to_uppercase().replace("SHA256", "sha256")] {
            assert!(
                bool::from(StreamKey::parse(text).unwrap().matches(&plain)),
                "{text}"
            );
        }
        assert!(
            !bool::from(StreamKey::new(ABC).matches(&plain)),
            "a hash is no key"
        );
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in [
            "sha256:",
            "sha256:00",
            &format!("{ABC}00"),
            &ABC.replace("ba", "zz"),
            &ABC.replace("ba78", "+a78"),
            &ABC.replace("ba78", "öö"),
        ] {
            assert_eq!(StreamKey::parse(text), Err(BadHash), "{text}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", StreamKey::new("secret")), "StreamKey(…)");
    }
}
