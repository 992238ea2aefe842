//! Who may publish where, and which channel is busy.

mod attempts;
mod authoriser;
mod input;
mod key;
mod seat;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use subtle::Choice;
use tokio::sync::{mpsc, watch};

use attempts::Attempts;
use seat::{SharedSeat, Take};

pub use authoriser::{Authorised, Authoriser, Question, Questions};
pub use input::Input;
pub use key::{BadHash, StreamKey};
pub use seat::OnBusy;

use crate::publication::{EndReason, Publication};
use crate::refusal::Refusal;

/// A channel as encoders see it: the keys that open it, and where its publications go.
#[derive(Debug)]
pub struct Door {
    /// The channel's name.
    pub channel: String,
    /// Any of these opens the door. None: nobody may publish here.
    pub keys: Vec<StreamKey>,
    /// The same for the backup encoder.
    pub backup_keys: Vec<StreamKey>,
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
    authoriser: Option<Authoriser>,
}

#[derive(Debug)]
struct Place {
    door: Door,
    /// Keys that were issued while the program runs, and for which input.
    issued: Mutex<Vec<(StreamKey, Input)>>,
    primary: SharedSeat,
    backup: SharedSeat,
}

impl Place {
    fn issued(&self) -> MutexGuard<'_, Vec<(StreamKey, Input)>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seat(&self, input: Input) -> &SharedSeat {
        match input {
            Input::Primary => &self.primary,
            Input::Backup => &self.backup,
        }
    }
}

/// The answer to the holder of a right key.
#[derive(Debug)]
pub enum Entry {
    /// It may publish.
    Admitted(Admission),
    /// A half-dead connection is being ended for it: it is to ask again in a moment.
    Vacating,
    /// The key is not known here: [`Reception::ask`], then [`Reception::admit_as`].
    ToBeAsked,
}

/// The right to publish on a channel's input, alone. The input is free again when it is dropped.
#[derive(Debug)]
pub struct Admission {
    /// The channel that the key belongs to.
    pub channel: String,
    /// Which of its inputs.
    pub input: Input,
    /// The id of the publication to come.
    pub publication_id: u64,
    /// Where to hand the publication over.
    pub publications: mpsc::Sender<Publication>,
    /// Tells why the publication has to end, once it has: another encoder takes over, or its key is revoked.
    pub sent_away: watch::Receiver<Option<EndReason>>,
    seat: SharedSeat,
}

impl Reception {
    /// A reception for the application `app` (the first part of a URL's path) with these doors.
    pub fn new(app: impl Into<String>, doors: Vec<Door>) -> Self {
        let places = doors.into_iter().map(|door| Place {
            door,
            issued: Mutex::default(),
            primary: Arc::default(),
            backup: Arc::default(),
        });
        Self {
            app: app.into(),
            places: places.collect(),
            next_id: AtomicU64::new(1),
            attempts: Mutex::default(),
            authoriser: None,
        }
    }

    /// Keys that no door has are put to `authoriser`.
    #[must_use]
    pub fn with_authoriser(self, authoriser: Authoriser) -> Self {
        Self {
            authoriser: Some(authoriser),
            ..self
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
        let key = StreamKey::new(bare(key));
        let opened = self
            .find(&key)
            .filter(|(place, _)| channel.is_none_or(|channel| channel == place.door.channel));
        match opened {
            Some((place, input)) => {
                let entry = self.seat(place, input, &key, now)?;
                // Revoked in this moment: whoever did it did not find the seat taken.
                match self.find(&key) {
                    Some(_) => Ok(entry),
                    None => Err(self.wrong(from, now)),
                }
            }
            None if self.authoriser.is_some() => Ok(Entry::ToBeAsked),
            None => Err(self.wrong(from, now)),
        }
    }

    /// Asks the authoriser for the channel of a key. Whoever gets no answer in time, or none that is understood, is refused.
    ///
    /// # Errors
    /// [`Refusal::WrongKey`].
    pub async fn ask(&self, question: Question) -> Result<Authorised, Refusal> {
        let from = question.from;
        let answer = match &self.authoriser {
            Some(authoriser) => authoriser.ask(question).await,
            None => None,
        };
        answer.ok_or_else(|| self.wrong(from, Instant::now()))
    }

    /// Admits the holder of `key` to what the authoriser named.
    ///
    /// # Errors
    /// As [`Reception::admit_to`]; [`Refusal::ChannelUnavailable`] too when there is no such channel.
    pub fn admit_as(&self, authorised: &Authorised, key: &str) -> Result<Entry, Refusal> {
        let channel = authorised.channel.as_str();
        let place = self.places.iter().find(|place| place.door.channel == channel);
        match place {
            Some(place) => self.seat(
                place,
                authorised.input,
                &StreamKey::new(bare(key)),
                Instant::now(),
            ),
            None => {
                tracing::warn!(channel, "the authoriser named a channel that is not configured");
                Err(Refusal::ChannelUnavailable {
                    channel: channel.to_owned(),
                })
            }
        }
    }

    /// The keys of that channel that were issued while the program runs, and for which input, in place of those before. Who publishes with
    /// one that is not among them any more is sent away. A channel that is not configured has no door to open.
    pub fn set_issued(&self, channel: &str, keys: Vec<(StreamKey, Input)>) {
        let Some(place) = self.places.iter().find(|place| place.door.channel == channel) else {
            return;
        };
        let before = std::mem::replace(&mut *place.issued(), keys);
        for (key, input) in before.iter().filter(|(key, _)| self.find(key).is_none()) {
            let seat = place.seat(*input);
            seat.lock().unwrap_or_else(PoisonError::into_inner).revoke(key);
        }
    }

    fn wrong(&self, from: IpAddr, now: Instant) -> Refusal {
        if self.attempts().wrong(from, now) {
            tracing::warn!(%from, "locked out for a while: too many wrong stream keys");
        }
        Refusal::WrongKey
    }

    fn seat(&self, place: &Place, input: Input, key: &StreamKey, now: Instant) -> Result<Entry, Refusal> {
        let channel = place.door.channel.clone();
        if place.door.publications.is_closed() {
            return Err(Refusal::ChannelUnavailable { channel });
        }
        let shared = place.seat(input);
        let mut seat = shared.lock().unwrap_or_else(PoisonError::into_inner);
        match seat.take(&channel, key, place.door.on_busy, now)? {
            Take::Vacating => Ok(Entry::Vacating),
            Take::Taken(sent_away) => Ok(Entry::Admitted(Admission {
                channel,
                input,
                publication_id: self.next_id.fetch_add(1, Ordering::Relaxed),
                publications: place.door.publications.clone(),
                sent_away,
                seat: Arc::clone(shared),
            })),
        }
    }

    fn find(&self, offered: &StreamKey) -> Option<(&Place, Input)> {
        let any = |keys: &[StreamKey]| {
            let opens = keys.iter();
            bool::from(opens.fold(Choice::from(0), |found, key| found | key.matches(offered)))
        };
        let mut opened = None;
        for place in &self.places {
            let issued = |input| {
                let issued = place.issued();
                let own = issued.iter().filter(|(_, own)| *own == input);
                bool::from(own.fold(Choice::from(0), |found, (key, _)| found | key.matches(offered)))
            };
            // Not `||`: each is compared.
            let primary = any(&place.door.keys) | issued(Input::Primary);
            let backup = any(&place.door.backup_keys) | issued(Input::Backup);
            if primary || backup {
                let input = if primary { Input::Primary } else { Input::Backup };
                opened = Some((place, input));
            }
        }
        opened
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key without the query that may follow it.
fn bare(key: &str) -> &str {
    key.split('?').next().unwrap_or_default()
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

    fn seat(&self) -> MutexGuard<'_, seat::Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.seat().leave();
    }
}

#[cfg(test)]
mod tests;
