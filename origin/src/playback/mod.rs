//! The path of every viewer's request: found in a snapshot, waited for if need be, written from shared bytes.
//!
//! Nothing here renders, locks or copies media.

pub mod headers;
pub mod response;
pub mod serve;
pub mod wait;
