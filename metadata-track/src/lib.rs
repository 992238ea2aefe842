//! Pure shopping metadata: show events in; the state of the show at any media time, and the messages that
//! each part of the media must carry, out. No I/O, no clock: times are handed in.
//!
//! ```text
//! JSON ► ShowEvent ► Track::post (refused, or on the timeline) ► Track::messages(part) ► EventMessage (emsg, ID3)
//!                        └► ShowState (the fold of the events)
//! ```
//!
//! ```
//! use vitrine_metadata_track::{ShowEvent, Track};
//! use vitrine_packager::cmaf::emsg::PartSpan;
//! use vitrine_packager::media::{MediaTime, WallTime};
//!
//! let mut track = Track::new("s1");
//! let event = ShowEvent::from_json(
//!     br#"{"type":"product.show","product":{"id":"sku-1","name":"Lamp","price":{"amount":4990,"currency":"EUR"}}}"#,
//! )?;
//! let posted = track.post(event, MediaTime::from_millis(400), WallTime(1_795_530_987_654))?;
//! let part = PartSpan {
//!     start: MediaTime::from_millis(333),
//!     end: MediaTime::from_millis(667),
//!     opens_segment: false,
//! };
//! assert_eq!(track.messages(&part)[0].id, posted.seq);
//! # Ok::<(), vitrine_metadata_track::EventError>(())
//! ```

pub mod carriage;
mod currency;
mod error;
pub mod event;
mod money;
mod offer;
mod payload;
mod poll;
mod product;
mod state;
mod text;
mod track;

pub use error::EventError;
pub use event::{MAX_EVENT_BYTES, ShowEvent, event_schema, message_schema};
pub use money::{Amount, Currency, Price};
pub use offer::{Coupon, CouponRef, CustomState, Drop, DropRef, Message, MessageRef, ReactionCount};
pub use poll::{OptionVotes, Poll, PollOption, PollRef, PollState, PollTally};
pub use product::{Availability, Product, ProductRef, ProductUpdate, Variant, VariantUpdate};
pub use state::{MAX_STATE_BYTES, ShowState, StateHash};
pub use text::{CouponCode, DateTime, Id, Label, Namespaced, Reaction, WebAddress, Words};
pub use track::{GapSkip, Posted, Track};
