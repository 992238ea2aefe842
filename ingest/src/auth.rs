//! Who may publish where, and which channel is busy.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use subtle::{Choice, ConstantTimeEq};
use tokio::sync::mpsc;

use crate::publication::Publication;
use crate::refusal::Refusal;

/// A secret that admits an encoder to a channel. Never printed; compared in constant time.
#[derive(Clone)]
pub struct StreamKey(String);

impl StreamKey {
    /// A key as it stands in the config; the text is not changed.
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
    busy: Arc<AtomicBool>,
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
    busy: Arc<AtomicBool>,
}

impl Reception {
    /// A reception for the application `app` (the first part of a URL's path) with these doors.
    pub fn new(app: impl Into<String>, doors: Vec<Door>) -> Self {
        let places = doors.into_iter().map(|door| Place {
            door,
            busy: Arc::new(AtomicBool::new(false)),
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
    /// [`Refusal::UnknownApp`], [`Refusal::WrongKey`], [`Refusal::ChannelUnavailable`], [`Refusal::ChannelBusy`].
    pub fn admit(&self, app: &str, key: &str) -> Result<Admission, Refusal> {
        self.check_app(app)?;
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
        let place = opened.ok_or(Refusal::WrongKey)?;
        let channel = place.door.channel.clone();
        if place.door.publications.is_closed() {
            return Err(Refusal::ChannelUnavailable { channel });
        }
        if place.busy.swap(true, Ordering::AcqRel) {
            return Err(Refusal::ChannelBusy { channel });
        }
        Ok(Admission {
            channel,
            publication_id: self.next_id.fetch_add(1, Ordering::Relaxed),
            publications: place.door.publications.clone(),
            busy: Arc::clone(&place.busy),
        })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.busy.store(false, Ordering::Release);
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
