//! Polls: a question, its options, and how often each was chosen. Votes are counted by the shop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::EventError;
use crate::text::{DateTime, Id, Label};

/// Options of one poll.
const OPTIONS: std::ops::RangeInclusive<usize> = 2..=10;

/// A poll as it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// The shop's own identifier.
    pub id: Id,
    /// What is asked.
    pub question: Label,
    /// What can be answered.
    #[schemars(length(min = 2, max = 10))]
    pub options: Vec<PollOption>,
    /// When voting ends, if that is known. Nothing closes by itself: `poll.close` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<DateTime>,
}

/// One answer of a poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PollOption {
    /// Unique in its poll.
    pub id: Id,
    /// The answer.
    pub text: Label,
}

/// How the votes stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PollTally {
    /// A poll on air.
    pub id: Id,
    /// Votes of each option in all; an option that is left out keeps its count.
    #[schemars(length(max = 10))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<OptionVotes>,
}

/// Votes of one option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionVotes {
    /// The option's id.
    pub option: Id,
    /// How often it was chosen, in all.
    pub count: u32,
}

/// A poll by its identifier alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PollRef {
    /// A poll on air.
    pub id: Id,
}

/// A poll on air.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PollState {
    /// The poll as it was opened.
    #[serde(flatten)]
    pub poll: Poll,
    /// Votes of each option, in the options' order.
    pub votes: Vec<u32>,
    /// Whether voting is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

impl Poll {
    pub(crate) fn check(&self) -> Result<(), EventError> {
        let refused = |field: String, problem: String| Err(EventError::Field { field, problem });
        if !OPTIONS.contains(&self.options.len()) {
            let count = self.options.len();
            return refused(
                "poll.options".to_owned(),
                format!("has {count} options: from 2 to 10 are taken"),
            );
        }
        for (index, option) in self.options.iter().enumerate() {
            if self.options.iter().take(index).any(|other| other.id == option.id) {
                return refused(
                    format!("poll.options[{index}].id"),
                    format!("{} is the id of another option too: give each its own", option.id),
                );
            }
        }
        Ok(())
    }
}

impl PollState {
    pub(crate) fn open(poll: Poll) -> Self {
        Self {
            votes: vec![0; poll.options.len()],
            poll,
            closed: false,
        }
    }

    /// The poll with these counts.
    pub(crate) fn tally(&self, votes: &[OptionVotes]) -> Result<Self, EventError> {
        let mut next = self.clone();
        for (index, vote) in votes.iter().enumerate() {
            let slot = self
                .poll
                .options
                .iter()
                .position(|option| option.id == vote.option);
            let Some(count) = slot.and_then(|slot| next.votes.get_mut(slot)) else {
                let known: Vec<&str> = self
                    .poll
                    .options
                    .iter()
                    .map(|option| option.id.as_str())
                    .collect();
                return Err(EventError::NotOnAir {
                    field: format!("poll.votes[{index}].option"),
                    what: "option",
                    id: vote.option.to_string(),
                    on_air: known.join(", "),
                });
            };
            *count = vote.count;
        }
        Ok(next)
    }
}
