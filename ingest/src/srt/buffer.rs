//! The receive buffer: packets in the order that they were sent, each given out when its time has come (draft 4.5, 4.6).

use std::collections::VecDeque;

use bytes::BytesMut;

use super::packet::Sequence;

/// Packets between the oldest that is not given out and the newest: 400 ms at 200 Mbit/s. A packet beyond is not taken,
/// and not acknowledged.
pub const CAPACITY: u32 = 8192;

/// Puts packets in order.
#[derive(Debug)]
pub struct Buffer {
    /// The number of the first slot.
    first: Sequence,
    /// Bounded: [`CAPACITY`].
    slots: VecDeque<Slot>,
    /// Slots at the front of which none is missing.
    whole: usize,
}

#[derive(Debug)]
enum Slot {
    /// Not received, and when it was asked for last.
    Missing { asked_us: i64 },
    /// Waits for its time.
    Held { due_us: i64, payload: BytesMut },
    /// Nothing to wait for.
    Void,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is the next, or comes after a gap of so many packets.
    New {
        /// Packets missing before it, which were not known to be missing.
        gap: u32,
    },
    /// It fills a gap.
    Recovered,
    /// It was there, or its time is over.
    Useless,
    /// There is no room for it.
    Full,
}

/// Packets from the first to the last, both with it.
pub type Range = (Sequence, Sequence);

impl Buffer {
    /// An empty one, that expects `first`.
    pub fn new(first: Sequence) -> Self {
        Self {
            first,
            slots: VecDeque::new(),
            whole: 0,
        }
    }

    /// Takes a packet whose time comes at `due_us`. `None` for a payload of no use: nothing waits for it any more.
    pub fn insert(
        &mut self,
        sequence: Sequence,
        payload: Option<BytesMut>,
        due_us: i64,
        now_us: i64,
    ) -> Taken {
        let slot = payload.map_or(Slot::Void, |payload| Slot::Held { due_us, payload });
        let Ok(at) = u32::try_from(sequence.since(self.first)) else {
            return Taken::Useless;
        };
        if at >= CAPACITY {
            return Taken::Full;
        }
        let length = self.slots.len();
        let at = at as usize;
        if let Some(old) = self.slots.get_mut(at) {
            if !matches!(old, Slot::Missing { .. }) {
                return Taken::Useless;
            }
            *old = slot;
            self.advance();
            return Taken::Recovered;
        }
        self.slots.resize_with(at, || Slot::Missing { asked_us: now_us });
        self.slots.push_back(slot);
        self.advance();
        Taken::New {
            gap: (at - length) as u32,
        }
    }

    /// The sender will not send these (again).
    pub fn abandon(&mut self, (from, to): Range) {
        let start = from.since(self.first).max(0);
        let end = to.since(self.first).min(CAPACITY as i32 - 1);
        for at in start..=end {
            let at = at as usize;
            // What lies between is missing, and is asked for.
            if at > self.slots.len() {
                break;
            }
            match self.slots.get_mut(at) {
                Some(slot @ Slot::Missing { .. }) => *slot = Slot::Void,
                Some(_) => {}
                None => self.slots.push_back(Slot::Void),
            }
        }
        self.advance();
    }

    fn advance(&mut self) {
        while self
            .slots
            .get(self.whole)
            .is_some_and(|slot| !matches!(slot, Slot::Missing { .. }))
        {
            self.whole += 1;
        }
    }

    /// The first packet that is waited for: all before it are acknowledged.
    pub fn expected(&self) -> Sequence {
        self.first.plus(self.whole as u32)
    }

    /// Room left, in packets.
    pub fn room(&self) -> u32 {
        CAPACITY - self.slots.len() as u32
    }

    /// Packets held or waited for.
    pub fn length(&self) -> usize {
        self.slots.len()
    }

    /// The next payload whose time has come, and how many packets before it are given up as lost.
    pub fn pop_due(&mut self, now_us: i64) -> Option<(BytesMut, u32)> {
        let (at, due_us) = self.next_held()?;
        if due_us > now_us {
            return None;
        }
        let lost = self
            .slots
            .drain(..at)
            .filter(|slot| matches!(slot, Slot::Missing { .. }))
            .count();
        let taken = self.slots.pop_front();
        self.first = self.first.plus(at as u32 + 1);
        self.whole = self.whole.saturating_sub(at + 1);
        self.advance();
        match taken {
            Some(Slot::Held { payload, .. }) => Some((payload, lost as u32)),
            _ => None,
        }
    }

    /// When the next payload's time comes.
    pub fn next_due_us(&self) -> Option<i64> {
        self.next_held().map(|(_, due_us)| due_us)
    }

    fn next_held(&self) -> Option<(usize, i64)> {
        self.slots.iter().enumerate().find_map(|(at, slot)| match slot {
            Slot::Held { due_us, .. } => Some((at, *due_us)),
            _ => None,
        })
    }

    /// The packets missing that were asked for no later than `asked_before_us`, as at most `most` ranges; they count as asked
    /// for now.
    pub fn missing(&mut self, asked_before_us: i64, now_us: i64, most: usize) -> Vec<Range> {
        let mut ranges: Vec<Range> = Vec::new();
        let (first, whole) = (self.first, self.whole);
        for (at, slot) in self.slots.iter_mut().enumerate().skip(whole) {
            let Slot::Missing { asked_us } = slot else {
                continue;
            };
            if *asked_us > asked_before_us {
                continue;
            }
            let sequence = first.plus(at as u32);
            let open = ranges.last_mut().filter(|(_, last)| last.plus(1) == sequence);
            if let Some((_, last)) = open {
                *last = sequence;
            } else if ranges.len() < most {
                ranges.push((sequence, sequence));
            } else {
                break;
            }
            *asked_us = now_us;
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: u32 = 0x7FFF_FFFE;

    fn sequence(at: u32) -> Sequence {
        Sequence::new(FIRST).plus(at)
    }

    fn payload(at: u32) -> Option<BytesMut> {
        Some(BytesMut::from(&at.to_be_bytes()[..]))
    }

    /// A buffer with these packets, each due 1,000 µs after the one before.
    fn with(packets: &[u32]) -> Buffer {
        let mut buffer = Buffer::new(sequence(0));
        for at in packets {
            buffer.insert(sequence(*at), payload(*at), i64::from(*at) * 1000, 0);
        }
        buffer
    }

    fn drain(buffer: &mut Buffer, now_us: i64) -> (Vec<u32>, u32) {
        let (mut found, mut lost) = (Vec::new(), 0);
        while let Some((payload, before)) = buffer.pop_due(now_us) {
            found.push(u32::from_be_bytes(payload[..].try_into().unwrap()));
            lost += before;
        }
        (found, lost)
    }

    #[test]
    fn packets_come_out_in_order_and_at_their_time() {
        let mut buffer = with(&[0, 2, 1, 3]);
        assert_eq!(buffer.expected(), sequence(4));
        assert_eq!(buffer.next_due_us(), Some(0));
        assert_eq!(drain(&mut buffer, 1_500), (vec![0, 1], 0));
        assert_eq!(drain(&mut buffer, 3_000), (vec![2, 3], 0));
        assert_eq!(buffer.length(), 0);
    }

    #[test]
    fn a_gap_is_waited_for_until_the_time_of_what_follows() {
        let mut buffer = with(&[0, 3]);
        assert_eq!(buffer.expected(), sequence(1));
        assert_eq!(drain(&mut buffer, 2_999), (vec![0], 0));
        assert_eq!(drain(&mut buffer, 3_000), (vec![3], 2));
        assert_eq!(buffer.expected(), sequence(4));
        assert_eq!(buffer.insert(sequence(2), payload(2), 0, 0), Taken::Useless);
    }

    #[test]
    fn what_became_of_a_packet_is_told() {
        let mut buffer = with(&[0]);
        let table = [
            (1, Taken::New { gap: 0 }),
            (5, Taken::New { gap: 3 }),
            (5, Taken::Useless),
            (3, Taken::Recovered),
            (CAPACITY, Taken::Full),
            (CAPACITY - 1, Taken::New { gap: CAPACITY - 7 }),
        ];
        for (at, expected) in table {
            assert_eq!(buffer.insert(sequence(at), payload(at), 0, 0), expected, "{at}");
        }
        assert_eq!(buffer.room(), 0);
        let before = Sequence::new(FIRST - 1);
        assert_eq!(buffer.insert(before, payload(0), 0, 0), Taken::Useless);
    }

    #[test]
    fn missing_packets_are_asked_for_again_only_after_a_while() {
        let mut buffer = with(&[0, 3, 4, 6]);
        let expected = vec![(sequence(1), sequence(2)), (sequence(5), sequence(5))];
        assert_eq!(buffer.missing(0, 100, 10), expected);
        assert_eq!(buffer.missing(99, 150, 10), []);
        assert_eq!(buffer.missing(100, 150, 1), expected[..1]);
        assert_eq!(buffer.missing(100, 160, 10), expected[1..]);
    }

    #[test]
    fn what_the_sender_gives_up_is_not_waited_for() {
        let mut buffer = with(&[0, 3]);
        buffer.abandon((sequence(1), sequence(1)));
        assert_eq!(buffer.expected(), sequence(2));
        buffer.abandon((sequence(0), sequence(6)));
        assert_eq!(buffer.expected(), sequence(7));
        assert_eq!(drain(&mut buffer, 10_000), (vec![0, 3], 0));
    }

    proptest! {
        #[test]
        fn any_order_comes_out_sorted_and_each_packet_once(
            order in prop::collection::vec((0_u32..60, 0_i64..90_000), 1..200),
        ) {
            let mut buffer = Buffer::new(sequence(0));
            let (mut out, mut now_us) = (Vec::new(), 0);
            for (at, later_us) in order {
                now_us = now_us.max(later_us);
                buffer.insert(sequence(at), payload(at), i64::from(at) * 1000, now_us);
                out.extend(drain(&mut buffer, now_us).0);
            }
            out.extend(drain(&mut buffer, i64::MAX).0);
            prop_assert!(out.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", out);
        }
    }
}
