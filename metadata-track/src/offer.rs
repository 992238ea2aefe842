//! What the show offers beside products: drops, coupons, pinned messages, and what viewers give back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::EventError;
use crate::money::Price;
use crate::text::{CouponCode, DateTime, Id, Label, Namespaced, Reaction, WebAddress, Words};

/// Something that opens for all viewers at one instant: players count down to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// The shop's own identifier.
    pub id: Id,
    /// What is announced.
    pub title: Label,
    /// The instant, on the show's clock (EXT-X-PROGRAM-DATE-TIME).
    pub opens_at: DateTime,
    /// The product that it is about, on air or not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Id>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<WebAddress>,
}

/// A drop by its identifier alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropRef {
    /// A drop on air.
    pub id: Id,
}

/// A code that makes something cheaper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coupon {
    /// What viewers type.
    pub code: CouponCode,
    /// What it gives, in words.
    pub text: Label,
    /// Per cent off; not together with `amount_off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub percent_off: Option<u8>,
    /// Money off; not together with `percent_off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_off: Option<Price>,
    /// The product that it is for; for any without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Id>,
    /// When it loses its worth, if that is known. Nothing expires by itself: `coupon.withdraw` takes it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime>,
}

/// A coupon by its code alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponRef {
    /// The code of a coupon on air.
    pub code: CouponCode,
}

/// A message of the chat that stays in view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The chat's own identifier.
    pub id: Id,
    /// What it says.
    pub text: Words,
    /// Who says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Label>,
}

/// A message by its identifier alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageRef {
    /// A pinned message.
    pub id: Id,
}

/// How often viewers reacted in one way since the last burst.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReactionCount {
    /// The way.
    pub kind: Reaction,
    /// How often.
    #[schemars(range(min = 1))]
    pub count: u32,
}

/// A custom event's body, kept for viewers who join later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomState {
    /// The event's name.
    pub name: Namespaced,
    /// Its body.
    pub body: Value,
}

impl Coupon {
    pub(crate) fn check(&self) -> Result<(), EventError> {
        let problem = match (self.percent_off, self.amount_off) {
            (Some(_), Some(_)) => "give percent_off or amount_off, not both",
            (Some(percent), None) if !(1..=100).contains(&percent) => "must be from 1 to 100",
            _ => return Ok(()),
        };
        Err(EventError::Field {
            field: "coupon.percent_off".to_owned(),
            problem: problem.to_owned(),
        })
    }
}
