//! The program `vitrine-edge` as a library: a caching tier that knows LL-HLS, between origins and a CDN.
//!
//! ```text
//! viewer ─► server ─► serve ─► access (tokens, limits) ─► store (a hit: shared bytes, Age)
//!                                            └────► flights ─► fill ─► upstream ─► origin
//!                                                           └─► body: every follower reads the same pieces as they come
//! ```
//!
//! Whatever the crowd, one object is asked of the origin once: blocking playlists and held parts too.
#![forbid(unsafe_code)]

pub mod access;
pub mod answer;
pub mod body;
pub mod config;
pub mod cors;
pub mod encoding;
pub mod fill;
pub mod filler;
pub mod flights;
pub mod freshness;
pub mod object;
pub mod observe;
pub mod range;
pub mod run;
pub mod serve;
pub mod server;
pub mod stall;
pub mod store;
pub mod target;
pub mod upstream;
