//! When an event takes effect: what its sender may say, and what that means on the show's clock.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use vitrine_packager::media::{MediaTime, Timescale, WallTime};

use crate::text::DateTime;

/// Times are resolved to this, finer than any frame: milliseconds would put an event on the frame beside its own.
const MICROS: Timescale = match Timescale::new(1_000_000) {
    Some(micros) => micros,
    None => Timescale::MILLIS,
};

/// When an event is to take effect, as its sender says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// With the frame captured then, on the show's clock (EXT-X-PROGRAM-DATE-TIME).
    Pdt(DateTime),
    /// So many seconds after what the camera sees now.
    Offset(Seconds),
    /// At so many seconds of the session's media time.
    MediaTime(Seconds),
}

/// A span of up to two weeks, kept to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Seconds {
    micros: i64,
}

impl Seconds {
    const MAX: f64 = 14.0 * 86_400.0;

    /// Microseconds.
    pub fn micros(self) -> i64 {
        self.micros
    }
}

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        if (0.0..=Self::MAX).contains(&seconds) {
            let micros = (seconds * 1e6).round() as i64;
            Ok(Self { micros })
        } else {
            Err("must be a number of seconds from 0 to 1209600, two weeks")
        }
    }
}

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> Self {
        seconds.micros as f64 / 1e6
    }
}

impl JsonSchema for Seconds {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": Self::MAX })
    }
}

/// An instant on the show's clock, the one of EXT-X-PROGRAM-DATE-TIME: microseconds since 1970, UTC.
///
/// It means the same frame in every session and on every origin of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShowTime(pub i64);

impl ShowTime {
    /// This instant so many milliseconds later.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1000)))
    }

    /// This instant so much later.
    pub const fn plus(self, seconds: Seconds) -> Self {
        Self(self.0.saturating_add(seconds.micros))
    }

    /// Microseconds from `earlier` to this; negative if this is before it.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl From<WallTime> for ShowTime {
    fn from(time: WallTime) -> Self {
        Self(time.0.saturating_mul(1000))
    }
}

/// The nearest millisecond.
impl From<ShowTime> for WallTime {
    fn from(time: ShowTime) -> Self {
        Self(time.0.saturating_add(500).div_euclid(1000))
    }
}

/// What ties a session's media time to the show's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    anchor: ShowTime,
}

impl Clock {
    /// The clock of a session whose media time zero was captured at `anchor`.
    pub fn new(anchor: WallTime) -> Self {
        Self {
            anchor: anchor.into(),
        }
    }

    /// Media time of an instant.
    pub fn media(self, at: ShowTime) -> MediaTime {
        MediaTime::new(at.micros_since(self.anchor), MICROS)
    }

    /// The instant of a media time.
    pub fn show(self, at: MediaTime) -> ShowTime {
        ShowTime(self.anchor.0.saturating_add(at.rescale(MICROS).ticks))
    }
}

/// When an event was asked for, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The instant.
    pub at: ShowTime,
    /// Whether "as soon as possible" was meant: the instant is what that was when the event was taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub soon: bool,
}

/// The present of a channel, for resolving what senders say.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The frame that the camera captures now: with an encoder whose delay is known, it arrives that much later.
    pub captured: ShowTime,
    /// The session on air, if there is one.
    pub clock: Option<Clock>,
}

impl Now {
    /// What `at` means; `None` for a media time without a session.
    pub fn resolve(&self, at: Option<At>) -> Option<Asked> {
        let (at, soon) = match at {
            None => (self.captured, true),
            Some(At::Pdt(time)) => (time.0.into(), false),
            Some(At::Offset(seconds)) => (self.captured.plus(seconds), false),
            Some(At::MediaTime(seconds)) => {
                let media = MediaTime::new(seconds.micros(), MICROS);
                (self.clock?.show(media), false)
            }
        };
        Some(Asked { at, soon })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANCHOR: WallTime = WallTime(1_795_530_987_654);

    fn at(json: &str) -> Result<At, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn each_way_to_say_a_time_means_one_instant() {
        let now = Now {
            captured: ShowTime::from(ANCHOR).plus_millis(10_000),
            clock: Some(Clock::new(ANCHOR)),
        };
        let table = [
            (None, 10_000_000, true),
            (Some(r#"{"offset":0}"#), 10_000_000, false),
            (Some(r#"{"offset":2.5}"#), 12_500_000, false),
            (Some(r#"{"media_time":33.366667}"#), 33_366_667, false),
            (Some(r#"{"pdt":"2026-11-24T14:36:28.654Z"}"#), 1_000_000, false),
        ];
        for (json, micros, soon) in table {
            let asked = now.resolve(json.map(|json| at(json).unwrap())).unwrap();
            assert_eq!(asked.at.micros_since(ANCHOR.into()), micros, "{json:?}");
            assert_eq!(asked.soon, soon, "{json:?}");
        }
    }

    #[test]
    fn without_a_session_there_is_no_media_time() {
        let now = Now {
            captured: ANCHOR.into(),
            clock: None,
        };
        assert_eq!(now.resolve(at(r#"{"media_time":1}"#).ok()), None);
        assert!(now.resolve(at(r#"{"offset":1}"#).ok()).is_some());
    }

    #[test]
    fn what_is_not_exactly_one_time_is_refused() {
        for json in [
            "{}",
            "3",
            r#""now""#,
            r#"{"offset":-1}"#,
            r#"{"offset":1209601}"#,
            r#"{"offset":"1"}"#,
            r#"{"offset":1,"media_time":2}"#,
            r#"{"pdt":"soon"}"#,
            r#"{"wall":1}"#,
        ] {
            assert!(at(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_frame_is_found_again_by_its_instant() {
        let clock = Clock::new(ANCHOR);
        for (rate, scale) in [(30, 90_000), (60, 90_000), (1001, 30_000), (1024, 48_000)] {
            let scale = Timescale::new(scale).unwrap();
            for frame in 0..5_000 {
                let frame = MediaTime::new(frame * rate, scale);
                let found = clock.media(clock.show(frame)).rescale(scale);
                assert_eq!(found.ticks, frame.ticks);
            }
        }
    }
}
