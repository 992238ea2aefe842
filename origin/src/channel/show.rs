//! A channel's show: what was asked of it, what is on air and what will be. It outlives its sessions, and the program.
//!
//! ```text
//! ChannelCommand ─► admitted ─► Link (written down) ─► Delivery ─► Ledger ─► Track ─► parts
//!                                                                     └► answers, notices
//! ```

mod ask;
mod goes_on;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::Instant;
use vitrine_metadata_track::{
    Action, Command, DateTime, Effect, Ledger, Now, Planned, RequestKey, ShowTime, Track,
};
use vitrine_packager::media::{MediaTime, WallTime};

use super::unique::unique_id;
use crate::bus::{Delivery, Link, Note, Request};
use crate::control::command::{Refusal, Taken};
use crate::control::record::{EventRecord, EventStatus, LiveState, Notice};
use vitrine_ingest::wall_clock;

/// A journal file of this many bytes is followed by a new one.
const FILE_BYTES: u64 = 8 << 20;
/// How often the journal is told that the session goes on.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// Bounded: notices that a listener has not heard yet. Full: the listener is left.
pub(super) const NOTICES: usize = 512;
/// The origin's name where it is the only one.
const ONLY_NODE: &str = "origin";

/// What the configuration says of a channel's show.
#[derive(Debug, Clone, Copy)]
pub struct ShowSettings {
    /// From the camera to the moment at which the frame is received here.
    pub encoder_delay: Duration,
    /// A session that starts so soon after the last sign of life of the one before goes on with its show.
    pub resume_window: Duration,
}

/// What readers of a show see without asking its task.
#[derive(Debug, Clone)]
pub struct ShowFeed {
    /// The state in force now.
    pub state: watch::Receiver<Arc<LiveState>>,
    /// What happens to events. Bounded: a listener that falls behind misses some, and is told so.
    pub notices: broadcast::Sender<Arc<Notice>>,
}

/// See the file's own words.
pub(super) struct Show {
    settings: ShowSettings,
    channel: String,
    node: Arc<str>,
    track: Track,
    ledger: Ledger,
    link: Link,
    /// Position of the last command that the ledger has.
    applied: u64,
    /// By command.
    in_flight: HashMap<Arc<str>, InFlight>,
    /// The show that this origin began before the order said so.
    begun: Option<Arc<str>>,
    away: bool,
    rotating: bool,
    state: watch::Sender<Arc<LiveState>>,
    notices: broadcast::Sender<Arc<Notice>>,
    /// The last sign of life of the program before.
    alive: Option<WallTime>,
    alive_due: Instant,
}

/// A command on its way into the order.
struct InFlight {
    /// Its events, where they will stand as far as is known.
    events: Vec<Planned>,
    key: Option<RequestKey>,
    reply: Option<oneshot::Sender<Result<Taken, Refusal>>>,
}

impl Show {
    /// The show as others see it.
    pub(super) fn feed(&self) -> ShowFeed {
        ShowFeed {
            state: self.state.subscribe(),
            notices: self.notices.clone(),
        }
    }

    /// What the parts ask for their messages.
    pub(super) fn track(&mut self) -> &mut Track {
        &mut self.track
    }

    /// The encoder is away, or it is back.
    pub(super) fn set_away(&mut self, away: bool) {
        self.away = away;
    }

    /// The present: `edge` is the session's next frame to come.
    pub(super) fn now(&self, edge: Option<MediaTime>) -> Now {
        let clock = self.track.clock();
        let delay_ms = i64::try_from(self.settings.encoder_delay.as_millis()).unwrap_or(0);
        Now {
            captured: self
                .arriving(edge)
                .plus_millis(if clock.is_some() { delay_ms } else { 0 }),
            clock,
        }
    }

    /// The instant of the next frame to come; without a session, the wall clock's.
    fn arriving(&self, edge: Option<MediaTime>) -> ShowTime {
        match (self.track.clock(), edge) {
            (Some(clock), Some(edge)) => clock.show(edge),
            _ => wall_clock().into(),
        }
    }

    /// The next thing that the order says.
    pub(super) async fn next_delivery(&mut self) -> Delivery {
        match self.link.deliveries.recv().await {
            Some(delivery) => delivery,
            // Both of its threads have ended: only while the program stops.
            None => std::future::pending().await,
        }
    }

    /// Takes what the order says.
    pub(super) fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Written {
                position,
                command,
                file_bytes,
            } => {
                self.obey(position, &command);
                self.rotate(file_bytes);
            }
            Delivery::Failed { id, problem } => {
                if let Some(reply) = self.in_flight.remove(&id).and_then(|own| own.reply) {
                    let _ = reply.send(Err(Refusal::NotWritten(problem.to_string())));
                }
            }
        }
    }

    fn obey(&mut self, position: u64, command: &Arc<Command>) {
        let effects = self.ledger.apply(position, command);
        self.applied = self.applied.max(position);
        let own = self.in_flight.remove(&command.id);
        let obeyed = !effects.is_empty();
        for effect in effects {
            self.apply(effect, command);
        }
        match &command.action {
            Action::Post { events } if obeyed => {
                for posted in events {
                    self.tell("scheduled", &posted.id);
                }
            }
            Action::Change { event, .. } if obeyed => self.tell("changed", event),
            Action::Cancel { event } if obeyed => self.tell("cancelled", event),
            _ => {}
        }
        if let Some(reply) = own.and_then(|own| own.reply) {
            // The client may have left; what it asked for stands.
            let _ = reply.send(self.outcome(&command.action, obeyed));
        }
    }

    fn apply(&mut self, effect: Effect, command: &Command) {
        match effect {
            Effect::Plan(planned) => {
                self.track.plan(planned);
            }
            Effect::Replan(planned) => {
                self.track.replan(planned);
            }
            Effect::Take(id) => {
                self.track.take(&id);
            }
            Effect::BeginShow(at) => {
                let begun_here = match (&command.action, &self.begun) {
                    (Action::SessionStarted { session, .. }, Some(begun)) => session == begun,
                    _ => false,
                };
                if !begun_here {
                    self.begin_show(at);
                }
            }
        }
    }

    fn begin_show(&mut self, at: ShowTime) {
        let missed = self.track.begin_show(at);
        self.ledger.missed(&missed);
        for id in missed {
            self.tell("missed", &id);
        }
    }

    fn outcome(&self, action: &Action, obeyed: bool) -> Result<Taken, Refusal> {
        let ids: Vec<Arc<str>> = match action {
            Action::Post { events } => events.iter().map(|posted| posted.id.clone()).collect(),
            Action::Change { event, .. } | Action::Cancel { event } if obeyed => vec![event.clone()],
            Action::Change { event, .. } | Action::Cancel { event } => {
                return Err(self.too_late_for(event));
            }
            _ => Vec::new(),
        };
        Ok(Taken {
            records: ids.iter().filter_map(|id| self.record(id)).collect(),
            repeated: false,
        })
    }

    /// Notes what went on air since this was last called; to be called before a part is published.
    pub(super) fn settle(&mut self) {
        let aired = self.track.take_aired();
        if aired.is_empty() {
            return;
        }
        for event in &aired {
            self.ledger.on_air(event);
            metrics::counter!("vitrine_events_on_air_total").increment(1);
            if event.placed.late {
                metrics::counter!("vitrine_events_late_total").increment(1);
            }
        }
        self.link.notes.note(Note::Aired(self.applied, aired.clone()));
        for event in aired {
            self.tell("on_air", &event.id);
        }
    }

    /// Lets readers see the state in force with the session's next frame, `edge`, if it is another one.
    pub(super) fn publish_state(&mut self, edge: Option<MediaTime>) {
        let state = match self.track.clock() {
            Some(_) => self.track.state_at(self.arriving(edge)),
            None => self.track.state_now().clone(),
        };
        let current = self.state.borrow().state.clone();
        if !Arc::ptr_eq(&state, &current) && state != current {
            self.state.send_replace(Arc::new(LiveState::new(state)));
        }
    }

    /// Looks at the clock: tells the journal now and then that the session goes on.
    pub(super) fn tick(&mut self) {
        self.leave_to_others();
        if self.track.clock().is_some() && Instant::now() >= self.alive_due {
            self.alive_due = Instant::now() + ALIVE_EVERY;
            self.link.notes.note(Note::Alive);
        }
    }

    fn rotate(&mut self, file_bytes: u64) {
        if file_bytes < FILE_BYTES {
            self.rotating = false;
        } else if !self.rotating {
            let checkpoint = self
                .ledger
                .checkpoint(self.applied, self.track.state_now().clone());
            self.rotating = self
                .link
                .requests
                .try_send(Request::Rotate(Box::new(checkpoint)))
                .is_ok();
            if self.rotating {
                self.link.notes.note(Note::Rotate);
            }
        }
    }

    fn tell(&self, what: &'static str, id: &str) {
        // Without listeners nothing is rendered.
        if self.notices.receiver_count() > 0
            && let Some(record) = self.record(id)
        {
            let _ = self.notices.send(Arc::new(Notice { what, record }));
        }
    }

    fn record(&self, id: &str) -> Option<EventRecord> {
        let (order, record) = self.ledger.record(id)?;
        let mut shown = EventRecord::new(order, record, &self.track);
        // What falls into a gap is carried by the first part behind it.
        let waits = self.away && shown.status == EventStatus::Scheduled;
        shown.late |= waits && record.asked.at <= wall_clock().into();
        Some(shown)
    }

    /// Puts a command on its way.
    fn send(
        &mut self,
        by: Arc<str>,
        key: Option<RequestKey>,
        action: Action,
        own: InFlight,
    ) -> Result<(), Own> {
        let id: Arc<str> = match &action {
            Action::Post { events } if events.len() == 1 => events.first().map(|event| event.id.clone()),
            _ => None,
        }
        .unwrap_or_else(|| unique_id().into());
        let command = Command {
            id: id.clone(),
            at: DateTime(wall_clock()),
            node: self.node.clone(),
            by,
            key,
            action,
        };
        match self.link.requests.try_send(Request::Append(Arc::new(command))) {
            Ok(()) => {
                self.in_flight.insert(id, own);
                Ok(())
            }
            Err(_) => Err(Own(own)),
        }
    }

    /// Writes down what is on its way, and answers it.
    pub(super) async fn close(mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let (requests, _) = tokio::sync::mpsc::channel(1);
        self.link.requests = requests;
        self.link.notes = crate::bus::NoteWriter::closed();
        while let Ok(Some(delivery)) = tokio::time::timeout_at(deadline, self.link.deliveries.recv()).await {
            self.deliver(delivery);
        }
    }
}

/// A command that found no room.
struct Own(InFlight);

#[cfg(test)]
mod tests;
