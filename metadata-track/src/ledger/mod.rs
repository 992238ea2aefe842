//! What became of every command: the record that history, audit, retries and restarts are answered from.
//!
//! ```text
//! Command ─► Ledger ─► Effect ─► Track
//! ```

mod checkpoint;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use vitrine_packager::media::WallTime;

use crate::command::{Action, Command, PostedEvent, RequestKey};
use crate::event::ShowEvent;
use crate::time::{Asked, ShowTime};
use crate::track::{Aired, Order, Placed, Planned};

pub use checkpoint::Checkpoint;

/// Events that are remembered. Full: the oldest is forgotten, unless it still waits for its time.
const MAX_RECORDS: usize = 16_384;
/// Commands that are remembered for the audit. Full: the oldest is forgotten; the log still has it.
const MAX_AUDIT: usize = 16_384;
/// Requests that are remembered, so that a repeat is not obeyed twice. Full: the oldest is forgotten.
const MAX_REQUESTS: usize = 10_000;
/// How long they are remembered, in milliseconds.
const REQUEST_LIFE_MS: i64 = 24 * 3_600_000;
/// A show that began so many milliseconds ago does not begin anew: two origins that go on air together both say it does.
const SAME_START_MS: i64 = 10_000;

/// Everything that is known of a channel's commands. Pure: equal commands in equal order make equal ledgers.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    records: BTreeMap<Order, Record>,
    orders: HashMap<Arc<str>, Order>,
    audit: VecDeque<(u64, Arc<Command>)>,
    requests: HashMap<Arc<str>, Request>,
    request_ages: VecDeque<Arc<str>>,
    show: Show,
}

/// An event, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: Arc<str>,
    /// What happens.
    pub event: Arc<ShowEvent>,
    /// When it was asked for.
    pub asked: Asked,
    /// Who posted it.
    pub by: Arc<str>,
    /// When it was taken.
    pub taken_at: WallTime,
    /// What became of it.
    pub status: Status,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for its time.
    Scheduled,
    /// It took effect.
    OnAir {
        /// Its number in the show.
        seq: u32,
        /// Where.
        placed: Placed,
        /// Whether it changed nothing, since it did not fit the state when its time came.
        without_effect: bool,
    },
    /// It was taken back.
    Cancelled,
    /// Its time passed while nothing was on air.
    Missed,
}

/// What a command means for the track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Plan this event.
    Plan(Planned),
    /// Plan this event anew, if it is still in the plan.
    Replan(Planned),
    /// Take this event out of the plan.
    Take(Arc<str>),
    /// A new show begins: see [`Track::begin_show`](crate::Track::begin_show), then [`Ledger::missed`].
    BeginShow(ShowTime),
}

/// A request that was obeyed.
#[derive(Debug, Clone)]
struct Request {
    body: Arc<str>,
    at: WallTime,
    events: Vec<Arc<str>>,
}

/// Which origins are on air, since when.
#[derive(Debug, Clone, Default)]
struct Show {
    /// By origin, its session.
    sessions: BTreeMap<Arc<str>, Arc<str>>,
    began: Option<WallTime>,
    last_seen: Option<WallTime>,
}

/// Whether a request is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It is new.
    New,
    /// It was obeyed: these events came of it.
    Repeat(Vec<Arc<str>>),
    /// Another request had the same key.
    OtherBody,
}

impl Ledger {
    /// Writes down the command at `position` of the channel's order; gives what it means for the track. A command that
    /// is known already means nothing.
    pub fn apply(&mut self, position: u64, command: &Arc<Command>) -> Vec<Effect> {
        self.show.last_seen = self.show.last_seen.max(Some(command.taken_at()));
        self.audit.push_back((position, command.clone()));
        if self.audit.len() > MAX_AUDIT {
            self.audit.pop_front();
        }
        match &command.action {
            Action::Post { events } => self.post(position, command, events),
            Action::Change { event, to, asked } => self.change(event, to.as_ref(), *asked),
            Action::Cancel { event } => self.cancel(event),
            Action::SessionStarted { session, new_show } => {
                self.show.sessions.insert(command.node.clone(), session.clone());
                self.begin_show(command.taken_at(), *new_show)
            }
            Action::SessionEnded { session } => {
                self.show
                    .sessions
                    .retain(|node, own| *node != command.node || own != session);
                Vec::new()
            }
        }
    }

    fn post(&mut self, position: u64, command: &Command, events: &[PostedEvent]) -> Vec<Effect> {
        if events.iter().any(|posted| self.orders.contains_key(&posted.id)) {
            return Vec::new();
        }
        if let Some(key) = &command.key {
            self.remember_request(key, command.taken_at(), events);
        }
        let mut effects = Vec::with_capacity(events.len());
        for (index, posted) in (0..).zip(events) {
            let order = Order(position, index);
            let record = Record {
                id: posted.id.clone(),
                event: posted.event.clone(),
                asked: posted.asked,
                by: command.by.clone(),
                taken_at: command.taken_at(),
                status: Status::Scheduled,
            };
            effects.push(Effect::Plan(record.planned(order)));
            self.orders.insert(record.id.clone(), order);
            self.records.insert(order, record);
        }
        self.forget_oldest();
        effects
    }

    fn change(&mut self, id: &str, to: Option<&Arc<ShowEvent>>, asked: Option<Asked>) -> Vec<Effect> {
        let Some((order, record)) = self.scheduled_mut(id) else {
            return Vec::new();
        };
        if let Some(event) = to {
            record.event = event.clone();
        }
        if let Some(asked) = asked {
            record.asked = asked;
        }
        vec![Effect::Replan(record.planned(order))]
    }

    fn cancel(&mut self, id: &str) -> Vec<Effect> {
        let Some((_, record)) = self.scheduled_mut(id) else {
            return Vec::new();
        };
        record.status = Status::Cancelled;
        vec![Effect::Take(record.id.clone())]
    }

    fn begin_show(&mut self, at: WallTime, new_show: bool) -> Vec<Effect> {
        let just_began = self
            .show
            .began
            .is_some_and(|began| at.millis_since(began) < SAME_START_MS);
        if !new_show || just_began {
            return Vec::new();
        }
        self.show.began = Some(at);
        vec![Effect::BeginShow(at.into())]
    }

    /// These events went on air.
    pub fn on_air(&mut self, aired: &Aired) {
        if let Some(record) = self.record_mut(&aired.id) {
            record.status = Status::OnAir {
                seq: aired.seq,
                placed: aired.placed,
                without_effect: aired.without_effect,
            };
        }
    }

    /// The time of these events passed while nothing was on air.
    pub fn missed(&mut self, ids: &[Arc<str>]) {
        for id in ids {
            if let Some((_, record)) = self.scheduled_mut(id) {
                record.status = Status::Missed;
            }
        }
    }

    /// The record of an event.
    pub fn record(&self, id: &str) -> Option<(Order, &Record)> {
        let order = self.orders.get(id)?;
        Some((*order, self.records.get(order)?))
    }

    /// The records behind `after`, oldest first.
    pub fn records(&self, after: Option<Order>) -> impl Iterator<Item = (Order, &Record)> {
        let from = match after {
            Some(order) => std::ops::Bound::Excluded(order),
            None => std::ops::Bound::Unbounded,
        };
        self.records
            .range((from, std::ops::Bound::Unbounded))
            .map(|(order, record)| (*order, record))
    }

    /// The commands behind the position `after`, oldest first.
    pub fn commands(&self, after: u64) -> impl Iterator<Item = &(u64, Arc<Command>)> {
        let first = self.audit.partition_point(|(position, _)| *position <= after);
        self.audit.range(first..)
    }

    /// Whether a request was obeyed before.
    pub fn known(&self, key: &RequestKey, now: WallTime) -> Known {
        match self.requests.get(&key.key) {
            Some(request) if now.millis_since(request.at) >= REQUEST_LIFE_MS => Known::New,
            Some(request) if request.body == key.body => Known::Repeat(request.events.clone()),
            Some(_) => Known::OtherBody,
            None => Known::New,
        }
    }

    /// Whether an origin is on air.
    pub fn is_on_air(&self) -> bool {
        !self.show.sessions.is_empty()
    }

    /// Whether an origin other than `node` is on air.
    pub fn is_on_air_elsewhere(&self, node: &str) -> bool {
        self.show.sessions.keys().any(|other| other.as_ref() != node)
    }

    /// The session that an origin has not ended.
    pub fn session_of(&self, node: &str) -> Option<&Arc<str>> {
        self.show.sessions.get(node)
    }

    /// Whether a session that `node` starts now goes on with the show: another origin is on air, or the last sign of
    /// life, `alive` being one more, is at most `window_ms` ago.
    pub fn show_goes_on(&self, node: &str, now: WallTime, alive: Option<WallTime>, window_ms: i64) -> bool {
        let elsewhere = self.is_on_air_elsewhere(node);
        let seen = self.show.last_seen.max(alive);
        let recent = seen.is_some_and(|seen| now.millis_since(seen) <= window_ms);
        self.show.began.is_some() && (elsewhere || recent)
    }

    fn remember_request(&mut self, key: &RequestKey, at: WallTime, events: &[PostedEvent]) {
        let request = Request {
            body: key.body.clone(),
            at,
            events: events.iter().map(|posted| posted.id.clone()).collect(),
        };
        if self.requests.insert(key.key.clone(), request).is_none() {
            self.request_ages.push_back(key.key.clone());
        }
        if self.request_ages.len() > MAX_REQUESTS
            && let Some(oldest) = self.request_ages.pop_front()
        {
            self.requests.remove(&oldest);
        }
    }

    fn forget_oldest(&mut self) {
        let mut excess = self.records.len().saturating_sub(MAX_RECORDS);
        let mut keep = Vec::new();
        while excess > 0
            && let Some((order, record)) = self.records.pop_first()
        {
            if record.status == Status::Scheduled {
                keep.push((order, record));
            } else {
                self.orders.remove(&record.id);
                excess -= 1;
            }
        }
        self.records.extend(keep);
    }

    fn record_mut(&mut self, id: &str) -> Option<&mut Record> {
        let order = self.orders.get(id)?;
        self.records.get_mut(order)
    }

    fn scheduled_mut(&mut self, id: &str) -> Option<(Order, &mut Record)> {
        let order = *self.orders.get(id)?;
        let record = self.records.get_mut(&order)?;
        (record.status == Status::Scheduled).then_some((order, record))
    }
}

impl Record {
    fn planned(&self, order: Order) -> Planned {
        Planned {
            id: self.id.clone(),
            event: self.event.clone(),
            asked: self.asked,
            order,
        }
    }
}

#[cfg(test)]
mod tests;
