//! From the plan into the parts.

use bytes::Bytes;
use vitrine_packager::cmaf::emsg::{EventMessage, PartSpan};
use vitrine_packager::media::{MediaTime, Timescale};

use super::{
    Aired, Entry, HISTORY_MAX_EVENTS, Planned, SECOND_MAX_BYTES, SECOND_MAX_EVENTS, SECOND_MILLIS,
    STATE_ID_BIT, Track, placed,
};
use crate::carriage;
use crate::payload;
use crate::time::Clock;

impl Track {
    /// What the part that covers `span` must carry, in the order of their boxes. What was planned for it is on air now.
    ///
    /// A part that opens a segment first repeats the state in force before its own events, from the first event on
    /// (SPEC 165). Every rendition asks for its own spans, and gets the same ids, with each event in exactly one of its
    /// parts: whoever asks first settles it.
    pub fn carry(&mut self, span: &PartSpan) -> Vec<EventMessage> {
        if let Some(clock) = self.clock {
            self.air(span, clock);
        }
        self.messages(span)
    }

    /// What a part of media that is already written carries.
    pub fn messages(&self, span: &PartSpan) -> Vec<EventMessage> {
        let mut messages = Vec::new();
        let before = self.state_before(span.start);
        if span.opens_segment && before.seq > 0 {
            let id = STATE_ID_BIT | before.seq;
            messages.push(message(id, span.start, payload::state(before)));
        }
        let first = self.history.partition_point(|entry| entry.at < span.start);
        let inside = self
            .history
            .range(first..)
            .take_while(|entry| entry.at < span.end)
            .filter_map(|entry| Some((entry, entry.payload.clone()?)));
        messages
            .extend(inside.map(|(entry, payload)| message(entry.seq, inside_of(span, entry.at), payload)));
        messages
    }

    /// Puts on air what is due before the span's end, as far as there is room for it.
    fn air(&mut self, span: &PartSpan, clock: Clock) {
        self.floor.get_or_insert(span.start);
        while let Some((turn, planned)) = self.pending.first_key_value() {
            let turn = *turn;
            let at = clock.media(planned.asked.at);
            let at = self.earliest().map_or(at, |earliest| earliest.max(at));
            let Some(seq) = self.next_seq() else { break };
            let state = self.state_now();
            let entry = entry(planned, seq, at, clock, state);
            let at = self.room_for(&entry);
            if at >= span.end {
                break;
            }
            let entry = match at == entry.at {
                true => entry,
                false => self::entry(planned, seq, at, clock, state),
            };
            if let Some(planned) = self.pending.remove(&turn) {
                self.put_on_air(entry, &planned, clock);
            }
        }
        self.written_to(span.end);
    }

    pub(super) fn put_on_air(&mut self, entry: Entry, planned: &Planned, clock: Clock) {
        self.aired.push(Aired {
            id: planned.id.clone(),
            seq: entry.seq,
            placed: placed(clock, planned.asked, entry.at),
            without_effect: self.state_now().after(&planned.event, entry.seq).is_err(),
        });
        self.history.push_back(entry);
        if self.history.len() > HISTORY_MAX_EVENTS
            && let Some(oldest) = self.history.pop_front()
        {
            self.base = oldest.state_after;
        }
    }

    /// The first instant from the entry's time on that has room for it: its own, unless the second before is full.
    fn room_for(&self, new: &Entry) -> MediaTime {
        let (mut events, mut bytes) = (1, new.bytes());
        for entry in self.history.iter().rev() {
            let leaves = entry.at.millis() + SECOND_MILLIS;
            if leaves <= new.at.millis() {
                break;
            }
            events += 1;
            bytes += entry.bytes();
            if events > SECOND_MAX_EVENTS || bytes > SECOND_MAX_BYTES {
                return new.at.max(MediaTime::from_millis(leaves));
            }
        }
        new.at
    }
}

/// The event as it would stand on air at `at`.
fn entry(planned: &Planned, seq: u32, at: MediaTime, clock: Clock, state: &crate::ShowState) -> Entry {
    let state_after = state.fold(&planned.event, seq);
    let placed = placed(clock, planned.asked, at);
    let payload = payload::Event {
        id: &planned.id,
        seq,
        at,
        pdt: placed.pdt,
        event: &planned.event,
        late: placed.late,
        hash: state_after.hash(),
    };
    Entry {
        seq,
        at,
        payload: Some(payload.render()),
        state_after: state_after.into(),
    }
}

fn message(id: u32, presentation_time: MediaTime, payload: Bytes) -> EventMessage {
    EventMessage {
        id,
        presentation_time,
        scheme_id_uri: carriage::SCHEME,
        value: carriage::VALUE,
        payload,
    }
}

/// `at` on the track's own ticks. Rounding must not carry it out of the part (ID3E 2.2.1: presentation_time
/// lies inside the fragment).
fn inside_of(span: &PartSpan, at: MediaTime) -> MediaTime {
    let unit: Timescale = span.start.timescale;
    let last = MediaTime::new(span.end.rescale(unit).ticks - 1, unit);
    at.rescale(unit).min(last).max(span.start)
}
