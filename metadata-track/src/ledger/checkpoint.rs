//! Where a journal begins when its first commands are forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Ledger, Record, Show, Status};
use crate::event::ShowEvent;
use crate::state::ShowState;
use crate::text::DateTime;
use crate::time::Asked;
use crate::track::{Order, Planned};

/// Everything that the commands up to a position mean for what is still to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Position of the last command in it.
    pub position: u64,
    /// The state after every event on air.
    pub state: Arc<ShowState>,
    /// What waits for its time, in the order of taking.
    scheduled: Vec<Waiting>,
    /// By origin, the session that it has not ended.
    sessions: BTreeMap<Arc<str>, Arc<str>>,
    /// When the show began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<DateTime>,
    /// When the last command was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_seen: Option<DateTime>,
}

/// An event that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    order: Order,
    id: Arc<str>,
    event: Arc<ShowEvent>,
    asked: Asked,
    by: Arc<str>,
    taken_at: DateTime,
}

impl Ledger {
    /// A checkpoint of the commands up to `position`, after which the show's state is `state`.
    pub fn checkpoint(&self, position: u64, state: Arc<ShowState>) -> Checkpoint {
        let scheduled = self
            .records
            .iter()
            .filter(|(_, record)| record.status == Status::Scheduled);
        Checkpoint {
            position,
            state,
            scheduled: scheduled
                .map(|(order, record)| Waiting::new(*order, record))
                .collect(),
            sessions: self.show.sessions.clone(),
            began: self.show.began.map(DateTime),
            last_seen: self.show.last_seen.map(DateTime),
        }
    }

    /// The ledger that goes on from a checkpoint, and what the track has to plan.
    pub fn resume(checkpoint: Checkpoint) -> (Self, Vec<Planned>) {
        let mut ledger = Self {
            show: Show {
                sessions: checkpoint.sessions,
                began: checkpoint.began.map(|time| time.0),
                last_seen: checkpoint.last_seen.map(|time| time.0),
            },
            ..Self::default()
        };
        let mut planned = Vec::with_capacity(checkpoint.scheduled.len());
        for waiting in checkpoint.scheduled {
            let (order, record) = waiting.record();
            planned.push(record.planned(order));
            ledger.orders.insert(record.id.clone(), order);
            ledger.records.insert(order, record);
        }
        (ledger, planned)
    }
}

impl Waiting {
    fn new(order: Order, record: &Record) -> Self {
        Self {
            order,
            id: record.id.clone(),
            event: record.event.clone(),
            asked: record.asked,
            by: record.by.clone(),
            taken_at: DateTime(record.taken_at),
        }
    }

    fn record(self) -> (Order, Record) {
        let record = Record {
            id: self.id,
            event: self.event,
            asked: self.asked,
            by: self.by,
            taken_at: self.taken_at.0,
            status: Status::Scheduled,
        };
        (self.order, record)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{command, post};
    use super::*;
    use crate::command::Action;
    use vitrine_packager::media::WallTime;

    #[test]
    fn a_ledger_goes_on_from_its_checkpoint_as_if_nothing_had_been() {
        let mut ledger = Ledger::default();
        let started = Action::SessionStarted {
            session: "s".into(),
            new_show: true,
        };
        ledger.apply(1, &command("c1", 0, started));
        ledger.apply(2, &command("c2", 1, post(&["a", "b", "c"])));
        ledger.apply(3, &command("c3", 2, Action::Cancel { event: "b".into() }));
        let checkpoint = ledger.checkpoint(3, Arc::default());
        let json = serde_json::to_string(&checkpoint).unwrap();
        let read: Checkpoint = serde_json::from_str(&json).unwrap();
        assert_eq!(read, checkpoint, "{json}");
        let (mut resumed, planned) = Ledger::resume(read);
        let orders: Vec<Order> = planned.iter().map(|planned| planned.order).collect();
        assert_eq!(
            orders,
            [Order(2, 0), Order(2, 2)],
            "the places in their batch stay"
        );
        assert_eq!(resumed.session_of("n1"), Some(&"s".into()));
        assert_eq!(resumed.record("a"), ledger.record("a"));
        let cancel = command("c4", 3, Action::Cancel { event: "c".into() });
        assert_eq!(resumed.apply(4, &cancel), ledger.apply(4, &cancel));
        assert_eq!(
            resumed.checkpoint(4, Arc::default()),
            ledger.checkpoint(4, Arc::default())
        );
        assert_eq!(
            resumed.show_goes_on("n1", WallTime(0), None, 0),
            ledger.show_goes_on("n1", WallTime(0), None, 0)
        );
    }
}
