//! The order of a channel's commands: written down for good, then told to the channel's task.
//!
//! ```text
//! Command ─► Link::requests ─┬────────────────────────► file (fsync) ─► Link::deliveries ─► Ledger
//!                            └► NATS JetStream, for several origins ─┘
//! start:     files ─► Replay ────────────────────────────────────────────────────────────────┘
//! ```

mod files;
mod nats;
mod notes;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use vitrine_metadata_track::{Aired, Checkpoint, Command};
use vitrine_packager::media::WallTime;

pub use files::JournalError;
pub use nats::{Nats, NatsError};
pub use notes::{Note, NoteWriter};

/// Bounded: commands on their way into the order. Full: the API answers 503.
pub const IN_FLIGHT: usize = 256;

/// What is asked of whoever keeps the order.
#[derive(Debug)]
pub enum Request {
    /// Put this behind the others.
    Append(Arc<Command>),
    /// This stands at that position of an order that somebody else keeps: write the copy.
    Copy(u64, Arc<Command>),
    /// Begin a new file with this.
    Rotate(Box<Checkpoint>),
}

/// What became of a command.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// It stands at this position for ever.
    Written {
        /// Rises by at least one from command to command.
        position: u64,
        /// The command.
        command: Arc<Command>,
        /// Bytes of the file that it is in.
        file_bytes: u64,
    },
    /// It could not be written down, and does not count.
    Failed {
        /// Its id.
        id: Arc<str>,
        /// What the system said.
        problem: Arc<str>,
    },
}

/// A channel's connection to its order.
#[derive(Debug)]
pub struct Link {
    /// Bounded by [`IN_FLIGHT`].
    pub requests: mpsc::Sender<Request>,
    /// Bounded by [`IN_FLIGHT`]. Full: writing waits for the channel's task. Ends when `requests` and `notes` are dropped and
    /// everything is written.
    pub deliveries: mpsc::Receiver<Delivery>,
    /// Tells what went on air.
    pub notes: NoteWriter,
}

/// What was known when the program stopped.
#[derive(Debug, Default)]
pub struct Replay {
    /// Where it begins; `None` with the channel's first command.
    pub checkpoint: Option<Checkpoint>,
    /// What came then, in its order.
    pub entries: Vec<Entry>,
    /// The last sign of life.
    pub alive: Option<WallTime>,
}

/// Something that came.
#[derive(Debug)]
pub enum Entry {
    /// A command at its position.
    Command(u64, Arc<Command>),
    /// This event went on air on this origin.
    Aired(Aired),
}

/// Where a channel's commands are kept.
#[derive(Debug, Clone)]
pub struct Journal {
    /// The channel's own folder; `None`: in memory only, until the program stops.
    pub folder: Option<PathBuf>,
    /// Who keeps the order, if it is not the folder.
    pub nats: Option<Nats>,
}

impl Journal {
    /// Reads what is there, and goes on behind it.
    pub fn open(&self) -> Result<(Link, Replay), JournalError> {
        let (to_writer, queue) = mpsc::channel(IN_FLIGHT);
        let (told, deliveries) = mpsc::channel(IN_FLIGHT);
        let (opened, replay) = match &self.folder {
            Some(folder) => {
                let (opened, replay) = files::open(folder)?;
                (Some(opened), replay)
            }
            None => (None, Replay::default()),
        };
        let last = match (&replay.checkpoint, replay.last_position()) {
            (_, Some(position)) => position,
            (Some(checkpoint), None) => checkpoint.position,
            (None, None) => 0,
        };
        let note_file = opened.as_ref().map(files::Opened::notes).transpose()?;
        let notes = notes::start(note_file, told.clone())?;
        writer::start(opened, last, queue, told)?;
        let requests = match &self.nats {
            Some(nats) => nats.order(last, to_writer),
            None => to_writer,
        };
        let link = Link {
            requests,
            deliveries,
            notes,
        };
        Ok((link, replay))
    }
}

impl Replay {
    fn last_position(&self) -> Option<u64> {
        let positions = self.entries.iter().rev();
        positions
            .filter_map(|entry| match entry {
                Entry::Command(position, _) => Some(*position),
                Entry::Aired(_) => None,
            })
            .next()
    }
}

#[cfg(test)]
mod tests;
