//! Encoders in: RTMP sessions become publications of typed tracks and frames.
//!
//! ```text
//! socket ─► rtmp (handshake, chunks, commands) ─► flv (tags) ─► assembly (tracks, clock) ─► Publication ─► the channel
//!                          ▲ Reception: who may publish where                                Refusal ◄─────────┘
//! ```
//!
//! The two entry points are [`rtmp::serve`], which runs a server on a listener, and [`Reception`], which says
//! who may publish on which channel and where each accepted [`Publication`] is handed over.

mod assembly;
mod auth;
mod clock;
mod flv;
pub mod ladder;
mod publication;
mod refusal;
pub mod rtmp;
mod wall_clock;

pub use auth::{Admission, Door, Reception, StreamKey};
pub use publication::{Arrival, ArrivalSender, Dropped, EndReason, Publication, PublicationInfo, Publisher};
pub use refusal::Refusal;
pub use wall_clock::wall_clock;
