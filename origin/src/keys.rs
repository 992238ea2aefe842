//! `vitrine key`: stream keys made and hashed.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};

use clap::Subcommand;
use vitrine_ingest::StreamKey;

/// Random bytes of a new key: nobody guesses 160 bits.
const KEY_BYTES: usize = 20;

/// Characters of the shortest key that is hashed: a shorter one can be guessed from its hash.
const SHORTEST: usize = 16;

/// The alphabet of keys (RFC 4648, base32): nothing in it has to be escaped in a URL, or is taken for something else.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What to do with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum KeyCommand {
    /// Makes a key; prints it for the encoder, and its hash for stream_keys.
    New,
    /// Reads a key from the standard input; prints its hash for stream_keys.
    Hash,
}

/// Why there is no key or hash.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system gives no random bytes, or takes no output.
    #[error("{0}: standard input, standard output and /dev/urandom are needed")]
    Io(#[from] io::Error),
    /// The key is too short.
    #[error(
        "a key of less than {SHORTEST} characters can be guessed from its hash: make one with `vitrine key new`"
    )]
    TooShort,
}

impl KeyCommand {
    /// Does it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn run(self, input: &mut impl BufRead, output: &mut impl Write) -> Result<(), KeyError> {
        match self {
            Self::New => {
                let key = new_key()?;
                writeln!(output, "Stream key   {key}")?;
                writeln!(output, "stream_keys  \"{}\"", StreamKey::new(&key).hash())?;
            }
            Self::Hash => {
                let mut line = String::new();
                input.read_line(&mut line)?;
                let key = line.trim();
                if key.len() < SHORTEST {
                    return Err(KeyError::TooShort);
                }
                writeln!(output, "{}", StreamKey::new(key).hash())?;
            }
        }
        Ok(())
    }
}

/// A key that nobody has.
pub(crate) fn new_key() -> io::Result<String> {
    let mut bytes = [0; KEY_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(text(&bytes))
}

/// Five bits a character.
fn text(bytes: &[u8; KEY_BYTES]) -> String {
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    bits.chunks(5)
        .map(|five| five.iter().fold(0, |value, bit| value << 1 | usize::from(*bit)))
        .map(|value| char::from(ALPHABET[value]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: KeyCommand, input: &str) -> Result<String, KeyError> {
        let mut output = Vec::new();
        command.run(&mut input.as_bytes(), &mut output)?;
        Ok(String::from_utf8(output).unwrap())
    }

    #[test]
    fn a_new_key_is_long_and_another_each_time_and_goes_with_its_hash() {
        let [first, second] = [(); 2].map(|()| run(KeyCommand::New, "").unwrap());
        assert_ne!(first, second);
        let words: Vec<&str> = first.split_whitespace().collect();
        let [_, _, key, _, hash] = words[..] else {
            panic!("{first}")
        };
        assert_eq!(key.len(), 32);
        assert_eq!(format!("\"{}\"", StreamKey::new(key).hash()), hash);
        assert_eq!(
            run(KeyCommand::Hash, &format!("{key}\n")).unwrap().trim(),
            hash.trim_matches('"')
        );
    }

    #[test]
    fn bytes_are_written_five_bits_a_character() {
        let mut bytes = [0; KEY_BYTES];
        bytes[..5].copy_from_slice(b"hello");
        assert!(text(&bytes).starts_with("nbswy3dp"), "RFC 4648");
    }

    #[test]
    fn a_short_key_is_not_hashed() {
        assert!(matches!(run(KeyCommand::Hash, "demo\n"), Err(KeyError::TooShort)));
    }
}
