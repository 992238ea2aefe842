//! Encoders in: RTMP and SRT sessions become publications of typed tracks and frames.
//!
//! ```text
//! TCP ─► rtmp (handshake, chunks, commands) ─► flv (tags) ─┬► assembly (tracks, clock) ─► Publication ─► the channel
//! UDP ─► srt (handshake, retransmission)    ─► ts (packets) ┘                             Refusal ◄─────────┘
//!            ▲ Reception: who may publish where
//! ```
//!
//! The entry points are [`rtmp::serve`] and [`srt::serve`], which run a server on a socket, and [`Reception`], which
//! says who may publish on which channel and where each accepted [`Publication`] is handed over.

mod assembly;
mod auth;
mod clock;
mod flv;
mod health;
pub mod ladder;
mod publication;
mod publishing;
mod refusal;
pub mod rtmp;
pub mod srt;
pub mod ts;
mod wall_clock;

pub use auth::{
    Admission, Authorised, Authoriser, BadHash, Door, Entry, Input, OnBusy, Question, Questions, Reception,
    StreamKey,
};
pub use health::{Change as HealthChange, Condition, Health, HealthFigures};
pub use publication::{Arrival, ArrivalSender, Dropped, EndReason, Publication, PublicationInfo, Publisher};
pub use refusal::Refusal;
pub use wall_clock::wall_clock;
