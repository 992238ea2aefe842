//! Pure shopping metadata: show events in; the state of the show at any media time, and the messages that
//! each part of the media must carry, out. No I/O, no clock: times are handed in.
//!
//! ```text
//! JSON ► EventRequest ► Track::admit (refused) ► Command ─(written down, in one order)─► Ledger ► Track::plan
//!                                            Track::carry(part) ► EventMessage (emsg, ID3) ◄──────────┘
//! ```
//!
//! ```
//! use vitrine_metadata_track::{EventRequest, Now, Order, Planned, ShowTime, Track};
//! use vitrine_packager::cmaf::emsg::PartSpan;
//! use vitrine_packager::media::{MediaTime, WallTime};
//!
//! let mut track = Track::default();
//! let anchor = WallTime(1_795_530_987_654);
//! track.begin_session(anchor);
//! let request = EventRequest::from_json(
//!     br#"{"type":"product.show","product":{"id":"sku-1","name":"Lamp","price":{"amount":4990,"currency":"EUR"}}}"#,
//! )?;
//! let now = Now { captured: ShowTime::from(anchor).plus_millis(400), clock: track.clock() };
//! let asked = now.resolve(request.at).ok_or("no session")?;
//! let planned = Planned { id: "e1".into(), event: request.event.into(), asked, order: Order(1, 0) };
//! track.admit(std::slice::from_ref(&planned), &[], None).map_err(|(_, error)| error)?;
//! track.plan(planned);
//! let part = PartSpan {
//!     start: MediaTime::from_millis(333),
//!     end: MediaTime::from_millis(667),
//!     opens_segment: false,
//! };
//! assert_eq!(track.carry(&part)[0].presentation_time, MediaTime::from_millis(400));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod carriage;
mod command;
mod currency;
mod error;
pub mod event;
mod ledger;
mod money;
mod offer;
mod payload;
mod poll;
mod product;
mod request;
mod state;
mod text;
mod time;
mod track;

pub use command::{Action, Command, PostedEvent, RequestKey};
pub use error::EventError;
pub use event::{MAX_EVENT_BYTES, ShowEvent, event_schema, message_schema};
pub use ledger::{Checkpoint, Effect, Known, Ledger, Record, Status};
pub use money::{Amount, Currency, Price};
pub use offer::{Coupon, CouponRef, CustomState, Drop, DropRef, Message, MessageRef, ReactionCount};
pub use poll::{OptionVotes, Poll, PollOption, PollRef, PollState, PollTally};
pub use product::{Availability, Product, ProductRef, ProductUpdate, Variant, VariantUpdate};
pub use request::{ChangeRequest, EventRequest, MAX_BATCH, MAX_BATCH_BYTES};
pub use state::{MAX_STATE_BYTES, ShowState, StateHash};
pub use text::{CouponCode, DateTime, Id, Label, Namespaced, Reaction, WebAddress, Words};
pub use time::{Asked, At, Clock, Now, Seconds, ShowTime};
pub use track::{Aired, MAX_SCHEDULED, Order, Placed, Planned, Track};
