//! A channel's one place to publish: who has it, and who may take it over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::StreamKey;
use crate::publication::EndReason;
use crate::refusal::Refusal;

/// How long the reason of a refusal is kept for the encoder's next attempt. OBS comes again after 2 s.
const PARTING_WORDS_LAST: Duration = Duration::from_secs(5);

/// An encoder that sent no media for so long may have lost its connection without our knowing. Frames come 20 times a second
/// or more; OBS comes again after 2 s.
const HALF_DEAD: Duration = Duration::from_secs(1);

/// What becomes of an encoder that comes to a channel which another one publishes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBusy {
    /// It is refused.
    #[default]
    Refuse,
    /// With the same key it takes over from one that has sent nothing for a second: most often its own lost connection.
    Replace,
}

/// The place.
#[derive(Debug, Default)]
pub(super) struct Seat {
    holder: Option<Holder>,
    /// Why the last publication was refused, and when.
    parting_words: Option<(Refusal, Instant)>,
}

#[derive(Debug)]
struct Holder {
    key: StreamKey,
    last_media: Instant,
    /// Why the place is to be left, once it is.
    sent_away: watch::Sender<Option<EndReason>>,
}

/// What came of the wish for the place.
#[derive(Debug)]
pub(super) enum Take {
    /// It is taken; tells why it is to be left, once it is.
    Taken(watch::Receiver<Option<EndReason>>),
    /// It is being vacated: to be tried again in a moment.
    Vacating,
}

impl Seat {
    /// Takes the place for the holder of `key`.
    pub fn take(
        &mut self,
        channel: &str,
        key: &StreamKey,
        on_busy: OnBusy,
        now: Instant,
    ) -> Result<Take, Refusal> {
        if let Some(holder) = &self.holder {
            let is_half_dead = now.saturating_duration_since(holder.last_media) >= HALF_DEAD;
            // One that is already leaving is waited for, whatever it still sends.
            let is_leaving = holder.sent_away.borrow().is_some();
            if on_busy == OnBusy::Replace && holder.key == *key && (is_half_dead || is_leaving) {
                holder.send_away(EndReason::Replaced);
                return Ok(Take::Vacating);
            }
            return Err(Refusal::ChannelBusy {
                channel: channel.to_owned(),
            });
        }
        match self.parting_words.take() {
            Some((refusal, since)) if now.duration_since(since) < PARTING_WORDS_LAST => Err(refusal),
            _ => {
                let (sent_away, is_sent_away) = watch::channel(None);
                self.holder = Some(Holder {
                    key: key.clone(),
                    last_media: now,
                    sent_away,
                });
                Ok(Take::Taken(is_sent_away))
            }
        }
    }

    /// The holder has to go if its key is that one.
    pub fn revoke(&self, key: &StreamKey) {
        if let Some(holder) = self.holder.as_ref().filter(|holder| holder.key == *key) {
            holder.send_away(EndReason::KeyRevoked);
        }
    }

    /// The holder has sent media.
    pub fn heard(&mut self, now: Instant) {
        if let Some(holder) = &mut self.holder {
            holder.last_media = now;
        }
    }

    /// The holder was refused.
    pub fn refused(&mut self, refusal: Refusal, now: Instant) {
        self.parting_words = Some((refusal, now));
    }

    /// The holder is gone.
    pub fn leave(&mut self) {
        self.holder = None;
    }
}

impl Holder {
    /// The first reason stays.
    fn send_away(&self, reason: EndReason) {
        self.sent_away.send_if_modified(|sent_away| {
            let is_first = sent_away.is_none();
            sent_away.get_or_insert(reason);
            is_first
        });
    }
}

/// Shared by the reception and the holder.
pub(super) type SharedSeat = Arc<std::sync::Mutex<Seat>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> StreamKey {
        StreamKey::new(text)
    }

    fn taken(take: Result<Take, Refusal>) -> watch::Receiver<Option<EndReason>> {
        match take {
            Ok(Take::Taken(sent_away)) => sent_away,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_next_attempt_is_told_once_and_soon_why_the_last_was_refused() {
        let (reason, now) = (Refusal::GopTooLong { limit_s: 4 }, Instant::now());
        for (later, is_told) in [(Duration::ZERO, true), (PARTING_WORDS_LAST, false)] {
            let mut seat = Seat::default();
            seat.refused(reason.clone(), now);
            let mut take = || seat.take("demo", &key("one"), OnBusy::Refuse, now + later);
            if is_told {
                assert_eq!(take().err(), Some(reason.clone()));
            }
            taken(take());
        }
    }

    #[test]
    fn only_the_same_key_takes_over_and_only_from_the_half_dead() {
        let start = Instant::now();
        let silent = start + HALF_DEAD;
        let table = [
            ("one", OnBusy::Replace, silent, true),
            ("one", OnBusy::Replace, silent - Duration::from_millis(1), false),
            ("two", OnBusy::Replace, silent, false),
            ("one", OnBusy::Refuse, silent, false),
        ];
        for (name, on_busy, now, expected) in table {
            let mut seat = Seat::default();
            let sent_away = taken(seat.take("demo", &key("one"), on_busy, start));
            let take = seat.take("demo", &key(name), on_busy, now);
            assert_eq!(matches!(take, Ok(Take::Vacating)), expected, "{name} {on_busy:?}");
            assert_eq!(*sent_away.borrow(), expected.then_some(EndReason::Replaced));
            seat.leave();
            taken(seat.take("demo", &key(name), on_busy, now));
        }
    }

    #[test]
    fn whose_key_is_revoked_has_to_go_and_nobody_else() {
        let start = Instant::now();
        let mut seat = Seat::default();
        seat.revoke(&key("one"));
        let sent_away = taken(seat.take("demo", &key("one"), OnBusy::Replace, start));
        seat.revoke(&key("two"));
        assert_eq!(*sent_away.borrow(), None);
        seat.revoke(&key("one"));
        let _ = seat.take("demo", &key("one"), OnBusy::Replace, start + HALF_DEAD);
        assert_eq!(
            *sent_away.borrow(),
            Some(EndReason::KeyRevoked),
            "the first reason stays"
        );
    }

    #[test]
    fn an_encoder_that_sends_is_not_half_dead() {
        let (mut seat, start) = (Seat::default(), Instant::now());
        let _sent_away = taken(seat.take("demo", &key("one"), OnBusy::Replace, start));
        seat.heard(start + HALF_DEAD);
        let take = seat.take("demo", &key("one"), OnBusy::Replace, start + HALF_DEAD);
        assert!(matches!(take, Err(Refusal::ChannelBusy { .. })), "{take:?}");
    }
}
