//! The thread that writes a channel's commands down.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;
use vitrine_metadata_track::{Checkpoint, Command};

use super::files::{self, Line, Opened};
use super::{Delivery, Request};

/// Commands that share one fsync.
const BATCH: usize = 64;
/// Commands that the channel's task may not have been told of when it asks for a new file: those in the queue of deliveries.
const UNTOLD: usize = 2 * super::IN_FLIGHT;

/// Starts the thread; it ends when the queue does. `last` is the position of the newest command.
pub(super) fn start(
    opened: Option<Opened>,
    last: u64,
    queue: mpsc::Receiver<Request>,
    told: mpsc::Sender<Delivery>,
) -> io::Result<()> {
    let good = match &opened {
        Some(opened) => opened.commands.metadata()?.len(),
        None => 0,
    };
    let writer = Writer {
        opened,
        good,
        torn: false,
        last,
        recent: VecDeque::new(),
    };
    thread::Builder::new()
        .name("vitrine-journal".into())
        .spawn(move || writer.run(queue, &told))?;
    Ok(())
}

struct Writer {
    /// `None`: in memory only.
    opened: Option<Opened>,
    /// Bytes of the file that are whole lines, and on the disk.
    good: u64,
    /// There may be more in the file than that.
    torn: bool,
    last: u64,
    /// The newest commands, at most [`UNTOLD`]: a new file repeats those that its checkpoint does not have.
    recent: VecDeque<(u64, Arc<Command>)>,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Request>, told: &mpsc::Sender<Delivery>) {
        while let Some(first) = queue.blocking_recv() {
            let (mut batch, mut rotation) = (Vec::new(), None);
            let mut next = Some(first);
            while let Some(request) = next.take() {
                match request {
                    Request::Append(command) => batch.push((None, command)),
                    Request::Copy(position, command) => batch.push((Some(position), command)),
                    Request::Rotate(checkpoint) => rotation = Some(checkpoint),
                }
                if batch.len() < BATCH && rotation.is_none() {
                    next = queue.try_recv().ok();
                }
            }
            if !batch.is_empty() && self.append(batch, told).is_err() {
                return;
            }
            if let Some(checkpoint) = rotation {
                self.rotate(*checkpoint);
            }
        }
    }

    /// Fails when nobody listens any more.
    fn append(
        &mut self,
        batch: Vec<(Option<u64>, Arc<Command>)>,
        told: &mpsc::Sender<Delivery>,
    ) -> Result<(), ()> {
        let is_copy = batch.iter().any(|(position, _)| position.is_some());
        let numbered = self.number(batch);
        let written = self.write(&numbered);
        for (position, command) in numbered {
            let failure = written.as_ref().err().filter(|_| !is_copy);
            let delivery = match failure {
                // An order that somebody else keeps has it whether the copy can be written or not.
                None => {
                    self.last = position;
                    self.recent.push_back((position, command.clone()));
                    Delivery::Written {
                        position,
                        command,
                        file_bytes: self.good,
                    }
                }
                Some(error) => Delivery::Failed {
                    id: command.id.clone(),
                    problem: error.to_string().into(),
                },
            };
            told.blocking_send(delivery).map_err(drop)?;
        }
        self.recent.drain(..self.recent.len().saturating_sub(UNTOLD));
        if let Err(error) = written {
            tracing::error!(%error, "events could not be written down: is the disk full?");
            metrics::counter!("vitrine_journal_errors_total").increment(1);
        }
        Ok(())
    }

    /// Gives each command its position; one that is known already is left out.
    fn number(&self, batch: Vec<(Option<u64>, Arc<Command>)>) -> Vec<(u64, Arc<Command>)> {
        let mut next = self.last + 1;
        let mut numbered = Vec::with_capacity(batch.len());
        for (given, command) in batch {
            let position = given.unwrap_or(next);
            if position >= next {
                numbered.push((position, command));
                next = position + 1;
            }
        }
        numbered
    }

    fn write(&mut self, numbered: &[(u64, Arc<Command>)]) -> io::Result<()> {
        let Some(opened) = &mut self.opened else {
            return Ok(());
        };
        let mut text = Vec::new();
        for (position, command) in numbered {
            write_line(&mut text, *position, command)?;
        }
        if self.torn {
            opened.commands.set_len(self.good)?;
        }
        self.torn = true;
        opened.commands.write_all(&text)?;
        opened.commands.sync_data()?;
        self.torn = false;
        self.good += text.len() as u64;
        Ok(())
    }

    /// Begins a new generation; goes on with the old one if that fails.
    fn rotate(&mut self, checkpoint: Checkpoint) {
        let Some(opened) = &mut self.opened else { return };
        let generation = opened.generation + 1;
        match begin(opened, generation, checkpoint, &self.recent) {
            Ok((commands, bytes)) => {
                opened.commands = commands;
                opened.generation = generation;
                self.good = bytes;
                self.torn = false;
                files::delete_old(&opened.folder, generation);
            }
            Err(error) => {
                let _ = std::fs::remove_file(files::commands_path(&opened.folder, generation));
                tracing::error!(%error, "the journal goes on in its old file");
            }
        }
    }
}

fn begin(
    opened: &Opened,
    generation: u64,
    checkpoint: Checkpoint,
    recent: &VecDeque<(u64, Arc<Command>)>,
) -> io::Result<(File, u64)> {
    let known = checkpoint.position;
    let mut text = serde_json::to_vec(&Line::Checkpoint {
        checkpoint: Box::new(checkpoint),
    })?;
    text.push(b'\n');
    for (position, command) in recent.iter().filter(|(position, _)| *position > known) {
        write_line(&mut text, *position, command)?;
    }
    let mut file = files::appending(&files::commands_path(&opened.folder, generation))?;
    file.set_len(0)?;
    file.write_all(&text)?;
    file.sync_all()?;
    files::sync_folder(&opened.folder)?;
    Ok((file, text.len() as u64))
}

fn write_line(text: &mut Vec<u8>, position: u64, command: &Arc<Command>) -> io::Result<()> {
    let command = command.clone();
    serde_json::to_writer(&mut *text, &Line::Command { position, command })?;
    text.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    /// A device on which every write finds the disk full.
    #[test]
    fn what_cannot_be_written_down_is_said_and_takes_no_place_in_the_order() {
        let folder = tempfile::tempdir().unwrap();
        let (real, _) = files::open(folder.path()).unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let opened = Opened {
            commands: full,
            ..real
        };
        let mut writer = Writer {
            good: 0,
            torn: false,
            last: 4,
            recent: VecDeque::new(),
            opened: Some(opened),
        };
        let (told, mut deliveries) = mpsc::channel(8);
        let command: Command = serde_json::from_str(
            r#"{"id":"a","at":"2026-11-24T14:36:27.654Z","node":"n","by":"b","do":"cancel","event":"x"}"#,
        )
        .unwrap();
        let command = Arc::new(command);
        writer.append(vec![(None, command.clone())], &told).unwrap();
        assert!(matches!(deliveries.try_recv(), Ok(Delivery::Failed { id, .. }) if id.as_ref() == "a"));
        // The disk has room again; half a line may be in the file.
        let path = files::commands_path(folder.path(), 0);
        std::fs::write(&path, b"{\"half").unwrap();
        if let Some(opened) = &mut writer.opened {
            opened.commands = files::appending(&path).unwrap();
        }
        writer.append(vec![(None, command)], &told).unwrap();
        assert!(matches!(
            deliveries.try_recv(),
            Ok(Delivery::Written { position: 5, .. })
        ));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"position\":5,"), "{text}");
    }
}
