//! The state of the show: the fold of its events.

mod reduce;

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::EventError;
use crate::event::ShowEvent;
use crate::offer::{Coupon, CustomState, Drop, Message};
use crate::poll::PollState;
use crate::product::Product;
use crate::text::Id;

/// The longest state as JSON: it is repeated at each segment's start, in every video rendition (SPEC 168).
/// Full: the event that would make it longer is refused, or has no effect.
pub const MAX_STATE_BYTES: usize = 12 * 1024;

/// What a viewer sees beside the picture at one instant. What is empty is left out of its JSON.
///
/// Cloning shares everything: one is kept for each event on the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ShowState {
    /// Number of the event that made this state; 0 before the first.
    pub seq: u32,
    /// The products on air, in their order.
    pub products: Vec<Arc<Product>>,
    /// The product on air that the host speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub featured: Option<Id>,
    /// What will open, or has opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<Arc<Drop>>,
    /// Open and closed polls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub polls: Vec<Arc<PollState>>,
    /// Pinned messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Arc<Message>>,
    /// Coupons that can be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<Arc<Coupon>>,
    /// Bodies of custom events that are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Arc<CustomState>>,
}

/// A fingerprint of a state: equal for equal states, whoever computed them.
///
/// The first 64 bits of SHA-256 over the state's JSON: enough to tell the states of one show apart, and
/// short enough to ride with every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateHash(u64);

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl ShowState {
    /// The state after `event`, the show's `seq`-th; refused if the event does not fit this state.
    pub fn after(&self, event: &ShowEvent, seq: u32) -> Result<Self, EventError> {
        let mut next = self.clone();
        next.seq = seq;
        next.reduce(event)?;
        // Only what adds can make it too long; an event that takes away must always pass.
        let bytes = next.json().len();
        if bytes > MAX_STATE_BYTES && bytes > self.json().len() {
            return Err(EventError::StateTooLarge {
                bytes,
                limit: MAX_STATE_BYTES,
            });
        }
        Ok(next)
    }

    /// The state after `event`, whatever it is: one that does not fit changes nothing but the number.
    ///
    /// An event that fitted when it was taken may not fit any more when it goes on air, since another one
    /// before it was changed or cancelled. Every origin and every player then agrees that it has no effect.
    pub fn fold(&self, event: &ShowEvent, seq: u32) -> Self {
        self.after(event, seq)
            .unwrap_or_else(|_| Self { seq, ..self.clone() })
    }

    /// As [`fold`](Self::fold), without looking at the length: to foresee a state, many times over.
    pub(crate) fn fold_roughly(&self, event: &ShowEvent, seq: u32) -> Self {
        let mut next = self.clone();
        match next.reduce(event) {
            Ok(()) => Self { seq, ..next },
            Err(_) => Self { seq, ..self.clone() },
        }
    }

    /// Its fingerprint.
    pub fn hash(&self) -> StateHash {
        let digest: [u8; 32] = Sha256::digest(self.json()).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        StateHash(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// The featured product.
    pub fn featured_product(&self) -> Option<&Product> {
        let id = self.featured.as_ref()?;
        self.products
            .iter()
            .find(|product| product.id == *id)
            .map(Arc::as_ref)
    }

    pub(crate) fn json(&self) -> String {
        match serde_json::to_string(self) {
            Ok(json) => json,
            // Only maps with keys that are no strings, and failing writers, make serde_json fail.
            Err(error) => unreachable!("a struct in memory: {error}"),
        }
    }
}

#[cfg(test)]
mod tests;
