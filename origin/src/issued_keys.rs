//! Stream keys that the control API creates and revokes while the program runs, and the file that they are kept in.
//!
//! ```text
//! POST, DELETE …/keys ─► IssuedKeys ─► the file (hashes only) ─► Reception: who may publish from now on
//! ```

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use vitrine_ingest::{BadHash, Input, Reception, StreamKey, wall_clock};

use crate::channel::unique_id;
use crate::keys::new_key;

/// Keys of one channel that are in force.
const MOST_KEYS: usize = 64;
/// Bounded: revoked keys of one channel that are still listed. Full: the one revoked first is forgotten.
const REVOKED_KEPT: usize = 64;

/// A key that was created here, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Never used twice.
    pub id: String,
    /// The channel that it opens.
    pub channel: String,
    /// What people call it.
    pub name: String,
    /// Which of the channel's inputs.
    pub input: Input,
    /// `sha256:…`.
    hash: String,
    /// When it was created (RFC 3339).
    pub created_at: String,
    /// Name of the token by which it was.
    pub created_by: String,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// Name of the token by which it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
}

/// Why there are no keys, or no more of them.
#[derive(Debug, thiserror::Error)]
pub enum IssuedKeysError {
    /// The file cannot be read or written.
    #[error("access.keys_file = {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what was written there.
    #[error("access.keys_file = {}: {problem}: put back what was there, or move it away: the keys in it are void then", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// There is none.
    #[error("keys are created only where they are kept: set access.keys_file")]
    NoFile,
    /// The channel has as many as it may have.
    #[error("the channel has {MOST_KEYS} keys: revoke those that nobody uses")]
    TooMany,
    /// The system gives no random bytes.
    #[error("no random bytes for a key: {0}")]
    Random(io::Error),
}

/// The keys of every channel that were created here.
#[derive(Debug)]
pub struct IssuedKeys {
    path: Option<PathBuf>,
    records: Mutex<Vec<KeyRecord>>,
    reception: Arc<Reception>,
}

impl IssuedKeys {
    /// Reads the keys of the file, and lets their holders in.
    ///
    /// # Errors
    /// [`IssuedKeysError::File`], [`IssuedKeysError::Parse`].
    pub fn open(path: Option<PathBuf>, reception: Arc<Reception>) -> Result<Self, IssuedKeysError> {
        let records = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let channels: BTreeSet<&str> = records.iter().map(|record| record.channel.as_str()).collect();
        for channel in channels {
            let keys = in_force(&records, channel).map_err(|error| IssuedKeysError::Parse {
                path: path.clone().unwrap_or_default(),
                problem: error.to_string(),
            })?;
            reception.set_issued(channel, keys);
        }
        Ok(Self {
            path,
            records: Mutex::new(records),
            reception,
        })
    }

    /// The keys of a channel, the oldest first.
    pub async fn list(&self, channel: &str) -> Vec<KeyRecord> {
        let records = self.records.lock().await;
        let own = records.iter().filter(|record| record.channel == channel);
        own.cloned().collect()
    }

    /// Creates a key for an input of `channel`; the key itself is known to nobody else from now on.
    ///
    /// # Errors
    /// [`IssuedKeysError`]: nothing was created.
    pub async fn create(
        &self,
        channel: &str,
        name: String,
        input: Input,
        by: &str,
    ) -> Result<(KeyRecord, String), IssuedKeysError> {
        let mut records = self.records.lock().await;
        let in_force = |record: &&KeyRecord| record.channel == channel && record.revoked_at.is_none();
        if records.iter().filter(in_force).count() >= MOST_KEYS {
            return Err(IssuedKeysError::TooMany);
        }
        let key = new_key().map_err(IssuedKeysError::Random)?;
        let record = KeyRecord {
            id: unique_id(),
            channel: channel.to_owned(),
            name,
            input,
            hash: StreamKey::new(&key).hash(),
            created_at: wall_clock().to_string(),
            created_by: by.to_owned(),
            revoked_at: None,
            revoked_by: None,
        };
        let mut next = records.clone();
        next.push(record.clone());
        self.take(&mut records, next, channel).await?;
        tracing::info!(
            channel,
            key = record.id,
            input = input.name(),
            by,
            "stream key created"
        );
        Ok((record, key))
    }

    /// Revokes a key: its holder is sent away, and not let in again. `None`: the channel has none of that id in force.
    ///
    /// # Errors
    /// [`IssuedKeysError`]: it is still in force.
    pub async fn revoke(
        &self,
        channel: &str,
        id: &str,
        by: &str,
    ) -> Result<Option<KeyRecord>, IssuedKeysError> {
        let mut records = self.records.lock().await;
        let mut next = records.clone();
        let found = next
            .iter_mut()
            .find(|record| record.channel == channel && record.id == id && record.revoked_at.is_none());
        let Some(record) = found else { return Ok(None) };
        record.revoked_at = Some(wall_clock().to_string());
        record.revoked_by = Some(by.to_owned());
        let revoked = record.clone();
        forget_oldest(&mut next, channel);
        self.take(&mut records, next, channel).await?;
        tracing::info!(channel, key = id, by, "stream key revoked");
        Ok(Some(revoked))
    }

    /// Writes the records down; then they are in force.
    async fn take(
        &self,
        records: &mut Vec<KeyRecord>,
        next: Vec<KeyRecord>,
        channel: &str,
    ) -> Result<(), IssuedKeysError> {
        let path = self.path.clone().ok_or(IssuedKeysError::NoFile)?;
        let failed = |source| IssuedKeysError::File {
            path: path.clone(),
            source,
        };
        let keys = in_force(&next, channel).map_err(|error| failed(io::Error::other(error)))?;
        let (place, written) = (path.clone(), next.clone());
        let writing = tokio::task::spawn_blocking(move || write(&place, &written));
        let written = writing
            .await
            .map_err(io::Error::other)
            .and_then(|written| written);
        written.map_err(failed)?;
        *records = next;
        self.reception.set_issued(channel, keys);
        Ok(())
    }
}

fn in_force(records: &[KeyRecord], channel: &str) -> Result<Vec<(StreamKey, Input)>, BadHash> {
    let own = records
        .iter()
        .filter(|record| record.channel == channel && record.revoked_at.is_none());
    own.map(|record| Ok((StreamKey::parse_hash(&record.hash)?, record.input)))
        .collect()
}

fn forget_oldest(records: &mut Vec<KeyRecord>, channel: &str) {
    let is_revoked = |record: &&KeyRecord| record.channel == channel && record.revoked_at.is_some();
    if records.iter().filter(is_revoked).count() <= REVOKED_KEPT {
        return;
    }
    let oldest = records
        .iter()
        .filter(is_revoked)
        .min_by_key(|record| record.revoked_at.clone());
    if let Some(id) = oldest.map(|record| record.id.clone()) {
        records.retain(|record| record.id != id);
    }
}

fn read(path: &Path) -> Result<Vec<KeyRecord>, IssuedKeysError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(IssuedKeysError::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    serde_json::from_slice(&text).map_err(|error| IssuedKeysError::Parse {
        path: path.to_owned(),
        problem: error.to_string(),
    })
}

/// Whole or not at all, and on the disk.
fn write(path: &Path, records: &[KeyRecord]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&serde_json::to_vec_pretty(records)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use vitrine_ingest::{Door, Entry, OnBusy, Publication};

    use super::*;

    fn reception() -> (Arc<Reception>, mpsc::Receiver<Publication>) {
        let (publications, queue) = mpsc::channel(1);
        let door = |channel: &str| Door {
            channel: channel.into(),
            keys: vec![StreamKey::new(format!("key-of-{channel}"))],
            backup_keys: Vec::new(),
            on_busy: OnBusy::Refuse,
            publications: publications.clone(),
        };
        (
            Arc::new(Reception::new("live", vec![door("demo"), door("other")])),
            queue,
        )
    }

    /// The channel and input that a key opens.
    fn opens(reception: &Reception, key: &str) -> Option<(String, Input)> {
        match reception.admit_to(std::net::Ipv4Addr::LOCALHOST.into(), None, key) {
            Ok(Entry::Admitted(admission)) => Some((admission.channel.clone(), admission.input)),
            _ => None,
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("vitrine-keys-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[tokio::test]
    async fn a_key_opens_its_input_until_it_is_revoked_and_after_a_restart() {
        let folder = folder("life");
        let file = folder.join("keys.json");
        let (first, _queue) = reception();
        let keys = IssuedKeys::open(Some(file.clone()), first.clone()).unwrap();
        let (record, key) = keys
            .create("demo", "van".into(), Input::Backup, "boss")
            .await
            .unwrap();
        let (_, other) = keys
            .create("demo", "hall".into(), Input::Primary, "boss")
            .await
            .unwrap();
        assert_ne!(key, other);
        assert_eq!(opens(&first, &key), Some(("demo".into(), Input::Backup)));
        assert!(
            !std::fs::read_to_string(&file).unwrap().contains(&key),
            "only its hash is kept"
        );

        let (second, _queue) = reception();
        let keys = IssuedKeys::open(Some(file.clone()), second.clone()).unwrap();
        assert_eq!(opens(&second, &key), Some(("demo".into(), Input::Backup)));
        assert_eq!(
            keys.revoke("other", &record.id, "boss").await.unwrap(),
            None,
            "another channel's"
        );
        let revoked = keys.revoke("demo", &record.id, "chief").await.unwrap().unwrap();
        assert_eq!(revoked.revoked_by.as_deref(), Some("chief"));
        assert_eq!(
            keys.revoke("demo", &record.id, "boss").await.unwrap(),
            None,
            "it is already"
        );
        assert_eq!(opens(&second, &key), None);
        assert_eq!(opens(&second, &other), Some(("demo".into(), Input::Primary)));

        let (third, _queue) = reception();
        let keys = IssuedKeys::open(Some(file), third.clone()).unwrap();
        assert_eq!(opens(&third, &key), None);
        let listed: Vec<_> = keys.list("demo").await;
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0], revoked);
        assert!(keys.list("other").await.is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_kept_is_not_created() {
        let (reception, _queue) = reception();
        let keys = IssuedKeys::open(None, reception.clone()).unwrap();
        let error = keys
            .create("demo", "van".into(), Input::Primary, "boss")
            .await
            .unwrap_err();
        assert!(matches!(error, IssuedKeysError::NoFile), "{error}");
        let nowhere = folder("nowhere").join("missing").join("keys.json");
        let keys = IssuedKeys::open(Some(nowhere), reception).unwrap();
        let error = keys
            .create("demo", "van".into(), Input::Primary, "boss")
            .await
            .unwrap_err();
        assert!(matches!(error, IssuedKeysError::File { .. }), "{error}");
        assert!(keys.list("demo").await.is_empty());
    }

    #[tokio::test]
    async fn a_file_that_is_not_understood_lets_nobody_in() {
        let folder = folder("broken");
        let file = folder.join("keys.json");
        let record = |hash: &str| {
            format!(
                r#"[{{"id": "a", "channel": "demo", "name": "n", "input": "primary", "hash": "{hash}", "created_at": "", "created_by": ""}}]"#
            )
        };
        for text in [
            "[{",
            "{}",
            &record("sha256:00"),
            &record("plain"),
            r#"[{"id": "a"}]"#,
        ] {
            std::fs::write(&file, text).unwrap();
            let error = IssuedKeys::open(Some(file.clone()), reception().0).unwrap_err();
            assert!(matches!(error, IssuedKeysError::Parse { .. }), "{text}: {error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn keys_are_bounded_in_number() {
        let folder = folder("many");
        let keys = IssuedKeys::open(Some(folder.join("keys.json")), reception().0).unwrap();
        let mut ids = Vec::new();
        for number in 0..MOST_KEYS {
            let created = keys
                .create("demo", number.to_string(), Input::Primary, "boss")
                .await;
            ids.push(created.unwrap().0.id);
        }
        let more = keys.create("demo", "more".into(), Input::Primary, "boss").await;
        assert!(matches!(more, Err(IssuedKeysError::TooMany)), "{more:?}");
        assert!(
            keys.create("other", "one".into(), Input::Primary, "boss")
                .await
                .is_ok()
        );
        for id in &ids {
            keys.revoke("demo", id, "boss").await.unwrap().unwrap();
        }
        let (record, _) = keys
            .create("demo", "again".into(), Input::Primary, "boss")
            .await
            .unwrap();
        keys.revoke("demo", &record.id, "boss").await.unwrap().unwrap();
        assert_eq!(keys.list("demo").await.len(), REVOKED_KEPT);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
