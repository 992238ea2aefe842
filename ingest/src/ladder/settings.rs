//! What a channel's configuration says of its ladder.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer};

/// A channel's `ladder`.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum LadderChoice {
    /// The source, passed through if it can be, and the usual steps below it.
    #[default]
    Auto,
    /// The source alone.
    Passthrough,
    /// These rungs.
    Rungs(Vec<RungSettings>),
}

/// One rung of a configured ladder.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RungSettings {
    /// As in its URL, `video-` before it: `720p`. Without one, its height names it.
    pub name: Option<String>,
    /// The source as it is; nothing else but a name may be given.
    pub passthrough: bool,
    /// Luma rows; the width follows from the source's shape.
    pub height: Option<u32>,
    /// Luma columns, where the height is to follow.
    pub width: Option<u32>,
    /// Frames a second at most: a faster source is divided by a whole number.
    pub fps_cap: Option<f64>,
    /// Kilobits a second.
    pub bitrate_kbps: Option<u32>,
    /// Kilobits a second at most, over a second; without it, the bit rate and a tenth.
    pub maxrate_kbps: Option<u32>,
    /// The encoder's preset; for libx264 `superfast` unless given.
    pub preset: Option<String>,
    /// The encoder's profile; for libx264 `high` unless given.
    pub profile: Option<String>,
    /// FFmpeg's name of the encoder: `libx264` unless given.
    pub encoder: Option<String>,
    /// Threads of the encoder; one unless given.
    pub threads: Option<u32>,
}

/// A channel's ladder and audio.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LadderSettings {
    /// The video.
    pub ladder: LadderChoice,
    /// Kilobits a second of each audio rendition, the best first. None: the source's audio passed through if it is
    /// AAC-LC at 44.1 or 48 kHz in mono or stereo, else one at 128.
    pub audio_bitrates_kbps: Vec<u32>,
}

impl<'de> Deserialize<'de> for LadderChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;

        impl<'de> Visitor<'de> for Choice {
            type Value = LadderChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"auto\", \"passthrough\" or a list of rungs")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<LadderChoice, E> {
                match text {
                    "auto" => Ok(LadderChoice::Auto),
                    "passthrough" => Ok(LadderChoice::Passthrough),
                    other => Err(E::custom(format!(
                        "unknown ladder `{other}`: give \"auto\", \"passthrough\" or a list of rungs"
                    ))),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, rungs: A) -> Result<LadderChoice, A::Error> {
                let rungs = Vec::<RungSettings>::deserialize(SeqAccessDeserializer::new(rungs))?;
                if rungs.is_empty() {
                    return Err(A::Error::custom("a ladder needs at least one rung"));
                }
                Ok(LadderChoice::Rungs(rungs))
            }
        }

        deserializer.deserialize_any(Choice)
    }
}
