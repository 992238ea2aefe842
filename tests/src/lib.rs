//! Vitrine as a whole: real publishers, real browsers, a playlist checker, load.
//!
//! ```text
//! Source ──► Publisher (FFmpeg) ──RTMP──► Vitrine (the real program) ──HTTP──► Client
//!                                                                        └──► conformance: the checker
//! ```
//!
//! Whatever [`harness`] starts is on free ports of loopback and is gone when its value is dropped, after a panic too.
//! [`conformance`] and [`swarm`] are programs of their own as well, for any server: `conformance URL SECONDS`,
//! `swarm URL --viewers N`. The tests are in
//! `tests/tests/`, a file a subject; each leaves its logs in `tests/out/`.

pub mod client;
pub mod conformance;
pub mod demo;
pub mod harness;
pub mod prove;
pub mod swarm;
