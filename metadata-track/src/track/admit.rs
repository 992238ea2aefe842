//! Which events are taken.

use std::sync::Arc;

use super::{
    MAX_SCHEDULED, Planned, SECOND_MAX_BYTES, SECOND_MAX_EVENTS, SECOND_MILLIS, STATE_ID_BIT, Track, Turn,
    out_of_numbers,
};
use crate::error::EventError;
use crate::event::ShowEvent;
use crate::state::ShowState;
use crate::time::{Asked, ShowTime};

/// What a payload has beside the event's own JSON, about.
const PAYLOAD_OVERHEAD_BYTES: usize = 220;

impl Track {
    /// Whether these events may be planned, in their order; if not, which one is at fault. `coming` are those that were
    /// taken and are not planned yet; `without` is one in the plan that a new one takes the place of.
    ///
    /// Each is judged by the state at its own time, as far as that is known: what is planned before it counts.
    pub fn admit(
        &self,
        new: &[Planned],
        coming: &[Planned],
        without: Option<&str>,
    ) -> Result<(), (usize, EventError)> {
        if self.pending.len() + coming.len() + new.len() > MAX_SCHEDULED {
            let limit = MAX_SCHEDULED;
            return Err((0, EventError::TooManyScheduled { limit }));
        }
        let replaced = |planned: &&Planned| without == Some(planned.id.as_ref());
        let mut others: Vec<&Planned> = self.pending.values().chain(coming).collect();
        others.retain(|planned| !replaced(planned));
        for (index, planned) in new.iter().enumerate() {
            self.refuse_crowding(planned, &others)
                .map_err(|error| (index, error))?;
            others.push(planned);
        }
        self.refuse_misfits(new, others)
    }

    /// Goes through everything that is planned once, and looks at the new ones when their turn comes.
    fn refuse_misfits(&self, new: &[Planned], mut all: Vec<&Planned>) -> Result<(), (usize, EventError)> {
        let turn = |planned: &Planned| Turn {
            due: self.shown(planned.asked),
            order: planned.order,
        };
        let last = new.iter().map(turn).max();
        all.retain(|planned| Some(turn(planned)) <= last);
        all.sort_by_cached_key(|planned| turn(planned));
        let mut state = self.state_now().as_ref().clone();
        for planned in all {
            let seq = state.seq + 1;
            let index = new.iter().position(|new| std::ptr::eq(new, planned));
            state = match index {
                None => state.fold_roughly(&planned.event, seq),
                Some(_) if self.next_seq().is_none() || seq >= STATE_ID_BIT => {
                    return Err((0, out_of_numbers()));
                }
                Some(index) => state.after(&planned.event, seq).map_err(|error| (index, error))?,
            };
        }
        Ok(())
    }

    /// The state at a time that is still to come: what is planned until then counts.
    pub(super) fn projected(&self, until: ShowTime) -> Arc<ShowState> {
        let due = self
            .pending
            .values()
            .take_while(|planned| planned.asked.at <= until);
        due.fold(self.state_now().clone(), |state, planned| {
            Arc::new(state.fold(&planned.event, state.seq + 1))
        })
    }

    /// When an event asked for then would be shown.
    fn shown(&self, asked: Asked) -> ShowTime {
        let placed = self.placed(asked).media_time.zip(self.clock);
        placed.map_or(asked.at, |(at, clock)| clock.show(at).max(asked.at))
    }

    /// Counts what is within a second of the event, before and behind: whichever second of the show is looked at, it is
    /// not overfull.
    fn refuse_crowding(&self, new: &Planned, others: &[&Planned]) -> Result<(), EventError> {
        let at = self.shown(new.asked);
        let near = |other: ShowTime| at.micros_since(other).abs() < SECOND_MILLIS * 1000;
        let on_air = self.clock.into_iter().flat_map(|clock| {
            let recent = self.history.iter().rev();
            recent.map(move |entry| (clock.show(entry.at), entry.bytes()))
        });
        let planned = others.iter();
        let planned = planned.map(|planned| (self.shown(planned.asked), planned));
        let planned = planned.filter(|(other, _)| near(*other));
        let planned = planned.map(|(other, planned)| (other, payload_bytes(&planned.event)));
        // Newest first, so that the one that makes it too many says when there is room.
        let mut near: Vec<(ShowTime, usize)> = on_air
            .take_while(|(other, _)| near(*other))
            .chain(planned)
            .collect();
        near.sort_unstable_by_key(|(other, _)| std::cmp::Reverse(*other));
        let (mut events, mut bytes) = (1, payload_bytes(&new.event));
        for (other, size) in near {
            events += 1;
            bytes += size;
            let limit = match (events > SECOND_MAX_EVENTS, bytes > SECOND_MAX_BYTES) {
                (true, _) => "100 events",
                (_, true) => "32 KB of events",
                _ => continue,
            };
            let wait_ms = SECOND_MILLIS - at.micros_since(other).max(0) / 1000;
            return Err(EventError::TooMany {
                limit,
                retry_after_ms: u32::try_from(wait_ms).unwrap_or(0),
            });
        }
        Ok(())
    }
}

fn payload_bytes(event: &ShowEvent) -> usize {
    serde_json::to_string(event).map_or(0, |json| json.len()) + PAYLOAD_OVERHEAD_BYTES
}
