//! Who may publish where, and which channel is busy.

mod attempts;
mod key;
mod seat;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use subtle::Choice;
use tokio::sync::{mpsc, watch};

use attempts::Attempts;
use seat::{SharedSeat, Take};

pub use key::{BadHash, StreamKey};
pub use seat::OnBusy;

use crate::publication::Publication;
use crate::refusal::Refusal;

/// A channel as encoders see it: the keys that open it, and where its publications go.
#[derive(Debug)]
pub struct Door {
    /// The channel's name.
    pub channel: String,
    /// Any of these opens the door. None: nobody may publish here.
    pub keys: Vec<StreamKey>,
    /// When another encoder publishes already.
    pub on_busy: OnBusy,
    /// Takes each accepted publication. Full for as long as a session may stall: the encoder is dropped.
    pub publications: mpsc::Sender<Publication>,
}

/// Decides who may publish where; shared by every protocol's server.
#[derive(Debug)]
pub struct Reception {
    app: String,
    places: Vec<Place>,
    next_id: AtomicU64,
    attempts: Mutex<Attempts>,
}

#[derive(Debug)]
struct Place {
    door: Door,
    seat: SharedSeat,
}

/// The answer to the holder of a right key.
#[derive(Debug)]
pub enum Entry {
    /// It may publish.
    Admitted(Admission),
    /// A half-dead connection is being ended for it: it is to ask again in a moment.
    Vacating,
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
    /// Turns true when another encoder takes over.
    pub replaced: watch::Receiver<bool>,
    seat: SharedSeat,
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
            attempts: Mutex::default(),
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

    /// Admits the holder of `key` (given as `KEY` or `KEY?x=y`), who is at the address `from`, to the channel whose key it is.
    ///
    /// Every key of every door is compared, so that the time taken tells nothing of which one came close.
    ///
    /// # Errors
    /// [`Refusal::UnknownApp`], [`Refusal::WrongKey`], [`Refusal::TooManyAttempts`], [`Refusal::ChannelUnavailable`],
    /// [`Refusal::ChannelBusy`]; and once, within 5 s, the refusal that ended the channel's last publication (see
    /// [`Admission::refused`]).
    pub fn admit(&self, from: IpAddr, app: &str, key: &str) -> Result<Entry, Refusal> {
        self.check_app(app)?;
        self.admit_to(from, None, key)
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
    pub fn admit_to(&self, from: IpAddr, channel: Option<&str>, key: &str) -> Result<Entry, Refusal> {
        let now = Instant::now();
        if !self.attempts().may_try(from, now) {
            return Err(Refusal::TooManyAttempts {
                seconds: attempts::PERIOD.as_secs(),
            });
        }
        let key = StreamKey::new(key.split('?').next().unwrap_or_default());
        let opened = self
            .find(&key)
            .filter(|place| channel.is_none_or(|channel| channel == place.door.channel));
        let Some(place) = opened else {
            if self.attempts().wrong(from, now) {
                tracing::warn!(%from, "locked out for a while: too many wrong stream keys");
            }
            return Err(Refusal::WrongKey);
        };
        let channel = place.door.channel.clone();
        if place.door.publications.is_closed() {
            return Err(Refusal::ChannelUnavailable { channel });
        }
        let mut seat = place.seat.lock().unwrap_or_else(PoisonError::into_inner);
        match seat.take(&channel, &key, place.door.on_busy, now)? {
            Take::Vacating => Ok(Entry::Vacating),
            Take::Taken(replaced) => Ok(Entry::Admitted(Admission {
                channel,
                publication_id: self.next_id.fetch_add(1, Ordering::Relaxed),
                publications: place.door.publications.clone(),
                replaced,
                seat: Arc::clone(&place.seat),
            })),
        }
    }

    fn find(&self, offered: &StreamKey) -> Option<&Place> {
        let mut opened = None;
        for place in &self.places {
            let keys = place.door.keys.iter();
            let opens = keys.fold(Choice::from(0), |found, key| found | key.matches(offered));
            if bool::from(opens) {
                opened = Some(place);
            }
        }
        opened
    }

    fn attempts(&self) -> std::sync::MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    /// Notes that the encoder has sent media: it is not half-dead.
    pub fn heard(&self) {
        self.seat().heard(Instant::now());
    }

    /// Notes why the publication was refused after it had begun. OBS does not read what a server says then, but
    /// connects again at once: it is told the reason in answer to that attempt, which it does read.
    pub fn refused(&self, refusal: &Refusal) {
        self.seat().refused(refusal.clone(), Instant::now());
    }

    fn seat(&self) -> std::sync::MutexGuard<'_, seat::Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.seat().leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reception() -> (Reception, mpsc::Receiver<Publication>) {
        let (publications, receiver) = mpsc::channel(1);
        let door = |channel: &str, keys: &[&str]| Door {
            channel: channel.into(),
            keys: keys.iter().map(StreamKey::new).collect(),
            on_busy: OnBusy::Refuse,
            publications: publications.clone(),
        };
        let doors = vec![
            door("demo", &["one", "two"]),
            door("shop", &["three"]),
            door("shut", &[]),
        ];
        (Reception::new("live", doors), receiver)
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn admit(reception: &Reception, app: &str, key: &str) -> Result<Admission, Refusal> {
        admitted(reception.admit(HERE, app, key))
    }

    fn admitted(entry: Result<Entry, Refusal>) -> Result<Admission, Refusal> {
        entry.map(|entry| match entry {
            Entry::Admitted(admission) => admission,
            Entry::Vacating => panic!("nobody is replaced here"),
        })
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
            let admitted = admit(&reception, app, key).map(|admission| admission.channel.clone());
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
            let admitted = admitted(reception.admit_to(HERE, channel, key));
            assert_eq!(admitted.is_ok(), expected, "{channel:?} {key}");
            assert!(expected || admitted.unwrap_err() == Refusal::WrongKey);
        }
    }

    #[test]
    fn a_channel_is_busy_until_its_admission_is_dropped() {
        let (reception, _publications) = reception();
        let first = admit(&reception, "live", "one").unwrap();
        assert_eq!(
            admit(&reception, "live", "two").unwrap_err(),
            Refusal::ChannelBusy {
                channel: "demo".into()
            }
        );
        assert!(
            admit(&reception, "live", "three").is_ok(),
            "another channel is not disturbed"
        );
        let id = first.publication_id;
        drop(first);
        assert_ne!(admit(&reception, "live", "two").unwrap().publication_id, id);
    }

    #[test]
    fn who_tries_too_many_keys_is_not_heard_even_with_a_right_one() {
        let (reception, _publications) = reception();
        let [guesser, other] = ["203.0.113.9", "203.0.113.10"].map(|text| text.parse::<IpAddr>().unwrap());
        let mut answers = (0..100).map(|_| reception.admit(guesser, "live", "guess").unwrap_err());
        assert_eq!(answers.next(), Some(Refusal::WrongKey));
        assert!(matches!(answers.last(), Some(Refusal::TooManyAttempts { .. })));
        assert!(matches!(
            reception.admit(guesser, "live", "one"),
            Err(Refusal::TooManyAttempts { .. })
        ));
        assert!(reception.admit(other, "live", "one").is_ok());
    }

    #[test]
    fn a_channel_whose_task_is_gone_takes_nothing() {
        let (reception, publications) = reception();
        drop(publications);
        assert!(matches!(
            admit(&reception, "live", "one"),
            Err(Refusal::ChannelUnavailable { .. })
        ));
    }
}
