//! The file of tokens, which is read again when it changes: tokens are given and taken without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use serde::Deserialize;
use vitrine_metadata_track::DateTime;

use super::access::{Role, SharedTokens};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A token of the file: its digest, and what its holder may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileToken {
    /// Whose it is, for the audit.
    pub(super) name: Arc<str>,
    /// Of the token.
    pub(super) sha256: HexDigest,
    pub(super) role: Role,
    /// Of which channels; none: of all.
    #[serde(default)]
    channels: Vec<String>,
    /// When it is of no use any more.
    pub(super) expires: Option<DateTime>,
}

impl FileToken {
    pub(super) fn is_of(&self, channel: &str) -> bool {
        self.channels.is_empty() || self.channels.iter().any(|own| own == channel)
    }
}

/// 32 bytes as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct HexDigest(pub [u8; 32]);

impl TryFrom<String> for HexDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let problem = "must be the token's SHA-256, 64 hexadecimal digits: printf %s TOKEN | sha256sum";
        let mut digest = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(problem);
        }
        for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| problem)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| problem)?;
        }
        Ok(Self(digest))
    }
}

/// Why the file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// It cannot be read.
    #[error("access.tokens_file = {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("access.tokens_file = {}: {problem}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
}

/// Reads the file's tokens.
pub(super) fn parse(text: &str) -> Result<Vec<FileToken>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default, rename = "token")]
        tokens: Vec<FileToken>,
    }
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let named_twice = file.tokens.iter().enumerate().find(|(index, token)| {
        let before = file.tokens.iter().take(*index);
        before.into_iter().any(|other| other.name == token.name)
    });
    match named_twice {
        Some((_, token)) => Err(format!("two tokens are named {}", token.name)),
        None => Ok(file.tokens),
    }
}

fn read(path: &Path) -> Result<Vec<FileToken>, TokensError> {
    let text = std::fs::read_to_string(path).map_err(|source| TokensError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|problem| TokensError::Parse {
        path: path.to_owned(),
        problem,
    })
}

/// The tokens of the file, if there is one. From now on they follow it; a file that cannot be read changes nothing.
pub fn follow(path: Option<&Path>) -> Result<SharedTokens, TokensError> {
    let Some(path) = path else {
        return Ok(SharedTokens::default());
    };
    let tokens = Arc::new(ArcSwap::from_pointee(read(path)?));
    let (path, shared, mut seen) = (path.to_owned(), Arc::downgrade(&tokens), changed_at(path));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(shared) = shared.upgrade() else { return };
            let now = changed_at(&path);
            if now == seen {
                continue;
            }
            seen = now;
            match read(&path) {
                Ok(tokens) => {
                    tracing::info!(count = tokens.len(), "tokens read anew");
                    shared.store(Arc::new(tokens));
                }
                Err(error) => tracing::error!(%error, "the tokens stay as they were"),
            }
        }
    });
    Ok(tokens)
}

/// When the file changed, and how long it is.
fn changed_at(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let digest = "a".repeat(64);
        let table = [
            (
                format!("[[token]]\nname = \"a\"\nsha256 = \"{digest}\"\nrole = \"boss\""),
                "unknown variant `boss`",
            ),
            (
                "[[token]]\nname = \"a\"\nsha256 = \"abc\"\nrole = \"operator\"".to_owned(),
                "64 hexadecimal",
            ),
            (
                format!(
                    "[[token]]\nname = \"a\"\nsha256 = \"{}\"\nrole = \"operator\"",
                    "é".repeat(32)
                ),
                "64 hexadecimal",
            ),
            (
                format!(
                    "[[token]]\nname = \"a\"\nsha256 = \"{digest}\"\nrole = \"operator\"\nexpires = \"soon\""
                ),
                "RFC 3339",
            ),
            (
                format!("[[token]]\nname = \"a\"\nsha256 = \"{digest}\"\nrole = \"operator\"\nplain = \"a\""),
                "unknown field `plain`",
            ),
            (
                format!("[[token]]\nname = \"a\"\nsha256 = \"{digest}\"\nrole = \"operator\"\n").repeat(2),
                "two tokens are named a",
            ),
        ];
        for (text, expected) in table {
            let problem = parse(&text).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
        assert!(parse("").unwrap().is_empty());
    }
}
