//! Vitrine as a whole: real publishers, real browsers, a playlist checker, load.
//!
//! ```text
//! Source ──► Publisher (FFmpeg) ──RTMP──► Vitrine (the real program) ──HTTP──► Client
//! ```
//!
//! Whatever [`harness`] starts is on free ports of loopback and is gone when its value is dropped, after a panic too.

pub mod client;
pub mod conformance;
pub mod demo;
pub mod harness;
pub mod prove;
