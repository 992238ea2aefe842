//! The live task that owns a channel: publications in, snapshots out.
//!
//! ```text
//! Publication ─► Startup ─► Intake (ladder) ─► Session { Presentation } ─► SessionFeed ─► every reader
//! ChannelCommand ─► Show { Ledger, Track } ──────────┘
//! ```

mod advice;
pub mod feed;
mod groups;
mod health;
mod incoming;
mod inputs;
mod intake;
mod ready;
mod report;
mod session;
mod show;
mod task;
mod unique;
mod way;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use vitrine_ingest::Publication;
use vitrine_ingest::ladder::LadderSettings;
use vitrine_ingest::srt::Links;
use vitrine_packager::startup::PackagingSettings;

use crate::bus::{Journal, JournalError};
use crate::control::command::{ChannelCommand, ChannelQuery, SwitchInput};
use crate::control::status::ChannelStatus;
use crate::webhooks::Webhooks;
use feed::ChannelFeed;
use show::Show;

pub(crate) use ready::PART_READY;
pub use show::{ShowFeed, ShowSettings};
pub(crate) use unique::unique_id;

/// Bounded: commands that wait for a channel's task. Full: the API answers 503.
pub const COMMAND_QUEUE: usize = 64;
/// Bounded: questions that wait for a channel's task. Full: the API answers 503.
pub const QUERY_QUEUE: usize = 64;

/// Bounded: wishes for another input that wait for a channel's task. Full: the API answers 503.
pub const SWITCH_QUEUE: usize = 4;

/// When the backup encoder is on air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailoverSettings {
    /// A publication without a frame for so long is not on air any more, if there is another.
    pub after: Duration,
    /// A primary encoder that sends for so long is on air again; `None`: by hand only.
    pub back_after: Option<Duration>,
    /// A publication that is degraded is not on air any more either, if there is another that is sound.
    pub when_degraded: bool,
}

/// What a channel is told by the configuration.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    /// As in its URLs.
    pub name: String,
    /// How its sessions are packaged.
    pub packaging: PackagingSettings,
    /// Which renditions its sessions have.
    pub ladder: LadderSettings,
    /// How long a session waits for its encoder to come back before it ends.
    pub reconnect_window: Duration,
    /// How events are timed and kept.
    pub show: ShowSettings,
    /// Where they are kept.
    pub journal: Journal,
    /// When the backup encoder is on air.
    pub failover: FailoverSettings,
    /// Who is told what becomes of publications.
    pub webhooks: Webhooks,
    /// The figures of encoders' SRT connections.
    pub links: Links,
}

/// A running channel, as the rest of the program holds it.
#[derive(Debug, Clone)]
pub struct ChannelHandle {
    /// What readers read.
    pub feed: Arc<ChannelFeed>,
    /// The status, renewed at each change and once a second.
    pub status: watch::Receiver<Arc<ChannelStatus>>,
    /// The show as its readers see it.
    pub show: ShowFeed,
    /// Asks the task to change the show.
    pub commands: mpsc::Sender<ChannelCommand>,
    /// Asks the task about the show.
    pub queries: mpsc::Sender<ChannelQuery>,
    /// Asks the task to put another input on air.
    pub switches: mpsc::Sender<SwitchInput>,
}

/// Starts a channel's task. It ends its session and itself when `shutdown` turns true.
pub fn spawn(
    settings: ChannelSettings,
    publications: mpsc::Receiver<Publication>,
    shutdown: watch::Receiver<bool>,
) -> Result<(ChannelHandle, JoinHandle<()>), JournalError> {
    let show = Show::open(&settings.name, settings.show, &settings.journal)?;
    let show_feed = show.feed();
    let feed = Arc::new(ChannelFeed::new(settings.name.clone()));
    let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE);
    let (queries, query_queue) = mpsc::channel(QUERY_QUEUE);
    let (switches, switch_queue) = mpsc::channel(SWITCH_QUEUE);
    let (status_sender, status) = watch::channel(Arc::new(ChannelStatus::idle(&settings.name)));
    let task = task::ChannelTask::new(settings, feed.clone(), show, status_sender);
    let join = tokio::spawn(task.run(publications, command_queue, query_queue, switch_queue, shutdown));
    let handle = ChannelHandle {
        feed,
        status,
        show: show_feed,
        commands,
        queries,
        switches,
    };
    Ok((handle, join))
}
