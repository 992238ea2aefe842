//! The program `vitrine` as a library: ingest, packaging, delivery, control API and pages in one process.
//!
//! ```text
//! encoder ─► ingest ─► channel task (packager, metadata-track) ─► feed ─► playback ─► viewers
//! merchandiser ─► control ─────┘
//! ```
#![forbid(unsafe_code)]

mod authoriser;
pub mod bus;
pub mod certificate;
pub mod channel;
pub mod config;
pub mod control;
pub mod heads;
pub mod issued_keys;
pub mod keys;
mod link_metrics;
pub mod outbound;
pub mod playback;
pub mod run;
pub mod server;
pub mod web;
pub mod webhooks;
