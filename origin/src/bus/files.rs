//! A channel's folder: generations of two files each, of lines of JSON.
//!
//! ```text
//! 00000007.commands   a checkpoint, then the commands behind it; each is on the disk before it is answered
//! 00000007.aired      what went on air since; a program that is killed loses nothing of it, a machine might
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use vitrine_metadata_track::{Checkpoint, Command};
use vitrine_packager::media::WallTime;

use super::notes::{AiredLine, NoteFile};
use super::{Entry, Replay};

/// Generations that are kept. One more: the oldest is deleted, and with it its part of history and audit.
pub(super) const GENERATIONS: usize = 4;
const COMMANDS: &str = "commands";
const AIRED: &str = "aired";

/// Why a channel's journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refuses.
    #[error("{}: {source}: give a folder that can be written in events.directory", path.display())]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else writes there.
    #[error("{}: another vitrine uses it: give each its own events.directory", .0.display())]
    InUse(PathBuf),
    /// A thread cannot be had.
    #[error("no thread for the journal: {0}")]
    Thread(#[from] io::Error),
}

/// A line of a file of commands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    /// The first one of a generation.
    Checkpoint {
        /// Everything before.
        checkpoint: Box<Checkpoint>,
    },
    /// Each other one.
    Command {
        /// Its place in the order.
        position: u64,
        /// What was asked.
        #[serde(flatten)]
        command: Arc<Command>,
    },
}

/// A folder that this program writes to.
#[derive(Debug)]
pub(super) struct Opened {
    pub folder: PathBuf,
    pub generation: u64,
    pub commands: File,
    /// Of the same generation, or of a later one whose commands could not be begun.
    pub aired_generation: u64,
    pub aired: File,
    /// Shared with the [`NoteFile`]: the folder is another's only when both have written everything.
    pub lock: File,
}

impl Opened {
    /// What the writer of notes needs of it.
    pub fn notes(&self) -> io::Result<NoteFile> {
        Ok(NoteFile {
            folder: self.folder.clone(),
            generation: self.aired_generation,
            file: self.aired.try_clone()?,
            _lock: self.lock.try_clone()?,
        })
    }
}

/// The file of commands of a generation.
pub(super) fn commands_path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("{generation:08}.{COMMANDS}"))
}

/// The file of what went on air in a generation.
pub(super) fn aired_path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("{generation:08}.{AIRED}"))
}

/// Opens a file to write behind what is in it.
pub(super) fn appending(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).read(true).open(path)
}

/// Makes the names of new files in a folder last.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Deletes what is older than [`GENERATIONS`].
pub(super) fn delete_old(folder: &Path, newest: u64) {
    for extension in [COMMANDS, AIRED] {
        let Ok(generations) = generations(folder, extension) else {
            return;
        };
        for generation in generations {
            if generation + GENERATIONS as u64 <= newest {
                let path = folder.join(format!("{generation:08}.{extension}"));
                if let Err(error) = std::fs::remove_file(&path) {
                    tracing::warn!(%error, path = %path.display(), "an old journal could not be deleted");
                }
            }
        }
    }
}

/// Reads a channel's folder, mends its end, and opens it for writing.
pub(super) fn open(folder: &Path) -> Result<(Opened, Replay), JournalError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| JournalError::File { path, source }
    };
    std::fs::create_dir_all(folder).map_err(at(folder))?;
    let lock_path = folder.join("lock");
    let lock = appending(&lock_path).map_err(at(&lock_path))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        Errno::WOULDBLOCK => JournalError::InUse(folder.to_owned()),
        error => at(&lock_path)(error.into()),
    })?;
    let mut found = generations(folder, COMMANDS).map_err(at(folder))?;
    let mut read = Vec::new();
    for generation in &found {
        let path = commands_path(folder, *generation);
        read.push(lines::<Line>(&path).map_err(at(&path))?);
    }
    // A crash while a generation began leaves its first line torn: it holds nothing then.
    if found.last().is_some_and(|generation| *generation > 0)
        && read.last().is_some_and(|lines| !begins_with_checkpoint(lines))
    {
        read.pop();
        if let Some(torn) = found.pop() {
            let path = commands_path(folder, torn);
            std::fs::remove_file(&path).map_err(at(&path))?;
        }
    }
    let generation = found.last().copied().unwrap_or(0);
    let (mut aired, mut aired_generation) = (Vec::new(), generation);
    for generation in generations(folder, AIRED).map_err(at(folder))? {
        if found.first().is_none_or(|first| generation >= *first) {
            let path = aired_path(folder, generation);
            aired.extend(lines::<AiredLine>(&path).map_err(at(&path))?);
            aired_generation = aired_generation.max(generation);
        }
    }
    let commands_path = commands_path(folder, generation);
    let aired_path = aired_path(folder, aired_generation);
    let alive = last_write(&aired_path).max(last_write(&commands_path));
    let opened = Opened {
        folder: folder.to_owned(),
        generation,
        commands: appending(&commands_path).map_err(at(&commands_path))?,
        aired_generation,
        aired: appending(&aired_path).map_err(at(&aired_path))?,
        lock,
    };
    sync_folder(folder).map_err(at(folder))?;
    let (checkpoint, entries) = in_order(read.into_iter().flatten(), aired);
    let replay = Replay {
        checkpoint,
        entries,
        alive,
    };
    Ok((opened, replay))
}

fn begins_with_checkpoint(lines: &[Line]) -> bool {
    matches!(lines.first(), Some(Line::Checkpoint { .. }))
}

/// The oldest checkpoint, and what came behind it: each note behind the command that it names.
fn in_order(lines: impl Iterator<Item = Line>, aired: Vec<AiredLine>) -> (Option<Checkpoint>, Vec<Entry>) {
    let (mut checkpoint, mut entries) = (None, Vec::new());
    let mut aired = aired.into_iter().peekable();
    let mut last = None;
    for line in lines {
        match line {
            // Later ones only repeat what the lines before them say.
            Line::Checkpoint { checkpoint: first } if last.is_none() => {
                last = Some(first.position);
                checkpoint = Some(*first);
            }
            Line::Command { position, command } if last.is_none_or(|last| position > last) => {
                while let Some(note) = aired.next_if(|note| note.behind < position) {
                    entries.push(Entry::Aired(note.into()));
                }
                last = Some(position);
                entries.push(Entry::Command(position, command));
            }
            _ => {}
        }
    }
    entries.extend(aired.map(|note| Entry::Aired(note.into())));
    (checkpoint, entries)
}

/// The generations of which there is such a file, oldest first.
fn generations(folder: &Path, extension: &str) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.split_once('.'));
        if let Some((number, found_extension)) = number
            && found_extension == extension
            && let Ok(number) = number.parse()
        {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads a file's lines. A last one that was not finished was not answered: it is cut off. One in the midst that cannot be
/// read is said and skipped: the rest of the show is worth more.
fn lines<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Vec<T>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let (mut read, mut good, mut line) = (Vec::new(), 0u64, Vec::new());
    let mut reader = BufReader::new(&mut file);
    let mut number = 0;
    loop {
        line.clear();
        let bytes = reader.read_until(b'\n', &mut line)?;
        if bytes == 0 || line.last() != Some(&b'\n') {
            break;
        }
        number += 1;
        good += bytes as u64;
        match serde_json::from_slice(&line) {
            Ok(value) => read.push(value),
            Err(error) => {
                tracing::error!(path = %path.display(), line = number, %error, "a line of the journal is skipped");
            }
        }
    }
    if file.seek(SeekFrom::End(0))? > good {
        tracing::info!(path = %path.display(), "the journal's last line was not finished, and is cut off");
        file.set_len(good)?;
        file.sync_all()?;
    }
    Ok(read)
}

fn last_write(path: &Path) -> Option<WallTime> {
    let written = std::fs::metadata(path).ok()?.modified().ok()?;
    let millis = written.duration_since(UNIX_EPOCH).ok()?.as_millis();
    i64::try_from(millis).ok().map(WallTime)
}
