//! Encryption (draft 6): AES in counter mode under keys that are wrapped with the passphrase.

use std::fmt;

use aes::cipher::{KeyIvInit, StreamCipher};
use aes::{Aes128, Aes192, Aes256};
use aes_kw::{KekAes128, KekAes192, KekAes256};
use bytes::Bytes;
use ctr::Ctr128BE;
use sha1::Sha1;

use super::packet::{KeySlot, Sequence};

/// Iterations that derive the key encrypting key (6.1.4).
const ITERATIONS: u32 = 2048;

/// Bytes that a wrapped key is longer by (RFC 3394).
const WRAP: usize = 8;

/// Bytes of the longest key.
const MAX_KEY: usize = 32;

/// A passphrase, 10 to 79 bytes. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

impl Passphrase {
    /// `None` for a text that is too short or too long.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (10..=79).contains(&text.len()).then_some(Self(text))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// A key material message (3.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMaterial {
    has_even: bool,
    has_odd: bool,
    key_length: usize,
    salt: [u8; 16],
    wrapped: Bytes,
}

impl KeyMaterial {
    /// Reads a message; `None` for one of another cipher, or that contradicts itself.
    pub fn read(message: &Bytes) -> Option<Self> {
        let [
            0x12,
            0x20,
            0x29,
            flags,
            _,
            _,
            _,
            _,
            cipher,
            _,
            _,
            _,
            _,
            _,
            salt_words,
            key_words,
            ..,
        ] = message[..]
        else {
            return None;
        };
        const AES_CTR: u8 = 2;
        let key_length = usize::from(key_words) * 4;
        let (has_even, has_odd) = (flags & 1 == 1, flags & 2 == 2);
        let keys = usize::from(has_even) + usize::from(has_odd);
        let wrapped_length = key_length * keys + WRAP;
        let is_known = cipher == AES_CTR && salt_words == 4 && matches!(key_length, 16 | 24 | 32) && keys > 0;
        let salt = message.get(16..32)?.try_into().ok()?;
        (is_known && message.len() == 32 + wrapped_length).then(|| Self {
            has_even,
            has_odd,
            key_length,
            salt,
            wrapped: message.slice(32..),
        })
    }

    /// The keys in it, even and odd; `None` when the passphrase is another.
    fn unwrap(&self, passphrase: &Passphrase) -> Option<[Option<Key>; 2]> {
        let mut kek = [0; MAX_KEY];
        let kek = kek.get_mut(..self.key_length)?;
        // The low 64 bits of the salt (6.1.4).
        pbkdf2::pbkdf2_hmac::<Sha1>(passphrase.0.as_bytes(), &self.salt[8..], ITERATIONS, kek);
        let mut keys = [0; 2 * MAX_KEY];
        let keys = keys.get_mut(..self.wrapped.len() - WRAP)?;
        match self.key_length {
            16 => KekAes128::try_from(&*kek).ok()?.unwrap(&self.wrapped, keys),
            24 => KekAes192::try_from(&*kek).ok()?.unwrap(&self.wrapped, keys),
            _ => KekAes256::try_from(&*kek).ok()?.unwrap(&self.wrapped, keys),
        }
        .ok()?;
        let mut found = keys
            .chunks_exact(self.key_length)
            .map(|bytes| Key(bytes.to_vec()));
        let even = if self.has_even { found.next() } else { None };
        let odd = if self.has_odd { found.next() } else { None };
        Some([even, odd])
    }
}

/// A key of 16, 24 or 32 bytes.
#[derive(Clone)]
struct Key(Vec<u8>);

/// Decrypts one caller's packets.
pub struct Decryption {
    passphrase: Passphrase,
    keys: [Option<Key>; 2],
    salt: [u8; 16],
}

impl fmt::Debug for Decryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decryption(…)")
    }
}

impl Decryption {
    /// With the keys of the handshake; `None` when the passphrase is another.
    pub fn new(passphrase: &Passphrase, material: &KeyMaterial) -> Option<Self> {
        Some(Self {
            passphrase: passphrase.clone(),
            keys: material.unwrap(passphrase)?,
            salt: material.salt,
        })
    }

    /// Takes keys that come into use later (6.1.6). `false`: they cannot be unwrapped, and nothing has changed.
    pub fn refresh(&mut self, material: &KeyMaterial) -> bool {
        let Some(keys) = material.unwrap(&self.passphrase) else {
            return false;
        };
        self.salt = material.salt;
        for (slot, key) in self.keys.iter_mut().zip(keys) {
            if key.is_some() {
                *slot = key;
            }
        }
        true
    }

    /// Decrypts a payload in place. `false`: there is no such key.
    pub fn decrypt(&self, slot: KeySlot, sequence: Sequence, payload: &mut [u8]) -> bool {
        let [even, odd] = &self.keys;
        let key = match slot {
            KeySlot::Even => even,
            KeySlot::Odd => odd,
        };
        let Some(Key(key)) = key else {
            return false;
        };
        let iv = counter(&self.salt, sequence);
        match key.len() {
            16 => Ctr128BE::<Aes128>::new_from_slices(key, &iv)
                .is_ok_and(|mut cipher| cipher.try_apply_keystream(payload).is_ok()),
            24 => Ctr128BE::<Aes192>::new_from_slices(key, &iv)
                .is_ok_and(|mut cipher| cipher.try_apply_keystream(payload).is_ok()),
            _ => Ctr128BE::<Aes256>::new_from_slices(key, &iv)
                .is_ok_and(|mut cipher| cipher.try_apply_keystream(payload).is_ok()),
        }
    }
}

/// The counter's first value (6.2.2): the packet's number in bits 16 to 47, mixed with the salt's high 112 bits.
fn counter(salt: &[u8; 16], sequence: Sequence) -> [u8; 16] {
    let number = u128::from(sequence.get()) << 16;
    let salt = u128::from_be_bytes(*salt) & !0xFFFF;
    (number ^ salt).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "a passphrase of ours";
    const SALT: [u8; 16] = *b"0123456789abcdef";

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text).unwrap()
    }

    /// A message that carries `keys`, as a caller with the passphrase makes it.
    fn message(flags: u8, key_length: usize, keys: &[u8]) -> Bytes {
        let mut kek = vec![0; key_length];
        pbkdf2::pbkdf2_hmac::<Sha1>(PASSPHRASE.as_bytes(), &SALT[8..], ITERATIONS, &mut kek);
        let mut wrapped = vec![0; keys.len() + WRAP];
        match key_length {
            16 => KekAes128::try_from(&*kek).unwrap().wrap(keys, &mut wrapped),
            24 => KekAes192::try_from(&*kek).unwrap().wrap(keys, &mut wrapped),
            _ => KekAes256::try_from(&*kek).unwrap().wrap(keys, &mut wrapped),
        }
        .unwrap();
        let words = (key_length / 4) as u8;
        let head = [0x12, 0x20, 0x29, flags, 0, 0, 0, 0, 2, 0, 2, 0, 0, 0, 4, words];
        [&head[..], &SALT, &wrapped].concat().into()
    }

    #[test]
    fn a_key_of_each_length_comes_out_with_the_right_passphrase_only() {
        for length in [16, 24, 32] {
            let material = KeyMaterial::read(&message(1, length, &vec![7; length])).unwrap();
            let decryption = Decryption::new(&passphrase(PASSPHRASE), &material).unwrap();
            assert!(decryption.decrypt(KeySlot::Even, Sequence::new(1), &mut [0; 10]));
            assert!(!decryption.decrypt(KeySlot::Odd, Sequence::new(1), &mut [0; 10]));
            assert!(Decryption::new(&passphrase("another passphrase"), &material).is_none());
        }
    }

    #[test]
    fn new_keys_come_beside_the_old() {
        let material = KeyMaterial::read(&message(1, 16, &[7; 16])).unwrap();
        let mut decryption = Decryption::new(&passphrase(PASSPHRASE), &material).unwrap();
        let both = KeyMaterial::read(&message(3, 16, &[8; 32])).unwrap();
        assert!(decryption.refresh(&both));
        let (mut even, mut odd) = ([0; 10], [0; 10]);
        assert!(decryption.decrypt(KeySlot::Even, Sequence::new(1), &mut even));
        assert!(decryption.decrypt(KeySlot::Odd, Sequence::new(1), &mut odd));
        assert_eq!(even, odd, "the same key was sent for both");
    }

    #[test]
    fn the_counter_is_the_number_mixed_with_the_salt() {
        let counter = counter(&[0xF0; 16], Sequence::new(0x0102_0304));
        let expected = [
            0xF0, 0xF0, 0xF0, 0xF0, 0xF0, 0xF0, 0xF0, 0xF0, 0xF0, 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0, 0,
        ];
        assert_eq!(counter, expected);
    }

    #[test]
    fn messages_that_contradict_themselves_are_none() {
        let good = message(1, 16, &[7; 16]);
        assert!(KeyMaterial::read(&good).is_some());
        for at in [0, 1, 2, 3, 8, 14, 15] {
            let mut bytes = good.to_vec();
            bytes[at] = 0;
            assert_eq!(KeyMaterial::read(&bytes.into()), None, "{at}");
        }
        for length in 0..good.len() {
            assert_eq!(KeyMaterial::read(&good.slice(..length)), None, "{length}");
        }
    }

    #[test]
    fn passphrases_have_their_length_and_are_not_printed() {
        assert!(Passphrase::new("123456789").is_none() && Passphrase::new("x".repeat(80)).is_none());
        assert_eq!(format!("{:?}", passphrase(PASSPHRASE)), "Passphrase(…)");
    }
}
