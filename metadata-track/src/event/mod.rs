//! Show events as the control API takes them. `docs/events.md` describes each for those who send them.

pub(crate) mod read;
mod schema;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::EventError;
use crate::offer::{Coupon, CouponRef, Drop, DropRef, Message, MessageRef, ReactionCount};
use crate::poll::{Poll, PollRef, PollTally};
use crate::product::{Product, ProductRef, ProductUpdate};
use crate::text::{Id, Namespaced};

pub use read::MAX_EVENT_BYTES;
pub use schema::{event_schema, message_schema};

/// Kinds of reaction in one burst.
const MAX_REACTIONS: usize = 16;

/// Defines the events: each type's name on the wire, and what its other fields are.
macro_rules! show_events {
    ($($(#[$doc:meta])* $name:literal => $variant:ident { $($(#[$field:meta])* $key:ident: $type:ty),* $(,)? }),* $(,)?) => {
        /// Something that happens in the show.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "type")]
        pub enum ShowEvent {
            $($(#[$doc])* #[serde(rename = $name)] $variant($variant),)*
        }

        $($(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $variant {
            $($(#[$field])* pub $key: $type,)*
        })*

        impl ShowEvent {
            /// The types' names on the wire.
            pub const TYPES: &[&str] = &[$($name),*];

            /// The type's name on the wire.
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// Reads the fields beside `type` of an event of that type.
            fn read_fields(event_type: &str, fields: Value) -> Result<Self, EventError> {
                match event_type {
                    $($name => read::fields(fields).map(Self::$variant),)*
                    other => Err(read::unknown_type(other)),
                }
            }
        }
    };
}

show_events! {
    /// A product is on air from now on, beside the others; one that is on air already is replaced.
    "product.show" => ProductShow {
        /// The whole product card.
        product: Product,
        /// Whether it is the featured one: the one that the host speaks of.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        featured: bool,
        /// Whether all others are taken off.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        replace: bool,
    },
    /// A product on air changes.
    "product.update" => ProductUpdated {
        /// What changes.
        product: ProductUpdate,
    },
    /// A product is taken off.
    "product.hide" => ProductHide {
        /// Which product.
        product: ProductRef,
    },
    /// Another product on air is the featured one.
    "product.feature" => ProductFeature {
        /// Which product.
        product: ProductRef,
    },
    /// The products on air stand in another order.
    "product.reorder" => ProductReorder {
        /// The products that come first, in this order; the others follow as they stood.
        #[schemars(length(min = 1, max = 32))]
        order: Vec<Id>,
    },
    /// Something will open at an instant.
    "drop.announce" => DropAnnounce {
        /// What, and when.
        drop: Drop,
    },
    /// A drop is over, or will not be.
    "drop.withdraw" => DropWithdraw {
        /// Which drop.
        drop: DropRef,
    },
    /// Viewers are asked something. A poll on air of the same id begins anew.
    "poll.open" => PollOpen {
        /// The question.
        poll: Poll,
    },
    /// The votes stand so.
    "poll.tally" => PollTallied {
        /// The counts.
        poll: PollTally,
    },
    /// Voting is over; the result stays in view.
    "poll.close" => PollClose {
        /// Which poll, and its last counts.
        poll: PollTally,
    },
    /// A poll is taken off.
    "poll.remove" => PollRemove {
        /// Which poll.
        poll: PollRef,
    },
    /// A message of the chat stays in view. One of the same id is replaced.
    "message.pin" => MessagePin {
        /// The message.
        message: Message,
    },
    /// A pinned message is taken off.
    "message.unpin" => MessageUnpin {
        /// Which message.
        message: MessageRef,
    },
    /// Viewers reacted: a moment, not a state.
    "reaction.burst" => ReactionBurst {
        /// How, and how often since the last burst.
        #[schemars(length(min = 1, max = 16))]
        reactions: Vec<ReactionCount>,
    },
    /// A coupon can be used. One of the same code is replaced.
    "coupon.offer" => CouponOffer {
        /// The coupon.
        coupon: Coupon,
    },
    /// A coupon is taken off.
    "coupon.withdraw" => CouponWithdraw {
        /// Which coupon.
        coupon: CouponRef,
    },
    /// Anything of the shop's own.
    "custom" => Custom {
        /// Whose and what.
        name: Namespaced,
        /// Any JSON; it is passed on as it is.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        body: Value,
        /// Whether the state keeps the body for viewers who join later, in place of the name's former one;
        /// a body of `null` is forgotten.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        keep: bool,
    },
    /// Everything is taken off.
    "show.clear" => ShowClear {},
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

impl ShowEvent {
    /// Refuses what no field's own type can.
    fn check(&self) -> Result<(), EventError> {
        match self {
            Self::ProductShow(show) => show.product.check(),
            Self::ProductUpdated(update) => update.product.check(),
            Self::ProductReorder(reorder) => check_order(&reorder.order),
            Self::PollOpen(open) => open.poll.check(),
            Self::CouponOffer(offer) => offer.coupon.check(),
            Self::PollTallied(tally) if tally.poll.votes.is_empty() => Err(EventError::Field {
                field: "poll.votes".to_owned(),
                problem: "must name at least one option".to_owned(),
            }),
            Self::ReactionBurst(burst) => check_reactions(&burst.reactions),
            _ => Ok(()),
        }
    }
}

fn check_order(order: &[Id]) -> Result<(), EventError> {
    let twice = order
        .iter()
        .enumerate()
        .find(|(index, id)| order.iter().take(*index).any(|other| other == *id));
    let (field, problem) = match (order, twice) {
        ([], _) => ("order".to_owned(), "must name at least one product".to_owned()),
        (_, Some((index, id))) => (format!("order[{index}]"), format!("{id} is named twice")),
        _ => return Ok(()),
    };
    Err(EventError::Field { field, problem })
}

fn check_reactions(reactions: &[ReactionCount]) -> Result<(), EventError> {
    let (field, problem) = if reactions.is_empty() || reactions.len() > MAX_REACTIONS {
        (
            "reactions".to_owned(),
            format!("must have from 1 to {MAX_REACTIONS} entries"),
        )
    } else if let Some(index) = reactions.iter().position(|reaction| reaction.count == 0) {
        (
            format!("reactions[{index}].count"),
            "must be at least 1".to_owned(),
        )
    } else {
        return Ok(());
    };
    Err(EventError::Field { field, problem })
}
