//! What the control API asks of a show.

use std::sync::Arc;

use tokio::sync::oneshot;
use vitrine_metadata_track::{
    Action, Asked, ChangeRequest, EventError, EventRequest, Known, Now, Order, Planned, PostedEvent,
    RequestKey, Status,
};

use super::{InFlight, Own, Show};
use crate::channel::unique::unique_id;
use crate::control::command::{ChannelCommand, ChannelQuery, Page, Refusal, Taken};
use crate::control::record::{AuditRecord, EventRecord};
use vitrine_ingest::wall_clock;

/// Where a command's sender waits.
type Reply = oneshot::Sender<Result<Taken, Refusal>>;

impl Show {
    /// Obeys a command, or refuses it at once. `on_air`: the camera sees something now.
    pub(in crate::channel) fn ask(&mut self, command: ChannelCommand, now: Now, on_air: bool) {
        match command {
            ChannelCommand::Post {
                requests,
                by,
                key,
                reply,
            } => self.post(requests, by, key, (now, on_air), reply),
            ChannelCommand::Change {
                id,
                change,
                by,
                reply,
            } => match self.changed(&id, *change, &now) {
                Ok((action, planned)) => self.start(by, None, action, vec![planned], reply),
                Err(refusal) => refuse(reply, refusal),
            },
            ChannelCommand::Cancel { id, by, reply } => match self.waiting(&id) {
                Ok(_) => self.start(by, None, Action::Cancel { event: id }, Vec::new(), reply),
                Err(refusal) => refuse(reply, refusal),
            },
        }
    }

    fn post(
        &mut self,
        requests: Vec<EventRequest>,
        by: Arc<str>,
        key: Option<RequestKey>,
        (now, on_air): (Now, bool),
        reply: Reply,
    ) {
        if let Some(key) = &key
            && let Some(answer) = self.repeated(key)
        {
            let _ = reply.send(answer);
            return;
        }
        match self.planned(requests, &now, on_air) {
            Ok(planned) => {
                let events = planned.iter().map(|planned| PostedEvent {
                    id: planned.id.clone(),
                    asked: planned.asked,
                    event: planned.event.clone(),
                });
                let action = Action::Post {
                    events: events.collect(),
                };
                self.start(by, key, action, planned, reply);
            }
            Err(refusal) => refuse(reply, refusal),
        }
    }

    /// The answer to a request that was made before.
    fn repeated(&self, key: &RequestKey) -> Option<Result<Taken, Refusal>> {
        let same_key = |own: &&InFlight| own.key.as_ref().is_some_and(|other| other.key == key.key);
        if let Some(own) = self.in_flight.values().find(same_key) {
            return Some(Err(match own.key.as_ref() == Some(key) {
                true => Refusal::StillGoingOn,
                false => Refusal::OtherBody,
            }));
        }
        match self.ledger.known(key, wall_clock()) {
            Known::New => None,
            Known::OtherBody => Some(Err(Refusal::OtherBody)),
            Known::Repeat(ids) => Some(Ok(Taken {
                records: ids.iter().filter_map(|id| self.record(id)).collect(),
                repeated: true,
            })),
        }
    }

    fn planned(&self, requests: Vec<EventRequest>, now: &Now, on_air: bool) -> Result<Vec<Planned>, Refusal> {
        let single = requests.len() == 1;
        let in_batch = |index: usize, error: EventError| match single {
            true => Refusal::Event(error),
            false => Refusal::Event(error.in_batch(index)),
        };
        let (id, position) = (unique_id(), self.applied + 1 + self.in_flight.len() as u64);
        let mut planned = Vec::with_capacity(requests.len());
        for (index, request) in requests.into_iter().enumerate() {
            if request.at.is_none() && !on_air {
                return Err(Refusal::NotLive);
            }
            let asked = now
                .resolve(request.at)
                .ok_or_else(|| in_batch(index, EventError::NoMediaTime))?;
            let id = match single {
                true => id.clone().into(),
                false => format!("{id}-{index}").into(),
            };
            planned.push(Planned {
                id,
                event: Arc::new(request.event),
                asked,
                order: Order(position, u16::try_from(index).unwrap_or(u16::MAX)),
            });
        }
        self.track
            .admit(&planned, &self.coming(), None)
            .map_err(|(index, error)| in_batch(index, error))?;
        Ok(planned)
    }

    /// A change as a command, and where the event will stand.
    fn changed(&self, id: &Arc<str>, change: ChangeRequest, now: &Now) -> Result<(Action, Planned), Refusal> {
        let (order, mut planned) = self.waiting(id)?;
        let to = change.event.map(Arc::new);
        let asked: Option<Asked> = match change.at {
            Some(at) => Some(now.resolve(Some(at)).ok_or(EventError::NoMediaTime)?),
            None => None,
        };
        if let Some(event) = &to {
            planned.event = event.clone();
        }
        planned.asked = asked.unwrap_or(planned.asked);
        planned.order = order;
        let new = std::slice::from_ref(&planned);
        self.track
            .admit(new, &self.coming(), Some(id))
            .map_err(|(_, error)| error)?;
        let event = id.clone();
        Ok((Action::Change { event, to, asked }, planned))
    }

    /// The event of that id, if it waits for its time.
    fn waiting(&self, id: &Arc<str>) -> Result<(Order, Planned), Refusal> {
        match self.ledger.record(id) {
            Some((order, record)) if record.status == Status::Scheduled => Ok((
                order,
                Planned {
                    id: id.clone(),
                    event: record.event.clone(),
                    asked: record.asked,
                    order,
                },
            )),
            _ => Err(self.too_late_for(id)),
        }
    }

    /// Why the event of that id cannot be changed.
    pub(super) fn too_late_for(&self, id: &str) -> Refusal {
        match self.record(id) {
            Some(record) => Refusal::NotWaiting(record.status),
            None => Refusal::NoEvent,
        }
    }

    /// What is taken and not planned yet.
    fn coming(&self) -> Vec<Planned> {
        let own = self.in_flight.values();
        own.flat_map(|own| own.events.iter().cloned()).collect()
    }

    fn start(
        &mut self,
        by: Arc<str>,
        key: Option<RequestKey>,
        action: Action,
        events: Vec<Planned>,
        reply: Reply,
    ) {
        let own = InFlight {
            events,
            key: key.clone(),
            reply: Some(reply),
        };
        if let Err(Own(own)) = self.send(by, key, action, own)
            && let Some(reply) = own.reply
        {
            refuse(reply, Refusal::TooMuchToDo);
        }
    }

    /// Answers a question.
    pub(in crate::channel) fn answer(&self, query: ChannelQuery) {
        // Who asked may have left.
        match query {
            ChannelQuery::State { at, reply } => drop(reply.send(self.track.state_at(at))),
            ChannelQuery::Event { id, reply } => drop(reply.send(self.record(&id))),
            ChannelQuery::Events { page, reply } => drop(reply.send(self.events(&page))),
            ChannelQuery::Audit { after, limit, reply } => {
                let commands = self.ledger.commands(after).take(limit);
                let records = commands.map(|(position, command)| AuditRecord::new(*position, command));
                drop(reply.send(records.collect()));
            }
        }
    }

    fn events(&self, page: &Page) -> Vec<EventRecord> {
        let records = self.ledger.records(page.after);
        let wanted = records.filter(|(_, record)| {
            page.status
                .is_none_or(|status| status == EventRecord::status_of(record))
        });
        let wanted = wanted.take(page.limit);
        wanted.filter_map(|(_, record)| self.record(&record.id)).collect()
    }
}

fn refuse(reply: Reply, refusal: Refusal) {
    // Who asked may have left.
    let _ = reply.send(Err(refusal));
}
