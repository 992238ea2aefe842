//! Who may publish where, and which channel is busy.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use subtle::{Choice, ConstantTimeEq};
use tokio::sync::mpsc;

use crate::publication::Publication;
use crate::refusal::Refusal;

/// How long the reason of a refusal is kept for the encoder's next attempt. OBS comes again after 2 s.
const PARTING_WORDS_LAST: Duration = Duration::from_secs(5);

/// A secret that admits an encoder to a channel. Never printed; compared in constant time.
#[derive(Clone)]
pub struct StreamKey(String);

impl StreamKey {
    /// A key as it stands in the config; the text is not changed. One with a `?` in it matches nothing: what follows
    /// a `?` in an encoder's key is a query.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    fn matches(&self, offered: &str) -> Choice {
        self.0.as_bytes().ct_eq(offered.as_bytes())
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(…)")
    }
}

/// A channel as encoders see it: the keys that open it, and where its publications go.
#[derive(Debug)]
pub struct Door {
    /// The channel's name.
    pub channel: String,
    /// Any of these opens the door. None: nobody may publish here.
    pub keys: Vec<StreamKey>,
    /// Takes each accepted publication. Full for as long as a session may stall: the encoder is dropped.
    pub publications: mpsc::Sender<Publication>,
}

/// Decides who may publish where; shared by every protocol's server.
#[derive(Debug)]
pub struct Reception {
    app: String,
    places: Vec<Place>,
    next_id: AtomicU64,
}

#[derive(Debug)]
struct Place {
    door: Door,
    seat: Arc<Mutex<Seat>>,
}

/// A channel's one place to publish.
#[derive(Debug, Default)]
struct Seat {
    taken: bool,
    /// Why the last publication was refused, and when.
    parting_words: Option<(Refusal, Instant)>,
}

/// The right to publish on a channel, alone. The channel is free again when it is dropped.
#[derive(Debug)]
pub struct Admission {
    /// The channel that the key belongs to.
    pub channel: String,
    /// The id of the publication to come.
    pub publication_id: u64,
    /// Where to hand the publication over.
    pub publications: mpsc::Sender<Publication>,
    seat: Arc<Mutex<Seat>>,
}

impl Reception {
    /// A reception for the application `app` (the first part of a URL's path) with these doors.
    pub fn new(app: impl Into<String>, doors: Vec<Door>) -> Self {
        let places = doors.into_iter().map(|door| Place {
            door,
            seat: Arc::default(),
        });
        Self {
            app: app.into(),
            places: places.collect(),
            next_id: AtomicU64::new(1),
        }
    }

    /// Whether `app`, as an encoder's URL gives it, is served here. A trailing slash or query is not looked at.
    ///
    /// # Errors
    /// [`Refusal::UnknownApp`].
    pub fn check_app(&self, app: &str) -> Result<(), Refusal> {
        let name = app.split('?').next().unwrap_or_default().trim_end_matches('/');
        if name == self.app {
            Ok(())
        } else {
            Err(Refusal::UnknownApp {
                app: self.app.clone(),
            })
        }
    }

    /// Admits the holder of `key` (given as `KEY` or `KEY?x=y`) to the channel whose key it is.
    ///
    /// Every key of every door is compared, so that the time taken tells nothing of which one came close.
    ///
    /// # Errors
    /// [`Refusal::UnknownApp`], [`Refusal::WrongKey`], [`Refusal::ChannelUnavailable`], [`Refusal::ChannelBusy`]; and
    /// once, within 5 s, the refusal that ended the channel's last publication (see [`Admission::refused`]).
    pub fn admit(&self, app: &str, key: &str) -> Result<Admission, Refusal> {
        self.check_app(app)?;
        self.admit_to(None, key)
    }

    /// The application that is served.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The same for an encoder that names no application, but perhaps a channel, which must be that of the key.
    ///
    /// # Errors
    /// As [`Reception::admit`], but for [`Refusal::UnknownApp`]. A channel that is not the key's is a wrong key: nobody learns
    /// here which channels there are.
    pub fn admit_to(&self, channel: Option<&str>, key: &str) -> Result<Admission, Refusal> {
        let offered = key.split('?').next().unwrap_or_default();
        let mut opened = None;
        for place in &self.places {
            let opens = place
                .door
                .keys
                .iter()
                .fold(Choice::from(0), |found, key| found | key.matches(offered));
            if bool::from(opens) && !offered.is_empty() {
                opened = Some(place);
            }
        }
        let place = opened
            .filter(|place| channel.is_none_or(|channel| channel == place.door.channel))
            .ok_or(Refusal::WrongKey)?;
        let channel = place.door.channel.clone();
        if place.door.publications.is_closed() {
            return Err(Refusal::ChannelUnavailable { channel });
        }
        place
            .seat
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(&channel, Instant::now())?;
        Ok(Admission {
            channel,
            publication_id: self.next_id.fetch_add(1, Ordering::Relaxed),
            publications: place.door.publications.clone(),
            seat: Arc::clone(&place.seat),
        })
    }
}

impl Seat {
    fn take(&mut self, channel: &str, now: Instant) -> Result<(), Refusal> {
        if self.taken {
            return Err(Refusal::ChannelBusy {
                channel: channel.to_owned(),
            });
        }
        match self.parting_words.take() {
            Some((refusal, since)) if now.duration_since(since) < PARTING_WORDS_LAST => Err(refusal),
            _ => {
                self.taken = true;
                Ok(())
            }
        }
    }
}

impl Admission {
    /// Notes why the publication was refused after it had begun. OBS does not read what a server says then, but
    /// connects again at once: it is told the reason in answer to that attempt, which it does read.
    pub fn refused(&self, refusal: &Refusal) {
        let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        seat.parting_words = Some((refusal.clone(), Instant::now()));
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner).taken = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reception() -> (Reception, mpsc::Receiver<Publication>) {
        let (publications, receiver) = mpsc::channel(1);
        let door = |channel: &str, keys: &[&str]| Door {
            channel: channel.into(),
            keys: keys.iter().map(|key| StreamKey::new(*key)).collect(),
            publications: publications.clone(),
        };
        let doors = vec![
            door("demo", &["one", "two"]),
            door("shop", &["three"]),
            door("shut", &[]),
        ];
        (Reception::new("live", doors), receiver)
    }

    #[test]
    fn a_key_opens_the_channel_that_it_belongs_to() {
        let (reception, _publications) = reception();
        let unknown = Refusal::UnknownApp { app: "live".into() };
        let table = [
            ("live", "one", Ok("demo")),
            ("live", "two", Ok("demo")),
            ("live/", "three", Ok("shop")),
            ("live?a=b", "three?bandwidthtest=true", Ok("shop")),
            ("live", "four", Err(Refusal::WrongKey)),
            ("live", "on", Err(Refusal::WrongKey)),
            ("live", "", Err(Refusal::WrongKey)),
            ("live", "?one", Err(Refusal::WrongKey)),
            ("vod", "one", Err(unknown.clone())),
            ("", "one", Err(unknown)),
        ];
        for (app, key, expected) in table {
            let admitted = reception
                .admit(app, key)
                .map(|admission| admission.channel.clone());
            assert_eq!(admitted, expected.map(String::from), "{app} {key}");
        }
    }

    #[test]
    fn a_channel_that_is_named_must_be_that_of_the_key() {
        let (reception, _publications) = reception();
        let table = [
            (Some("demo"), "one", true),
            (None, "one", true),
            (Some("shop"), "one", false),
            (Some("nowhere"), "one", false),
            (Some("demo"), "four", false),
        ];
        for (channel, key, expected) in table {
            let admitted = reception.admit_to(channel, key);
            assert_eq!(admitted.is_ok(), expected, "{channel:?} {key}");
            assert!(expected || admitted.unwrap_err() == Refusal::WrongKey);
        }
    }

    #[test]
    fn a_channel_is_busy_until_its_admission_is_dropped() {
        let (reception, _publications) = reception();
        let first = reception.admit("live", "one").unwrap();
        assert_eq!(
            reception.admit("live", "two").unwrap_err(),
            Refusal::ChannelBusy {
                channel: "demo".into()
            }
        );
        assert!(
            reception.admit("live", "three").is_ok(),
            "another channel is not disturbed"
        );
        let id = first.publication_id;
        drop(first);
        assert_ne!(reception.admit("live", "two").unwrap().publication_id, id);
    }

    #[test]
    fn the_next_attempt_is_told_once_and_soon_why_the_last_was_refused() {
        let reason = Refusal::GopTooLong { limit_s: 4 };
        let (reception, _publications) = reception();
        reception.admit("live", "one").unwrap().refused(&reason);
        assert_eq!(reception.admit("live", "one").unwrap_err(), reason);
        assert!(reception.admit("live", "one").is_ok());

        let long_ago = Instant::now();
        let mut seat = Seat {
            taken: false,
            parting_words: Some((reason, long_ago)),
        };
        assert_eq!(seat.take("demo", long_ago + PARTING_WORDS_LAST), Ok(()));
    }

    #[test]
    fn a_channel_whose_task_is_gone_takes_nothing() {
        let (reception, publications) = reception();
        drop(publications);
        assert!(matches!(
            reception.admit("live", "one"),
            Err(Refusal::ChannelUnavailable { .. })
        ));
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", StreamKey::new("secret")), "StreamKey(…)");
    }
}
