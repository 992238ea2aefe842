//! What went on air, noted on the side: a part never waits for a disk.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use vitrine_metadata_track::{Aired, DateTime, Placed};
use vitrine_packager::media::{MediaTime, Timescale};

use super::{Delivery, files};

/// Bounded: notes that wait for the disk. Full: the newest is dropped, said and counted; after a crash its event would go on
/// air a second time, under the same id.
const QUEUE: usize = 4_096;

/// Something to note.
#[derive(Debug)]
pub enum Note {
    /// These went on air, when the commands up to that position were known.
    Aired(u64, Vec<Aired>),
    /// The session goes on.
    Alive,
    /// A new generation begins.
    Rotate,
}

/// An event that went on air, as it is written down.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AiredLine {
    /// Position of the last command that was known then.
    pub behind: u64,
    id: String,
    seq: u32,
    /// Ticks and timescale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_time: Option<(i64, u32)>,
    pdt: DateTime,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    without_effect: bool,
}

/// Takes notes without ever waiting.
#[derive(Debug)]
pub struct NoteWriter {
    /// `None`: in memory only.
    queue: Option<SyncSender<Note>>,
}

impl NoteWriter {
    /// Takes notes to no file.
    pub fn closed() -> Self {
        Self { queue: None }
    }

    /// Takes a note.
    pub fn note(&self, note: Note) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_)) = queue.try_send(note) {
            metrics::counter!("vitrine_journal_errors_total").increment(1);
            tracing::error!("the disk is too slow to note what went on air");
        }
    }
}

/// The file that notes go to.
#[derive(Debug)]
pub(super) struct NoteFile {
    pub folder: PathBuf,
    pub generation: u64,
    pub file: File,
    /// The folder's lock: held until the last note is written.
    pub _lock: File,
}

/// Starts the thread that writes to the file; it ends with the [`NoteWriter`], and lets go of `told` then.
pub(super) fn start(file: Option<NoteFile>, told: mpsc::Sender<Delivery>) -> io::Result<NoteWriter> {
    let Some(file) = file else {
        return Ok(NoteWriter::closed());
    };
    let (queue, notes) = sync_channel(QUEUE);
    thread::Builder::new()
        .name("vitrine-notes".into())
        .spawn(move || {
            write_all(file, &notes);
            drop(told);
        })?;
    Ok(NoteWriter { queue: Some(queue) })
}

fn write_all(mut to: NoteFile, notes: &Receiver<Note>) {
    let mut torn = false;
    for note in notes {
        let done = match note {
            Note::Aired(behind, aired) => write(&mut to.file, torn, behind, aired).inspect(|()| torn = false),
            Note::Alive => to.file.set_modified(SystemTime::now()),
            Note::Rotate => to.rotate(),
        };
        if let Err(error) = done {
            torn = true;
            metrics::counter!("vitrine_journal_errors_total").increment(1);
            tracing::error!(%error, "what went on air could not be noted");
        }
    }
}

impl NoteFile {
    fn rotate(&mut self) -> io::Result<()> {
        self.file = files::appending(&files::aired_path(&self.folder, self.generation + 1))?;
        self.generation += 1;
        Ok(())
    }
}

/// `torn`: the last line may be half of one, and is ended first.
fn write(file: &mut File, torn: bool, behind: u64, aired: Vec<Aired>) -> io::Result<()> {
    let mut text = if torn { vec![b'\n'] } else { Vec::new() };
    for event in aired {
        let line = AiredLine {
            behind,
            id: event.id.to_string(),
            seq: event.seq,
            media_time: event.placed.media_time.map(|at| (at.ticks, at.timescale.get())),
            pdt: DateTime(event.placed.pdt),
            late: event.placed.late,
            without_effect: event.without_effect,
        };
        serde_json::to_writer(&mut text, &line)?;
        text.push(b'\n');
    }
    file.write_all(&text)
}

impl From<AiredLine> for Aired {
    fn from(line: AiredLine) -> Self {
        let media_time = line
            .media_time
            .and_then(|(ticks, timescale)| Some(MediaTime::new(ticks, Timescale::new(timescale)?)));
        Self {
            id: line.id.into(),
            seq: line.seq,
            placed: Placed {
                media_time,
                pdt: line.pdt.0,
                late: line.late,
            },
            without_effect: line.without_effect,
        }
    }
}
